import { bytesText } from '../../dsl/duration.ts'

/** A member's database, as far as maintenance goes. */
export interface Database {
  readonly sizeBytes: number
  readonly inUseBytes: number
  /** The most it may grow to; 0 when it is not known. */
  readonly quotaBytes: number
  /** The cluster takes no writes, because some database has reached its quota. */
  readonly noSpace: boolean
}

export interface Verdict {
  readonly worth: boolean
  /** As a clause. */
  readonly why: string
}

/**
 * Whether a defragmentation is worth the pause of its member. Pure. What is to be gained has to be at least so much, and
 * a good part of the file; less will do when the quota is near, and hardly anything when the database is full.
 * Before 3.5 etcd tells what is in use only as of the last write, so that a full database is always rewritten.
 */
export function worthDefragmenting(database: Database, atLeastBytes: number): Verdict {
  const { sizeBytes, quotaBytes, noSpace } = database
  const gain = reclaimableBytes(database)
  const share = sizeBytes === 0 ? 0 : gain / sizeBytes
  const gained = `${bytesText(gain)} of ${bytesText(sizeBytes)} would be given back`
  const near = quotaBytes > 0 && sizeBytes > nearQuota * quotaBytes
  if (noSpace && (near || quotaBytes === 0 || gain >= mebibyte))
    return { worth: true, why: `the database is full (${gained}, as far as it tells)` }
  if (near && gain >= atLeastBytes / 3)
    return { worth: true, why: `${gained}, and ${percent(sizeBytes, quotaBytes)} of its quota is taken` }
  if (gain >= atLeastBytes && share >= goodShare) return { worth: true, why: gained }
  if (gain >= 2 * atLeastBytes) return { worth: true, why: gained }
  return { worth: false, why: `only ${gained}` }
}

export function reclaimableBytes({
  sizeBytes,
  inUseBytes,
}: Pick<Database, 'sizeBytes' | 'inUseBytes'>): number {
  return Math.max(0, sizeBytes - inUseBytes)
}

/** How long a member may take over its defragmentation: far more than any disk that etcd can live on needs. */
export function longestMs(sizeBytes: number): number {
  return 30_000 + Math.ceil(sizeBytes / slowestBytesPerMs)
}

/** `12 %`. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${Math.round((100 * part) / whole)} %`
}

/** Beyond this part of its quota a database is close to refusing writes. */
export const nearQuota = 0.8

const goodShare = 0.45
const mebibyte = 2 ** 20
/** 5 MB a second. */
const slowestBytesPerMs = 5000
