import { z } from 'zod'
import { defineAction } from '../action.ts'
import { ActionError } from '../failure.ts'
import { clusterNamed } from '../inventory/look-up.ts'

export const probeWrite = defineAction({
  name: 'etcd.probe.write',
  title: 'write a key and read it back',
  doc: 'Writes a reserved key through every member in turn, reads it back through every member, and removes it again. What an outage or a restore has left able to serve is thereby shown, not concluded.',
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    members: z
      .array(z.string())
      .default([])
      .describe('The members to write and read through; all of the inventory when left out'),
  }),
  output: z.strictObject({
    members: z
      .array(z.string())
      .describe('The members that wrote it, and through each of which it was read back'),
    revision: z.int().describe('The revision after the last write'),
  }),
  example: { cluster: 'demo' },
  run: async ({ cluster: name, members: asked }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const members = asked.length > 0 ? asked : Object.keys(cluster.members)
    const endpoints = members.map((member) =>
      context.cluster(name).endpoint(cluster.members[member] ?? member),
    )
    const options = { signal: context.signal }
    let revision = 0
    for (const [at, endpoint] of endpoints.entries()) {
      const value = `${context.run.key} ${members[at]}`
      ;({ revision } = await endpoint.put(key, Buffer.from(value), options))
      for (const [by, reader] of endpoints.entries()) {
        const read = await reader.key(key, 0, options)
        if (read && Buffer.from(read.value).toString() === value) continue
        throw new ActionError(
          `What was written through ${members[at]} could not be read back through ${members[by]}: the two are not of one cluster.`,
        )
      }
    }
    const [first] = endpoints
    await first?.remove(key, options)
    return { members, revision }
  },
})

/** No client's: keys of this beginning are Quorate's. */
const key = Buffer.from('quorate/probe')
