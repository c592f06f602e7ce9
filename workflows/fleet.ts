import { ActivityFailure, CancelledFailure, ChildWorkflowFailure } from '@temporalio/common'
import {
  ActivityCancellationType,
  allHandlersFinished,
  CancellationScope,
  condition,
  ParentClosePolicy,
  proxyActivities,
  scheduleActivity,
  setHandler,
  startChild,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow'
import type { Json } from '../dsl/program.ts'
import type { FleetLoaded, FleetLoadRequest, FleetOutput, RunMemo, RunResult } from './doors.ts'
import { asEndFailure, failure } from './end-failure.ts'
import { type PhaseOfRun, phaseOfRun } from './fleet-phase.ts'
import { RunCancelled } from './failure.ts'
import { type FleetState, turns, underWay } from './fleet-turns.ts'
import { interruptible } from './interruptible.ts'
import { keepEvidence } from './keep-evidence.ts'
import type { ActionRequest, GateCall, RunPhase, RunView, StepStatus } from './ports.ts'
import { memoOf } from './run-memo.ts'
import { RunSession } from './run-session.ts'
import { openUpdates } from './updates.ts'

type FleetActivities = { readonly 'quorate.fleet': (request: FleetLoadRequest) => Promise<FleetLoaded> }

const { 'quorate.fleet': load } = proxyActivities<FleetActivities>({
  startToCloseTimeout: '2m',
  retry: { initialInterval: '500ms', maximumInterval: '10s', nonRetryableErrorTypes: ['InputError'] },
})

/**
 * One runbook over several clusters: a run each, as a child that outlives this workflow. The first goes alone; the
 * others follow so many at a time, each only after those before it ended well and their clusters were found
 * healthy. The first that does not ends the fleet; what runs beside it is let come to its own end. `input` is a
 * `FleetRequest` of `doors.ts`.
 */
export async function quorateFleet(input?: Json): Promise<RunResult> {
  const session = new RunSession(workflowInfo(), Date.now())
  session.openQueries()
  openUpdates(session)
  CancellationScope.current().cancelRequested.catch(() => session.cancel())
  try {
    return await CancellationScope.nonCancellable(() => run(session, input))
  } catch (error) {
    throw asEndFailure(error)
  }
}

/** A cluster of the fleet and its run. */
interface Turn {
  readonly cluster: string
  /** Its run's workflow id. */
  readonly run: string
  state: FleetState
  startedMs?: number
  endedMs?: number
  /** What its run does now, or why it failed. */
  note: string
}

async function run(session: RunSession, input: Json | undefined): Promise<RunResult> {
  const { by, reason } = memoOf()
  const { id, key } = session.identity
  const fleet = await load({
    input: input ?? {},
    run: { id, key },
    ...(by === undefined ? {} : { by }),
    ...(reason === undefined ? {} : { reason }),
  })
  session.loaded(fleet.loaded, undefined)
  keepEvidence(session, fleet.loaded)
  const all: readonly Turn[] = fleet.clusters.map((cluster) => ({
    ...{ cluster, run: `${id}-${cluster}`, state: 'pending', note: '' },
  }))
  setHandler(phaseOfRun, (said) => {
    hear(all, said)
    show(session, all)
  })
  await takeTurns(session, fleet, all)
  await condition(() => allHandlersFinished() && session.written)
  return ending(session, fleet, all)
}

async function takeTurns(session: RunSession, fleet: FleetLoaded, all: readonly Turn[]): Promise<void> {
  const next = (): readonly string[] =>
    session.paused || session.cancelRequested ? [] : turns(all, fleet.atOnce)
  const over = (): boolean =>
    !all.some(({ state }) => underWay.has(state)) &&
    (session.cancelRequested || turns(all, fleet.atOnce).length === 0)
  while (!over()) {
    const now = next()
    for (const turn of all.filter(({ cluster }) => now.includes(cluster))) {
      turn.state = 'running'
      turn.startedMs = Date.now()
      void take(session, fleet, turn).then(() => show(session, all))
    }
    show(session, all)
    await condition(() => next().length > 0 || over())
  }
}

/** Never throws: however it ends is what became of the turn. */
async function take(session: RunSession, fleet: FleetLoaded, turn: Turn): Promise<void> {
  try {
    await runOn(session, fleet, turn)
    turn.state = 'checking'
    turn.note = 'its run is done; looking whether the cluster is well'
    await lookAfter(session, fleet, turn)
    turn.state = 'done'
    turn.note = ''
  } catch (error) {
    turn.state = 'failed'
    turn.note = reasonOf(error)
  }
  turn.endedMs = Date.now()
}

async function runOn({ identity }: RunSession, fleet: FleetLoaded, turn: Turn): Promise<void> {
  const { loaded, inputs } = fleet
  const memo: RunMemo = { by: loaded.by, wait: true, fleet: identity.id, hash: loaded.hash }
  const child = await startChild(fleet.runbook, {
    workflowId: turn.run,
    args: [{ ...inputs, cluster: turn.cluster }],
    memo: { ...memo },
    // A run is never ended because somebody ended the fleet.
    parentClosePolicy: ParentClosePolicy.ABANDON,
    staticSummary: `${fleet.runbook} on ${turn.cluster}`,
  })
  await child.result()
}

/** A run that ended well and left its cluster unwell did not end well. */
async function lookAfter(session: RunSession, { health }: FleetLoaded, { cluster }: Turn): Promise<void> {
  const look = (gate: GateCall): Promise<Json> => {
    const request: ActionRequest = {
      ...{ run: session.identity, step: `health/${cluster}`, with: { cluster }, gate, undo: false },
    }
    return scheduleActivity<Json>(health.action, [request], {
      summary: `${cluster}: see that it is well`,
      startToCloseTimeout: gate.timeoutMs + graceMs,
      heartbeatTimeout: '30s',
      cancellationType: ActivityCancellationType.TRY_CANCEL,
      retry: { initialInterval: '200ms', maximumInterval: '10s', maximumAttempts: 10 },
    })
  }
  try {
    await interruptible(session, () => look(health.gate))
  } catch (error) {
    if (!(error instanceof RunCancelled)) throw error
    // Whoever cancels does not wait for hours of soaking, but is told how the cluster was left.
    await look({ ...health.gate, stableMs: 0, timeoutMs: shortLookMs })
  }
}

const shortLookMs = 10_000
const graceMs = 60_000

function reasonOf(error: unknown): string {
  const cause =
    error instanceof ChildWorkflowFailure || error instanceof ActivityFailure ? error.cause : error
  if (cause instanceof CancelledFailure) return 'its run was cancelled'
  return cause instanceof Error ? cause.message : String(cause)
}

function hear(all: readonly Turn[], { run: id, phase }: PhaseOfRun): void {
  const turn = all.find((one) => one.run === id)
  if (turn === undefined || (turn.state !== 'running' && turn.state !== 'waiting')) return
  turn.state = phase === 'waiting' ? 'waiting' : 'running'
  turn.note = phaseNotes[phase] ?? ''
}

const phaseNotes: Readonly<Partial<Record<RunPhase, string>>> = {
  queued: 'waits for the lock of the cluster',
  waiting: 'waits for a decision',
  paused: 'is paused',
  rollingBack: 'is rolling back',
}

function show(session: RunSession, all: readonly Turn[]): void {
  session.stopped(session.paused && !all.some(({ state }) => underWay.has(state)))
  session.show(viewOf(all))
}

function viewOf(all: readonly Turn[]): RunView {
  return {
    phase: 'running',
    steps: all.map(({ cluster, run: id, state, startedMs, endedMs, note }) => ({
      step: cluster,
      summary: cluster,
      status: statuses[state],
      depth: 0,
      ...(startedMs === undefined ? {} : { startedMs }),
      ...(endedMs === undefined ? {} : { endedMs }),
      ...(state === 'pending' || state === 'done' ? {} : { note: note === '' ? id : `${id}: ${note}` }),
    })),
  }
}

const statuses: Readonly<Record<FleetState, StepStatus>> = {
  pending: 'pending',
  running: 'running',
  waiting: 'running',
  checking: 'running',
  done: 'done',
  failed: 'failed',
}

function ending(session: RunSession, fleet: FleetLoaded, all: readonly Turn[]): RunResult {
  const count = (state: FleetState): number => all.filter((turn) => turn.state === state).length
  if (count('done') < all.length) throw unfinished(session, fleet, all)
  const clusters: readonly FleetOutput[] = all.map(({ cluster, run: id, startedMs = 0, endedMs = 0 }) => ({
    ...{ cluster, run: id, startedMs, endedMs },
  }))
  return {
    outputs: { clusters: clusters.map((one) => ({ ...one })) },
    runbook: fleet.runbook,
    hash: fleet.loaded.hash,
    startedMs: session.startedMs,
    endedMs: Date.now(),
    steps: { done: count('done'), skipped: 0, notNeeded: 0, failed: 0 },
  }
}

function unfinished(session: RunSession, { runbook }: FleetLoaded, all: readonly Turn[]): Error {
  const named = (state: FleetState): readonly string[] =>
    all.filter((turn) => turn.state === state).map(({ cluster }) => cluster)
  const [failed, left] = [all.filter(({ state }) => state === 'failed'), named('pending')]
  const outcome = [
    ...(failed.length === 0 ? ['Cancelled.'] : []),
    ...failed.map(({ cluster, run: id, note }) => `${cluster} did not end well (run ${id}): ${note}`),
    done(named('done')),
    left.length === 0
      ? ''
      : `Not begun: ${left.join(', ')}. For these: quorate fleet ${runbook} --clusters ${left.join(',')}`,
  ]
    .filter((sentence) => sentence !== '')
    .join('\n')
  session.ended(failed.length === 0 ? 'cancelled' : 'failed', outcome)
  if (failed.length > 0)
    return failure('RunFailed', outcome, { step: failed[0]?.cluster ?? '', done: named('done') })
  upsertMemo({ outcome })
  return new CancelledFailure(outcome)
}

const done = (names: readonly string[]): string =>
  names.length === 0 ? 'No cluster was finished.' : `Ended well: ${names.join(', ')}.`
