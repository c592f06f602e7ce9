import type { Cluster } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import type { SeatFacts } from '../etcd/sweep.ts'
import { sweep } from '../etcd/sweep.ts'
import { InputError, RefusedError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { isMadeBy } from './made-by-run.ts'

/**
 * The engine's own rule in a run for a cluster that has lost its quorum, before anything that harms: no member
 * may be led or serve a read through the quorum, asked of every member at that moment. A wrong verdict would
 * destroy a healthy majority. Throws `RefusedError` naming who still leads or serves.
 */
export async function guardQuorumLost(context: ActionContext, name: string | undefined): Promise<void> {
  if (name === undefined) {
    throw new InputError(
      'The run holds no lock of a cluster, so it cannot be known whose quorum is lost. Write "cluster:" at the top of the runbook.',
    )
  }
  const cluster = clusterNamed(context.inventory, name)
  const seats = await sweep(cluster, context.cluster(name), {}, { signal: context.signal })
  const own = await Promise.all(seats.map((seat) => isOwn(context, cluster, seat)))
  const refusal = whyQuorumLives(seats.filter((_, at) => !own[at]))
  if (refusal === undefined) return
  throw new RefusedError(
    `${name} has not lost its quorum: ${refusal} Nothing was done. Use a runbook for a cluster that works, such as etcd-replace-member.`,
  )
}

/** What this run restored and started may be stopped by it again: that is its way back. */
async function isOwn(
  context: ActionContext,
  cluster: Cluster,
  { host, status }: SeatFacts,
): Promise<boolean> {
  if (status === undefined) return false
  return isMadeBy(context.host(host), layoutOn(cluster, host).dataDir, context.run)
}

/** Who still leads, is led or reads through the quorum, as a sentence; `undefined` when nobody does. Pure. */
export function whyQuorumLives(seats: readonly SeatFacts[]): string | undefined {
  const said = seats.flatMap(({ member, host, status, reads }) => [
    ...(status !== undefined && status.leader !== '0'
      ? [`${member} on ${host} ${status.leader === status.memberId ? 'leads' : `is led by ${status.leader}`}`]
      : []),
    ...(reads ? [`${member} on ${host} serves reads through the quorum`] : []),
  ])
  return said.length === 0 ? undefined : `${said.join('; ')}.`
}
