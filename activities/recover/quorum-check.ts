import { z } from 'zod'
import { defineAction } from '../action.ts'
import { sweep } from '../etcd/sweep.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { whyQuorumLives } from './quorum-lost.ts'

export const quorumCheck = defineAction({
  name: 'etcd.quorum.check',
  title: 'see whether the quorum is lost',
  doc: 'Asks every member by itself whether it has a leader and serves a read through the quorum. The quorum is lost only when none does. A member that cannot be reached may serve others all the same: who is silent is said by name.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({ cluster: z.string().describe('The cluster') }),
  output: z.strictObject({
    lost: z
      .boolean()
      .describe('No member that answers has a leader, and none serves a read through the quorum'),
    why: z.string().describe('Who leads, is led or serves, or that nobody does, as a sentence'),
    answering: z.array(z.string()).describe('Hosts on which a member answers, led or not'),
    silent: z.array(z.string()).describe('Hosts of members that do not answer'),
  }),
  example: { cluster: 'demo' },
  run: async ({ cluster: name }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const seats = await sweep(cluster, context.cluster(name), {}, { signal: context.signal })
    const lives = whyQuorumLives(seats)
    const answering = seats.filter(({ status }) => status !== undefined).map(({ host }) => host)
    const silent = seats.filter(({ status }) => status === undefined).map(({ host }) => host)
    return { lost: lives === undefined, why: lives ?? whyLost(answering, silent), answering, silent }
  },
})

function whyLost(answering: readonly string[], silent: readonly string[]): string {
  const voices = answering.length === 0 ? '' : ` ${answering.join(', ')} answer and have no leader.`
  return `No member leads, is led or serves a read through the quorum.${voices} Silent: ${silent.join(', ') || 'nobody'}.`
}
