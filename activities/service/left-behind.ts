import type { ActionContext } from '../action.ts'
import type { Membership } from '../etcd/answers.ts'
import { quorumOf } from '../etcd/assess.ts'
import { EtcdError } from '../etcd/errors.ts'
import { hostOfPeer } from '../etcd/member-change.ts'
import { clusterNamed } from '../inventory/look-up.ts'

/** A member that is about to be stopped, as it said itself. */
export interface Leaving {
  readonly memberId: string
  readonly membership: Membership
}

/** The member that serves on a host and votes; `undefined` when none does: the quorum does not depend on it. */
export async function leavingFrom(
  context: ActionContext,
  cluster: string,
  host: string,
): Promise<Leaving | undefined> {
  const endpoint = context.cluster(cluster).endpoint(host)
  try {
    const [{ memberId, leader }, membership] = await Promise.all([
      endpoint.status({ signal: context.signal }),
      endpoint.members(false, { signal: context.signal }),
    ])
    return leader === '' || leader === '0' || !votes(membership, memberId)
      ? undefined
      : { memberId, membership }
  } catch (error) {
    if (error instanceof EtcdError) return undefined
    throw error
  }
}

/**
 * Looks, once a member is stopped, whether the voters that are left still answer in such a number that they are a
 * quorum: one of them may have died since the guard looked. Says what is wrong, as a sentence. Asked twice, so that
 * one late answer brings nobody back.
 */
export async function whyNoQuorumLeft(
  context: ActionContext,
  cluster: string,
  leaving: Leaving,
): Promise<string | undefined> {
  return (await shortfall(context, cluster, leaving)) && shortfall(context, cluster, leaving)
}

async function shortfall(
  context: ActionContext,
  name: string,
  { memberId, membership }: Leaving,
): Promise<string | undefined> {
  const cluster = clusterNamed(context.inventory, name)
  const voters = membership.members.filter(({ isLearner }) => !isLearner)
  const others = voters.filter(({ id }) => id !== memberId)
  const alive = await Promise.all(
    others.map(async (member) => {
      const host = hostOfPeer(cluster, member) ?? cluster.members[member.name]
      return host !== undefined && (await answers(context, name, host, member.id))
    }),
  )
  const left = alive.filter(Boolean).length
  const quorum = quorumOf(voters.length)
  if (left >= quorum) return undefined
  const silent = others.filter((_, at) => alive[at] !== true).map(({ name: who, id }) => who || id)
  return `${silent.join(' and ')} stopped answering meanwhile: of ${voters.length} voters ${left} were left, and the quorum is ${quorum}`
}

async function answers(context: ActionContext, cluster: string, host: string, id: string): Promise<boolean> {
  try {
    const { memberId } = await context.cluster(cluster).endpoint(host).status({ signal: context.signal })
    return memberId === id
  } catch (error) {
    if (error instanceof EtcdError) return false
    throw error
  }
}

const votes = ({ members }: Membership, id: string): boolean =>
  members.some((member) => member.id === id && !member.isLearner)
