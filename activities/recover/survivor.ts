import { dirname } from 'node:path/posix'
import { z } from 'zod'
import { aloneOn } from '../../dsl/cluster-model.ts'
import { clientUrl, type Cluster, type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { snapshotFacts, snapshotFunctions } from '../backup/snapshot-script.ts'
import { dataDirectories, type DataDirectory } from '../dir/data-directories.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { acknowledgeUnreachable } from './acknowledge.ts'
import { refuseUnfenced, refuseWhereQuorumIsKept } from './fence.ts'
import { refuseLogApart } from './log-apart.ts'
import { loginOf, runThrowaway } from './throwaway.ts'
import { throwawayFacts } from './throwaway-answers.ts'
import { throwawayReport } from './throwaway-script.ts'

const input = z.strictObject({
  cluster: z.string().describe('The cluster whose data it is'),
  host: z.string().describe('The host with the data directory'),
})
const facts = {
  memberId: z.string().describe('ID of the member whose data it is, lower-case hex'),
  clusterId: z.string().describe('ID of the cluster it belongs to, lower-case hex'),
  version: z.string().describe('Version of etcd that opened it'),
  revision: z.int().describe('The newest revision in it, its log included'),
  keys: z.int().describe('How many keys there are'),
  kvHash: z.string().describe('Hash of the keys at that revision, eight hex digits'),
  compactRevision: z.int().describe('The revision it is compacted to; hashes are comparable at the same one'),
}
const shared = { subject: ['host', 'cluster'], example: { cluster: 'demo', host: 'host-1' } }
const limitMs = 60 * 60_000

type Input = z.output<typeof input>

export const survivorTry = defineAction({
  name: 'survivor.try',
  title: "try a survivor's data",
  doc: 'Copies the data directory of a stopped member into a temporary directory beside it, starts the copy with --force-new-cluster on loopback, says what it holds, takes a verified snapshot of it and removes the copy. The data directory itself is only read. Refuses while a process has its database open, and without the room for the copy.',
  effect: 'change',
  input,
  ...shared,
  output: z.strictObject({
    ...facts,
    path: z.string().describe('The verified snapshot of what the member held'),
    hash: z.string().describe('Hash of the snapshot as etcdutl tells it, eight hex digits'),
    sizeBytes: z.int().describe('Size of the snapshot'),
    sha256: z.string().describe('SHA-256 of the whole snapshot'),
  }),
  timeoutMs: limitMs,
  run: async (asked, context) => {
    const { cluster, layout, name, login } = await place(asked, context)
    const host = context.host(asked.host)
    const data = await closedDirectory(asked, context, layout)
    const copy = `${dirname(data.path)}/.quorate-try-${context.run.key}`
    const file = `${cluster.name}-survivor-${asked.host}-${context.run.key}.db`.replace(
      /[^A-Za-z0-9._-]/g,
      '_',
    )
    const path = `${host.workDir}/backups/${file}`
    const words = [data.path, copy, name, path]
    const lines = await runThrowaway(context, {
      ...{ host, layout, part: 'try', script: tryScript, words, login, limitMs },
    })
    const { members: _, ...seen } = throwawayFacts(lines, asked.host)
    const { hash, sizeBytes, sha256, revision } = snapshotFacts(lines, asked.host)
    if (revision !== seen.revision) {
      throw new ActionError(
        `The copy of ${data.path} on ${asked.host} was at revision ${seen.revision}, and the snapshot of it is at ${revision}. Something wrote to it: see what runs there, then retry.`,
      )
    }
    return { ...seen, path, hash, sizeBytes, sha256 }
  },
})

export const survivorForce = defineAction({
  name: 'survivor.force',
  title: "make a new cluster of one from a survivor's data",
  doc: "Starts etcd once with --force-new-cluster on a stopped member's own data directory, on loopback and past the service manager, so that the flag gets near no configuration; gives the member its peer URL of the inventory, and stops it. A copy of the directory as it was is kept beside it. Afterwards the member can be started by service.start as a cluster of one, with the same member and cluster ID: every other member's old data must stay fenced for ever. Refuses unless every other host is proven to be fenced.",
  effect: 'destroy',
  ...shared,
  input: z.strictObject({ ...input.shape, acknowledgeUnreachable }),
  output: z.strictObject({
    ...facts,
    peerUrls: z.array(z.string()).describe('The peer URLs the membership gives it now'),
    peerUrlsBefore: z.array(z.string()).describe('Those that the data gave it'),
    kept: z.string().describe('The copy of the directory as it was'),
  }),
  timeoutMs: limitMs,
  foresees: ({ host }, model) => aloneOn(model, host),
  run: async (asked, context) => {
    const { layout, name, login } = await place(asked, context)
    const host = context.host(asked.host)
    const data = await closedDirectory(asked, context, layout)
    refuseWhereQuorumIsKept(context)
    await refuseUnfenced(context, {
      ...{ cluster: asked.cluster, but: asked.host, acknowledged: asked.acknowledgeUnreachable },
    })
    const kept = `${dirname(data.path)}/.quorate-before-force-${context.run.key}`
    const words = [data.path, kept, name, data.identity?.memberId ?? '', peerUrl(layout), clientUrl(layout)]
    const lines = await runThrowaway(context, {
      ...{ host, layout, part: 'force', script: forceScript, words, login, limitMs },
    })
    const cut = lines.findIndex((line) => line.startsWith('mended'))
    const before = throwawayFacts(lines.slice(0, cut), asked.host)
    const { members, ...after } = throwawayFacts(lines.slice(cut + 1), asked.host)
    const [own, stranger] = members
    if (own?.id !== after.memberId || stranger !== undefined) {
      throw new ActionError(
        `${asked.host} was made a cluster of its own and still lists ${members.map(({ name: other, id }) => other || id).join(', ')}. Its etcd (${after.version}) is known to leave members behind where there were learners: use etcd 3.5.25, 3.6.6 or newer there, or restore a snapshot.`,
      )
    }
    return {
      ...after,
      peerUrls: [...own.peerUrls],
      peerUrlsBefore: [...(before.members[0]?.peerUrls ?? [])],
      kept,
    }
  },
})

async function place({ cluster: clusterName, host }: Input, context: ActionContext) {
  const cluster = clusterNamed(context.inventory, clusterName)
  const layout = layoutOn(cluster, host)
  return { cluster, layout, name: memberOn(cluster, host), login: await loginOf(cluster) }
}

/** A survivor keeps the name it has in the inventory; a throw-away start writes its name into the membership. */
function memberOn(cluster: Cluster, host: string): string {
  const found = Object.entries(cluster.members).find(([, on]) => on === host)
  if (found) return found[0]
  throw new RefusedError(
    `${host} has no member of ${cluster.name} in the inventory, so whose data lies there is not known.`,
  )
}

async function closedDirectory(
  { cluster, host: name }: Input,
  context: ActionContext,
  { dataDir }: EtcdLayout,
): Promise<DataDirectory> {
  await refuseLogApart(context, clusterNamed(context.inventory, cluster), [name])
  const { inPlace } = await dataDirectories(context.host(name), dataDir)
  if (!inPlace?.identity) throw new RefusedError(`${dataDir} on ${name} holds no member's data.`)
  if (inPlace.open === 'no') return inPlace
  const state = inPlace.open === 'yes' ? 'is in use' : 'may be in use (nothing on the host can tell)'
  throw new RefusedError(`${dataDir} on ${name} ${state}. Stop etcd there first.`)
}

/** Refuses before the disk is full: etcd's own way of noticing is to die in the middle. */
const copyFunctions = String.raw`
copy_directory() {
  need=$(du -sk "$1" | cut -f 1)
  free=$(df -Pk "$(dirname "$2")" | awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+%$/) { print $(i - 1); exit } }')
  [ "$free" -gt "$need" ] || fail "there is no room for a copy of $1: it takes $need KiB, and $free KiB are free"
  rm -rf "$2" && cp -Rp "$1" "$2" || fail "$1 could not be copied to $2"
}
`

/** Words: data directory, where the copy goes, member's name, snapshot. */
const tryScript = String.raw`
${throwawayReport}
${snapshotFunctions}
${copyFunctions}
data=$1 copy=$2 name=$3 snapshot=$4
throwaway_clean() { rm -rf "$copy" "$snapshot.unverified" "$snapshot.unverified.part"; }
throwaway_begin
mkdir -p "$(dirname "$snapshot")" || exit 1
copy_directory "$data" "$copy"
throwaway_start "$copy" "$name" --force-new-cluster
throwaway_report
rm -f "$snapshot.unverified"
ctl snapshot save "$snapshot.unverified" >&2 || fail 'the snapshot of the copy failed'
throwaway_stop
verify_snapshot "$snapshot.unverified"
mv "$snapshot.unverified" "$snapshot" || exit 1
`

/**
 * Words: data directory, where a copy of it is kept, member's name, member's ID, its peer URL and its client URL.
 * The copy gets its name when it is whole, so that what a second try finds under it is what there was before the first.
 */
const forceScript = String.raw`
${throwawayReport}
${copyFunctions}
data=$1 kept=$2 name=$3 id=$4 peer=$5 throwaway_advertise=$6
throwaway_clean() { rm -rf "$kept.part"; }
throwaway_begin
if [ ! -d "$kept" ]; then
  copy_directory "$data" "$kept.part"
  mv "$kept.part" "$kept" || exit 1
fi
throwaway_start "$data" "$name" --force-new-cluster
throwaway_report
echo mended
ctl member update "$id" --peer-urls="$peer" >&2 || fail "the peer URL could not be set to $peer"
throwaway_report
throwaway_stop
`
