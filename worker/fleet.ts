import { z } from 'zod'
import { InputError } from '../activities/failure.ts'
import type { Catalogue } from '../dsl/action-spec.ts'
import { parseDuration } from '../dsl/duration.ts'
import type { Inventory } from '../dsl/inventory.ts'
import { suggest } from '../dsl/near.ts'
import type { Json, Program } from '../dsl/program.ts'
import { selectClusters } from '../dsl/select-clusters.ts'
import type { FleetLoaded } from '../workflows/doors.ts'
import { type Loaded, loadRunbook } from './load.ts'

export interface FleetOptions {
  readonly input: Json
  readonly directories: readonly string[]
  readonly catalogue: Catalogue
  readonly inventory: Inventory
}

/**
 * Checks what a fleet was asked for: the selection, and the runbook with its inputs for every single cluster, so
 * that what is wrong with the last one is told before the first is touched. Throws `InputError`.
 */
export async function fleetOf(
  options: FleetOptions,
): Promise<Omit<FleetLoaded, 'loaded'> & { readonly loaded: Loaded }> {
  const request = requestIn(options.input)
  const { runbook, inputs = {}, atOnce = 1 } = request
  const clusters = inOrder(request, options.inventory)
  const problems: string[] = []
  let first: Loaded | undefined
  for (const cluster of clusters) {
    try {
      const loaded = await loadRunbook({ ...options, runbook, inputs: { ...inputs, cluster } })
      refuseUnfit(loaded.program)
      first ??= loaded
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      if (!problems.includes(error.message)) problems.push(error.message)
    }
  }
  if (first === undefined || problems.length > 0) throw new InputError(problems.join('\n'))
  const title = `${first.program.title}, on ${clusters.length} ${clusters.length === 1 ? 'cluster' : 'clusters'}`
  const loaded = { ...first, program: { ...first.program, title }, inputs }
  return { runbook, clusters, inputs, atOnce, health: healthOf(soakMs(request)), loaded }
}

const requestSchema = z.strictObject({
  runbook: z.string().min(1),
  clusters: z.union([z.string(), z.array(z.string())]),
  inputs: z.record(z.string(), z.json()).optional(),
  atOnce: z.int().min(1).max(100).optional(),
  canary: z.string().optional(),
  soak: z
    .string()
    .refine((text) => parseDuration(text) !== undefined, { error: 'a duration is written like 30s or 10m' })
    .optional(),
})

/** A `FleetRequest`. */
type Request = z.output<typeof requestSchema>

function requestIn(input: Json): Request {
  const checked = requestSchema.safeParse(input)
  if (checked.success) return checked.data
  const wrong = checked.error.issues.map(
    ({ path, message }) => `${path.map(String).join('.') || 'the input'}: ${message}`,
  )
  throw new InputError(
    `A fleet is started with {"runbook", "clusters", "inputs", "atOnce", "canary", "soak"}; nothing was touched.\n${wrong.join('\n')}`,
  )
}

/** By name, the canary first. */
function inOrder({ clusters, canary }: Request, inventory: Inventory): readonly string[] {
  const selected = selectClusters(clusters, inventory.clusters)
  if (!selected.ok) throw new InputError(`${selected.message} Nothing was touched.`)
  const { names } = selected
  if (canary === undefined) return names
  if (!names.includes(canary))
    throw new InputError(
      `The canary "${canary}" is none of the selected clusters. ${suggest(canary, names) ?? ''} Nothing was touched.`,
    )
  return [canary, ...names.filter((name) => name !== canary)]
}

/** What asks for one cluster, and is no disaster of its own. */
function refuseUnfit({ name, inputs, quorum }: Program): void {
  if (inputs['cluster']?.type !== 'cluster')
    throw new InputError(`${name} has no input "cluster", so it cannot be run on one cluster after another.`)
  if (quorum === 'lost')
    throw new InputError(`${name} is for a cluster that has lost its quorum: run it on that one alone.`)
}

const soakMs = ({ soak }: Request): number => (soak === undefined ? 0 : (parseDuration(soak) ?? 0))

const settlesWithinMs = 2 * 60_000

function healthOf(stableMs: number): FleetLoaded['health'] {
  const source = 'gate.healthy && gate.problems.size() == 0'
  return {
    action: 'etcd.inspect',
    gate: {
      until: { source, at: { line: 1, column: 1 }, roots: ['gate'] },
      ...{ scope: {}, everyMs: 1000, stableMs, timeoutMs: stableMs + settlesWithinMs },
    },
  }
}
