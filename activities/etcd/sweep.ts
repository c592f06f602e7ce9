import type { Cluster } from '../../dsl/inventory.ts'
import type { Alarm, MemberStatus, Membership } from './answers.ts'
import type { CallOptions } from './channel.ts'
import { clusterVersion } from './cluster-version.ts'
import type { EtcdCluster, EtcdEndpoint } from './cluster.ts'
import { EtcdError } from './errors.ts'

/** What one member said of itself, asked at the host it is expected on. What it did not answer is left out. */
export interface SeatFacts {
  readonly member: string
  readonly host: string
  readonly url: string
  readonly status?: MemberStatus
  readonly membership?: Membership
  /** Whether that membership was read through the quorum. */
  readonly linearizable: boolean
  readonly alarms?: readonly Alarm[]
  /** The version the cluster keeps to, as this member sees it. */
  readonly clusterVersion?: string
  /** A read through the quorum went well. */
  readonly reads: boolean
  /** Why the first call that failed did. */
  readonly failure?: EtcdError
}

/** Where members are expected that are not where the inventory says: member name to host name. */
export type Seating = Readonly<Record<string, string>>

/** Asks every member of a cluster at once, each through its own endpoint. Never throws for what a member says. */
export function sweep(
  cluster: Cluster,
  etcd: EtcdCluster,
  at: Seating = {},
  options: CallOptions = {},
): Promise<readonly SeatFacts[]> {
  const seats = Object.entries(seatsOf(cluster, at))
  return Promise.all(
    seats.map(async ([member, host]) => {
      const [facts, version] = await Promise.all([
        askSeat(member, etcd.endpoint(host), options),
        clusterVersion(cluster, host, options),
      ])
      return { ...facts, ...(version !== undefined && { clusterVersion: version }) }
    }),
  )
}

/** The same seats with statuses that were asked later; where none came, with those of before. */
export function sweepStatus(
  seats: readonly SeatFacts[],
  etcd: EtcdCluster,
  options: CallOptions = {},
): Promise<readonly SeatFacts[]> {
  return Promise.all(
    seats.map(async (seat) => {
      if (seat.status === undefined) return seat
      const [status] = await Promise.allSettled([etcd.endpoint(seat.host).status(options)])
      etcdFailure(status)
      return status.status === 'fulfilled' ? { ...seat, status: status.value } : seat
    }),
  )
}

/** How many entries the last of those that answered is behind the highest that one of them calls committed. */
export function widestLag(seats: readonly SeatFacts[]): number {
  const statuses = seats.flatMap(({ status }) => (status ? [status] : []))
  const committed = Math.max(0, ...statuses.map(({ raftIndex }) => raftIndex))
  return Math.max(0, ...statuses.map(({ appliedIndex }) => committed - appliedIndex))
}

/** The inventory's members with `at` over them. */
export function seatsOf(cluster: Cluster, at: Seating): Seating {
  return { ...cluster.members, ...at }
}

async function askSeat(member: string, endpoint: EtcdEndpoint, options: CallOptions): Promise<SeatFacts> {
  const [status, membership, alarms, read] = await Promise.allSettled([
    endpoint.status(options),
    membershipOf(endpoint, options),
    endpoint.alarms(options),
    endpoint.readThroughQuorum(options),
  ])
  const failure = [status, read, membership, alarms].map(etcdFailure).find((error) => error !== undefined)
  return {
    member,
    host: endpoint.host,
    url: endpoint.url,
    linearizable: membership.status === 'fulfilled' && membership.value.linearizable,
    reads: read.status === 'fulfilled',
    ...(status.status === 'fulfilled' && { status: status.value }),
    ...(membership.status === 'fulfilled' && { membership: membership.value.membership }),
    ...(alarms.status === 'fulfilled' && { alarms: alarms.value }),
    ...(failure && { failure }),
  }
}

/** Without a quorum a member still says what it knows itself, which is better than nothing for a person. */
async function membershipOf(endpoint: EtcdEndpoint, options: CallOptions) {
  try {
    return { linearizable: true, membership: await endpoint.members(true, options) }
  } catch (error) {
    if (!(error instanceof EtcdError) || error.code === 'unreachable') throw error
    return { linearizable: false, membership: await endpoint.members(false, options) }
  }
}

function etcdFailure(settled: PromiseSettledResult<unknown>): EtcdError | undefined {
  if (settled.status === 'fulfilled') return undefined
  if (settled.reason instanceof EtcdError) return settled.reason
  throw settled.reason
}
