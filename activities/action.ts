import { z } from 'zod'
import type { ActionSpec, JsonSchema } from '../dsl/action-spec.ts'
import type { ClusterModel } from '../dsl/cluster-model.ts'
import type { Inventory } from '../dsl/inventory.ts'
import type { MemberSight } from '../dsl/member-sight.ts'
import type { Effect, Json, RetrySpec } from '../dsl/program.ts'
import type { Override, RunIdentity } from '../workflows/ports.ts'
import type { EtcdCluster } from './etcd/cluster.ts'
import { InputError } from './failure.ts'
import type { RemoteHost } from './ssh/remote-host.ts'

/** What an action's code is given beside its input. */
export interface ActionContext {
  readonly run: RunIdentity
  /** The step in this run, iterations included: `move[etcd-1]/stop`. */
  readonly step: string
  /** Whether the runbook is for a cluster that keeps its quorum or for one that has lost it. */
  readonly quorum: 'kept' | 'lost'
  /** Guards that a person lets pass in this one call. */
  readonly overrides?: readonly Override[]
  readonly inventory: Inventory
  /** A host of the inventory, connected on first use; throws `InputError` for an unknown name. */
  host(name: string): RemoteHost
  /** A cluster of the inventory, every member asked by itself. */
  cluster(name: string): EtcdCluster
  /** The worker's own files, for changing them: the inventory. */
  readonly files: WorkerFiles
  /** Aborted when the run is cancelled, the worker stops or the attempt's time is up. */
  readonly signal: AbortSignal
  /** Says how far a long action is; shown to the person who watches. */
  progress(progress: Progress): void
}

export interface WorkerFiles {
  /** Puts a text in a file's place and keeps the former file. Readers see the old or the new one, never half of either. */
  replace(file: string, text: string, former: FormerFile): Promise<void>
}

export interface FormerFile {
  readonly keepAs: string
  /** What was kept under that name before stays. */
  readonly first?: true
}

export interface Progress {
  readonly text: string
  readonly done?: number
  readonly total?: number
  readonly unit?: 'bytes' | 'members' | 'entries'
  /** What was seen of the members meanwhile, and when (milliseconds since 1970). */
  readonly members?: readonly MemberSight[]
  readonly atMs?: number
}

/**
 * A typed function of the catalogue, executed as a Temporal activity of the same name.
 * An action with an effect may run twice (a worker can die after acting and before saying so), so it has to
 * reach the same end when it does: by `probe`, by a remote job, or by its own meaning.
 */
export interface Action extends ActionSpec {
  /** An input as a runbook would give it: checked by a test, shown in the reference. */
  readonly example: Readonly<Record<string, Json>>
  /** A whole answer from the part of it that a test of a runbook gives, for answers whose parts hang together. */
  readonly complete?: (given: Readonly<Record<string, Json>>) => Json
  /** Checks an input; throws `InputError` naming every wrong field. */
  readonly prepare: (raw: unknown) => PreparedAction
}

/** An action with the input it was given. */
export interface PreparedAction {
  readonly run: (context: ActionContext) => Promise<unknown>
  /** Looks whether the effect is there already; its output if so. Asked before every attempt. */
  readonly probe?: (context: ActionContext) => Promise<unknown>
  /** For `disrupt`: which member goes out of service. The engine's guard is asked about it first. */
  readonly disrupts?: Disruption | Pause | Removal
  /** What becomes of the cluster when it succeeds; missing where it changes nothing a model knows of. */
  readonly foresees?: (model: ClusterModel) => ClusterModel
}

export interface Disruption {
  readonly cluster: string
  readonly host: string
  /** Said by the runbook: the cluster's only voter may go, and the cluster with it. */
  readonly alone?: boolean
}

/** A member answers nothing for a while and stays, as while it is defragmented. */
export interface Pause {
  readonly cluster: string
  /** `outage`: it was accepted that the quorum does not hold without it. */
  readonly pauses: { readonly member: string; readonly outage: boolean }
}

/** A member leaves for good. `margin` is how many voters must be able to fail afterwards, when it was well. */
export interface Removal {
  readonly cluster: string
  readonly removes: { readonly member: string; readonly id: string; readonly margin: number }
}

interface Definition<In extends z.ZodObject, Out extends z.ZodObject> {
  readonly name: string
  readonly title: string
  readonly doc: string
  readonly effect: Effect
  readonly subject: readonly string[]
  readonly input: In
  readonly output: Out
  readonly example: Readonly<Record<string, Json>>
  /** Default 60 s. */
  readonly timeoutMs?: number
  /** Default: reads are tried 3 times, whatever has an effect once. (An attempt whose worker died is always repeated.) */
  readonly retry?: RetrySpec
  readonly run: (input: z.output<In>, context: ActionContext) => Promise<z.output<Out>>
  readonly probe?: (input: z.output<In>, context: ActionContext) => Promise<z.output<Out> | undefined>
  readonly disrupts?: (input: z.output<In>) => Disruption | Pause | Removal
  /** As in `Action`. */
  readonly complete?: (given: Readonly<Record<string, Json>>) => Json
  readonly foresees?: (input: z.output<In>, model: ClusterModel) => ClusterModel
}

const readRetry: RetrySpec = { attempts: 3, intervalMs: 500, backoff: 2 }
const effectRetry: RetrySpec = { attempts: 1, intervalMs: 1000, backoff: 2 }

/** The one way to make an action: types, documentation and checks all come from the same two schemas. */
export function defineAction<In extends z.ZodObject, Out extends z.ZodObject>(
  definition: Definition<In, Out>,
): Action {
  const { name, title, doc, effect, subject, example, input, output } = definition
  return Object.freeze({
    ...{ name, title, doc, effect, subject, example },
    input: z.toJSONSchema(input, { io: 'input' }) as JsonSchema,
    output: z.toJSONSchema(output) as JsonSchema,
    timeoutMs: definition.timeoutMs ?? 60_000,
    retry: definition.retry ?? (effect === 'read' ? readRetry : effectRetry),
    ...(definition.complete && { complete: definition.complete }),
    prepare: (raw: unknown) => prepared(definition, raw),
  })
}

function prepared<In extends z.ZodObject, Out extends z.ZodObject>(
  { name, input: schema, run, probe, disrupts, foresees }: Definition<In, Out>,
  raw: unknown,
): PreparedAction {
  const checked = schema.safeParse(raw)
  if (!checked.success)
    throw new InputError(`${name} cannot run with this input: ${wrongFields(checked.error)}.`)
  const input = checked.data
  return {
    run: (context) => run(input, context),
    ...(probe && { probe: (context: ActionContext) => probe(input, context) }),
    ...(disrupts && { disrupts: disrupts(input) }),
    ...(foresees && { foresees: (model: ClusterModel) => foresees(input, model) }),
  }
}

function wrongFields({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.map(String).join('.') || 'input'}: ${message}`).join('; ')
}
