import { z } from 'zod'
import type { ActionSpec, Catalogue, JsonSchema } from './action-spec.ts'
import type { Effect } from './program.ts'

const cluster = z.string().describe('The cluster.')
const host = z.string().describe('The host.')

const memberState = z.object({
  name: z.string(),
  host: z.string(),
  version: z.string(),
  isLeader: z.boolean(),
  lag: z.int(),
  latency: z.number(),
})

function action(name: string, effect: Effect, input: z.ZodObject, output: z.ZodObject): ActionSpec {
  return {
    name,
    title: name.replaceAll('.', ' '),
    doc: `${name} for tests.`,
    effect,
    subject: ['member', 'host', 'cluster'],
    input: schema(input, 'input'),
    output: schema(output, 'output'),
    timeoutMs: 60_000,
    retry: { attempts: 1, intervalMs: 1000, backoff: 2 },
  }
}

function schema(type: z.ZodObject, io: 'input' | 'output'): JsonSchema {
  return { ...z.toJSONSchema(type, { io }) }
}

const actions: readonly ActionSpec[] = [
  action(
    'etcd.inspect',
    'read',
    z.strictObject({
      cluster,
      linearizable: z.boolean().optional(),
      level: z.enum(['quick', 'full']).default('quick'),
    }),
    z.object({
      members: z.array(memberState),
      skew: z.int(),
      latency: z.number(),
      leader: memberState.nullable(),
      alarm: z.string().nullable(),
      byName: z.record(z.string(), memberState),
      hashes: z.record(z.string(), z.number()),
    }),
  ),
  action(
    'etcd.leader.move',
    'change',
    z.strictObject({ cluster, member: z.string() }),
    z.object({ to: z.string() }),
  ),
  action('service.stop', 'disrupt', z.strictObject({ cluster, host }), z.object({ pid: z.int().nullable() })),
  action('service.start', 'change', z.strictObject({ cluster, host }), z.object({ pid: z.int() })),
  action(
    'dir.copy',
    'change',
    z.strictObject({ from: host, to: host, limit: z.int().min(1).optional() }),
    z.object({ bytes: z.int() }),
  ),
  action('dir.remove', 'destroy', z.strictObject({ host, path: z.string() }), z.object({})),
]

/** Actions of every effect, with inputs and outputs of every shape: what the language's tests compile against. */
export const sampleCatalogue: Catalogue = new Map(actions.map((one) => [one.name, one]))
