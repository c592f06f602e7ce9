import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Json } from '../dsl/program.ts'
import type { Preview, PreviewRequest } from '../workflows/plan.ts'
import type { FailureKind } from '../workflows/ports.ts'
import type { Action, ActionContext, PreparedAction } from './action.ts'
import type { Environment } from './environment.ts'
import { asJson } from './as-json.ts'
import { toFailure } from './execute.ts'
import { guarded } from './guarded.ts'
import { ActionError } from './failure.ts'
import { clusterNamed } from './inventory/look-up.ts'
import {
  type ChangeRecord,
  changeRecord,
  previewCluster,
  previewFiles,
  previewHost,
} from './preview-context.ts'

/**
 * Finds out what an action would do, by letting its own code run where nothing can be changed: it reads for real,
 * and each command, call and file that would change something is noted instead. After the first of them its code
 * goes on as long as it asks for no answer of theirs. Throws the signal's reason when it was cancelled.
 */
export async function previewAction(
  action: Action,
  { request, model, unknown = [] }: PreviewRequest,
  environment: Environment,
  signal: AbortSignal,
): Promise<Preview> {
  if (unknown.length > 0)
    return { changes: [], complete: false, ...partlyForeseen(action, { request, model, unknown }) }
  const over = new AbortController()
  const record = changeRecord()
  try {
    const ends = AbortSignal.any([signal, over.signal])
    // An action listens once for each host and member it asks.
    setMaxListeners(0, ends)
    const context = await contextFor(request, environment, record, ends)
    const prepared = action.prepare(request.with)
    const foreseen = model && prepared.foresees?.(model)
    const seen = await look(action, prepared, context, record)
    signal.throwIfAborted()
    return { ...named(seen, request.run.key), ...(foreseen === undefined ? {} : { model: foreseen }) }
  } catch (error) {
    signal.throwIfAborted()
    return { changes: record.changes, complete: false, stopped: stopped(action, error) }
  } finally {
    over.abort()
  }
}

/** The key of the plan stands where the run's would. */
function named<Seen extends object>(seen: Seen, key: string): Seen {
  return z.custom<Seen>().parse(JSON.parse(JSON.stringify(seen).replaceAll(key, runStandsHere)))
}

const runStandsHere = 'RUN'

/** What becomes of the cluster mostly follows from the host and the member, and those are known more often. */
function partlyForeseen(
  action: Action,
  {
    request,
    model,
    unknown,
  }: Pick<PreviewRequest, 'request' | 'unknown'> & { readonly model: PreviewRequest['model'] },
): Pick<Preview, 'model'> {
  if (model === undefined) return {}
  try {
    const blanks = Object.fromEntries((unknown ?? []).map((name) => [name, blankFor(action, name)]))
    return { model: action.prepare({ ...request.with, ...blanks }).foresees?.(model) ?? model }
  } catch {
    return {}
  }
}

/** Fits the input's type and means nothing. */
function blankFor({ input }: Action, name: string): Json {
  const fields = z
    .object({ properties: z.record(z.string(), z.object({ type: z.string().optional() })) })
    .parse(input)
  const blanks: Readonly<Record<string, Json>> = {
    array: [],
    integer: 0,
    number: 0,
    boolean: false,
    object: {},
  }
  return blanks[fields.properties[name]?.type ?? ''] ?? ''
}

async function look(
  action: Action,
  prepared: PreparedAction,
  context: ActionContext,
  record: ChangeRecord,
): Promise<Omit<Preview, 'model'>> {
  const there = await prepared.probe?.(context)
  if (there !== undefined) return { there: asJson(there), changes: [], complete: true }
  const guard = await verdict(action, prepared, context)
  const end = await runUntilKnown(prepared, context, record)
  const { changes } = record
  const asked = guard === undefined ? {} : { guard }
  if (end.kind === 'left' || (end.kind === 'failed' && changes.length > 0))
    return { ...asked, changes, complete: false }
  if (end.kind === 'failed')
    return { ...asked, changes, complete: false, stopped: stopped(action, end.error) }
  // It came to its end and had nothing to change.
  return { ...asked, changes, complete: true, ...(changes.length === 0 ? { there: asJson(end.output) } : {}) }
}

async function verdict(
  action: Action,
  prepared: PreparedAction,
  context: ActionContext,
): Promise<Preview['guard']> {
  const asksLost = context.quorum === 'lost' && (action.effect === 'disrupt' || action.effect === 'destroy')
  if (!asksLost && (context.quorum === 'lost' || prepared.disrupts === undefined)) return undefined
  try {
    await guarded(action, prepared, context)
    return { passes: true }
  } catch (error) {
    return { passes: false, why: stopped(action, error).message }
  }
}

type End =
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** It went on for too long without an end. */
  | { readonly kind: 'left' }

/** What waits for an effect that never comes is left: a moment after the first change, and in any case after a while. */
async function runUntilKnown(
  prepared: PreparedAction,
  context: ActionContext,
  record: ChangeRecord,
): Promise<End> {
  const running: Promise<End> = prepared.run(context).then(
    (output): End => ({ kind: 'done', output }),
    (error: unknown): End => ({ kind: 'failed', error }),
  )
  const timers = new AbortController()
  const { signal } = timers
  const late = async (ms: number): Promise<End> => {
    await sleep(ms, undefined, { signal })
    return { kind: 'left' }
  }
  const waits = [late(longestMs), record.first.then(() => late(afterFirstMs))]
  const quiet = waits.map((wait) => wait.catch((): End => ({ kind: 'left' })))
  try {
    const end = await Promise.race([running, ...quiet])
    if (end.kind !== 'left' || record.changes.length > 0) return end
    return {
      kind: 'failed',
      error: new ActionError(`it waits for something first, and did so for ${longestMs / 1000} s`),
    }
  } finally {
    timers.abort()
  }
}

const afterFirstMs = 1500
const longestMs = 15_000

function stopped(action: Action, error: unknown): { readonly kind: FailureKind; readonly message: string } {
  const { message, details } = toFailure({ name: action.name, effect: 'read' }, error)
  const [said] = details ?? []
  const kind =
    typeof said === 'object' && said !== null && 'kind' in said && said.kind === 'refused'
      ? 'refused'
      : 'failed'
  return { kind, message }
}

async function contextFor(
  request: PreviewRequest['request'],
  environment: Environment,
  record: ChangeRecord,
  signal: AbortSignal,
): Promise<ActionContext> {
  const inventory = await environment.inventory()
  const hosts = environment.hosts(inventory)
  return {
    ...{ run: request.run, step: request.step, quorum: request.quorum ?? 'kept', inventory, signal },
    progress: () => undefined,
    files: previewFiles(record),
    host: (name) => previewHost(hosts.host(name, { signal }), record),
    cluster: (name) => previewCluster(environment.etcd.cluster(clusterNamed(inventory, name)), record),
  }
}
