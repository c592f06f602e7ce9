import type { ActionContext } from '../action.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import { RefusedError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { serviceState } from '../service/manager.ts'
import { quorumOf } from './assess.ts'
import { inspectCluster } from './inspect.ts'
import type { Inspection } from './inspection.ts'
import type { Seating } from './sweep.ts'

/**
 * The engine's own rule before a member goes out of service: what is left must be a whole, healthy quorum,
 * asked of every member at that moment. Throws `RefusedError`. Stopping what does not run is no disruption.
 */
export async function guardDisruption(
  context: ActionContext,
  { cluster: name, host }: { readonly cluster: string; readonly host: string },
): Promise<void> {
  if (await provenStopped(context, name, host)) return
  const seen = await inspectWhereMembersAre(context, name)
  const member = seen.members.find((view) => (view.peerHost || view.host) === host)
  const refusal = whyNotDisrupt(seen, member?.name)
  if (refusal !== undefined) {
    throw new RefusedError(`${member?.name ?? 'etcd'} on ${host} was not taken out of service: ${refusal}`)
  }
}

/**
 * Why a member must not go out of service now, as a sentence; `undefined` when it may. Pure. `member` is left
 * out when the host runs none of the cluster, whose quorum then does not depend on it.
 */
export function whyNotDisrupt(seen: Inspection, member: string | undefined): string | undefined {
  if (member === undefined) return undefined
  const others = seen.members.filter((view) => view.name !== member)
  const unwell = others.filter((view) => !view.healthy)
  if (seen.voters === 1 && !seen.byName[member]?.isLearner) {
    return 'it is the only voter, and the cluster would be down. Grow the cluster to three members first.'
  }
  if (unwell.length > 0)
    return `the others must all be well, and ${unwell.map((view) => view.why).join('; ')}.`
  if (seen.alarms.length > 0) return `an alarm is raised: ${seen.alarms.join(', ')}.`
  if (seen.clusterId === '') return 'the members do not agree on which cluster they are.'
  if (seen.leader === '') return 'there is no leader that all members agree on.'
  const left = others.filter((view) => !view.isLearner).length
  const quorum = quorumOf(seen.voters)
  if (left >= quorum) return undefined
  return `of ${seen.voters} voters ${left} would be left, and the quorum is ${quorum}. Grow the cluster to three members first.`
}

/** During a move a member is where the membership says, which the inventory learns last. */
async function inspectWhereMembersAre(context: ActionContext, name: string): Promise<Inspection> {
  const cluster = clusterNamed(context.inventory, name)
  const look = (at: Seating) =>
    inspectCluster(cluster, context.cluster(name), { at, hash: false, signal: context.signal })
  const seen = await look({})
  const moved = seen.members.filter(
    (view) => view.name in cluster.members && view.peerHost !== '' && view.peerHost !== view.host,
  )
  return moved.length === 0 ? seen : look(Object.fromEntries(moved.map((view) => [view.name, view.peerHost])))
}

/** Both the service manager and the lock on the database say that nothing runs. */
async function provenStopped(context: ActionContext, name: string, host: string): Promise<boolean> {
  const { service, dataDir } = layoutOn(clusterNamed(context.inventory, name), host)
  const remote = context.host(host)
  if ((await serviceState(remote, service)) === 'running') return false
  const { inPlace } = await dataDirectories(remote, dataDir)
  return inPlace === undefined || inPlace.open === 'no'
}
