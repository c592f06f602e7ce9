import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionContext, Disruption, Pause, Removal } from '../action.ts'
import type { Cluster } from '../../dsl/inventory.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import { RefusedError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { serviceState } from '../service/manager.ts'
import type { AlarmKind } from './answers.ts'
import { quorumOf } from './assess.ts'
import { inspectCluster } from './inspect.ts'
import type { Inspection, MemberView } from './inspection.ts'
import { memberMeant } from './member-change.ts'
import { type Seat, whyNotAdd, whyNotPromote, whyNotRemove } from './projected-quorum.ts'
import { minorOf } from './versions.ts'

/**
 * The engine's own rule before a member goes out of service or leaves for good: what is left must be a whole,
 * healthy quorum, asked of every member at that moment. Throws `RefusedError`. Stopping what does not run is no
 * disruption.
 */
export async function guardDisruption(
  context: ActionContext,
  disruption: Disruption | Pause | Removal,
): Promise<void> {
  if ('removes' in disruption) await guardRemoval(context, disruption)
  else if ('pauses' in disruption) await guardPause(context, disruption)
  else await guardStop(context, disruption)
}

async function guardStop(context: ActionContext, { cluster: name, host, alone }: Disruption): Promise<void> {
  if (await provenStopped(context, name, host)) return
  const refusal = await seenTwice(context, async () => {
    const seen = await inspectAsItIs(context, name)
    const member = seen.members.find((view) => (view.peerHost || view.host) === host)
    const why = whyNotDisrupt(seen, member?.name, alone)
    return why && `${member?.name ?? 'etcd'} on ${host} was not taken out of service: ${why}`
  })
  if (refusal !== undefined) throw new RefusedError(refusal)
}

/** A member on a busy disk may once be late with its answer: only what is still so a moment later counts. */
async function seenTwice(
  { signal }: ActionContext,
  look: () => Promise<string | undefined>,
): Promise<string | undefined> {
  if ((await look()) === undefined) return undefined
  await sleep(lateMs, undefined, { signal })
  return look()
}

const lateMs = 2000

/**
 * Why a member must not go out of service now, as a sentence; `undefined` when it may. Pure. `member` is left
 * out when the host runs none of the cluster, whose quorum then does not depend on it; nor does it on a learner.
 * One that does not serve anyway may be stopped as long as the others are a quorum without it. `alone` is the
 * runbook's word that the only voter is meant.
 */
export function whyNotDisrupt(
  seen: Inspection,
  member: string | undefined,
  alone = false,
): string | undefined {
  const target = member === undefined ? undefined : seen.byName[member]
  if (!target || target.isLearner) return undefined
  const others = seen.members.filter((view) => view.name !== member)
  const unwell = others.filter((view) => !view.healthy)
  if (seen.voters === 1 && alone) return undefined
  if (seen.voters === 1)
    return 'it is the only voter, and the cluster would be down. Grow the cluster to three members first.'
  if (target.healthy && unwell.length > 0)
    return `the others must all be well, and ${unwell.map((view) => view.why).join('; ')}.`
  if (target.healthy && seen.alarms.length > 0) return `an alarm is raised: ${seen.alarms.join(', ')}.`
  if (seen.clusterId === '') return 'the members do not agree on which cluster they are.'
  if (seen.leader === '') return 'there is no leader that all members agree on.'
  const left = others.filter((view) => view.healthy && !view.isLearner).length
  const quorum = quorumOf(seen.voters)
  if (left >= quorum) return undefined
  return `of ${seen.voters} voters ${left} would be left, and the quorum is ${quorum}. ${unwell.length > 0 ? `${unwell.map((view) => view.why).join('; ')}.` : 'Grow the cluster to three members first.'}`
}

/** What a pause is for heals NOSPACE, so that alarm does not stand in its way. */
async function guardPause(context: ActionContext, { cluster: name, pauses }: Pause): Promise<void> {
  const refusal = await seenTwice(context, async () =>
    whyNotPause(await inspectAsItIs(context, name, ['NOSPACE']), pauses),
  )
  if (refusal !== undefined) throw new RefusedError(`${pauses.member} was not defragmented: ${refusal}`)
}

/**
 * Why a member must not be paused now, as a sentence; `undefined` when it may. Pure. Where it was accepted that
 * the cluster answers nothing meanwhile, all other members must be well all the same.
 */
export function whyNotPause(seen: Inspection, { member, outage }: Pause['pauses']): string | undefined {
  const target = seen.byName[member]
  if (!target) return `${member} is not a member.`
  if (!target.healthy) return `it is not well itself: ${target.why}.`
  const foreign = seen.alarms.filter((alarm) => !alarm.startsWith('NOSPACE'))
  if (foreign.length > 0) return `an alarm is raised: ${foreign.join(', ')}.`
  const unwell = seen.members.filter(({ healthy }) => !healthy)
  if (unwell.length > 0) return `the others must all be well, and ${unwell.map(({ why }) => why).join('; ')}.`
  if (outage) return undefined
  return whyNotDisrupt({ ...seen, alarms: [] }, member)
}

async function guardRemoval(context: ActionContext, { cluster, removes }: Removal): Promise<void> {
  const seen = await inspectAsItIs(context, cluster)
  const { member, id, margin } = removes
  const target = memberMeant(seen.members, member, id)
  const refusal = target && (whyUndecided(seen) ?? whyNotRemove(seatsOf(seen), target.id, margin))
  if (refusal !== undefined) throw new RefusedError(`${member} was not removed from ${cluster}: ${refusal}`)
}

/** Before a member is added: etcd would refuse some of it, and let what stalls a cluster of one. */
export async function guardAddition(
  context: ActionContext,
  {
    cluster,
    member,
    learner,
  }: { readonly cluster: string; readonly member: string; readonly learner: boolean },
): Promise<void> {
  const seen = await inspectAsItIs(context, cluster)
  const refusal = whyUndecided(seen) ?? whyNoLearner(seen, learner) ?? whyNotAdd(seatsOf(seen), learner)
  if (refusal === undefined) return
  const unwell = seen.members.filter(({ id, healthy }) => id !== '' && !healthy).map(({ why }) => why)
  throw new RefusedError(`${member} was not added to ${cluster}: ${[refusal, ...unwell].join(' ')}`)
}

/** Before a learner is promoted that was proven to be alive just now. */
export async function guardPromotion(
  context: ActionContext,
  { cluster, member, id }: { readonly cluster: string; readonly member: string; readonly id: string },
): Promise<void> {
  const seen = await inspectAsItIs(context, cluster)
  const seats = seatsOf(seen).map((seat) => (seat.id === id ? { ...seat, alive: true } : seat))
  const refusal = whyUndecided(seen) ?? whyNotPromote(seats, id)
  if (refusal !== undefined) throw new RefusedError(`${member} was not promoted in ${cluster}: ${refusal}`)
}

/** Source: etcd 3.4 brought learners; an older leader takes the request for a voter's. */
function whyNoLearner({ version }: Inspection, learner: boolean): string | undefined {
  if (!learner || version === '' || minorOf(version) >= 4) return undefined
  return `etcd ${version} has no learners. Upgrade to 3.4 or newer first.`
}

function whyUndecided(seen: Inspection): string | undefined {
  if (seen.clusterId === '') return 'the members do not agree on which cluster they are.'
  if (seen.leader === '') return 'there is no leader that all members agree on.'
  return undefined
}

/** Everybody the membership names, as far as the quorum goes. */
function seatsOf({ members }: Inspection): readonly Seat[] {
  return members
    .filter(({ id }) => id !== '')
    .map(({ id, isLearner, healthy }) => ({ id, votes: !isLearner, alive: healthy }))
}

/**
 * Looks at a cluster while its membership changes: members are where the membership says, which the inventory
 * learns last, and one that joins may not be in the inventory at all.
 */
export async function inspectAsItIs(
  context: ActionContext,
  name: string,
  tolerate: readonly AlarmKind[] = [],
): Promise<Inspection> {
  const cluster = clusterNamed(context.inventory, name)
  const look = (members: Cluster['members']) =>
    inspectCluster({ ...cluster, members }, context.cluster(name), {
      ...{ hash: false, tolerate, signal: context.signal },
    })
  const seen = await ledLook(() => look(cluster.members), context.signal)
  const elsewhere = seen.members.filter(isElsewhere)
  if (elsewhere.length === 0) return seen
  return look({
    ...cluster.members,
    ...Object.fromEntries(elsewhere.map((view) => [view.name, view.peerHost])),
  })
}

/** An election is no reason to refuse anything: it is waited out for a while. */
async function ledLook(look: () => Promise<Inspection>, signal: AbortSignal): Promise<Inspection> {
  const endMs = Date.now() + electionMs
  for (;;) {
    const seen = await look()
    if (seen.leader !== '' || Date.now() > endMs) return seen
    await sleep(200, undefined, { signal })
  }
}

const electionMs = 5000

/** The host it was asked on is not the one whose peer URL it has; one that never started has no name to ask for. */
function isElsewhere({ name, peerHost, host }: MemberView): boolean {
  return peerHost !== '' && peerHost !== host && !name.startsWith('(')
}

/** Both the service manager and the lock on the database say that nothing runs. */
async function provenStopped(context: ActionContext, name: string, host: string): Promise<boolean> {
  const { service, dataDir } = layoutOn(clusterNamed(context.inventory, name), host)
  const remote = context.host(host)
  if ((await serviceState(remote, service)) !== 'stopped') return false
  const { inPlace } = await dataDirectories(remote, dataDir)
  return inPlace === undefined || inPlace.open === 'no'
}
