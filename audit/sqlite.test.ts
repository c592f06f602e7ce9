import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import Sqlite from 'better-sqlite3'
import { all, record } from '../test/record.ts'
import { until } from '../test/world.ts'
import { openSqliteStore } from './sqlite.ts'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-record-'))
  path = join(directory, 'deep', 'record', 'audit.db')
})
afterEach(() => rmSync(directory, { recursive: true }))

test('the file and its directory are for their owner alone', async () => {
  const store = openSqliteStore(path)
  await record(store, { run: 'r1' })
  const mode = (of: string): string => (statSync(of).mode & 0o777).toString(8)
  expect([mode(dirname(path)), mode(path), mode(`${path}-wal`)]).toEqual(['700', '600', '600'])
  await store.close()
})

test('what was kept is there when it is opened again, also only for reading', async () => {
  const store = openSqliteStore(path)
  await record(store, { run: 'r1' })
  await store.close()
  const again = openSqliteStore(path, { readOnly: true })
  expect(await all(again.events('r1'))).toHaveLength(6)
  await expect(record(again, { run: 'r2' })).rejects.toThrow(/cannot be read or written: .*readonly/)
  await again.close()
})

test('it is kept with a write-ahead log, so that readers do not stop writers', async () => {
  const store = openSqliteStore(path)
  await record(store, { run: 'r1' })
  await store.close()
  const settings = new Sqlite(path)
  expect(settings.pragma('journal_mode', { simple: true })).toBe('wal')
  settings.close()
})

test.each([
  [
    'one of newer tables',
    (file: Sqlite.Database) => file.pragma('user_version = 99'),
    /has version 99 of the tables.*or a newer one/,
  ],
  [
    'another SQLite file',
    (file: Sqlite.Database) => file.pragma('application_id = 7'),
    /no record of Quorate but another SQLite file/,
  ],
])('%s is refused with a sentence', async (_what, change, sentence) => {
  await openSqliteStore(path).close()
  const file = new Sqlite(path)
  change(file)
  file.close()
  expect(() => openSqliteStore(path)).toThrow(sentence)
})

test('a file that is no SQLite file is refused with a sentence', () => {
  path = join(directory, 'text')
  writeFileSync(path, 'not a database, but long enough to be looked at as one '.repeat(100))
  expect(() => openSqliteStore(path)).toThrow(/It is not a SQLite file: name another path/)
})

test('a missing file is not made only to be read', () => {
  expect(() => openSqliteStore(path, { readOnly: true })).toThrow(/cannot be read or written/)
})

test('nothing can be changed or deleted', async () => {
  const store = openSqliteStore(path)
  await record(store, { run: 'r1' })
  await store.close()
  chmodSync(path, 0o600)
  const file = new Sqlite(path)
  for (const table of ['events', 'blobs', 'uses']) {
    expect(() => file.exec(`update ${table} set rowid = rowid + 1000`)).toThrow(/never changed/)
    expect(() => file.exec(`delete from ${table}`)).toThrow(
      /leaves the record only after|refers to this blob/,
    )
  }
  file.close()
})

describe('a file that another process holds', () => {
  let other: Sqlite.Database
  const held = (busyMs: number) => {
    const store = openSqliteStore(path, { busyMs })
    other = new Sqlite(path)
    other.exec('begin immediate')
    return store
  }
  afterEach(() => void other.close())

  test('is waited for, and meanwhile the process goes on', async () => {
    const store = held(10_000)
    let ticks = 0
    const ticking = setInterval(() => ticks++, 10)
    const written = record(store, { run: 'r1' })
    await until('the process to go on', () => Promise.resolve(ticks > 20), 10_000, 10)
    other.exec('commit')
    await written
    clearInterval(ticking)
    expect((await all(store.events('r1'))).length).toBeGreaterThan(0)
    await store.close()
  })

  test('is told when it was held too long', async () => {
    const store = held(200)
    await expect(record(store, { run: 'r1' })).rejects.toThrow(/Another process has held it/)
    await store.close()
  })
})
