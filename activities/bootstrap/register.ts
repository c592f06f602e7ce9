import { z } from 'zod'
import { defineAction } from '../action.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { servingEndpoint } from '../etcd/membership.ts'
import { clusterNamed } from '../inventory/look-up.ts'

export const bootstrapRegister = defineAction({
  name: 'etcd.bootstrap.register',
  title: 'announce the new cluster to the discovery service',
  doc: "Writes how many members a token's cluster has into another etcd, as its discovery protocol wants it before the first of them asks (/_etcd/registry/TOKEN/_config/size). Refuses a token that was announced with another size.",
  effect: 'change',
  subject: ['registry', 'cluster'],
  input: z.strictObject({
    registry: z.string().describe('The cluster of the inventory that serves as discovery service'),
    cluster: z.string().describe('The cluster that is to be made'),
    token: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .describe('Its token'),
  }),
  output: z.strictObject({
    key: z.string().describe('The key that was written'),
    size: z.int().describe('How many members will be waited for'),
  }),
  example: { registry: 'infra', cluster: 'demo', token: '0123456789abcdef0123456789abcdef' },
  run: async ({ registry, cluster, token }, context) => {
    const { members } = clusterNamed(context.inventory, registry)
    const size = Object.keys(clusterNamed(context.inventory, cluster).members).length
    const options = { signal: context.signal }
    const endpoint = await servingEndpoint(context.cluster(registry), Object.values(members), options)
    const key = `/_etcd/registry/${token}/_config/size`
    const there = await endpoint.key(Buffer.from(key), 0, options)
    const before = there === undefined ? undefined : Buffer.from(there.value).toString()
    if (before !== undefined && before !== String(size))
      throw new RefusedError(
        `${key} is there already in ${registry} and says ${before}, not ${size}: a token is used once.`,
      )
    if (before === undefined) await endpoint.put(Buffer.from(key), Buffer.from(String(size)), options)
    const after = await endpoint.key(Buffer.from(key), 0, options)
    if (after === undefined) throw new ActionError(`${key} was written to ${registry}, and is not there.`)
    return { key, size }
  },
})
