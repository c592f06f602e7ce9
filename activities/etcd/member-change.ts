import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, peerUrl } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { ActionError, InputError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { until } from '../until.ts'
import type { EtcdMember, Membership } from './answers.ts'
import type { CallOptions } from './channel.ts'
import type { EtcdEndpoint } from './cluster.ts'
import { EtcdError } from './errors.ts'

/** Who is asked about a membership, and told to change it. */
export interface Voices {
  readonly cluster: Cluster
  readonly context: ActionContext
  /** Hosts of members that are not the one being changed: nobody is witness of himself. */
  readonly hosts: readonly string[]
}

/** All members of the inventory but one. A cluster of one has only itself to ask. */
export function voicesBut(context: ActionContext, name: string, member: string): Voices {
  const cluster = clusterNamed(context.inventory, name)
  const others = Object.entries(cluster.members).filter(([known]) => known !== member)
  const asked = others.length > 0 ? others : Object.entries(cluster.members)
  return { cluster, context, hosts: asked.map(([, host]) => host) }
}

/**
 * The membership as the quorum sees it now; an election is waited out. The read before it is what makes it so on
 * 3.4, whose member list is only what the asked member has applied. Throws the `EtcdError` of one that could not
 * say.
 */
export async function membershipNow(voices: Voices): Promise<Membership> {
  const endMs = Date.now() + electionMs
  for (;;) {
    const answers = await askAll(voices)
    const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    const [first, ...others] = told
    if (first) return ofOneCluster(voices.cluster, first, others)
    const reason = firstReason(answers)
    if (!(reason instanceof EtcdError) || Date.now() > endMs) throw reason
    await sleep(200, undefined, { signal: voices.context.signal })
  }
}

/** An election takes one timeout, mostly 1 s; a split vote another. */
const electionMs = 8000

function askAll({ cluster, context, hosts }: Voices) {
  const etcd = context.cluster(cluster.name)
  const { signal } = context
  const ask = async (endpoint: EtcdEndpoint) => {
    await endpoint.readThroughQuorum({ signal })
    return endpoint.members(true, { signal })
  }
  return Promise.allSettled(hosts.map((host) => ask(etcd.endpoint(host))))
}

function ofOneCluster({ name }: Cluster, first: Membership, others: readonly Membership[]): Membership {
  const foreign = others.find(({ clusterId }) => clusterId !== first.clusterId)
  if (!foreign) return first
  throw new RefusedError(
    `The hosts of ${name} answer for two clusters, ${first.clusterId} and ${foreign.clusterId}. Find out which is the right one before anything is changed.`,
  )
}

/** Of several that could not say, what one that answers says tells more than that another does not. */
function firstReason(answers: readonly PromiseSettledResult<unknown>[]): unknown {
  const reasons: readonly unknown[] = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason] : [],
  )
  const silent = (reason: unknown) => reason instanceof EtcdError && reason.code === 'unreachable'
  const telling = reasons.find((reason) => !silent(reason)) ?? reasons[0]
  return telling ?? new Error('There was no member to ask. This is a mistake in Quorate.')
}

/** The leader's endpoint, else that of any member that serves: some changes are only safe on the leader. */
export async function leadingEndpoint({ cluster, context, hosts }: Voices): Promise<EtcdEndpoint> {
  const etcd = context.cluster(cluster.name)
  const { signal } = context
  const statuses = await Promise.allSettled(
    hosts.map(async (host) => {
      const status = await etcd.endpoint(host).status({ signal })
      return { host, ...status }
    }),
  )
  const told = statuses.flatMap((status) => (status.status === 'fulfilled' ? [status.value] : []))
  const serving =
    told.find(({ leader, memberId }) => leader === memberId) ?? told.find(({ leader }) => leader !== '0')
  if (serving) return etcd.endpoint(serving.host)
  throw told.length > 0
    ? new ActionError(`No member of ${cluster.name} sees a leader. Wait for the election, then retry.`)
    : firstReason(statuses)
}

export interface Change<Done> {
  /** What is asked for, for errors: `the removal of etcd-2`. */
  readonly what: string
  readonly voices: Voices
  /** Tells etcd, once. */
  readonly send: (options: CallOptions) => Promise<unknown>
  /** Looks in the membership whether it is done; asked again and again. */
  readonly found: (membership: Membership) => Done | undefined
}

/**
 * Carries a change of the membership out and waits until it is seen. etcd's "unhealthy cluster" is waited out
 * (it comes for 5 s after any peer has reconnected). An answer that never came is *unknown*: nothing is sent
 * twice; the membership is read again after two election timeouts, because etcd may carry a change out later
 * than its caller gave up. Throws `UnknownOutcomeError` when that stays open.
 */
export async function changeMembership<Done>(change: Change<Done>): Promise<Done> {
  const endMs = Date.now() + waitOutMs
  for (;;) {
    const outcome = await sendOnce(change)
    if (outcome === undefined) return seen(change, afterDoneMs, notSeen(change))
    if (meansThere.has(outcome.code)) return seen(change, afterDoneMs, () => outcome)
    if (outcome.ambiguous) return settle(change, outcome)
    if (!passing.has(outcome.code) || Date.now() > endMs) throw outcome
    change.voices.context.progress({ text: `etcd says "${outcome.words}": waiting for it to pass` })
    await sleep(healthWindowMs, undefined, { signal: change.voices.context.signal })
  }
}

/** etcd counts a peer as connected once it has been so for 5 s. */
const healthWindowMs = 5000
const waitOutMs = 30_000
const afterDoneMs = 10_000
/** Two election timeouts and more: by then a change that was under way has mostly gone through or been dropped. */
const settleMs = 3000

/** It was refused, and may be taken a little later. */
const passing: ReadonlySet<string> = new Set(['unhealthyCluster', 'notLeader', 'tooManyRequests', 'noLeader'])
/** It was done already, by an earlier try that was not answered. */
const meansThere: ReadonlySet<string> = new Set([
  'memberExists',
  'peerUrlExists',
  'memberNotFound',
  'notALearner',
])

async function sendOnce<Done>({ send, voices }: Change<Done>): Promise<EtcdError | undefined> {
  try {
    await send({ signal: voices.context.signal })
    return undefined
  } catch (error) {
    if (error instanceof EtcdError) return error
    throw error
  }
}

async function settle<Done>(change: Change<Done>, cause: EtcdError): Promise<Done> {
  await sleep(settleMs, undefined, { signal: change.voices.context.signal })
  return seen(change, afterDoneMs, () => {
    const text = `Whether ${change.what} went through is not known, and etcd may still carry it out: ${cause.message} Look at the members, then retry: what is there already is not done twice.`
    return new UnknownOutcomeError(text, { cause })
  })
}

function notSeen<Done>({ what }: Change<Done>): () => Error {
  return () =>
    new UnknownOutcomeError(
      `etcd answered that ${what} is done, and ${afterDoneMs / 1000} s later the membership does not show it. Look at the members, then retry.`,
    )
}

function seen<Done>({ found, voices }: Change<Done>, timeoutMs: number, overdue: () => Error): Promise<Done> {
  const look = async () => {
    try {
      return found(await membershipNow(voices))
    } catch (error) {
      if (error instanceof EtcdError) return undefined
      throw error
    }
  }
  return until(look, { timeoutMs, signal: voices.context.signal, overdue })
}

/** The host of the inventory whose peer URL a member has; `undefined` when none has. */
export function hostOfPeer(
  { etcd }: Cluster,
  { peerUrls }: Pick<EtcdMember, 'peerUrls'>,
): string | undefined {
  return Object.entries(etcd).find(([, layout]) => peerUrls.includes(peerUrl(layout)))?.[0]
}

/** `etcd-1=http://h1:2380,etcd-2=…`, as etcd takes it; members without a name get the one given. */
export function initialClusterText(
  members: readonly Pick<EtcdMember, 'id' | 'name' | 'peerUrls'>[],
  names: Readonly<Record<string, string>> = {},
): string {
  const named = members.flatMap((member) =>
    member.peerUrls.map((url) => `${names[member.id] ?? member.name}=${url}`),
  )
  return named.toSorted().join(',')
}

export const nameOrId = ({ name, id }: Pick<EtcdMember, 'name' | 'id'>): string =>
  name || `(not started ${id})`

/**
 * The member that is meant: by its ID when one is given, else by its name. `undefined` when it is gone, or was
 * never there. Throws `InputError` when the name fits several.
 */
export function memberMeant<Member extends Pick<EtcdMember, 'id' | 'name'>>(
  members: readonly Member[],
  name: string,
  id = '',
): Member | undefined {
  const fitting = members.filter(
    (member) => member.id !== '' && (id === '' ? member.name === name : member.id === id),
  )
  if (fitting.length < 2) return fitting[0]
  throw new InputError(
    `Several members are called ${name} (${fitting.map((member) => member.id).join(', ')}): give the ID of the one that is meant.`,
  )
}
