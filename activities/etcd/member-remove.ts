import { z } from 'zod'
import { memberGone } from '../../dsl/cluster-model.ts'
import { defineAction } from '../action.ts'
import { RefusedError } from '../failure.ts'
import type { EtcdMember, Membership } from './answers.ts'
import { EtcdError } from './errors.ts'
import {
  changeMembership,
  leadingEndpoint,
  membershipNow,
  memberMeant,
  nameOrId,
  type Voices,
  voicesBut,
} from './member-change.ts'

export const memberRemove = defineAction({
  name: 'etcd.member.remove',
  title: 'remove a member',
  doc: 'Removes a member from the membership, for good: its data is dead from then on and must never be started. One that leads hands over first. The engine lets it only when the others keep a quorum, and a healthy voter only when enough margin is left, because etcd itself would let a cluster of two lose one of them. Does nothing when the member is gone already.',
  effect: 'disrupt',
  subject: ['member', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('Its name'),
    id: z
      .string()
      .default('')
      .describe('Its ID, lower-case hex, as noted before: nothing else is removed then, whatever its name'),
    margin: z
      .int()
      .min(0)
      .default(1)
      .describe('How many of the remaining voters must be able to fail when a healthy one is removed'),
  }),
  output: z.strictObject({
    id: z.string().describe('Its ID, lower-case hex; "" when it was gone already'),
    removed: z.boolean().describe('Whether this step removed it; false when it was gone already'),
    peerUrls: z.array(z.string()).describe('Its peer URLs until then'),
    members: z.array(z.string()).describe('Names of the members that are left'),
  }),
  example: { cluster: 'demo', member: 'etcd-2', id: '8e9e05c52164694d' },
  timeoutMs: 120_000,
  disrupts: ({ cluster, member, id, margin }) => ({ cluster, removes: { member, id, margin } }),
  foresees: ({ member }, model) => memberGone(model, member),
  run: async ({ cluster, member, id }, context) => {
    const voices = voicesBut(context, cluster, member)
    const { members } = await membershipNow(voices)
    const entry = memberMeant(members, member, id)
    if (!entry) return { id, removed: false, peerUrls: [], members: members.map(nameOrId).toSorted() }
    await handOver(voices, entry, members)
    const left = await without(voices, entry)
    return {
      id: entry.id,
      removed: true,
      peerUrls: [...entry.peerUrls],
      members: left.map(nameOrId).toSorted(),
    }
  },
})

export const memberWithdraw = defineAction({
  name: 'etcd.member.withdraw',
  title: 'take an added member back',
  doc: 'Removes exactly the member of one ID, and only while it is a learner or has never started: what takes etcd.member.add back. Does nothing when it is gone already; refuses once it votes.',
  effect: 'change',
  subject: ['id', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    id: z.string().describe('The ID that etcd.member.add gave it, lower-case hex'),
  }),
  output: z.strictObject({
    removed: z.boolean().describe('Whether this step removed it; false when it was gone already'),
  }),
  example: { cluster: 'demo', id: '8e9e05c52164694d' },
  timeoutMs: 120_000,
  run: async ({ cluster, id }, context) => {
    const voices = voicesBut(context, cluster, '')
    const entry = (await membershipNow(voices)).members.find((member) => member.id === id)
    if (!entry) return { removed: false }
    if (!entry.isLearner && entry.name !== '')
      throw new RefusedError(
        `${entry.name} (${id}) votes by now: taking it back is a removal, with a quorum to think of. Use etcd.member.remove.`,
      )
    await without(voices, entry)
    return { removed: true }
  },
})

/** Leadership moves to a voter that keeps it, so that clients do not wait for an election. */
async function handOver(
  { cluster, context, hosts }: Voices,
  entry: EtcdMember,
  members: readonly EtcdMember[],
) {
  const etcd = context.cluster(cluster.name)
  const { signal } = context
  const own = cluster.members[entry.name]
  const status = own === undefined ? undefined : await etcd.endpoint(own).status({ signal }).catch(silent)
  if (own === undefined || status?.leader !== entry.id || status.memberId !== entry.id) return
  const others = await Promise.all(hosts.map((host) => etcd.endpoint(host).status({ signal }).catch(silent)))
  const able = others.flatMap((other) =>
    other && isVoter(members, other.memberId) && other.memberId !== entry.id ? [other] : [],
  )
  const [next] = able.toSorted((a, b) => b.appliedIndex - a.appliedIndex)
  if (next) await etcd.endpoint(own).moveLeader(next.memberId, { signal }).catch(silent)
}

function isVoter(members: readonly EtcdMember[], id: string): boolean {
  return members.some((member) => member.id === id && !member.isLearner && member.name !== '')
}

/** Handing over is a courtesy: etcd elects another leader anyway. */
function silent(error: unknown): undefined {
  if (error instanceof EtcdError) return undefined
  throw error
}

function without(voices: Voices, { id, name }: EtcdMember): Promise<Membership['members']> {
  return changeMembership({
    what: `the removal of ${name || id}`,
    voices,
    send: async (options) => (await leadingEndpoint(voices)).removeMember(id, options),
    found: ({ members }) => (members.some((member) => member.id === id) ? undefined : members),
  })
}
