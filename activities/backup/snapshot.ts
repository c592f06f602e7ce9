import { z } from 'zod'
import { clientUrl, type Cluster } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { jobKey } from '../host/job-key.ts'
import { portState } from '../host/ports.ts'
import { layoutOn } from '../inventory/look-up.ts'
import { ActionError } from '../failure.ts'
import { withinTime } from '../within-time.ts'
import { etcdctlAccess } from './etcdctl-access.ts'
import { ownDirectory } from './store.ts'
import { hex32, lineOf, type SnapshotFacts, snapshotFacts, snapshotFunctions } from './snapshot-script.ts'

/** A snapshot on a member's own host, verified there. */
export interface TakenSnapshot extends SnapshotFacts {
  readonly path: string
  /** Keys there were at its revision; -1 when that was compacted away before they were counted. */
  readonly keys: number
  /** Hash of the keys at its revision, eight hex digits; "" when that was compacted away before. */
  readonly kvHash: string
  readonly compactRevision: number
}

export interface Taking {
  readonly cluster: Cluster
  /** The host of the member it is taken from. */
  readonly host: string
  /** Where it is to lie there. */
  readonly directory: string
  /** Begins its name; the revision and `tag` follow. */
  readonly prefix: string
  readonly tag: string
  /** Size of the member's database, to see that there is room. */
  readonly dbSizeBytes: number
}

/**
 * Takes a snapshot of a member into a directory of its own host, as a remote job. It is written under another name,
 * verified, and only then called `PREFIX-rREVISION-TAG.db`. Repeated, it finds the one it took.
 */
export async function takeSnapshot(context: ActionContext, taking: Taking): Promise<TakenSnapshot> {
  const { cluster, directory, prefix, tag, dbSizeBytes } = taking
  const host = context.host(taking.host)
  const layout = layoutOn(cluster, taking.host)
  const { flags, login } = await etcdctlAccess(host, cluster, layout)
  const need = String(Math.ceil((dbSizeBytes * 1.1) / 1024) + 16 * 1024)
  const words = [layout.binDir, clientUrl(layout), directory, plain(prefix), plain(tag), need]
  const port = [layout.address, String(layout.clientPort)]
  const { stdout } = await host.job(
    jobKey(context),
    { argv: ['sh', '-c', script, 'backup', ...words, ...port, ...flags], stdin: `${login}\n` },
    { signal: context.signal, onOutput: (said) => sayHowFar(context, said, dbSizeBytes) },
  )
  const lines = stdout.split('\n').filter(Boolean)
  const hashed = hashes.safeParse(JSON.parse(lineOf(lines, 'kvhash') || '[]'))
  return {
    ...snapshotFacts(lines, host.name),
    path: lineOf(lines, 'file'),
    keys: Number(lineOf(lines, 'count') || -1),
    ...(hashed.success
      ? { kvHash: hex32(hashed.data[0].HashKV.hash), compactRevision: hashed.data[0].HashKV.compact_revision }
      : { kvHash: '', compactRevision: 0 }),
  }
}

function sayHowFar({ progress }: ActionContext, said: string, total: number): void {
  const saved = said.split('\n').findLast((line) => line.startsWith('saved '))
  if (saved !== undefined)
    progress({ text: 'saving', done: Number(saved.slice('saved '.length)), total, unit: 'bytes' })
}

/**
 * Removes what earlier tries left on hosts, as a remote job on each. They died in the middle or could not store what
 * they had taken: one run at a time works on a cluster, so a snapshot that has no manifest by now never gets one. Hosts
 * that do not answer keep it until the next time.
 */
export async function forgetLeftovers(
  context: ActionContext,
  prefix: string,
  hosts: readonly string[],
): Promise<void> {
  await Promise.all(
    hosts.map(async (name) => {
      const host = context.host(name)
      const argv = ['sh', '-c', leftoversScript, 'leftovers', ownDirectory(host), plain(prefix)]
      const removed = withinTime(
        { ms: 15_000, signal: context.signal },
        (signal) => host.job(jobKey(context, 'leftovers'), { argv }, { signal }),
        () => new ActionError(`${name} did not say within 15 s that leftovers are removed.`),
      )
      await removed.catch(() => undefined)
    }),
  )
}

/** Words: directory, prefix. The tag of a step is ten characters long. */
const leftoversScript = String.raw`
cd -- "$1" 2>/dev/null || exit 0
for file in "$2"-??????????.unverified "$2"-??????????.unverified.part "$2"-r????????????-??????????.db; do
  [ ! -f "$file" ] || [ -f "$file.json" ] || rm -f -- "$file"
done
`

function plain(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, '_')
}

const hashes = z.tuple([
  z.object({ HashKV: z.object({ hash: z.number().default(0), compact_revision: z.number().default(0) }) }),
])

/**
 * Words: directory of the programs, client URL, directory, prefix, tag, KiB that must be free, address and port of that
 * URL, etcdctl's flags; stdin: the login. What was compacted away before it could be counted is left out. etcdctl itself
 * tries again for ever when the member dies in the middle (seen), so whether more comes is watched here.
 */
const script = String.raw`
bin=$1 url=$2 dir=$3 prefix=$4 tag=$5 need=$6 address=$7 port=$8
shift 8
IFS= read -r login && [ -n "$login" ] && { ETCDCTL_USER=$login; export ETCDCTL_USER; }
fail() { echo "$1" >&2; exit 85; }
${snapshotFunctions}
${portState}
nap() { sleep 0.2 2>/dev/null || sleep 1; }
saving=
clean() { [ -z "$saving" ] || kill -9 "$saving" 2>/dev/null; rm -f "$part" "$part.part"; }
# Says about once a second how much there is. Fails when nothing came for a second and nobody listens there for five more tries, or nothing came for 1500 naps.
watch_saving() {
  before= still=0 deaf=0 grown=0
  while kill -0 "$saving" 2>/dev/null; do
    nap
    now=$(wc -c <"$part.part" 2>/dev/null)
    if [ "$now" != "$before" ]; then
      before=$now still=0 deaf=0 grown=$((grown + 1))
      [ $((grown % 5)) -ne 1 ] || echo "saved $((now))"
      continue
    fi
    still=$((still + 1))
    [ $((still % 5)) -ne 0 ] || [ "$(port_state "$address" "$port")" != closed ] || deaf=$((deaf + 1))
    [ "$deaf" -lt 5 ] || fail "etcd died while the snapshot was taken: nothing answers at $url any more"
    [ "$still" -lt 1500 ] || fail "etcd hung while the snapshot was taken: $url sends no more"
  done
  wait "$saving"
}
umask 077
mkdir -p "$dir" || exit 1
file=
for there in "$dir/$prefix"-r*-"$tag".db; do [ ! -f "$there" ] || file=$there; done
part=$dir/$prefix-$tag.unverified
rm -f "$part" "$part.part"
if [ -z "$file" ]; then
  free=$(df -Pk "$dir" | awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+%$/) { print $(i - 1); exit } }')
  [ "$free" -gt "$need" ] || fail "there is no room for a snapshot in $dir: it takes up to $need KiB, and $free KiB are free"
  trap clean EXIT
  trap 'exit 1' HUP INT TERM
  ETCDCTL_API=3 "$bin/etcdctl" --endpoints="$url" "$@" snapshot save "$part" >&2 &
  saving=$!
  watch_saving || fail 'etcdctl snapshot save failed'
  saving=
fi
told=$(verify_snapshot "${'$'}{file:-$part}") || exit 85
revision=$(printf '%s\n' "$told" | sed -n 's/^status .*"revision":\([0-9]*\).*/\1/p')
[ -n "$revision" ] || fail 'the snapshot does not say its revision'
if [ -z "$file" ]; then
  file=$dir/$prefix-r$(printf %012d "$revision")-$tag.db
  sync "$part" 2>/dev/null || sync
  mv "$part" "$file" || exit 1
fi
printf '%s\nfile %s\n' "$told" "$file"
count=$(ETCDCTL_API=3 "$bin/etcdctl" --endpoints="$url" "$@" get '' --from-key --count-only --rev="$revision" -w fields 2>/dev/null) &&
  echo "count $(printf '%s\n' "$count" | sed -n 's/^"Count" : //p')"
hash=$(ETCDCTL_API=3 "$bin/etcdctl" --endpoints="$url" "$@" endpoint hashkv --rev="$revision" -w json 2>/dev/null) && echo "kvhash $hash"
exit 0
`
