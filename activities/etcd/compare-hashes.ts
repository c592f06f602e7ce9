import type { KeyspaceHash } from './answers.ts'
import type { CallOptions } from './channel.ts'
import type { EtcdCluster } from './cluster.ts'
import { EtcdError } from './errors.ts'
import type { SeatFacts } from './sweep.ts'

/** Whether members hold the same keys. Not comparable is not disagreement: `why` says what stood in the way. */
export interface HashVerdict {
  readonly comparable: boolean
  /** Proven equal. */
  readonly agree: boolean
  readonly revision: number
  /** Member name to hash, eight hex digits. */
  readonly byMember: Readonly<Record<string, string>>
  readonly why: string
}

export interface MemberHash extends KeyspaceHash {
  readonly member: string
  readonly version: string
}

/**
 * Asks all reachable voters for the hash of their keys at one revision that all of them have. A compaction
 * that slips in between is waited out by asking again.
 */
export async function compareHashes(
  etcd: EtcdCluster,
  seats: readonly SeatFacts[],
  options: CallOptions = {},
): Promise<HashVerdict> {
  const voters = seats.filter((seat) => seat.status && !seat.status.isLearner)
  let verdict = judgeHashes(0, [])
  for (let tries = 0; tries < 4 && voters.length > 0; tries++) {
    verdict = await hashesNow(etcd, voters, options)
    if (verdict.comparable || options.signal?.aborted) return verdict
  }
  return verdict
}

async function hashesNow(
  etcd: EtcdCluster,
  voters: readonly SeatFacts[],
  options: CallOptions,
): Promise<HashVerdict> {
  let revision = 0
  try {
    const statuses = await Promise.all(voters.map((seat) => etcd.endpoint(seat.host).status(options)))
    revision = Math.min(...statuses.map((status) => status.revision))
    const hashes = await Promise.all(voters.map((seat) => etcd.endpoint(seat.host).hash(revision, options)))
    return judgeHashes(
      revision,
      hashes.map((hash, index) => ({
        ...hash,
        member: voters[index]?.member ?? '',
        version: statuses[index]?.version ?? '',
      })),
    )
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error
    return { comparable: false, agree: false, revision, byMember: {}, why: error.message }
  }
}

/**
 * Judges hashes taken at one revision. Source: etcd-io/etcd#18337: members of different patch levels may
 * differ harmlessly around a tombstone at the compaction revision, so a difference between versions proves nothing.
 */
export function judgeHashes(revision: number, hashes: readonly MemberHash[]): HashVerdict {
  const byMember = Object.fromEntries(
    hashes.map((hash) => [hash.member, hash.hash.toString(16).padStart(8, '0')]),
  )
  const verdict = (comparable: boolean, agree: boolean, why: string) => ({
    comparable,
    agree,
    revision,
    byMember,
    why,
  })
  if (hashes.length === 0) return verdict(false, false, 'no voter could be asked for its hash')
  if (differ(hashes, (hash) => hash.compactRevision)) {
    return verdict(false, false, 'members are compacted up to different revisions')
  }
  if (
    differ(
      hashes.filter((hash) => hash.hashRevision > 0),
      (hash) => hash.hashRevision,
    )
  ) {
    return verdict(false, false, 'members hashed up to different revisions')
  }
  if (!differ(hashes, (hash) => hash.hash)) return verdict(true, true, '')
  if (differ(hashes, (hash) => hash.version)) {
    return verdict(false, false, 'hashes differ, which between different versions of etcd proves nothing')
  }
  return verdict(true, false, disagreement(revision, byMember))
}

function differ(hashes: readonly MemberHash[], by: (hash: MemberHash) => unknown): boolean {
  return new Set(hashes.map(by)).size > 1
}

/** Names who differs from the majority, where there is one. */
function disagreement(revision: number, byMember: Readonly<Record<string, string>>): string {
  const all = Object.entries(byMember).map(([member, hash]) => `${member} has ${hash}`)
  return `Members hold different data at revision ${revision}: ${all.join(', ')}. Replace the ones that differ from the majority; trust none of them before.`
}
