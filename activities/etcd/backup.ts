import { createHash } from 'node:crypto'
import { basename } from 'node:path/posix'
import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { encryptedTo } from '../backup/age.ts'
import type { Manifest } from '../backup/manifest.ts'
import { sendFile } from '../backup/send-file.ts'
import { forgetLeftovers, takeSnapshot, type TakenSnapshot } from '../backup/snapshot.ts'
import { type BackupPlace, findBackups, ownDirectory } from '../backup/store.ts'
import { writeManifest } from '../backup/write-manifest.ts'
import { RefusedError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { jobDirectory, jobsDirectory } from '../ssh/job.ts'
import { inspectCluster } from './inspect.ts'
import type { Inspection, MemberView } from './inspection.ts'

export const backup = defineAction({
  name: 'etcd.backup',
  title: 'take a verified snapshot',
  doc: "Takes a snapshot from one healthy voter, on that member's own host: a follower before the leader, the one with the least lag. It is written under another name, checked (the SHA-256 it ends with, and etcdutl snapshot status) and only then called a backup. It lies where the inventory's backup says, else in the work directory's backups/ of that host; sent to another host or encrypted by age on its way through the worker, whose disk never sees it. A manifest beside it says what is in it.",
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster to back up'),
    avoid: z.string().default('').describe('A host not to take it from, such as the one about to be touched'),
  }),
  output: z.strictObject({
    host: z.string().describe('The host it lies on'),
    path: z.string().describe('Its path there'),
    manifest: z.string().describe('The path of its manifest there'),
    from: z.string().describe('The member it was taken from'),
    clusterId: z.string().describe('ID of the cluster it was taken of, lower-case hex'),
    revision: z.int().describe('The revision it holds'),
    keys: z
      .int()
      .describe(
        'How many keys there were at that revision; -1 when it was compacted away before they were counted',
      ),
    hash: z.string().describe('Hash of the snapshot as etcdutl tells it, eight hex digits'),
    kvHash: z
      .string()
      .describe(
        'Hash of the keys at that revision, eight hex digits, as etcd.inspect compares; "" as for keys',
      ),
    sizeBytes: z.int().describe('Size of the snapshot'),
    sha256: z.string().describe('SHA-256 of the whole snapshot'),
    encrypted: z.boolean().describe('The file is encrypted to the recipients of the inventory'),
    takenAt: z.string().describe('When, in UTC'),
  }),
  example: { cluster: 'demo', avoid: 'host-1' },
  timeoutMs: 2 * 60 * 60_000,
  run: async ({ cluster: name, avoid }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const encrypt = encryption(cluster)
    const seen = await inspectCluster(cluster, context.cluster(name), {
      // A full database is sound, and never needed a backup more.
      ...{ hash: false, tolerate: ['NOSPACE'], signal: context.signal },
    })
    const member = await sourceOf(context, seen, avoid)
    const place = placeFor(context, cluster, member.host)
    const staying = place.host === member.host && encrypt === undefined
    const taken = await takeSnapshot(context, {
      ...{ cluster, host: member.host, dbSizeBytes: member.dbSizeBytes, prefix: name, tag: tagOf(context) },
      directory: staying ? place.directory : ownDirectory(context.host(member.host)),
    })
    const { backups } = await findBackups(context, name, [place])
    const file = encrypt ? `${basename(taken.path)}.age` : basename(taken.path)
    const earlier = backups.find(({ manifest }) => manifest.file === file && manifest.sha256 === taken.sha256)
    if (earlier?.present) {
      if (!staying) await forget(context, member.host, taken.path)
      return told(earlier.manifest, earlier, `${earlier.path}.json`)
    }
    const path = `${place.directory}/${file}`
    const stored = staying ? taken : await storeAway(context, member.host, taken, { ...place, path }, encrypt)
    const sequence = 1 + Math.max(0, ...backups.map(({ manifest }) => manifest.sequence))
    const manifest: Manifest = {
      ...{ quorate: 'backup/1', cluster: name, clusterId: seen.clusterId },
      ...{ member: member.name, memberId: member.id, version: member.version },
      ...pick(taken),
      ...{ takenAt: new Date().toISOString(), run: context.run.id, sequence, file },
      ...{ storedBytes: stored.sizeBytes, storedSha256: stored.sha256 },
      recipients: [...(cluster.backup?.recipients ?? [])],
    }
    const written = await writeManifest(context, place, manifest)
    if (!staying) await forget(context, member.host, taken.path)
    await forgetLeftovers(context, name, Object.values(cluster.members))
    return told(manifest, { host: place.host, path }, written)
  },
})

function encryption({ backup: store }: Cluster) {
  return store === undefined || store.recipients.length === 0 ? undefined : encryptedTo(store.recipients)
}

/**
 * A healthy voter, a follower before the leader, then by lag and name. A repeated try takes the host on which the first
 * one's job is. Throws `RefusedError` when there is none.
 */
async function sourceOf(context: ActionContext, seen: Inspection, avoid: string): Promise<MemberView> {
  const able = seen.members
    .filter((member) => member.healthy && !member.isLearner && member.host !== avoid)
    .toSorted(
      (a, b) => Number(a.isLeader) - Number(b.isLeader) || a.lag - b.lag || (a.name < b.name ? -1 : 1),
    )
  const begun = await Promise.all(able.map(async ({ host }) => isBegun(context, host)))
  const source = able.find((_, at) => begun[at]) ?? able[0]
  if (source) return source
  throw new RefusedError(`There is no healthy member to take a backup from. ${seen.problems.join(' ')}`)
}

async function isBegun(context: ActionContext, name: string): Promise<boolean> {
  const host = context.host(name)
  const job = `${jobsDirectory(host)}/${jobDirectory(jobKey(context))}`
  return (await host.exec({ reads: true, argv: ['test', '-e', job], privileged: true })).code === 0
}

function placeFor(context: ActionContext, { backup: store }: Cluster, member: string): BackupPlace {
  if (!store) return { host: member, directory: ownDirectory(context.host(member)) }
  return { host: store.host ?? member, directory: store.directory }
}

/** Short, and the same for every try at this step. */
function tagOf(context: ActionContext): string {
  return createHash('sha256').update(jobKey(context)).digest('hex').slice(0, 10)
}

async function storeAway(
  context: ActionContext,
  member: string,
  taken: TakenSnapshot,
  to: { readonly host: string; readonly path: string },
  encrypt: ReturnType<typeof encryption>,
) {
  return sendFile({
    from: { host: context.host(member), path: taken.path },
    to: { host: context.host(to.host), path: to.path },
    sha256: taken.sha256,
    signal: context.signal,
    ...(encrypt && { through: encrypt }),
    onProgress: (done) => context.progress({ text: 'storing', done, total: taken.sizeBytes, unit: 'bytes' }),
  })
}

/** What was only on its way must not stay behind in plain. */
async function forget(context: ActionContext, member: string, path: string): Promise<void> {
  const argv = ['rm', '-f', '--', path]
  await context.host(member).job(jobKey(context, 'forget'), { argv }, { signal: context.signal })
}

function pick({
  revision,
  keys,
  hash,
  kvHash,
  compactRevision,
  storageVersion,
  sizeBytes,
  sha256,
}: TakenSnapshot) {
  return { revision, keys, hash, kvHash, compactRevision, storageVersion, sizeBytes, sha256 }
}

function told(
  manifest: Manifest,
  { host, path }: { readonly host: string; readonly path: string },
  written: string,
) {
  const { member, clusterId, revision, keys, hash, kvHash, sizeBytes, sha256, recipients, takenAt } = manifest
  return {
    ...{
      host,
      path,
      manifest: written,
      from: member,
      clusterId,
      revision,
      keys,
      hash,
      kvHash,
      sizeBytes,
      sha256,
    },
    ...{ encrypted: recipients.length > 0, takenAt },
  }
}
