import { bytesText } from '../../dsl/duration.ts'
import { percent } from './fragmentation.ts'

/** A member's database and the room it has. */
export interface Room {
  readonly member: string
  readonly host: string
  readonly sizeBytes: number
  readonly inUseBytes: number
  /** 0 when it is not known. */
  readonly quotaBytes: number
  /** Free on the disk that it lies on; left out when that is not known. */
  readonly freeBytes?: number
}

/** What should be done about quotas, a sentence each. Pure. Source: etcd, "System limits" and "Space quota". */
export function quotaAdvice(rooms: readonly Room[]): readonly string[] {
  const known = rooms.filter(({ quotaBytes }) => quotaBytes > 0)
  return [...different(known), ...tooSmall(known), ...known.flatMap(diskFirst)]
}

function different(rooms: readonly Room[]): string[] {
  const quotas = new Set(rooms.map(({ quotaBytes }) => quotaBytes))
  if (quotas.size < 2) return []
  const spelled = rooms.map(({ member, quotaBytes }) => `${member} ${bytesText(quotaBytes)}`).join(', ')
  return [
    `The quotas differ (${spelled}): the first member to reach its own stops the writes of all. Set quota-backend-bytes to the same on every member with etcd-reconfigure.`,
  ]
}

function tooSmall(rooms: readonly Room[]): string[] {
  const [fullest] = rooms.toSorted((a, b) => b.inUseBytes / b.quotaBytes - a.inUseBytes / a.quotaBytes)
  if (!fullest || fullest.inUseBytes < muchOfQuota * fullest.quotaBytes) return []
  const { member, inUseBytes, quotaBytes } = fullest
  const taken = `${member} needs ${percent(inUseBytes, quotaBytes)} of its quota of ${bytesText(quotaBytes)} for what is in use, which no defragmentation gives back`
  return quotaBytes >= largestBytes
    ? [
        `${taken}. etcd is not made for more than 8 GiB: find out who writes so much, delete keys, or give the data a cluster of its own.`,
      ]
    : [
        `${taken}: compact more, delete keys, or raise quota-backend-bytes to ${bytesText(nextQuota(quotaBytes))} with etcd-reconfigure.`,
      ]
}

function nextQuota(quotaBytes: number): number {
  return Math.min(largestBytes, 2 * quotaBytes)
}

function diskFirst({ member, host, sizeBytes, quotaBytes, freeBytes }: Room): string[] {
  const growth = quotaBytes - sizeBytes
  if (freeBytes === undefined || freeBytes >= growth) return []
  return [
    `${host} has ${bytesText(freeBytes)} free, and the database of ${member} may grow by ${bytesText(growth)} before its quota stops it: the disk would be full first, which etcd does not survive. Make room, or lower quota-backend-bytes with etcd-reconfigure.`,
  ]
}

const muchOfQuota = 0.7
const largestBytes = 8 * 2 ** 30
