import type { GuardName } from '../dsl/guards.ts'

/** One class per decision of the caller. Which of Temporal's failures each becomes is said in `execute.ts`. */

/** What was asked for is wrong: trying again cannot help. */
export class InputError extends Error {
  override readonly name = 'InputError'
}

/** A check or a guard said no before anything was changed. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  /** Which of the engine's guards it was. */
  readonly guard: GuardName | undefined

  constructor(message: string, options: ErrorOptions & { readonly guard?: GuardName } = {}) {
    super(message, options)
    this.guard = options.guard
  }
}

/** It was tried and did not happen. */
export class ActionError extends Error {
  override readonly name = 'ActionError'
}

/** It may have happened: look before trying again. */
export class UnknownOutcomeError extends Error {
  override readonly name = 'UnknownOutcomeError'
}
