import type { KeySpaceHash, MemberStatus } from '../../lab/etcd-client.ts'

/** What the demo saw of the cluster, every member asked by itself. */
export interface ClusterSight {
  /** Through the member that moves. */
  readonly keys: number
  /** Of the member that moves, by its own word. */
  readonly member: MemberStatus
  /** By endpoint: every member's hash of the whole key space. */
  readonly hashes: Readonly<Record<string, KeySpaceHash>>
  /** By endpoint: every member's hash as of the revision of the first look; the data from before the move. */
  readonly hashesThen: Readonly<Record<string, KeySpaceHash>>
}

/** Whether all of them hashed the same data to the same value. */
export function allEqual(hashes: Readonly<Record<string, KeySpaceHash>>): boolean {
  const values = Object.values(hashes).map(
    ({ hash, revision, compactRevision }) => `${hash} ${revision} ${compactRevision}`,
  )
  return values.length > 0 && new Set(values).size === 1
}

/** As etcd prints it nowhere, but as people compare it: eight hex digits. */
export function hashText(hashes: Readonly<Record<string, KeySpaceHash>>): string {
  const values = new Set(Object.values(hashes).map(({ hash }) => (hash >>> 0).toString(16).padStart(8, '0')))
  return [...values].join(' ≠ ')
}
