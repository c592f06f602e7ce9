import { CancelledFailure } from '@temporalio/common'
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  proxyActivities,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow'
import type { Availability } from '../dsl/availability.ts'
import { render } from '../dsl/expression.ts'
import type { Json } from '../dsl/program.ts'
import { requireSameCluster } from './as-planned.ts'
import { type Beside, startBeside } from './beside.ts'
import type { LoadedRun, LoadRequest, RunResult } from './doors.ts'
import { withSteps } from './during.ts'
import { asEndFailure, failure } from './end-failure.ts'
import { interpret } from './interpreter.ts'
import type { CarriedJournal } from './journal.ts'
import { keepEvidence } from './keep-evidence.ts'
import { type Lock, releaseLock } from './lock.ts'
import { nothingYet } from './memory.ts'
import type { RunState, StepStatus } from './ports.ts'
import { describeEnd, type RunEnd } from './run-end.ts'
import { holdLock } from './run-lock.ts'
import { type OverrideAsked, overridesSaid } from './override.ts'
import { memoOf, overrideOf } from './run-memo.ts'
import { RunSession } from './run-session.ts'
import { TemporalPorts } from './temporal-ports.ts'
import { openUpdates } from './updates.ts'

/** What one execution of a run hands to the next. */
export interface Carried {
  readonly loaded: LoadedRun
  readonly cluster?: string
  readonly startedMs: number
  readonly state: RunState
  /** What was asked and decided before. */
  readonly journal?: CarriedJournal
  /** What was measured so far, where that was asked for. */
  readonly measured?: Availability
}

type LoadActivities = { readonly 'quorate.load': (request: LoadRequest) => Promise<LoadedRun> }

const { 'quorate.load': load } = proxyActivities<LoadActivities>({
  startToCloseTimeout: '30s',
  retry: { initialInterval: '500ms', maximumInterval: '10s', nonRetryableErrorTypes: ['InputError'] },
})

/**
 * Runs the runbook that the workflow's type names. `input` is the runbook's inputs as one JSON object.
 * `carried` comes from a former execution of the same run; whoever starts a run cannot bring one.
 */
export async function runWorkflow(input?: Json, carried?: Carried): Promise<RunResult> {
  const info = workflowInfo()
  const before = info.continuedFromExecutionRunId === undefined ? undefined : carried
  const session = new RunSession(info, before?.startedMs ?? Date.now(), before?.journal)
  session.openQueries()
  openUpdates(session)
  CancellationScope.current().cancelRequested.catch(() => session.cancel())
  try {
    return await CancellationScope.nonCancellable(() => run(session, input, before))
  } catch (error) {
    throw asEndFailure(error)
  }
}

async function run(
  session: RunSession,
  input: Json | undefined,
  before: Carried | undefined,
): Promise<RunResult> {
  const override = overrideOf()
  const carried = before ?? (await firstCarried(session, input))
  session.loaded(carried.loaded, carried.cluster)
  keepEvidence(session, carried.loaded)
  const lock = await lockOf(session, carried, before !== undefined)
  if (before === undefined) await asPlanned(session, lock)
  const beside = startBeside(session, carried.loaded, carried.measured)
  const end = await interpreted({ session, carried, input, beside, override })
  const measured = beside && (await beside.end())
  if (measured) session.measured(withSteps(measured, session.status().view.steps))
  await release(lock)
  await condition(() => allHandlersFinished() && session.written)
  return result(session, carried, end)
}

async function firstCarried(session: RunSession, input: Json | undefined): Promise<Carried> {
  const { by, reason } = memoOf()
  const { id, key, runbook } = session.identity
  const loaded = await load({
    runbook,
    inputs: input ?? {},
    run: { id, key },
    ...(by === undefined ? {} : { by }),
    ...(reason === undefined ? {} : { reason }),
  })
  if (loaded.program.format !== 1) {
    throw failure(
      'InternalError',
      `This worker does not know programs of format ${String(loaded.program.format)}.`,
    )
  }
  const { hash } = memoOf()
  if (hash !== undefined && hash !== loaded.hash)
    throw failure(
      'InputError',
      `The runbook "${runbook}" has changed since this run was asked for: ${loaded.hash.slice(0, 12)} instead of ${hash.slice(0, 12)}. Nothing was touched.`,
    )
  const cluster = clusterOf(loaded)
  return {
    loaded,
    ...(cluster === undefined ? {} : { cluster }),
    startedMs: session.startedMs,
    state: nothingYet,
  }
}

function clusterOf({ program, inputs }: LoadedRun): string | undefined {
  if (!program.cluster) return undefined
  const name = render(program.cluster, { inputs, vars: {}, steps: {} })
  if (typeof name === 'string' && name !== '') return name
  throw failure(
    'InputError',
    `"cluster" of the runbook must name a cluster, not ${JSON.stringify(name)}. Nothing was touched.`,
  )
}

async function lockOf(session: RunSession, carried: Carried, continued: boolean): Promise<Lock | undefined> {
  const { cluster, loaded } = carried
  if (cluster === undefined || loaded.program.effect === 'read') return undefined
  return holdLock({ session, cluster, by: loaded.by, continued })
}

async function asPlanned(session: RunSession, lock: Lock | undefined): Promise<void> {
  try {
    await requireSameCluster(session.identity)
  } catch (error) {
    await release(lock)
    throw error
  }
}

interface Interpreted {
  readonly session: RunSession
  readonly carried: Carried
  readonly input: Json | undefined
  readonly beside: Beside | undefined
  readonly override: OverrideAsked | undefined
}

async function interpreted({ session, carried, input, beside, override }: Interpreted): Promise<RunEnd> {
  const { loaded, startedMs, state } = carried
  const ports = new TemporalPorts({
    session,
    program: loaded.program,
    heartbeatTimeoutMs: loaded.heartbeatTimeoutMs,
    historyIsLong,
    goOn: (reached) => goOn(session, { ...carried, state: reached }, input, beside),
  })
  const { id, runbook } = session.identity
  const about = { id, runbook, startedAt: new Date(startedMs).toISOString() }
  return interpret(loaded.program, { inputs: loaded.inputs, run: about }, ports, state, override)
}

/** What goes on beside is ended first; returns where something came up meanwhile that must not be lost. */
async function goOn(
  session: RunSession,
  carried: Carried,
  input: Json | undefined,
  beside: Beside | undefined,
): Promise<void> {
  const continued = (measured: Availability | undefined) =>
    continueAsNew<typeof runWorkflow>(input, {
      ...carried,
      journal: session.journal.carried(),
      ...(measured ? { measured } : {}),
    })
  if (!beside) return continued(undefined)
  const measured = await beside.end()
  const asked = session.paused || session.cancelRequested || !allHandlersFinished() || !session.written
  if (asked) return beside.again(measured)
  await continued(measured)
}

/** Far below the server's limit of 51,200 events, so that a rollback always fits. */
const longHistory = 8000

function historyIsLong(): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo()
  return continueAsNewSuggested || historyLength > (memoOf().continueAfterEvents ?? longHistory)
}

async function release(lock: Lock | undefined): Promise<void> {
  if (!lock) return
  try {
    await lock.signal(releaseLock)
    await lock.result()
  } catch {
    // Somebody ended it already; it is free either way.
  }
}

function result(session: RunSession, { loaded, cluster }: Carried, end: RunEnd): RunResult {
  if (end.kind !== 'done') throw ending(session, end)
  const { steps, overrides } = session.status().view
  const count = (status: StepStatus): number => steps.filter((step) => step.status === status).length
  return {
    outputs: end.outputs,
    runbook: loaded.program.name,
    hash: loaded.hash,
    ...(cluster === undefined ? {} : { cluster }),
    startedMs: session.startedMs,
    endedMs: Date.now(),
    steps: {
      done: count('done'),
      skipped: count('skipped'),
      notNeeded: count('notNeeded'),
      failed: count('failed'),
    },
    ...(session.availability ? { availability: session.availability } : {}),
    ...(overrides === undefined ? {} : { overrides }),
  }
}

function ending(session: RunSession, end: Exclude<RunEnd, { kind: 'done' }>): Error {
  const { overrides = [] } = session.status().view
  const outcome = `${describeEnd(end)}${overridesSaid(overrides)}`
  session.ended(end.kind, outcome)
  if (end.kind === 'cancelled') {
    upsertMemo({ outcome })
    return new CancelledFailure(outcome)
  }
  const { availability } = session
  return failure(endTypes[end.kind], outcome, {
    step: end.failure.step,
    ...end.tally,
    ...(availability ? { availability } : {}),
    ...(overrides.length === 0 ? {} : { overrides }),
  })
}

const endTypes = { failed: 'RunFailed', aborted: 'RunAborted', rolledBack: 'RunRolledBack' } as const
