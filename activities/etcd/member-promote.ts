import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { memberPromoted } from '../../dsl/cluster-model.ts'
import { defineAction } from '../action.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { until } from '../until.ts'
import type { EtcdMember, MemberStatus } from './answers.ts'
import { EtcdError } from './errors.ts'
import { guardPromotion } from './guard.ts'
import {
  changeMembership,
  hostOfPeer,
  leadingEndpoint,
  memberMeant,
  membershipNow,
  type Voices,
  voicesBut,
} from './member-change.ts'

export const memberPromote = defineAction({
  name: 'etcd.member.promote',
  title: 'let a learner vote',
  doc: 'Waits until a learner has started and caught up, saying how far it is, and promotes it. Right before, it must answer itself, twice, and be within the given lag: etcd looks only at how far it once was and has promoted a frozen one. Gives up when it never starts or makes no headway for too long, leaving it a learner, which costs the quorum nothing. Does nothing when it votes already.',
  effect: 'change',
  subject: ['member', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The learner'),
    id: z.string().default('').describe('Its ID, lower-case hex, as etcd.member.add gave it'),
    maxLag: z.int().min(0).default(100).describe('How many entries it may be behind the leader'),
    patienceMs: z
      .int()
      .min(1000)
      .default(120_000)
      .describe('How long it may take to start, and how long it may make no headway, in milliseconds'),
  }),
  output: z.strictObject({
    id: z.string().describe('Its ID, lower-case hex'),
    promoted: z.boolean().describe('Whether this step did it; false when it voted already'),
    lag: z.int().describe('How many entries it was behind right before; 0 when it voted already'),
  }),
  example: { cluster: 'demo', member: 'etcd-4', maxLag: 100 },
  timeoutMs: 6 * 60 * 60_000,
  foresees: ({ member }, model) => memberPromoted(model, member),
  run: async ({ cluster, member, id, maxLag, patienceMs }, context) => {
    const learner = { voices: voicesBut(context, cluster, member), name: member, id, maxLag, patienceMs }
    const found = await entryOf(learner)
    const lag = found?.isLearner === false ? 0 : await promoteInSync(learner)
    const promoted = found?.isLearner !== false
    const now = await entryOf(learner)
    if (!now)
      throw new ActionError(`${member} left ${cluster} while it was being promoted. Look who removed it.`)
    await serves(learner, now)
    return { id: now.id, promoted, lag }
  },
})

interface Learner {
  readonly voices: Voices
  readonly name: string
  /** "" when it is known by its name only. */
  readonly id: string
  readonly maxLag: number
  readonly patienceMs: number
}

/** Its entry once it has a name; a member gets that when it starts. */
async function entryOf({ voices, name, id }: Learner): Promise<EtcdMember | undefined> {
  const entry = memberMeant((await membershipNow(voices)).members, name, id)
  return entry?.name === name ? entry : undefined
}

/** Promotes it as soon as both etcd and we call it in sync; the lag it had then. */
async function promoteInSync(learner: Learner): Promise<number> {
  const watch = watchOf(learner)
  for (;;) {
    const { entry, lag } = await inSync(learner, watch)
    try {
      await promote(learner, entry)
      return lag
    } catch (error) {
      if (!(error instanceof EtcdError) || error.code !== 'learnerNotInSync') throw error
      watch.note(`${learner.name}: etcd says it is still catching up`)
    }
  }
}

async function promote({ voices, name }: Learner, { id }: EtcdMember): Promise<void> {
  await guardPromotion(voices.context, { cluster: voices.cluster.name, member: name, id })
  await changeMembership({
    what: `the promotion of ${name}`,
    voices,
    send: async (options) => (await leadingEndpoint(voices)).promoteMember(id, options),
    found: ({ members }) =>
      members.some((member) => member.id === id && !member.isLearner) ? true : undefined,
  })
}

/** Two looks in a row, because a process can freeze or die between them. */
async function inSync(
  learner: Learner,
  watch: Watch,
): Promise<{ readonly entry: EtcdMember; readonly lag: number }> {
  let before = false
  for (;;) {
    const look = await lookAt(learner)
    const near = look.kind === 'alive' && look.lag <= learner.maxLag
    if (near && before) return look
    before = near
    watch.saw(look)
    await sleep(lookEveryMs, undefined, { signal: learner.voices.context.signal })
  }
}

type Look =
  /** The others cannot say anything: no leader, or no quorum. */
  | { readonly kind: 'noCluster'; readonly why: string }
  | { readonly kind: 'notStarted' }
  | { readonly kind: 'silent'; readonly why: string }
  | { readonly kind: 'alive'; readonly entry: EtcdMember; readonly lag: number; readonly applied: number }

async function lookAt(learner: Learner): Promise<Look> {
  const told = await orWhy(Promise.all([entryOf(learner), leadingStatus(learner)]))
  if ('why' in told) return { kind: 'noCluster', why: told.why }
  const [entry, leading] = told.value
  if (!entry) return { kind: 'notStarted' }
  const own = await orWhy(ownStatus(learner, entry))
  return 'why' in own ? { kind: 'silent', why: own.why } : judged(entry, own.value, leading)
}

async function orWhy<Value>(
  asked: Promise<Value>,
): Promise<{ readonly value: Value } | { readonly why: string }> {
  try {
    return { value: await asked }
  } catch (error) {
    if (error instanceof EtcdError || error instanceof ActionError) return { why: error.message }
    throw error
  }
}

async function leadingStatus({ voices }: Learner): Promise<MemberStatus> {
  return (await leadingEndpoint(voices)).status({ signal: voices.context.signal })
}

function ownStatus({ voices, name }: Learner, entry: EtcdMember): Promise<MemberStatus> {
  const { cluster, context } = voices
  const host = hostOfPeer(cluster, entry)
  if (host !== undefined)
    return context.cluster(cluster.name).endpoint(host).status({ signal: context.signal })
  throw new RefusedError(
    `No host of the inventory has the peer URL of ${name} (${entry.peerUrls.join(', ')}), so it cannot be asked itself.`,
  )
}

function judged(entry: EtcdMember, own: MemberStatus, leading: MemberStatus): Look {
  if (own.memberId !== entry.id)
    return { kind: 'silent', why: `the member with ID ${own.memberId} answers in its place` }
  if (own.leader === '0') return { kind: 'silent', why: 'it sees no leader' }
  return {
    kind: 'alive',
    entry,
    lag: Math.max(0, leading.raftIndex - own.appliedIndex),
    applied: own.appliedIndex,
  }
}

const lookEveryMs = 300
/** Longer than any election: then it is the cluster that needs help. */
const noClusterMs = 20_000

interface Watch {
  /** Throws `ActionError` when it has taken too long without getting on. */
  saw(look: Look): void
  note(text: string): void
}

function watchOf({ name, maxLag, voices, patienceMs }: Learner): Watch {
  const begun = Date.now()
  let [gotOn, ledMs, furthest, started] = [begun, begun, 0, false]
  const note = (text: string) => voices.context.progress({ text })
  return {
    note,
    saw(look) {
      const now = Date.now()
      started ||= look.kind === 'alive'
      if (look.kind !== 'noCluster') ledMs = now
      if (look.kind === 'alive' && look.applied > furthest) [gotOn, furthest] = [now, look.applied]
      const state = progressText(name, look, maxLag)
      note(state)
      if (now - ledMs > noClusterMs) throw new ActionError(clusterLost(name, look))
      if (!started && now - begun > patienceMs) throw new ActionError(neverStarted(name, look, patienceMs))
      if (now - gotOn > patienceMs) throw new ActionError(stuck(name, state, patienceMs))
    },
  }
}

function progressText(name: string, look: Look, maxLag: number): string {
  switch (look.kind) {
    case 'noCluster':
      return `the other members do not serve: ${look.why}`
    case 'notStarted':
      return `${name} has not started yet`
    case 'silent':
      return `${name} does not answer as it should: ${look.why}`
    case 'alive':
      return `${name} is ${look.lag} entries behind, ${maxLag} are let`
  }
}

function whyOf(look: Look): string {
  return 'why' in look ? ` (${look.why.replace(/\.$/, '')})` : ''
}

function clusterLost(name: string, look: Look): string {
  return `For ${noClusterMs / 1000} s the other members have not served${whyOf(look)}. ${name} is still a learner: bring them back first, then retry.`
}

function neverStarted(name: string, look: Look, patienceMs: number): string {
  return `${name} was added and has not started within ${patienceMs / 1000} s${whyOf(look)}. It is a learner that counts for nothing: look at etcd's log on its host ("member count is unequal" means a wrong initial cluster, "permanently removed" old data), then retry, or take it back.`
}

function stuck(name: string, state: string, patienceMs: number): string {
  return `${name} made no headway for ${patienceMs / 1000} s: ${state.replace(/\.$/, '')}. It is still a learner and costs the quorum nothing: look at its host, then retry, or take it back.`
}

/** Proves that it votes and serves; one that died in that moment counts against the quorum, so say it at once. */
async function serves({ voices, name }: Learner, entry: EtcdMember): Promise<void> {
  const { cluster, context } = voices
  const host = hostOfPeer(cluster, entry)
  if (host === undefined) return
  const reads = async () => {
    try {
      await context.cluster(cluster.name).endpoint(host).readThroughQuorum({ signal: context.signal })
      return true
    } catch (error) {
      if (error instanceof EtcdError) return undefined
      throw error
    }
  }
  await until(reads, {
    timeoutMs: 30_000,
    signal: context.signal,
    overdue: () =>
      new ActionError(
        `${name} votes now, and for 30 s it has not served a read. It counts against the quorum: start it, or remove it.`,
      ),
  })
}
