import pg from 'pg'
import type { Archive } from './archive.ts'
import { sha256 } from './chain.ts'
import { codeOf, messageOf } from './failure.ts'
import { schema, schemaComment, schemaName } from './postgres-schema.ts'
import type { Database, Row, Steps, Value } from './sql.ts'
import { createSqlStore } from './sql-store.ts'
import { StoreError } from './store.ts'

/**
 * The record in a Postgres database, for workers on several machines. The tables are there already: see
 * `preparePostgres`. With `readOnly` nothing can be written. Throws `StoreError`.
 */
export async function openPostgresStore(url: string, { readOnly = false } = {}): Promise<Archive> {
  const name = nameOf(url)
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'quorate',
    max: 4,
    connectionTimeoutMillis: 10_000,
    query_timeout: STATEMENT_MS + 5000,
    keepAlive: true,
    options: [
      `search_path=${schemaName},pg_temp`,
      // Whatever the server's default is: acknowledged means durable.
      'synchronous_commit=on',
      `statement_timeout=${STATEMENT_MS}`,
      // Compiling costs more than our statements take.
      'jit=off',
      `default_transaction_read_only=${readOnly ? 'on' : 'off'}`,
    ]
      .map((setting) => `-c ${setting}`)
      .join(' '),
  })
  // A connection that breaks while it is idle; the next query says so, or works.
  pool.on('error', () => undefined)
  const database = postgresDatabase(pool, name)
  try {
    await checkVersion(database)
  } catch (error) {
    await pool.end()
    throw error
  }
  return createSqlStore(database)
}

const STATEMENT_MS = 60_000

/**
 * Makes the tables, where they are missing, as the owner that `adminUrl` names, and lets `role` (made where it is
 * missing, then without a password) read and add, and nothing else. Workers connect as that role; `audit gc` needs the
 * owner. May be called again, for another role too. Throws `StoreError`.
 */
export async function preparePostgres(adminUrl: string, role: string): Promise<void> {
  const name = nameOf(adminUrl)
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 10_000 })
  const quoted = pg.escapeIdentifier(role)
  try {
    await client.connect()
    await client.query('begin')
    await client.query(`select pg_advisory_xact_lock(hashtextextended('${schemaName}', 0))`)
    const there = await client.query('select 1 from pg_namespace where nspname = $1', [schemaName])
    if (there.rowCount === 0) await client.query(schema)
    const known = await client.query('select 1 from pg_roles where rolname = $1', [role])
    if (known.rowCount === 0) await client.query(`create role ${quoted} login`)
    await client.query(`grant usage on schema ${schemaName} to ${quoted}`)
    await client.query(`grant select, insert on all tables in schema ${schemaName} to ${quoted}`)
    await client.query('commit')
  } catch (error) {
    throw failure(name, error)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function checkVersion({ name, read }: Database): Promise<void> {
  const [row] = await read(
    `select obj_description(oid, 'pg_namespace') as comment from pg_namespace where nspname = ?`,
    [schemaName],
  )
  if (row === undefined)
    throw new StoreError(
      `${sentence(name)} is not prepared: its owner makes the tables and the workers' role once, with \`quorate audit prepare\`.`,
    )
  if (row['comment'] !== schemaComment)
    throw new StoreError(
      `${sentence(name)} is "${String(row['comment'])}", and this Quorate knows "${schemaComment}". Use the Quorate that made it, or a newer one.`,
    )
}

function postgresDatabase(pool: pg.Pool, name: string): Database {
  return {
    name,
    read: async (sql, values = []) => {
      try {
        return (await pool.query<Row>(numbered(sql), [...values])).rows
      } catch (error) {
        throw failure(name, error)
      }
    },
    write: async (locks, steps) => {
      let client: pg.PoolClient
      try {
        client = await pool.connect()
      } catch (error) {
        throw failure(name, error)
      }
      let broken: Error | undefined
      try {
        // All of them at once and in one order, so that no two wait for each other.
        const taken = [...new Set(locks)]
          .toSorted()
          .map((lock) => `; select pg_advisory_xact_lock(hashtextextended(${pg.escapeLiteral(lock)}, 0))`)
        await client.query(`begin${taken.join('')}`)
        const result = await through(client, steps())
        await client.query('commit')
        return result
      } catch (error) {
        broken = await client.query('rollback').then(
          () => undefined,
          (failed: unknown) => new Error(messageOf(failed)),
        )
        throw failure(name, error)
      } finally {
        client.release(broken)
      }
    },
    snapshot: async () => {
      const client = await pool.connect().catch((error: unknown) => {
        throw failure(name, error)
      })
      await client.query('begin isolation level repeatable read read only; select 1 from events limit 1')
      return snapshotDatabase(client, name)
    },
    close: () => pool.end(),
  }
}

function snapshotDatabase(client: pg.PoolClient, name: string): Database {
  const database: Database = {
    name,
    read: async (sql, values = []) => {
      try {
        return (await client.query<Row>(numbered(sql), [...values])).rows
      } catch (error) {
        throw failure(name, error)
      }
    },
    write: () => Promise.reject(new StoreError(`${sentence(name)} was opened only to be read.`)),
    snapshot: async () => database,
    // Not to be used again: whatever state it is in.
    close: async () => client.release(true),
  }
  return database
}

async function through<Result>(client: pg.PoolClient, steps: Steps<Result>): Promise<Result> {
  let step = steps.next()
  while (step.done !== true) {
    const { sql, values } = step.value
    // Named, so that the server parses and plans it once a connection.
    const prepared = { name: nameFor(sql), text: numbered(sql), values: [...values] }
    step = steps.next((await client.query<Record<string, Value>>(prepared)).rows)
  }
  return step.value
}

function nameFor(sql: string): string {
  const known = names.get(sql) ?? `quorate_${sha256(sql).slice(0, 32)}`
  names.set(sql, known)
  return known
}

const names = new Map<string, string>()

/** `$1`, `$2` … for each `?`: no text in our statements has one. */
function numbered(sql: string): string {
  let count = 0
  return sql.replaceAll('?', () => `$${++count}`)
}

function failure(name: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const code = codeOf(error)
  const [, advice] = advices.find(([start]) => code.startsWith(start)) ?? []
  const why = messageOf(error) || code
  return new StoreError(
    `${sentence(name)} cannot be read or written: ${why}.${advice === undefined ? '' : ` ${advice}`}`,
    { cause: error },
  )
}

/** SQLSTATE and codes of Node, by how they begin. */
const advices: readonly (readonly [string, string])[] = [
  ['42501', 'Its role may only read and add: what needs more is done as the owner of the tables.'],
  ['25006', 'It was opened only to be read.'],
  ['28', 'Look at the user and password in its URL, and at the pg_hba.conf of the server.'],
  ['3D000', 'Make that database, or name another one in the URL.'],
  ['53', 'The server has no room left: look at its disk and its connections.'],
  [
    '57014',
    `A statement took longer than ${STATEMENT_MS / 1000} s: look for what holds the tables (pg_locks).`,
  ],
  ['57P', 'The server is starting or stopping; try again.'],
  ['ECONNREFUSED', 'Nothing listens there: start the server, or correct the URL.'],
  ['ENOENT', 'Nothing listens there: start the server, or correct the URL.'],
  ['ENOTFOUND', 'Its host is not known: correct the URL.'],
]

/** Without the password. */
function nameOf(url: string): string {
  try {
    const { username, host, pathname, search } = new URL(url)
    return `the record in postgres://${username}@${host}${pathname}${search.includes('password') ? '' : search}`
  } catch {
    return 'the record in Postgres'
  }
}

function sentence(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
