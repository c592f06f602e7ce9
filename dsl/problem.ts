import type { Place } from './program.ts'

/** What is wrong in a file: data until the moment it is printed. */
export interface Problem {
  /** Stable, for machines: `UNKNOWN_ACTION`. */
  readonly code: string
  readonly file: string
  readonly from: Place
  /** One past the last character. */
  readonly to: Place
  /** What happened, as a sentence. */
  readonly message: string
  /** What to write instead, as a sentence. */
  readonly hint?: string
}

export type Checked<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problems: readonly Problem[] }
