import { z } from 'zod'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import { defineAction } from '../action.ts'
import { settingsOf } from '../binary/check.ts'
import { explainEtcd } from '../etcd/errors.ts'
import { RefusedError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { runThrowaway } from '../recover/throwaway.ts'
import { JobFailed } from '../ssh/job.ts'
import { stagedSuffix, tlsFlags, withChanges } from './certificate-settings.ts'

export const settingsTry = defineAction({
  name: 'etcd.settings.try',
  title: 'see that etcd starts with new settings',
  doc: "Starts a throw-away etcd on a host for a moment, on loopback and without data, as the member's user, with the member's settings and the changes over them; with the staged certificates, where there are some. So a value that makes no sense, or a file that cannot be read, shows before any member is stopped. Refuses with etcd's own words when it does not come up.",
  effect: 'change',
  subject: ['host'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    host: z.string().describe('The host'),
    settings: z.record(z.string(), z.string()).default({}).describe('Changes by flag; "" takes one out'),
  }),
  output: z.strictObject({ started: z.boolean().describe('Always true') }),
  example: { cluster: 'demo', host: 'host-1', settings: { 'quota-backend-bytes': '8589934592' } },
  timeoutMs: 120_000,
  run: async ({ cluster: name, host, settings }, context) => {
    const layout = layoutOn(clusterNamed(context.inventory, name), host)
    const remote = context.host(host)
    const now = await settingsOf(remote, layout)
    const all = withChanges(new Map(now.map(({ flag, value }) => [flag, value])), settings)
    const words = [...all].filter(([flag]) => !apart.has(flag)).map(([flag, value]) => `--${flag}=${value}`)
    const suffix = stagedSuffix(context.run)
    const staged = tlsFlags.map((flag) => `--${flag}=`).join(' ')
    try {
      await runThrowaway(context, {
        ...{ host: remote, layout, part: 'try', script, limitMs: 40_000 },
        words: [layout.dataDir, ...schemes(all, layout), suffix, staged, ...words],
      })
      return { started: true }
    } catch (error) {
      if (!(error instanceof JobFailed)) throw error
      const said = lastWords(error.said)
      throw new RefusedError(
        `etcd on ${host} does not start with these settings, tried on loopback: ${said} ${explainEtcd(said)}`.trim(),
        { cause: error },
      )
    }
  },
})

/** What is the throw-away's own, what needs a cluster, and what would write or listen elsewhere. */
const apart: ReadonlySet<string> = new Set([
  ...['name', 'data-dir', 'wal-dir', 'config-file', 'force-new-cluster', 'log-outputs', 'log-output'],
  ...['listen-peer-urls', 'listen-client-urls', 'listen-client-http-urls', 'listen-metrics-urls'],
  ...['initial-advertise-peer-urls', 'advertise-client-urls', 'initial-cluster', 'initial-cluster-state'],
  ...['initial-cluster-token', 'discovery', 'discovery-token', 'discovery-endpoints', 'discovery-srv'],
  ...['initial-election-tick-advance', 'experimental-initial-corrupt-check', 'pre-vote'],
])

/** With certificates it is tried as if it spoke TLS, whether it does yet or not: that is what reads them. */
function schemes(settings: ReadonlyMap<string, string>, { scheme }: EtcdLayout): readonly [string, string] {
  return [settings.has('cert-file') ? 'https' : scheme, settings.has('peer-cert-file') ? 'https' : scheme]
}

/** The message of etcd's last complaint, out of its JSON where it is some. */
function lastWords(log: string): string {
  const complaint = log
    .split('\n')
    .findLast((line) => /"level":"(fatal|error|panic)"|flag|invalid|error/i.test(line))
  const text = complaint ?? log.trim().split('\n').at(-1) ?? ''
  const [, message] = /"msg":"([^"]*)"/.exec(text) ?? []
  const [, why] = /"error":"((?:[^"\\]|\\.)*)"/.exec(text) ?? []
  return message === undefined ? text.trim() : [message, why].filter(Boolean).join(': ')
}

/**
 * Arguments: the member's data directory (whose owner etcd runs as), schemes of clients and peers, suffix of staged files, `--FLAG=` of
 * the settings that may name one, then the settings.
 */
const script = String.raw`
data=$1 clients=$2 peers=$3 suffix=$4 naming=$5
shift 5
throwaway_begin
throwaway_ids=$(owner_of "$data")
throwaway_data=$(mktemp -d "${'$'}{TMPDIR:-/tmp}/quorate-try.XXXXXX") || exit 1
throwaway_clean() { rm -rf "$throwaway_data"; }
chmod 0700 "$throwaway_data"
[ "$(id -u)" -ne 0 ] || chown "$throwaway_ids" "$throwaway_data"
n=$#
while [ "$n" -gt 0 ]; do
  word=$1; shift; n=$((n - 1))
  for flag in $naming; do
    case $word in "$flag"*) [ ! -e "${'$'}{word#"$flag"}$suffix" ] || word=$word$suffix ;; esac
  done
  set -- "$@" "$word"
done
for setting in $(env | sed -n 's/^\(ETCD_[A-Z0-9_]*\)=.*/\1/p'); do unset "$setting"; done
tries=0
while :; do
  client=$(free_port) && peer=$(free_port) || exit 85
  (
    as_owner "$throwaway_ids" "$bin/etcd" "$@" --name try --data-dir "$throwaway_data/data" \
      --listen-client-urls "$clients://127.0.0.1:$client" --advertise-client-urls "$clients://127.0.0.1:$client" \
      --listen-peer-urls "$peers://127.0.0.1:$peer" --initial-advertise-peer-urls "$peers://127.0.0.1:$peer" \
      --initial-cluster "try=$peers://127.0.0.1:$peer"
  ) </dev/null >"$mark.log" 2>&1 &
  throwaway_pid=$!
  printf '%s %s\n' "$throwaway_pid" "$(stamp "$throwaway_pid")" >"$mark"
  watch_time "$throwaway_pid" "$(stamp "$throwaway_pid")"
  while ! gone && ! grep -q 'ready to serve client requests' "$mark.log"; do nap; done
  # It opens the certificates of its client port a moment after it says that.
  waited=0
  while ! gone && [ "$waited" -lt 5 ]; do nap; waited=$((waited + 1)); done
  gone || exit 0
  tries=$((tries + 1))
  if grep -q 'address already in use' "$mark.log" && [ "$tries" -lt 5 ]; then throwaway_pid=; rm -rf "$throwaway_data/data"; continue; fi
  # Without the usage that follows the complaint about a flag.
  grep -v -e '"level":"info"' -e '"level":"debug"' -e '^[[:space:]]' -e '^$' -e ':$' "$mark.log" | tail -n 6 | cut -c 1-600 >&2
  exit 85
done
`
