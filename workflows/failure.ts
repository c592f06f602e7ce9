import type { Failure, FailureKind } from './ports.ts'

/** Thrown by `Ports.call` when an action did not succeed. The interpreter knows which step it was. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure'
  readonly kind: FailureKind
  /** Which of the engine's guards refused. */
  readonly guard: string | undefined

  constructor(kind: FailureKind, message: string, guard?: string) {
    super(message)
    this.kind = kind
    this.guard = guard
  }
}

/** Thrown by any port that waits, once the run was asked to end. */
export class RunCancelled extends Error {
  override readonly name = 'RunCancelled'
}

/** The step at a path is rescued: what goes on in it is left. */
export class ToRescue extends Error {
  override readonly name = 'ToRescue'
  readonly path: string
  /** What failed is not this, but was done at the same time. */
  readonly beside: boolean

  constructor(path: string, beside = false) {
    super(path)
    this.path = path
    this.beside = beside
  }
}

/** A step of what is always done has failed: it is noted, and the next one follows. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp'
}

/** A person wants a called runbook to begin once more: it leaves whatever is going on in it. */
export class BegunAnew extends Error {
  override readonly name = 'BegunAnew'
  readonly path: string

  constructor(path: string) {
    super(path)
    this.path = path
  }
}

/** Whatever was thrown while a step was worked out or performed, as data; what is not a failure of a step is thrown on. */
export function asFailure(error: unknown, step: string, summary: string): Failure {
  if (error instanceof StepFailure) {
    const { kind, message, guard } = error
    return { kind, message, step, summary, ...(guard === undefined ? {} : { guard }) }
  }
  return { kind: 'failed', message: error instanceof Error ? error.message : String(error), step, summary }
}

/** Whatever goes wrong in an expression fails the step; nothing opens a condition. */
export function worked<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (error) {
    if (error instanceof StepFailure) throw error
    throw new StepFailure('failed', error instanceof Error ? error.message : String(error))
  }
}
