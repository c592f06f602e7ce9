import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common'
import { ActivityCancellationType, CancellationScope, scheduleActivity } from '@temporalio/workflow'
import { type Availability, availabilityIn } from '../dsl/availability.ts'
import type { LoadedRun } from './doors.ts'
import type { BesideRequest, RunIdentity } from './ports.ts'
import { memoOf } from './run-memo.ts'
import type { RunSession } from './run-session.ts'

/** What goes on beside the steps of a run for as long as it lasts. Nothing of it is seen by the steps. */
export interface Beside {
  /** Ends it; returns what was measured, where that was asked for. Safe to repeat. */
  end(): Promise<Availability | undefined>
  /** Goes on after an end, from what had been measured. */
  again(measured: Availability | undefined): void
}

/** Nothing, and no command in the history, where nobody asked for it. */
export function startBeside(
  { identity: run }: RunSession,
  loaded: LoadedRun,
  before?: Availability,
): Beside | undefined {
  const { heartbeatTimeoutMs, probe: wished = false } = loaded
  const { probe = wished, watch = false } = memoOf()
  if (!probe && !watch) return undefined
  const cluster = clusterOf(run, loaded)
  if (cluster === undefined) return probe ? nothingToMeasure : undefined
  const start = (measured: Availability | undefined) =>
    scheduled({ run, cluster, probe, ...(measured ? { before: measured } : {}) }, heartbeatTimeoutMs)
  let current = start(before)
  return {
    end: () => current.end(),
    again: (measured) => void (current = start(measured)),
  }
}

/** A runbook that changes nothing need not say at its top which cluster it is about. */
function clusterOf({ cluster }: RunIdentity, { program, inputs }: LoadedRun): string | undefined {
  if (cluster !== undefined) return cluster
  const given = Object.entries(program.inputs)
    .filter(([, { type }]) => type === 'cluster')
    .map(([name]) => inputs[name])
    .filter((value) => typeof value === 'string')
  const [only, ...others] = new Set(given)
  return others.length === 0 ? only : undefined
}

const nothingToMeasure: Beside = {
  end: () =>
    Promise.resolve(
      unmeasured('this runbook has no `cluster` at its top, and was not given exactly one as an input'),
    ),
  again: () => undefined,
}

/** A probe is waited for at its end, because it brings its figures. */
function scheduled(request: BesideRequest, heartbeatTimeoutMs: number): Pick<Beside, 'end'> {
  const { TRY_CANCEL, WAIT_CANCELLATION_COMPLETED } = ActivityCancellationType
  const { cluster, probe } = request
  const scope = new CancellationScope()
  const over = scope
    .run(() =>
      scheduleActivity<Availability | null>(probe ? 'quorate.probe' : 'quorate.watch', [request], {
        summary: `${cluster}: ${probe ? 'measure how available it is' : 'watch the members'}`,
        ...optionsOf(heartbeatTimeoutMs),
        cancellationType: probe ? WAIT_CANCELLATION_COMPLETED : TRY_CANCEL,
      }),
    )
    .then(
      (answer) => answer ?? undefined,
      (error: unknown) => (probe ? saidLast(error, request) : undefined),
    )
  return {
    end() {
      scope.cancel()
      return over
    },
  }
}

/** Whatever becomes of an attempt, the next goes on from what its heartbeat said last. */
const optionsOf = (heartbeatTimeoutMs: number) => ({
  startToCloseTimeout: '30 days' as const,
  heartbeatTimeout: heartbeatTimeoutMs,
  retry: { initialInterval: 1000, backoffCoefficient: 2, maximumInterval: 10_000 },
})

/** The worker died with it: what it said last stands, what came then was not measured. */
function saidLast(error: unknown, { before }: BesideRequest): Availability {
  const cause = error instanceof ActivityFailure ? error.cause : undefined
  const details: unknown = cause instanceof TimeoutFailure ? cause.lastHeartbeatDetails : undefined
  const stopped =
    cause instanceof ApplicationFailure
      ? `it broke down: ${cause.message}`
      : 'the worker that measured was gone when the run ended'
  const last = availabilityIn(details) ?? before
  return last === undefined ? unmeasured(stopped) : { ...last, stopped }
}

function unmeasured(stopped: string): Availability {
  const nothing = { acknowledged: 0, failed: {}, longestGapMs: 0, unavailableMs: 0 }
  const now = Date.now()
  return {
    cluster: '',
    sinceMs: now,
    untilMs: now,
    notMeasuredMs: 0,
    writes: nothing,
    reads: nothing,
    stopped,
  }
}
