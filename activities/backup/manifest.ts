import { z } from 'zod'

/** Lies beside a backup as `FILE.json` and says what is in it; written last, so that what has none is no backup. */
export const manifest = z.object({
  quorate: z.literal('backup/1'),
  cluster: z.string(),
  clusterId: z.string(),
  member: z.string(),
  memberId: z.string(),
  /** Of the etcd it was taken from. */
  version: z.string(),
  /** Of the data, such as 3.6.0; "" before 3.6, which does not say. */
  storageVersion: z.string(),
  revision: z.int(),
  /** Keys there are at that revision; -1 when they could not be counted. */
  keys: z.int(),
  /** Of the whole database, as `etcdutl snapshot status` tells it, eight hex digits. */
  hash: z.string(),
  /** Of the keys at that revision, eight hex digits, comparable at the same compact revision; "" when not known. */
  kvHash: z.string(),
  compactRevision: z.int(),
  /** Of the snapshot itself. */
  sizeBytes: z.int(),
  sha256: z.string(),
  /** By the worker's clock, in UTC. */
  takenAt: z.string(),
  run: z.string(),
  /** One more than the highest in its store: order, where revisions cannot be compared and clocks are not trusted. */
  sequence: z.int(),
  /** The file beside this one, and what it is, encrypted or not. */
  file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
  storedBytes: z.int(),
  storedSha256: z.string(),
  /** age recipients it is encrypted to; none when it is not. */
  recipients: z.array(z.string()),
})

export type Manifest = z.output<typeof manifest>

/**
 * The newest first. Within one cluster ID the revision says which is newer, whatever clocks say; a cluster that was
 * restored has another ID and may have lower revisions, so of two the one that was backed up last is the newer.
 */
export function newestFirst<Kept extends { readonly manifest: Manifest }>(
  backups: readonly Kept[],
): readonly Kept[] {
  const last = new Map<string, number>()
  for (const {
    manifest: { clusterId, sequence },
  } of backups)
    last.set(clusterId, Math.max(sequence, last.get(clusterId) ?? 0))
  return backups.toSorted(({ manifest: a }, { manifest: b }) => {
    const age = (last.get(b.clusterId) ?? 0) - (last.get(a.clusterId) ?? 0)
    if (a.clusterId !== b.clusterId && age !== 0) return age
    return b.revision - a.revision || b.sequence - a.sequence || (a.file < b.file ? 1 : -1)
  })
}
