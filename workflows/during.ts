import type { Answered, Availability } from '../dsl/availability.ts'
import type { StepView } from './ports.ts'

/** Says of the longest gaps which step was going on when they began. */
export function withSteps(measured: Availability, steps: readonly StepView[]): Availability {
  return {
    ...measured,
    writes: during(measured.writes, steps),
    reads: during(measured.reads, steps),
  }
}

function during(answered: Answered, steps: readonly StepView[]): Answered {
  const { longestGapAtMs: atMs } = answered
  const step = atMs === undefined ? undefined : stepAt(atMs, steps)
  return step === undefined ? answered : { ...answered, longestGapDuring: step.summary }
}

/** The step itself, not the groups it stands in: of those under way at that moment the one that began last. */
function stepAt(atMs: number, steps: readonly StepView[]): StepView | undefined {
  const under = steps.filter(
    ({ status, startedMs, endedMs = Infinity }) =>
      status !== 'notNeeded' && startedMs !== undefined && startedMs <= atMs && atMs <= endedMs,
  )
  return under.reduce<StepView | undefined>(
    (last, step) => ((step.startedMs ?? 0) >= (last?.startedMs ?? 0) ? step : last),
    undefined,
  )
}
