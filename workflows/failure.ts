import type { Failure, FailureKind } from './ports.ts'

/** Thrown by `Ports.call` when an action did not succeed. The interpreter knows which step it was. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure'
  readonly kind: FailureKind

  constructor(kind: FailureKind, message: string) {
    super(message)
    this.kind = kind
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

  constructor(path: string) {
    super(path)
    this.path = path
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
  if (error instanceof StepFailure) return { kind: error.kind, message: error.message, step, summary }
  return { kind: 'failed', message: error instanceof Error ? error.message : String(error), step, summary }
}
