import { z } from 'zod'
import { defineAction } from '../action.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { inspectAsItIs } from './guard.ts'
import { type Asked, planMembers } from './plan-members.ts'

const names = z.array(z.string()).default([])

export const memberPlan = defineAction({
  name: 'etcd.member.plan',
  title: 'work out the order of the members',
  doc: 'Works out in which order members are added, removed, replaced or moved, under which names, and what margin is left at each point: dead ones first, followers next, the leader last. Says everything that stands in the way. Changes nothing.',
  effect: 'read',
  subject: ['change', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    change: z.enum(['expand', 'shrink', 'replace', 'move']).describe('What is to be done'),
    members: names.describe('The members to remove, replace or move; to shrink to a size, none'),
    hosts: names.describe('The hosts to add, or where each of the members goes, in their order'),
    names: names.describe(
      'Names of new members, in the order of the hosts; chosen when left out, and "" for one to be chosen',
    ),
    size: z.int().min(0).default(0).describe('How many voters to shrink to; 0 when the members are named'),
    even: z.boolean().default(false).describe('Let the cluster end with an even number of voters'),
  }),
  output: z.strictObject({
    problems: z.array(z.string()).describe('What stands in the way, a sentence each'),
    steps: z
      .array(
        z.strictObject({
          member: z.string().describe('The member there is; "" for one that is only added'),
          name: z.string().describe('The name of the new member; that of the old one where none is new'),
          from: z.string().describe('The host of the member there is; ""  for one that is only added'),
          host: z.string().describe('The host of the new or moved member; "" for one that is only removed'),
          failed: z.boolean().describe('The member there is does not serve'),
          isLeader: z.boolean().describe('The member there is leads at this moment'),
          margin: z.int().describe('How many voters may fail once this step is done'),
          text: z.string().describe('The step in words, with the margin it leaves'),
        }),
      )
      .describe('One member each, in the order they are to be done'),
    voters: z.int().describe('How many voters there are in the end'),
    margin: z.int().describe('How many of them may fail then'),
    lowest: z.int().describe('The smallest margin on the way; -1 when the quorum would be lost'),
    text: z.string().describe('The whole plan, a line a step'),
  }),
  example: { cluster: 'demo', change: 'expand', hosts: ['host-4', 'host-5'] },
  run: async ({ cluster: name, ...asked }, context) => {
    const seen = await inspectAsItIs(context, name)
    const given: Asked = asked
    const plan = planMembers(clusterNamed(context.inventory, name), seen, given)
    const { steps, problems, voters, margin, lowest } = plan
    return {
      problems: [...problems],
      steps: steps.map((step) => ({ ...step })),
      ...{ voters, margin, lowest },
      text: steps.map(({ text }, index) => `${index + 1}. ${text}`).join('\n'),
    }
  },
})
