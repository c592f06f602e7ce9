import { gunzipSync, gzipSync } from 'node:zlib'
import type { Archive } from './archive.ts'
import { appendSteps, checkpointSteps } from './sql-steps.ts'
import { createGroup } from './group.ts'
import { runsPage } from './runs.ts'
import { type Database, number, type Row, statement, text } from './sql.ts'
import { type Checkpoint, type StoredCheckpoint, type StoredEvent, StoreError } from './store.ts'
import type { AuditEvent, NewEvent } from './event.ts'
import { sha256 } from './chain.ts'
import { codeOf } from './failure.ts'

/** The store over either database. */
export function createSqlStore(database: Database): Archive {
  const group = createGroup<readonly NewEvent[]>({
    perform: (calls) => {
      const events = calls.flat()
      return database.write([...new Set(events.map(({ run }) => lockOf(run)))], () => appendSteps(events))
    },
    most: MOST_CALLS_AT_ONCE,
    isOfOne: isAboutAnEvent,
  })

  return {
    name: database.name,
    whole: true,
    append: async (events) => {
      if (events.length > 0) await group.add(events)
    },
    putBlob: async (content) => {
      const digest = sha256(content)
      const there = await database.read('select 1 from blobs where sha256 = ?', [digest])
      if (there.length > 0) return digest
      const { gzip, bytes } = packed(content)
      await database.write([], function* () {
        yield statement(
          'insert into blobs (sha256, gzip, content) values (?, ?, ?) on conflict do nothing',
          digest,
          gzip,
          bytes,
        )
      })
      return digest
    },
    blob: async (digest) => {
      const [row] = await database.read('select gzip, content from blobs where sha256 = ?', [digest])
      if (row === undefined) return undefined
      const content = unpacked(row)
      if (content === undefined || sha256(content) !== digest)
        throw new StoreError(`The blob ${digest} is not what it was when it was put into ${database.name}.`)
      return content
    },
    runs: (query = {}) => runsPage(database, query),
    async *events(run) {
      for await (const row of eventRows(database, run)) yield storedEvent(database, row)
    },
    async *checkpoints(run, after) {
      for await (const row of checkpointRows(database, { run, after })) yield storedCheckpoint(database, row)
    },
    addCheckpoint: (run, make) => database.write(['chain', lockOf(run)], () => checkpointSteps(run, make)),
    keys: () => keys(database),
    eventRows: (run) => eventRows(database, run),
    checkpointRows: () => checkpointRows(database, {}),
    uses: async (run) => {
      const rows = await database.read('select sha256 from uses where run = ? order by sha256', [run])
      return rows.map((row) => text(row, 'sha256'))
    },
    blobRows: () => blobRows(database),
    snapshot: async () => createSqlStore(await database.snapshot()),
    close: async () => {
      await group.idle()
      await database.close()
    },
  }
}

/** So that the first of many callers does not wait for all of them. */
const MOST_CALLS_AT_ONCE = 256

/** We refused it ourselves, or the database did for what stands in it (constraints, sizes), and is well otherwise. */
function isAboutAnEvent(error: unknown): boolean {
  if (!(error instanceof StoreError)) return false
  return error.cause === undefined || /^(SQLITE_CONSTRAINT|SQLITE_TOOBIG|2[23]|54)/.test(codeOf(error.cause))
}

function lockOf(run: string): string {
  return `run ${run}`
}

const ROWS_AT_ONCE = 200
/** Below whatever an integer column of either database holds. */
const BEFORE_ALL = -(2 ** 31)

async function* eventRows(database: Database, run: string): AsyncGenerator<Row> {
  let after = BEFORE_ALL
  for (;;) {
    const rows = await database.read('select * from events where run = ? and seq > ? order by seq limit ?', [
      run,
      after,
      ROWS_AT_ONCE,
    ])
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < ROWS_AT_ONCE) return
    after = number(last, 'seq')
  }
}

async function* checkpointRows(
  database: Database,
  { run, after = BEFORE_ALL }: { readonly run?: string | undefined; readonly after?: number | undefined },
): AsyncGenerator<Row> {
  let last = after
  for (;;) {
    const rows = await database.read(
      `select * from checkpoints where n > ?${run === undefined ? '' : ' and run = ?'} order by n limit ?`,
      [last, ...(run === undefined ? [] : [run]), ROWS_AT_ONCE],
    )
    yield* rows
    const end = rows.at(-1)
    if (end === undefined || rows.length < ROWS_AT_ONCE) return
    last = number(end, 'n')
  }
}

async function* keys(database: Database): AsyncGenerator<string> {
  let after: string | undefined
  for (;;) {
    const where = after === undefined ? '' : 'where run > ?'
    const rows = await database.read(
      `select run from (select run from events union select run from uses) found ${where} order by run limit ?`,
      [...(after === undefined ? [] : [after]), RUNS_AT_ONCE],
    )
    for (const row of rows) yield text(row, 'run')
    const last = rows.at(-1)
    if (last === undefined || rows.length < RUNS_AT_ONCE) return
    after = text(last, 'run')
  }
}

const RUNS_AT_ONCE = 10_000

/** One at a time: a blob may be large. */
async function* blobRows(database: Database): AsyncGenerator<Row> {
  let after: string | undefined
  for (;;) {
    const where = after === undefined ? '' : 'where sha256 > ?'
    const [row] = await database.read(
      `select * from blobs ${where} order by sha256 limit 1`,
      after === undefined ? [] : [after],
    )
    if (row === undefined) return
    yield row
    after = text(row, 'sha256')
  }
}

function storedEvent({ name }: Database, row: Row): StoredEvent {
  const kept = text(row, 'text')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by us; verification says if it is not
  return { event: read(name, kept) as AuditEvent, text: kept, hash: text(row, 'hash') }
}

function storedCheckpoint({ name }: Database, row: Row): StoredCheckpoint {
  const kept = text(row, 'text')
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    checkpoint: read(name, kept) as Checkpoint,
    text: kept,
    hash: text(row, 'hash'),
    signature: text(row, 'signature'),
    publicKey: text(row, 'public_key'),
  }
}

function read(name: string, kept: string): unknown {
  try {
    return JSON.parse(kept)
  } catch (error) {
    throw new StoreError(`A line of ${name} is no JSON any more: verify it before you trust any of it.`, {
      cause: error,
    })
  }
}

function packed(content: Uint8Array): { readonly gzip: 0 | 1; readonly bytes: Buffer } {
  const small = gzipSync(content)
  return small.length < content.length ? { gzip: 1, bytes: small } : { gzip: 0, bytes: Buffer.from(content) }
}

/** The plain content of a row of `blobs`; undefined when it cannot be unpacked. */
export function unpacked(row: Row): Uint8Array | undefined {
  const { gzip, content } = row
  if (!Buffer.isBuffer(content)) return undefined
  if (gzip === 0) return content
  try {
    return gunzipSync(content, { maxOutputLength: MOST_BLOB_BYTES })
  } catch {
    return undefined
  }
}

/** Far above what is ever kept: a history has at most 50 MB. */
const MOST_BLOB_BYTES = 1024 ** 3
