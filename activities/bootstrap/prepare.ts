import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path/posix'
import { z } from 'zod'
import type { Cluster, EtcdLayout } from '../../dsl/inventory.ts'
import { uploadFile } from '../binary/upload.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { hasUnit } from './check.ts'
import { onEveryHost } from './hosts-of.ts'
import { localPki } from './pki.ts'
import { pkiFiles } from './plan.ts'

export const bootstrapPrepare = defineAction({
  name: 'etcd.bootstrap.prepare',
  title: 'prepare the hosts for a new cluster',
  doc: "Makes, on every member's host, what a first start of etcd needs and is not there: the user, the empty data directory (its own, mode 0700), the directory of the configuration, binDir as a link to the version's directory. Brings the certificates from this machine where they are given; keys become readable for that user only. What is there stays; a file that is another is kept beside it.",
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster that is to be made'),
    version: z
      .string()
      .default('')
      .describe('The version that binDir becomes a link to, where it is missing'),
    user: z
      .string()
      .default('')
      .describe(
        'Whom etcd runs as; "" for etcd under systemd, and elsewhere for etcd where there is such a user',
      ),
    pki: z.string().default('/etc/etcd/pki').describe('Directory for the certificates on every host'),
    pkiFrom: z
      .string()
      .default('')
      .describe('Directory of this machine to bring them from; "" when they are there'),
  }),
  output: z.strictObject({
    users: z
      .record(z.string(), z.string())
      .describe('Whom etcd will run as, by host; "" for whoever starts it'),
  }),
  example: { cluster: 'demo' },
  timeoutMs: 300_000,
  run: async ({ cluster: name, version, user, pki, pkiFrom }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const users = await onEveryHost(cluster, async (host) => {
      const layout = layoutOn(cluster, host)
      const wanted = user || (await customaryUser(context.host(host), layout))
      const versioned =
        version === '' || layout.versionsDir === undefined ? '' : `${layout.versionsDir}/${version}`
      const words = [wanted, layout.dataDir, dirname(layout.config.path), layout.binDir, versioned]
      const argv = ['sh', '-c', prepareScript, 'prepare', ...words]
      const { stdout } = await context.host(host).job(jobKey(context), { argv }, { signal: context.signal })
      const owner = stdout.trim().split('\n').at(-1) ?? ''
      if (pkiFrom !== '') await bringPki({ cluster, context, host, owner, pki, pkiFrom })
      return [host, owner] as const
    })
    return { users: Object.fromEntries(users) }
  },
})

/** Whom the unit that is there runs etcd as ("root" is said by leaving it out), else `etcd`. */
async function customaryUser(host: RemoteHost, { service }: EtcdLayout): Promise<string> {
  if (service.manager !== 'systemd') return '?'
  if (!(await hasUnit(host, service.unit))) return 'etcd'
  const argv = ['systemctl', 'show', '--property=User', '--', service.unit]
  const { stdout } = await host.exec({ reads: true, argv, privileged: true })
  return stdout.trim().replace(/^User=/, '') || 'root'
}

interface Bringing {
  readonly cluster: Cluster
  readonly context: ActionContext
  readonly host: string
  readonly owner: string
  readonly pki: string
  readonly pkiFrom: string
}

async function bringPki({ context, host, owner, pki, pkiFrom }: Bringing): Promise<void> {
  const { of, shared } = localPki(context.inventory, pkiFrom, host)
  const staging = `${pki}.quorate-${context.run.key}`
  for (const name of pkiFiles) {
    const own = await stat(of(name)).catch(() => undefined)
    const from = own === undefined && name === 'ca.crt' ? shared : of(name)
    const sha256 = createHash('sha256')
      .update(await readFile(from))
      .digest('hex')
    const mode = name.endsWith('.key') ? '0600' : '0644'
    await uploadFile(context.host(host), {
      from,
      to: `${staging}/${name}`,
      sha256,
      mode,
      signal: context.signal,
    })
  }
  const argv = ['sh', '-c', placePkiScript, 'pki', staging, pki, owner, context.run.key, ...pkiFiles]
  await context.host(host).job(jobKey(context, 'pki'), { argv }, { signal: context.signal })
}

/**
 * Arguments: user ("?": etcd where there is one), data directory, configuration's directory, binDir, the version's
 * directory or "". The last line says who owns the data directory, "" when nobody was chosen.
 */
const prepareScript = String.raw`
user=$1; data=$2; config=$3; bin=$4; version=$5
root=no; [ "$(id -u)" -ne 0 ] || root=yes
if [ "$user" = '?' ]; then user=; id etcd >/dev/null 2>&1 && user=etcd; fi
[ "$root" = yes ] || user=
if [ -n "$user" ] && ! id "$user" >/dev/null 2>&1; then
  if command -v useradd >/dev/null 2>&1; then
    useradd --system --user-group --no-create-home --home-dir "$data" --shell /usr/sbin/nologin "$user" >&2 || exit 1
  else
    adduser -S -D -H -h "$data" -s /sbin/nologin "$user" >&2 || exit 1
  fi
fi
mkdir -p "$(dirname "$data")" "$config" || exit 1
if [ -e "$data" ] && [ -n "$(ls -A "$data")" ]; then echo "$data is not empty" >&2; exit 80; fi
mkdir -p -m 0700 "$data" && chmod 0700 "$data" || exit 1
[ -z "$user" ] || chown "$user:$(id -gn "$user")" "$data" || exit 1
if [ -n "$version" ] && [ ! -e "$bin" ] && [ ! -L "$bin" ]; then
  mkdir -p "$(dirname "$bin")" && ln -s "$version" "$bin" || exit 1
fi
echo "$user"
`

/** Arguments: where they were brought, where they go, owner, run, names. */
const placePkiScript = String.raw`
from=$1; to=$2; owner=$3; run=$4; shift 4
mkdir -p "$to" && chmod 0755 "$to" || exit 1
for name; do
  [ -e "$from/$name" ] || continue
  if [ -e "$to/$name" ] && ! cmp -s "$from/$name" "$to/$name"; then
    cp -p "$to/$name" "$to/$name.quorate-$run" || exit 1
  fi
  [ -z "$owner" ] || chown "$owner" "$from/$name" || exit 1
  mv "$from/$name" "$to/$name" || exit 1
done
rmdir "$from" 2>/dev/null
exit 0
`
