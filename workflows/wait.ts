import { durationText } from '../dsl/duration.ts'
import { render } from '../dsl/expression.ts'
import type { Json, WaitStep } from '../dsl/program.ts'
import { longestWaitMs } from '../dsl/wait.ts'
import { StepFailure } from './failure.ts'

type Values = Readonly<Record<string, Json>>

/** How long it is to wait, in milliseconds. Throws `StepFailure` for what is no time, or too much of it. */
export function waitMsOf({ waitMs }: WaitStep, values: Values): number {
  const ms = render(waitMs, values)
  if (typeof ms !== 'number' || !(ms >= 0))
    throw new StepFailure('failed', `wait needs a duration, not ${JSON.stringify(ms)}`)
  if (ms > longestWaitMs)
    throw new StepFailure(
      'failed',
      `a wait takes ${durationText(longestWaitMs)} at most, not ${durationText(ms)}`,
    )
  return ms
}

/** `wait 30s`, or `wait` while it is not known how long. */
export function waitSummary(step: WaitStep, values: Values): string {
  try {
    return `wait ${durationText(waitMsOf(step, values))}`
  } catch {
    return 'wait'
  }
}
