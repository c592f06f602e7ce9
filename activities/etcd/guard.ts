import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionContext, Disruption, Pause, Removal } from '../action.ts'
import type { Cluster } from '../../dsl/inventory.ts'
import { type GuardName, overrideRisk } from '../../dsl/guards.ts'
import { RefusedError } from '../failure.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import type { AlarmKind } from './answers.ts'
import { quorumOf } from './assess.ts'
import { inspectCluster } from './inspect.ts'
import type { Inspection, MemberView } from './inspection.ts'
import { memberMeant } from './member-change.ts'
import { memberOn, occupantOf, whyForeign, whyShared } from './occupant.ts'
import { type Seat, whyNotAdd, whyNotPromote, whyNotRemove } from './projected-quorum.ts'
import { minorOf } from './versions.ts'

/** What a guard says against it. */
export interface Refusal {
  readonly guard: GuardName
  /** A sentence. */
  readonly why: string
}

/**
 * The engine's own rule before a member goes out of service or leaves for good: what is left must be a whole,
 * healthy quorum, asked of every member at that moment. Throws `RefusedError`. Stopping what does not run is no
 * disruption. Returns what was let pass because a person overrides it.
 */
export function guardDisruption(
  context: ActionContext,
  disruption: Disruption | Pause | Removal,
): Promise<readonly Refusal[]> {
  if ('removes' in disruption) return guardRemoval(context, disruption)
  return 'pauses' in disruption ? guardPause(context, disruption) : guardStop(context, disruption)
}

async function guardStop(
  context: ActionContext,
  { cluster: name, host, alone }: Disruption,
): Promise<readonly Refusal[]> {
  const cluster = clusterNamed(context.inventory, name)
  const occupant = await occupantOf(context, name, host)
  if (occupant.stopped) return []
  const shared = whyShared(context.inventory, cluster, host)
  if (shared !== undefined)
    throw new RefusedError(`etcd on ${host} was not taken out of service: ${shared}`, { guard: 'identity' })
  return seenTwice(context, async () => {
    const seen = await inspectAsItIs(context, name)
    const member = memberOn(seen, host, occupant)
    const foreign = whyForeign(seen, name, occupant)
    return {
      what: `${member ?? 'etcd'} on ${host} was not taken out of service`,
      refusals:
        foreign === undefined ? refusalsOfStop(seen, member, alone) : [{ guard: 'identity', why: foreign }],
    }
  })
}

interface Look {
  /** What was not done: `etcd-1 on h1 was not taken out of service`. */
  readonly what: string
  readonly refusals: readonly Refusal[]
}

/** A member on a busy disk may once be late with its answer: only what is still so a moment later counts. */
async function seenTwice(context: ActionContext, look: () => Promise<Look>): Promise<readonly Refusal[]> {
  if ((await look()).refusals.length === 0) return []
  await sleep(lateMs, undefined, { signal: context.signal })
  return letPass(context, await look())
}

const lateMs = 2000

/** All of it is overridden, or it throws the first that is not. */
function letPass({ overrides = [] }: ActionContext, { what, refusals }: Look): readonly Refusal[] {
  const standing = refusals.find(
    ({ guard }) => overrideRisk(guard) === undefined || !overrides.some((one) => one.guard === guard),
  )
  if (standing) throw new RefusedError(`${what}: ${standing.why}`, { guard: standing.guard })
  return refusals
}

/**
 * Why a member must not go out of service now, as a sentence; `undefined` when it may. Pure. `member` is left
 * out when the host runs none of the cluster, whose quorum then does not depend on it; nor does it on a learner.
 * One that does not serve anyway may be stopped as long as the others are a quorum without it. `alone` is the
 * runbook's word that the only voter is meant.
 */
export const whyNotDisrupt = (
  seen: Inspection,
  member: string | undefined,
  alone = false,
): string | undefined => refusalsOfStop(seen, member, alone)[0]?.why

/** All that stands against it: whoever overrides one guard has not heard of the next. */
export function refusalsOfStop(
  seen: Inspection,
  member: string | undefined,
  alone = false,
): readonly Refusal[] {
  const target = member === undefined ? undefined : seen.byName[member]
  if (!target || target.isLearner) return []
  const others = seen.members.filter((view) => view.name !== member)
  const unwell = others.filter((view) => !view.healthy)
  if (seen.voters === 1 && alone) return []
  if (seen.voters === 1)
    return refusal(
      'quorum',
      'it is the only voter, and the cluster would be down. Grow the cluster to three members first.',
    )
  const left = others.filter((view) => view.healthy && !view.isLearner).length
  const quorum = quorumOf(seen.voters)
  return [
    ...(target.healthy && unwell.length > 0
      ? refusal('health', `the others must all be well, and ${whys(unwell)}.`)
      : []),
    ...(target.healthy && seen.alarms.length > 0
      ? refusal('alarm', `an alarm is raised: ${seen.alarms.join(', ')}.`)
      : []),
    ...undecided(seen),
    ...(left < quorum
      ? refusal(
          'quorum',
          `of ${seen.voters} voters ${left} would be left, and the quorum is ${quorum}. ${unwell.length > 0 ? `${whys(unwell)}.` : 'Grow the cluster to three members first.'}`,
        )
      : []),
  ]
}

const refusal = (guard: GuardName, why: string): readonly Refusal[] => [{ guard, why }]

const whys = (members: readonly MemberView[]): string =>
  members.map(({ why }) => why.replace(/\.$/, '')).join('; ')

/** What a pause is for heals NOSPACE, so that alarm does not stand in its way. */
function guardPause(context: ActionContext, { cluster: name, pauses }: Pause): Promise<readonly Refusal[]> {
  return seenTwice(context, async () => ({
    what: `${pauses.member} was not defragmented`,
    refusals: refusalsOfPause(await inspectAsItIs(context, name, ['NOSPACE']), pauses),
  }))
}

/**
 * Why a member must not be paused now, as a sentence; `undefined` when it may. Pure. Where it was accepted that
 * the cluster answers nothing meanwhile, all other members must be well all the same.
 */
export const whyNotPause = (seen: Inspection, pauses: Pause['pauses']): string | undefined =>
  refusalsOfPause(seen, pauses)[0]?.why

function refusalsOfPause(seen: Inspection, { member, outage }: Pause['pauses']): readonly Refusal[] {
  const target = seen.byName[member]
  if (!target) return refusal('identity', `${member} is not a member.`)
  const foreign = seen.alarms.filter((alarm) => !alarm.startsWith('NOSPACE'))
  const unwell = seen.members.filter(({ healthy, name }) => !healthy && name !== member)
  return [
    ...(target.healthy ? [] : refusal('health', `it is not well itself: ${target.why}.`)),
    ...(foreign.length > 0 ? refusal('alarm', `an alarm is raised: ${foreign.join(', ')}.`) : []),
    ...(unwell.length > 0 ? refusal('health', `the others must all be well, and ${whys(unwell)}.`) : []),
    ...(outage ? [] : refusalsOfStop({ ...seen, alarms: [] }, member)),
  ]
}

async function guardRemoval(
  context: ActionContext,
  { cluster, removes }: Removal,
): Promise<readonly Refusal[]> {
  const seen = await inspectAsItIs(context, cluster)
  const refusals = [...undecided(seen), ...refusalsOfRemoval(seen, removes)]
  return letPass(context, { what: `${removes.member} was not removed from ${cluster}`, refusals })
}

/** Pure. A margin that is too small still leaves a quorum, and stands in the way under its own name. */
export function refusalsOfRemoval(
  seen: Inspection,
  { member, id, margin }: Removal['removes'],
): readonly Refusal[] {
  const target = memberMeant(seen.members, member, id)
  if (!target) return []
  const seats = seatsOf(seen)
  const why = whyNotRemove(seats, target.id, margin)
  if (why === undefined) return []
  if (!target.isLearner && seen.voters === 1) return refusal('last', why)
  return refusal(whyNotRemove(seats, target.id, 0) === undefined ? 'margin' : 'quorum', why)
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
  const why = undecided(seen)[0]?.why ?? whyNoLearner(seen, learner) ?? whyNotAdd(seatsOf(seen), learner)
  if (why === undefined) return
  const unwell = seen.members.filter(({ id, healthy }) => id !== '' && !healthy).map(({ why }) => why)
  throw new RefusedError(`${member} was not added to ${cluster}: ${[why, ...unwell].join(' ')}`, {
    guard: 'membership',
  })
}

/** Before a learner is promoted that was proven to be alive just now. */
export async function guardPromotion(
  context: ActionContext,
  { cluster, member, id }: { readonly cluster: string; readonly member: string; readonly id: string },
): Promise<void> {
  const seen = await inspectAsItIs(context, cluster)
  const seats = seatsOf(seen).map((seat) => (seat.id === id ? { ...seat, alive: true } : seat))
  const why = undecided(seen)[0]?.why ?? whyNotPromote(seats, id)
  if (why !== undefined)
    throw new RefusedError(`${member} was not promoted in ${cluster}: ${why}`, { guard: 'membership' })
}

/** Source: etcd 3.4 brought learners; an older leader takes the request for a voter's. */
function whyNoLearner({ version }: Inspection, learner: boolean): string | undefined {
  if (!learner || version === '' || minorOf(version) >= 4) return undefined
  return `etcd ${version} has no learners. Upgrade to 3.4 or newer first.`
}

function undecided(seen: Inspection): readonly Refusal[] {
  if (seen.clusterId === '') return refusal('identity', 'the members do not agree on which cluster they are.')
  if (seen.leader === '') return refusal('leader', 'there is no leader that all members agree on.')
  return []
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
