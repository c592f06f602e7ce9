import { z } from 'zod'
import { defineAction } from '../action.ts'
import { snapshotFacts, snapshotFunctions } from '../backup/snapshot-script.ts'
import { minorOf } from '../etcd/versions.ts'
import { ActionError } from '../failure.ts'
import { hostFacts } from '../host/facts.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'

export const snapshotVerify = defineAction({
  name: 'snapshot.verify',
  title: 'verify the snapshot',
  doc: 'Reads a snapshot file on a host whole: the SHA-256 it ends with, what etcdutl (etcdctl before 3.5) says of it, the version of its data against the etcd of that host (an older etcd does not start on newer data, and before 3.6 it does worse: it starts), and whose it is, by the members that are named in it.',
  effect: 'read',
  subject: ['host', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster it is to be restored for'),
    host: z.string().describe('The host it lies on, whose etcd is to run on it'),
    path: z.string().describe('Its path there; it must not be encrypted'),
  }),
  output: z.strictObject({
    ok: z.boolean().describe('It is whole, of this cluster, and the etcd of this host can run on it'),
    why: z.string().describe('Why it is not, as a sentence; "" when it is'),
    whole: z.boolean().describe('It ends with the right SHA-256 and etcdutl can read it'),
    fits: z.boolean().describe('The etcd of this host is of the minor version of the data or newer'),
    own: z.boolean().describe('It names a member of this cluster by name or peer URL of the inventory'),
    members: z.array(z.string()).describe('Names of the members that are found in it'),
    revision: z.int().describe('The revision it holds'),
    totalKey: z.int().describe('Keys as etcdutl counts them: keys since 3.6, entries of all buckets before'),
    hash: z.string().describe('Hash of the snapshot as etcdutl tells it, eight hex digits'),
    storageVersion: z.string().describe('Version of the data, "" before etcd 3.6'),
    etcdVersion: z.string().describe('Version of the etcd of this host'),
    sizeBytes: z.int().describe('Size of the file'),
    sha256: z.string().describe('SHA-256 of the whole file'),
  }),
  example: { cluster: 'demo', host: 'host-1', path: '/var/lib/quorate/backups/demo.db' },
  timeoutMs: 30 * 60_000,
  run: async ({ cluster: name, host: hostName, path }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const layout = layoutOn(cluster, hostName)
    const host = context.host(hostName)
    const { etcd: etcdVersion = '' } = await hostFacts(host, layout)
    const { code, stdout, stderr } = await host.exec({
      reads: true,
      argv: ['sh', '-c', script, 'verify', layout.binDir, path],
      ...{ privileged: true, timeoutMs: 30 * 60_000 },
    })
    if (code !== 0 && code !== 85)
      throw new ActionError(`${path} on ${hostName} could not be read: ${stderr.trim()}`)
    if (code === 85) return { ...unreadable, etcdVersion, why: `${path} on ${hostName}: ${stderr.trim()}.` }
    const lines = stdout.split('\n').filter(Boolean)
    const facts = snapshotFacts(lines, hostName)
    const storageVersion =
      facts.storageVersion || (lines.find((line) => line.startsWith('data '))?.slice(5) ?? '')
    const members = lines.flatMap((line) => (line.startsWith('member ') ? [line.slice(7)] : []))
    const own = members.some((member) => Object.hasOwn(cluster.members, member))
    const fits =
      storageVersion === '' || (etcdVersion !== '' && minorOf(etcdVersion) >= minorOf(storageVersion))
    const why = whyNot({
      where: `${path} on ${hostName}`,
      cluster: name,
      etcdVersion,
      storageVersion,
      fits,
      own,
      members,
    })
    const { revision, totalKey, hash, sizeBytes, sha256 } = facts
    return {
      ...{ ok: fits && own, why, whole: true, fits, own, members, revision, totalKey, hash, storageVersion },
      ...{ etcdVersion, sizeBytes, sha256 },
    }
  },
})

const unreadable = {
  ...{ ok: false, whole: false, fits: false, own: false, members: [], revision: 0, totalKey: 0, hash: '' },
  ...{ storageVersion: '', sizeBytes: 0, sha256: '' },
}

function whyNot(seen: {
  readonly where: string
  readonly cluster: string
  readonly etcdVersion: string
  readonly storageVersion: string
  readonly fits: boolean
  readonly own: boolean
  readonly members: readonly string[]
}): string {
  const { where, cluster, etcdVersion, storageVersion, fits, own, members } = seen
  if (!fits)
    return `${where} holds data of etcd ${storageVersion}, and the etcd there is ${etcdVersion || 'not to be found'}: use the version it was taken from.`
  if (own) return ''
  const named = members.length === 0 ? 'no member at all' : members.join(', ')
  return `${where} is of another cluster: it names ${named}, and ${cluster} has none of them.`
}

/**
 * Words: directory of the programs, snapshot. The membership and the version of the data lie in the database as text,
 * in pages of now and of before.
 */
const script = String.raw`
bin=$1
fail() { echo "$1" >&2; exit 85; }
${snapshotFunctions}
verify_snapshot "$2"
LC_ALL=C grep -aoE 'storageVersion3\.[0-9]+\.[0-9]+' "$2" | sed 's/storageVersion/data /' | sort -u | tail -n 1
LC_ALL=C grep -aoE '"peerURLs":\[[^]]{0,500}\](,"isLearner":true)?,"name":"[^"]{1,200}"' "$2" | sed 's/.*"name":"\(.*\)"$/member \1/' | sort -u | head -n 50
exit 0
`
