/** What the stores have in common: SQL that both databases understand, with `?` where a value goes. */

export type Value = string | number | Buffer | null

export type Row = Readonly<Record<string, Value>>

export interface Statement {
  readonly sql: string
  readonly values: readonly Value[]
}

/**
 * What is done in one transaction: it yields statements and gets their rows. A generator, because SQLite answers at
 * once and must not let go of its lock in between, while Postgres answers later.
 */
export type Steps<Result> = Generator<Statement, Result, readonly Row[]>

export interface Database {
  /** Names it in messages, such as `the record in /var/lib/quorate/audit.db`. */
  readonly name: string
  /** Outside of transactions. */
  read(sql: string, values?: readonly Value[]): Promise<readonly Row[]>
  /**
   * Durable when it resolves. Whoever asks for a lock of the same name, in whatever process, waits until this is
   * through; in SQLite all writers wait for each other anyway.
   */
  write<Result>(locks: readonly string[], steps: () => Steps<Result>): Promise<Result>
  /** The same as it is now, whatever others write meanwhile; not to be written. To be closed. */
  snapshot(): Promise<Database>
  close(): Promise<void>
}

export function statement(sql: string, ...values: readonly Value[]): Statement {
  return { sql, values }
}

/** The texts and numbers of a row: whoever reads a column knows its type from the schema. */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new TypeError(`column "${column}" holds no text`)
  return value
}

export function number(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new TypeError(`column "${column}" holds no number`)
  return value
}
