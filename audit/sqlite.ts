import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import type { Archive } from './archive.ts'
import { codeOf, messageOf } from './failure.ts'
import type { Database, Row, Steps, Value } from './sql.ts'
import { createSqlStore } from './sql-store.ts'
import { applicationId, schema, schemaVersion } from './sqlite-schema.ts'
import { StoreError } from './store.ts'

/**
 * The record in one file, for the processes of one machine. It and its directory are made where they are missing,
 * for their owner alone. With `readOnly` nothing is made or written. Throws `StoreError`.
 */
export function openSqliteStore(path: string, { readOnly = false, busyMs = BUSY_MS } = {}): Archive {
  const name = `the record in ${path}`
  return saying(name, () => {
    if (!readOnly) makeFile(path)
    const connection = new Sqlite(path, { readonly: readOnly, fileMustExist: true, timeout: BUSY_MS })
    try {
      prepare(connection, name, readOnly)
    } catch (error) {
      connection.close()
      throw error
    }
    // From now on nobody else is kept waiting: see `patiently`.
    connection.pragma(`busy_timeout = ${AT_ONCE_MS}`)
    return createSqlStore(sqliteDatabase(connection, { path, name, busyMs }))
  })
}

/** How long a writer waits for another process; they take milliseconds. */
const BUSY_MS = 10_000
/** How long of that the whole process stands still for, each time. */
const AT_ONCE_MS = 50
const PAUSE_MS = 50

function makeFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
}

function prepare(connection: Sqlite.Database, name: string, readOnly: boolean): void {
  connection.pragma('trusted_schema = off')
  connection.pragma('foreign_keys = on')
  if (!readOnly) {
    connection.pragma('journal_mode = wal')
    connection.pragma('synchronous = full')
    // What was removed is not to be found in the file's free pages.
    connection.pragma('secure_delete = on')
    connection.transaction(() => makeSchema(connection)).immediate()
  }
  const found = connection.pragma('user_version', { simple: true })
  const whose = connection.pragma('application_id', { simple: true })
  if (whose !== applicationId)
    throw new StoreError(
      `${sentence(name)} is no record of Quorate but another SQLite file; name another path.`,
    )
  if (found !== schemaVersion)
    throw new StoreError(
      `${sentence(name)} has version ${String(found)} of the tables, and this Quorate knows version ${schemaVersion}. Use the Quorate that wrote it, or a newer one.`,
    )
}

function makeSchema(connection: Sqlite.Database): void {
  const tables = connection.prepare('select count(*) from sqlite_master').pluck().get()
  if (tables !== 0) return
  connection.exec(schema)
  connection.pragma(`application_id = ${applicationId}`)
  connection.pragma(`user_version = ${schemaVersion}`)
}

interface Named {
  readonly path: string
  readonly name: string
  readonly busyMs: number
}

function sqliteDatabase(connection: Sqlite.Database, named: Named): Database {
  const { path, name, busyMs } = named
  const statements = new Map<string, Sqlite.Statement<Value[], Row>>()
  const run = (sql: string, values: readonly Value[]): readonly Row[] => {
    const prepared = statements.get(sql) ?? connection.prepare<Value[], Row>(sql)
    statements.set(sql, prepared)
    if (prepared.reader) return prepared.all(...values)
    prepared.run(...values)
    return []
  }
  const through = <Result>(steps: Steps<Result>): Result => {
    let step = steps.next()
    while (step.done !== true) step = steps.next(run(step.value.sql, step.value.values))
    return step.value
  }
  /** Another process that holds the file is waited for, and meanwhile this one goes on: heartbeats are not missed. */
  const patiently = async <Result>(work: () => Result): Promise<Result> => {
    const endMs = performance.now() + busyMs
    for (;;) {
      try {
        return saying(name, work)
      } catch (error) {
        if (!isBusy(error) || performance.now() > endMs) throw error
        await sleep(PAUSE_MS)
      }
    }
  }
  return {
    name,
    read: (sql, values = []) => patiently(() => run(sql, values)),
    write: (_locks, steps) => patiently(() => connection.transaction(() => through(steps())).immediate()),
    snapshot: async () =>
      saying(name, () => {
        const other = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: BUSY_MS })
        // It begins with the first thing that is read.
        other.exec('begin; select count(*) from sqlite_master')
        return sqliteDatabase(other, named)
      }),
    close: async () => {
      connection.close()
    },
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof StoreError && codeOf(error.cause).startsWith('SQLITE_BUSY')

function saying<Result>(name: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError(`${sentence(name)} ${why(error)}`, { cause: error })
  }
}

function why(error: unknown): string {
  const code = codeOf(error)
  const [, advice] = advices.find(([start]) => code.startsWith(start)) ?? []
  return `cannot be read or written: ${messageOf(error)}${advice === undefined ? '.' : `. ${advice}`}`
}

/** Result codes of SQLite and of Node, by how they begin. */
const advices: readonly (readonly [string, string])[] = [
  [
    'SQLITE_BUSY',
    `Another process has held it for ${BUSY_MS / 1000} s: find it (fuser FILE), and try again.`,
  ],
  ['SQLITE_FULL', 'Make room on its disk; then go on.'],
  ['SQLITE_READONLY', 'Let the user that runs this write it and its directory.'],
  ['SQLITE_CANTOPEN', 'See that it exists and that the user that runs this may open it and its directory.'],
  ['SQLITE_IOERR', 'Its disk does not answer as it should: look at the kernel log (dmesg).'],
  ['SQLITE_CORRUPT', 'Keep the file as it is for whoever looks into it, and go on with another path.'],
  ['SQLITE_NOTADB', 'It is not a SQLite file: name another path.'],
  ['EACCES', 'Let the user that runs this write there, or name another path.'],
  ['EROFS', 'Name a path on a disk that can be written.'],
  ['ENOSPC', 'Make room on its disk; then go on.'],
  ['ENOENT', 'See that it exists.'],
]

function sentence(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
