import { z } from 'zod'
import { defineAction } from '../action.ts'
import { ActionError } from '../failure.ts'
import { clusterNamed } from '../inventory/look-up.ts'

export const keysCount = defineAction({
  name: 'etcd.keys.count',
  title: 'count the keys',
  doc: 'Counts the keys of a cluster, or those under a prefix, through the quorum: now, or as they were at a revision.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    prefix: z.string().default('').describe('Count only keys that begin so; all by default'),
    revision: z.int().min(0).default(0).describe('As of this revision; 0: now'),
  }),
  output: z.strictObject({
    keys: z.int().describe('How many keys there are'),
    revision: z.int().describe('The revision they were counted at'),
  }),
  example: { cluster: 'demo', prefix: '/registry/' },
  run: async ({ cluster: name, prefix, revision }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const failures: string[] = []
    for (const host of Object.values(cluster.members)) {
      try {
        const endpoint = context.cluster(name).endpoint(host)
        const counted = await endpoint.count(Buffer.from(prefix), revision, { signal: context.signal })
        return { keys: counted.keys, revision: revision || counted.revision }
      } catch (error) {
        if (!(error instanceof ActionError)) throw error
        failures.push(error.message)
      }
    }
    throw new ActionError(`No member of ${name} could count its keys: ${failures.join(' ')}`)
  },
})
