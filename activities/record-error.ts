/** The record cannot be written, so that nothing more may be done. */
export class RecordError extends Error {
  override readonly name = 'RecordError'
  /** Something was done before it. */
  readonly touched: boolean

  constructor(cause: unknown, touched: boolean) {
    super(`The record cannot be written: ${whyOf(cause)}`, { cause })
    this.touched = touched
  }
}

/** As a part of a sentence. */
export const whyOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).trim().replace(/\.$/, '')
