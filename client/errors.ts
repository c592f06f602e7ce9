/** One class per decision of the caller; every message says what happened, where, and what to do next. */

/** Temporal, or a worker, does not answer: nothing was started, or it is not known what became of it. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** What was asked for is wrong: no such run, a decision that is not offered. Nothing was changed. */
export class Rejected extends Error {
  override readonly name = 'Rejected'
}
