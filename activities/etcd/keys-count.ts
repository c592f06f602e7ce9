import { z } from 'zod'
import { defineAction } from '../action.ts'
import { ActionError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { clientUrl } from '../../dsl/inventory.ts'
import { countKeys } from './keys.ts'

export const keysCount = defineAction({
  name: 'etcd.keys.count',
  title: 'count the keys',
  doc: 'Counts the keys of a cluster, or those under a prefix, through the quorum.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    prefix: z.string().default('').describe('Count only keys that begin so; all by default'),
  }),
  output: z.strictObject({
    keys: z.int().describe('How many keys there are'),
    revision: z.int().describe('The revision they were counted at'),
  }),
  example: { cluster: 'demo', prefix: '/registry/' },
  run: async ({ cluster: name, prefix }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const hosts = Object.values(cluster.members)
    const counts = hosts.map((host) => () => countKeys(clientUrl(layoutOn(cluster, host)), prefix))
    return firstThatWorks(counts, `No member of ${name} could count its keys`)
  },
})

async function firstThatWorks<Value>(
  tries: readonly (() => Promise<Value>)[],
  complaint: string,
): Promise<Value> {
  const failures: string[] = []
  for (const attempt of tries) {
    try {
      return await attempt()
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new ActionError(`${complaint}: ${failures.join('; ')}.`)
}
