import { ApplicationFailure } from '@temporalio/common'
import type { Json } from '../dsl/program.ts'
import type { ActionRequest, FailureKind } from '../workflows/ports.ts'
import type { Action, ActionContext, PreparedAction, Progress } from './action.ts'
import { asJson } from './as-json.ts'
import type { Environment } from './environment.ts'
import type { Refusal } from './etcd/guard.ts'
import { ActionError, InputError, RefusedError, UnknownOutcomeError } from './failure.ts'
import { pollGate } from './gate.ts'
import { guarded, oneDisruption, refuseOtherCluster } from './guarded.ts'
import { clusterNamed } from './inventory/look-up.ts'
import { changeObserver, commandObserver } from './observers.ts'
import { type Ended, recordedCall, type RecordedCall } from './recorded-call.ts'
import { withinTime } from './within-time.ts'
import { workerFiles } from './worker-files.ts'

/** What Temporal (or a test) says of one try at an activity. */
export interface Attempt {
  /** The same for each repetition of a try whose worker died, another for each try the interpreter makes. */
  readonly id: string
  /** 1, and more for a repetition. */
  readonly number: number
  /** What this try may take; the action's own time unless given. */
  readonly timeoutMs?: number
  /** Aborted when the activity is cancelled or the worker stops. */
  readonly signal: AbortSignal
  heartbeat(progress: Json): void
  /** Why the run this belongs to does not hold that cluster's lock, as a sentence; not asked where nobody can tell. */
  readonly whyUnlocked?: (cluster: string, signal: AbortSignal) => Promise<string | undefined>
}

/**
 * Performs an action, or polls it as a gate, with all that no action may forget: its input is checked, its
 * probe asked, the guard asked before a disruption, its time kept, all of it put on record and its errors turned
 * into failures that Temporal does not retry: `type` is the error's class, `details[0]` is `{ kind }`.
 * Nothing is done that could not be put on record first. Throws the signal's reason when the attempt was cancelled.
 */
export async function executeAction(
  action: Action,
  request: ActionRequest,
  environment: Environment,
  attempt: Attempt,
): Promise<Json> {
  const beating = startHeartbeat(attempt)
  const record = recordedCall({ action, request, environment, attempt })
  try {
    const done = await perform({ action, request, environment, attempt, record, onProgress: beating.show })
    await record.ended(done)
    return done.output
  } catch (error) {
    if (attempt.signal.aborted) {
      await record.cancelled(messageOf(error))
      throw attempt.signal.reason
    }
    const known = classified(action, record.stopped() ?? error)
    throw toFailure(action, await record.failed(kinds[known.name], known))
  } finally {
    beating.stop()
  }
}

/** How an error is told to Temporal: never retried there, the class as type, the kind of failure in the details. */
export function toFailure(action: Pick<Action, 'name' | 'effect'>, error: unknown): ApplicationFailure {
  const known = classified(action, error)
  return ApplicationFailure.create({
    message: known.message,
    type: known.name,
    nonRetryable: true,
    details: [
      {
        kind: kinds[known.name],
        ...(known instanceof RefusedError && known.guard !== undefined && { guard: known.guard }),
      },
    ],
    ...(error instanceof Error && { cause: error }),
  })
}

type Classified = InputError | RefusedError | ActionError | UnknownOutcomeError

const kinds: Readonly<Record<Classified['name'], FailureKind>> = {
  InputError: 'refused',
  RefusedError: 'refused',
  ActionError: 'failed',
  UnknownOutcomeError: 'unknown',
}

/** An error nobody foresaw is a mistake of ours; after an effect it leaves open whether that is there. */
function classified({ name, effect }: Pick<Action, 'name' | 'effect'>, error: unknown): Classified {
  if (error instanceof InputError || error instanceof RefusedError) return error
  if (error instanceof ActionError) return error
  if (error instanceof UnknownOutcomeError) return effect === 'read' ? readFailed(error) : error
  const text = `${name} broke down: ${messageOf(error)}. This is a mistake in Quorate: please report it.`
  return effect === 'read'
    ? new ActionError(text, { cause: error })
    : new UnknownOutcomeError(text, { cause: error })
}

/** Nothing was changed, so nothing is open. */
function readFailed(cause: UnknownOutcomeError): ActionError {
  return new ActionError(cause.message, { cause })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

interface Call {
  readonly action: Action
  readonly request: ActionRequest
  readonly environment: Environment
  readonly attempt: Attempt
}

interface Performance extends Call {
  readonly record: RecordedCall
  readonly onProgress: (progress: Progress) => void
}

async function perform(performance: Performance): Promise<Ended> {
  const { action, request, attempt, record } = performance
  const prepared = action.prepare(request.with)
  if (request.gate) return { name: 'action.done', output: await gate(performance, prepared) }
  await record.begun()
  const limits = {
    ms: attempt.timeoutMs ?? action.timeoutMs,
    signal: AbortSignal.any([attempt.signal, record.signal]),
  }
  return withinTime(limits, (signal) => effectOnce(performance, prepared, signal), overdue(action, limits.ms))
}

async function effectOnce(
  performance: Performance,
  prepared: PreparedAction,
  signal: AbortSignal,
): Promise<Ended> {
  const context = await contextFor(performance, signal)
  const there = await prepared.probe?.(context)
  if (there !== undefined) return { name: 'action.found', output: asJson(there) }
  const { action, request, attempt } = performance
  refuseOtherCluster(action, prepared, request)
  const over = oneDisruption(context, prepared.disrupts?.cluster)
  try {
    if (harms(action)) await refuseUnlocked(attempt, request, signal)
    await recordGuard(performance, prepared, await guarded(action, prepared, context))
    return { name: 'action.done', output: asJson(await prepared.run(context)) }
  } finally {
    over()
  }
}

const harms = ({ effect }: Action): boolean => effect === 'disrupt' || effect === 'destroy'

/** A lock can be ended by hand, and an activity can be asked for by hand. */
async function refuseUnlocked(
  { whyUnlocked }: Attempt,
  { run }: ActionRequest,
  signal: AbortSignal,
): Promise<void> {
  if (run.cluster === undefined) return
  const why = await whyUnlocked?.(run.cluster, signal)
  if (why !== undefined) throw new RefusedError(`Nothing was done: ${why}`, { guard: 'lock' })
}

/** When the guard looked for the last time, and what a person let it let pass. */
async function recordGuard(
  { record, request: { overrides = [] } }: Performance,
  { disrupts }: PreparedAction,
  passed: readonly Refusal[],
): Promise<void> {
  for (const { guard, why } of passed) {
    const { by = '', comment = '', reason = '' } = overrides.find((one) => one.guard === guard) ?? {}
    await record.looked('guard.overridden', { guard, refusal: why, by, comment, reason })
  }
  if (disrupts && passed.length === 0) await record.looked('guard.passed', { asked: asJson(disrupts) })
}

function gate(performance: Performance, prepared: PreparedAction): Promise<Json> {
  const { action, request, attempt, record, onProgress } = performance
  if (!request.gate) throw new InputError(`${action.name} was not asked as a gate.`)
  if (action.effect !== 'read') {
    throw new InputError(
      `${action.name} cannot be a gate: it has an effect (${action.effect}), and a gate asks many times.`,
    )
  }
  const look = (ms: number) => {
    record.polled()
    return withinTime(
      { ms: Math.min(ms, action.timeoutMs), signal: attempt.signal },
      async (signal) => asJson(await prepared.run(await contextFor(performance, signal))),
      overdue(action, Math.min(ms, action.timeoutMs)),
    )
  }
  return pollGate(request.gate, { look, signal: attempt.signal, onProgress })
}

function overdue({ name, effect }: Action, ms: number): () => Error {
  const took = `${name} did not end within ${ms / 1000} s`
  return () =>
    effect === 'read'
      ? new ActionError(`${took}. Nothing was changed.`)
      : new UnknownOutcomeError(
          `${took}. It may still be going on; a retry attaches to it or finds its effect.`,
        )
}

async function contextFor(performance: Performance, signal: AbortSignal): Promise<ActionContext> {
  const { request, environment, attempt, action, record, onProgress } = performance
  const inventory = await environment.inventory()
  const hosts = environment.hosts(inventory)
  const scope = { attempt: attempt.id, repeated: attempt.number > 1, signal }
  return {
    run: request.run,
    step: request.step,
    quorum: request.quorum ?? 'kept',
    ...(request.overrides && { overrides: request.overrides }),
    inventory,
    signal,
    progress: onProgress,
    files: {
      async replace(...given) {
        record.touched()
        await workerFiles.replace(...given)
      },
    },
    host: (name) => hosts.host(name, { ...scope, onCommand: commandObserver(record.recorder, action) }),
    cluster: (name) =>
      environment.etcd.cluster(clusterNamed(inventory, name), changeObserver(record.recorder)),
  }
}

/** Says that the worker lives, about once a second, with how far the action is. */
function startHeartbeat(attempt: Attempt) {
  let shown: Json = null
  const beat = () => attempt.heartbeat(shown)
  const timer = setInterval(beat, 1000)
  beat()
  return {
    show(progress: Progress) {
      shown = asJson(progress)
    },
    stop: () => clearInterval(timer),
  }
}
