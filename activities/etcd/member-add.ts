import { z } from 'zod'
import { memberAdded } from '../../dsl/cluster-model.ts'
import { type Cluster, peerUrl } from '../../dsl/inventory.ts'
import { defineAction } from '../action.ts'
import { RefusedError } from '../failure.ts'
import { layoutOn } from '../inventory/look-up.ts'
import type { EtcdMember } from './answers.ts'
import { guardAddition } from './guard.ts'
import {
  changeMembership,
  initialClusterText,
  leadingEndpoint,
  membershipNow,
  nameOrId,
  type Voices,
  voicesBut,
} from './member-change.ts'

export const memberAdd = defineAction({
  name: 'etcd.member.add',
  title: 'add a member',
  doc: 'Adds a member to the membership, with the peer URL of a host, as a learner unless said otherwise: one that does not vote yet and so costs nothing while it starts. Answers with the initial cluster it has to be started with, taken from the membership and not from the inventory. Refuses while any voter is down, and while another member has not started or does not vote yet. A member of that peer URL that was added by an earlier try and has never started is taken as its own.',
  effect: 'change',
  subject: ['member', 'host'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The name it will have'),
    host: z.string().describe('The host it will run on, whose peer URL it gets'),
    learner: z.boolean().default(true).describe('Whether it has to be promoted before it votes'),
  }),
  output: z.strictObject({
    id: z.string().describe('ID of the added member, lower-case hex'),
    member: z.string().describe('The name it will have'),
    peerUrl: z.string().describe('Its peer URL'),
    initialCluster: z
      .string()
      .describe('What it has to be started with: every member with its peer URLs, itself with its name'),
    members: z.array(z.string()).describe('Names of all members there are now, this one included'),
    adopted: z.boolean().describe('An earlier try had added it'),
  }),
  example: { cluster: 'demo', member: 'etcd-4', host: 'host-4' },
  timeoutMs: 120_000,
  foresees: ({ member: name, host, learner }, model) => memberAdded(model, { name, host, learner }),
  run: async ({ cluster, member, host, learner }, context) => {
    const voices = voicesBut(context, cluster, member)
    const wanted = { member, learner, url: peerUrl(layoutOn(voices.cluster, host)) }
    const before = (await membershipNow(voices)).members
    const own = adoptable(before, wanted, voices.cluster)
    if (own) return output(own, before, wanted, true)
    await guardAddition(context, { cluster, member, learner })
    const { added, members } = await addedBy(voices, wanted)
    return output(added, members, wanted, false)
  },
})

interface Wanted {
  readonly member: string
  readonly url: string
  readonly learner: boolean
}

/** One's own from an earlier try: same peer URL, never started. Anything else with that URL or name is refused. */
function adoptable(
  members: readonly EtcdMember[],
  { member, url, learner }: Wanted,
  { name }: Cluster,
): EtcdMember | undefined {
  const holder = members.find(({ peerUrls }) => peerUrls.includes(url))
  if (members.some((other) => other.name === member && other !== holder)) {
    throw new RefusedError(
      `${name} has a member ${member} already, at ${members.find((other) => other.name === member)?.peerUrls.join(', ')}. Two of one name cannot be told apart: choose another name, or remove that one first.`,
    )
  }
  if (!holder) return undefined
  if (holder.name === '' && holder.isLearner === learner) return holder
  throw new RefusedError(
    holder.name === ''
      ? `${url} was added to ${name} already as a ${holder.isLearner ? 'learner' : 'voter'} (${holder.id}) that never started. Withdraw it first.`
      : `${url} is the peer URL of ${holder.name} already.`,
  )
}

/** The membership as etcd answers it, or, when it did not answer, as it is seen afterwards. */
async function addedBy(voices: Voices, { url, learner }: Wanted) {
  return changeMembership({
    what: `adding ${url}`,
    voices,
    send: async (options) => (await leadingEndpoint(voices)).addMember([url], learner, options),
    found: ({ members }) => {
      const added = members.find(
        ({ name, peerUrls, isLearner }) => name === '' && isLearner === learner && peerUrls.includes(url),
      )
      return added && { added, members }
    },
  })
}

function output(
  added: EtcdMember,
  members: readonly EtcdMember[],
  { member, url }: Wanted,
  adopted: boolean,
) {
  const foreign = members.find((other) => other.name === '' && other.id !== added.id)
  if (foreign)
    throw new RefusedError(
      `${nameOrId(foreign)} at ${foreign.peerUrls.join(', ')} was added and never started: a new member could not join beside it. Start it, or withdraw it first.`,
    )
  return {
    id: added.id,
    member,
    peerUrl: url,
    initialCluster: initialClusterText(members, { [added.id]: member }),
    members: members.map((other) => (other.id === added.id ? member : other.name)).toSorted(),
    adopted,
  }
}
