import { clientUrl, type Cluster, type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import type { EtcdMember, Membership } from '../etcd/answers.ts'
import { RefusedError } from '../failure.ts'
import { everyMembership, quorumMembership } from '../etcd/membership.ts'

/** A member of the membership of now, with how others reach it. */
export interface ReachedMember {
  /** "" when it was added and never started. */
  readonly name: string
  readonly id: string
  readonly isLearner: boolean
  /** The host of the inventory whose peer URL it has; left out when none has. */
  readonly host?: string
  readonly address: string
  readonly clientPort: number
  readonly clientUrl: string
  /** Addresses its peers know it by. */
  readonly peerAddresses: readonly string[]
}

/**
 * The membership as the quorum sees it at this moment, each member with its endpoint. Every host of the cluster
 * is asked, because members may have moved since the inventory was written. Throws `EtcdError` when no quorum
 * answers, `RefusedError` when the answers are not of this cluster.
 */
export async function reachedMembers(
  cluster: Cluster,
  context: ActionContext,
): Promise<readonly ReachedMember[]> {
  const etcd = context.cluster(cluster.name)
  const { signal } = context
  const told = await everyMembership(etcd, etcd.hosts, { signal })
  if (told.length === 0) await quorumMembership(etcd, etcd.hosts, { signal })
  const membership = ofThisCluster(cluster, told)
  return membership.members
    .map((member) => reached(cluster, member))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** Who takes clients: learners and members that never started do not. */
export function serving(members: readonly ReachedMember[]): readonly ReachedMember[] {
  return members.filter(({ name, isLearner }) => name !== '' && !isLearner)
}

/** A spare may run a member of another cluster on the same port: what it says must not count. Pure. */
export function ofThisCluster(cluster: Cluster, told: readonly Membership[]): Membership {
  const known = new Set(Object.values(cluster.etcd).map(peerUrl))
  const own = told.filter(({ members }) =>
    members.some(({ peerUrls }) => peerUrls.some((url) => known.has(url))),
  )
  const ids = new Set(own.map(({ clusterId }) => clusterId))
  const [first] = own
  if (first !== undefined && ids.size === 1) return first
  const seen = told.map(({ clusterId }) => clusterId).join(', ')
  throw new RefusedError(
    first === undefined
      ? `No host of ${cluster.name} belongs to the cluster that answers (${seen}): none of its peer URLs is in the inventory. Correct the inventory.`
      : `The hosts of ${cluster.name} answer for several clusters (${[...ids].join(', ')}). Find out which is the right one before anything is pointed at it.`,
  )
}

/** How a member is reached: as the inventory says where it names its host, else by what the member advertises. Pure. */
export function reached(cluster: Cluster, member: EtcdMember): ReachedMember {
  const [host, layout] = hostOf(cluster, member) ?? []
  const { name, id, isLearner, peerUrls } = member
  const peerAddresses = [...new Set(peerUrls.map(hostnameOf))]
  const told = { name, id, isLearner, peerAddresses }
  if (host !== undefined && layout !== undefined) {
    const { address, clientPort } = layout
    return { ...told, host, address, clientPort, clientUrl: clientUrl(layout) }
  }
  const url = member.clientUrls.find((each) => !isLoopback(hostnameOf(each))) ?? member.clientUrls[0] ?? ''
  return { ...told, address: hostnameOf(url), clientPort: portOf(url), clientUrl: url.replace(/\/$/, '') }
}

export function isLoopback(address: string): boolean {
  return /^(127\.|localhost$|::1$)/.test(address)
}

/** An address as it stands before a port: IPv6 in brackets. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

function hostOf(cluster: Cluster, { peerUrls }: EtcdMember): readonly [string, EtcdLayout] | undefined {
  return Object.entries(cluster.etcd).find(([, layout]) => peerUrls.includes(peerUrl(layout)))
}

function hostnameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : ''
}

function portOf(url: string): number {
  return URL.canParse(url) ? Number(new URL(url).port) : 0
}
