import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import Sqlite from 'better-sqlite3'
import { all, record, recordedEvents } from '../test/record.ts'
import { type Anchor, anchorLine, readAnchors } from './anchor-line.ts'
import { link, noHash, signed, textOf } from './chain.ts'
import type { AuditEvent } from './event.ts'
import { hold, release, removeRuns } from './retention.ts'
import { seal } from './seal.ts'
import { openSealKey, type SealKey } from './seal-key.ts'
import { openSqliteStore } from './sqlite.ts'
import type { Checkpoint, Verification } from './store.ts'
import { verify } from './verify.ts'

// Each attack is made on a real file by somebody who may write it and knows how it is made.

let directory: string
let original: string
let key: SealKey
let anchors: readonly Anchor[]
const wish = { reason: 'the regulator asks', by: 'anna' }

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-attacks-'))
  original = join(directory, 'original.db')
  key = openSealKey(join(directory, 'seal.pem'))
  await write(original, key, 'etcd-recover')
  const store = openSqliteStore(original)
  anchors = readAnchors((await all(store.checkpoints())).map(anchorLine).join('\n'))
  await store.close()
})
afterAll(() => rmSync(directory, { recursive: true }))

/** a and b are sealed and share their program, b is held; c was removed; d is open; e has a tail not sealed yet. */
async function write(path: string, key: SealKey, runbook: string): Promise<void> {
  const store = openSqliteStore(path)
  await record(store, { run: 'c', runbook: 'other', beganMs: 1, prints: 'only c printed this' })
  await seal(store, 'c', key)
  await record(store, {
    run: 'a',
    runbook,
    decidedBy: 'ben',
    prints: 'all that a printed, over and over\n'.repeat(50),
  })
  await seal(store, 'a', key)
  await removeRuns(store, key, { what: { runs: ['c'] }, dryRun: false, reason: 'a year is over', by: 'gc' })
  await record(store, { run: 'd', runbook, open: true })
  await record(store, { run: 'b', runbook, prints: 'b' })
  await hold(store, 'b', key, wish)
  await seal(store, 'b', key)
  await record(store, { run: 'e', runbook })
  await seal(store, 'e', key)
  await store.append([
    {
      run: 'e',
      workflow: `${runbook}-e`,
      id: 'late',
      at: '2026-03-02T00:00:00.000Z',
      name: 'run.cancelAsked',
      data: { entry: {} },
    },
  ])
  await store.close()
}

const trusting = (): { readonly trusted: readonly string[] } => ({ trusted: [key.publicKey] })

let copies = 0

/** What verification says after somebody did this to a copy of the file. */
async function after(
  attack: (file: Sqlite.Database) => void,
  options: Parameters<typeof verify>[1] = trusting(),
): Promise<Verification> {
  const copy = join(directory, `copy-${copies++}.db`)
  copyFileSync(original, copy)
  const file = new Sqlite(copy)
  file.pragma('foreign_keys = off')
  for (const name of file
    .prepare<[], string>(`select name from sqlite_master where type = 'trigger'`)
    .pluck()
    .all())
    file.exec(`drop trigger "${name}"`)
  attack(file)
  file.close()
  const store = openSqliteStore(copy, { readOnly: true })
  try {
    return await verify(store, options)
  } finally {
    await store.close()
  }
}

test('as it is, it is right, and says what one should know', async () => {
  const said = await after(() => undefined, { ...trusting(), anchors })
  expect(said).toMatchObject({
    ok: true,
    checkpoints: 6,
    anchored: 6,
    wrong: [],
    signers: [{ fingerprint: key.fingerprint, trusted: true }],
  })
  expect(said.notes.map(({ run, message }) => `${run}: ${message}`)).toEqual([
    expect.stringMatching(/^c: The run was removed on 20\d\d-\d\d-\d\d by gc: a year is over\.$/),
    'e: Events from 7 on came after the run was sealed, and are not sealed yet.',
    'd: The run has not ended, and is not sealed yet.',
  ])
})

test('a key that nobody vouched for is noted', async () => {
  const said = await after(() => undefined, {})
  expect(said).toMatchObject({ ok: true, signers: [{ trusted: false }] })
  expect(said.notes[0]?.message).toMatch(/signed with the key [0-9a-f]{64}, which nobody vouched for/)
})

describe('changing any column of any table is found', () => {
  // Read from the schema itself, so that a column that comes later is covered as well.
  const columns = ((): (readonly [string, string])[] => {
    const place = mkdtempSync(join(tmpdir(), 'quorate-schema-'))
    void openSqliteStore(join(place, 'empty.db')).close()
    const file = new Sqlite(join(place, 'empty.db'))
    const found = file
      .prepare<[], readonly [string, string]>(
        `select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table'`,
      )
      .raw()
      .all()
    file.close()
    rmSync(place, { recursive: true })
    return found
  })()

  test('of which there are these', () => {
    expect(new Set(columns.map(([table]) => table))).toEqual(
      new Set(['events', 'blobs', 'uses', 'checkpoints']),
    )
  })

  test.each(columns)('%s.%s', async (table, column) => {
    const file = new Sqlite(original, { readonly: true })
    const rows = file
      .prepare<[], { place: number; run?: string; seq?: number }>(`select rowid as place, * from ${table}`)
      .all()
    file.close()
    expect(rows.length).toBeGreaterThan(2)
    const some = rows.filter((_, index) => index % Math.ceil(rows.length / 8) === 0)
    for (const { place, run, seq } of some) {
      const said = await after((file) => change(file, table, column, place))
      expect({ place, ok: said.ok }).toEqual({ place, ok: false })
      const identifies = ['run', 'seq'].includes(column)
      if (table === 'events' && !identifies) expect(said.wrong[0]).toMatchObject({ run, seq })
    }
  })

  function change(file: Sqlite.Database, table: string, column: string, place: number): void {
    const old = file.prepare<[number]>(`select "${column}" from ${table} where rowid = ?`).pluck().get(place)
    file.prepare(`update ${table} set "${column}" = ? where rowid = ?`).run(changed(column, old), place)
  }

  function changed(column: string, value: unknown): unknown {
    if (column === 'gzip') return value === 1 ? 0 : 1
    if (typeof value === 'number') return value + 1000
    if (Buffer.isBuffer(value))
      return Buffer.from(value.map((byte, index) => (index === value.length - 1 ? byte ^ 1 : byte)))
    // One letter in the middle: what is not even of the right form would be too easy.
    const text = typeof value === 'string' ? value : ''
    const middle = Math.floor(text.length / 2)
    return `${text.slice(0, middle)}${text.charAt(middle) === 'q' ? 'z' : 'q'}${text.slice(middle + 1)}`
  }
})

const first = (said: Verification): unknown => [
  said.wrong[0]?.run,
  said.wrong[0]?.seq,
  said.wrong[0]?.message,
]

describe('on the events of a run', () => {
  test.each<[string, (file: Sqlite.Database) => void, number, RegExp]>([
    [
      'one deleted',
      (file) => file.exec(`delete from events where run = 'a' and seq = 3`),
      3,
      /Event 3 is missing: the next one is event 4/,
    ],
    [
      'the first deleted',
      (file) => file.exec(`delete from events where run = 'a' and seq = 1`),
      1,
      /Event 1 is missing/,
    ],
    [
      'one deleted, and the others moved up',
      (file) =>
        file.exec(
          `delete from events where run = 'a' and seq = 3; update events set seq = seq - 1 where run = 'a' and seq > 3`,
        ),
      3,
      /Event 3 is missing/,
    ],
    [
      'two swapped',
      (file) =>
        file.exec(`update events set seq = 100 where run = 'a' and seq = 2; update events set seq = 2 where run = 'a' and seq = 3;
          update events set seq = 3 where run = 'a' and seq = 100`),
      2,
      /Event 2 is missing: the next one is event 3/,
    ],
    [
      'one there twice',
      (file) => again(file, 'a', 3, `'twice'`),
      8,
      /Where event 8 should be stands one that says it is event 3/,
    ],
    [
      'all of them deleted',
      (file) => file.exec(`delete from events where run = 'a'`),
      1,
      /Event 1 is missing: checkpoint 2 was made when there were 7/,
    ],
    [
      'the last deleted',
      (file) => file.exec(`delete from events where run = 'a' and seq = 7`),
      7,
      /Event 7 is missing: checkpoint 2/,
    ],
    [
      'one changed with its hash',
      (file) => rewrite(file, 'a', (event) => (event.seq === 3 ? told(event) : event), 3),
      4,
      /Event 4 .*its hash is not what follows from its text and the event before/,
    ],
    [
      'one changed with all hashes after it',
      (file) => rewrite(file, 'a', (event) => (event.seq === 3 ? told(event) : event)),
      7,
      /Up to event 7 the run is not what was signed: checkpoint 2 .*was written anew/,
    ],
    [
      'all of another run in its place',
      (file) => rename(file, 'd', 'a'),
      6,
      /Event 6 is missing: checkpoint 2/,
    ],
    ['one inserted, and all hashes after it', insert, 7, /Up to event 7 the run is not what was signed/],
    [
      'another copy of a spelling: the same JSON with a blank',
      (file) =>
        file.exec(
          `update events set text = replace(text, '{"action"', '{ "action"') where run = 'a' and seq = 2`,
        ),
      2,
      /its text is none that Quorate wrote/,
    ],
  ])('%s', async (_what, attack, seq, message) => {
    expect(first(await after(attack))).toEqual(['a', seq, expect.stringMatching(message)])
  })

  function told<Event extends AuditEvent>(event: Event): Event {
    return { ...event, at: '2020-01-01T00:00:00.000Z' }
  }

  function again(file: Sqlite.Database, run: string, seq: number, id: string): void {
    file.exec(`create temp table one as select * from events where run = '${run}' and seq = ${seq};
      update one set id = ${id}, seq = 8; insert into events select * from one`)
  }

  /** As a careful attacker does it: columns, texts and hashes agree. `until` stops mending hashes after that event. */
  function rewrite(
    file: Sqlite.Database,
    run: string,
    change: (event: AuditEvent) => AuditEvent,
    until = Number.MAX_SAFE_INTEGER,
  ): void {
    let prev = noHash
    const rows = file
      .prepare<[string], { seq: number; text: string }>(
        'select seq, text from events where run = ? order by seq',
      )
      .all(run)
    for (const { seq, text } of rows) {
      const event = change(JSON.parse(text) as AuditEvent)
      prev = link(prev, textOf(event))
      if (seq <= until)
        file
          .prepare('update events set id = ?, name = ?, at = ?, text = ?, hash = ? where run = ? and seq = ?')
          .run(event.id, event.name, event.at, textOf(event), prev, run, seq)
    }
  }

  function rename(file: Sqlite.Database, from: string, to: string): void {
    file.exec(`delete from events where run = '${to}'; update events set run = '${to}' where run = '${from}'`)
    file.exec(
      `update events set workflow = replace(workflow, '-${from}', '-${to}'), words = replace(words, '-${from}', '-${to}')`,
    )
    rewrite(file, to, (event) => ({
      ...event,
      run: to,
      workflow: event.workflow.replace(`-${from}`, `-${to}`),
    }))
  }

  function insert(file: Sqlite.Database): void {
    file.exec(
      `update events set seq = seq + 100 where run = 'a' and seq >= 4; update events set seq = seq - 99 where run = 'a' and seq > 100`,
    )
    file.exec(`insert into events select run, 4, 'inserted', workflow, 'guard.passed', at, person, runbook, cluster, outcome, words, 'x' || hash, text
      from events where run = 'a' and seq = 3`)
    const place = new Map<string, number>()
    rewrite(file, 'a', (event) => {
      place.set(event.run, (place.get(event.run) ?? 0) + 1)
      const seq = place.get(event.run) ?? 0
      return seq === 4
        ? { ...event, seq, id: 'inserted', name: 'guard.passed', data: { asked: {} } }
        : { ...event, seq }
    })
  }
})

describe('on blobs', () => {
  const printed = `(select sha256 from uses where run = 'a' and sha256 not in (select sha256 from uses where run = 'b'))`
  test.each<[string, string, string, number | undefined, RegExp]>([
    [
      'one deleted',
      `delete from blobs where sha256 in ${printed}`,
      'a',
      5,
      /Event 5 .*: the blob [0-9a-f]{64} is missing/,
    ],
    [
      'one with another content',
      `update blobs set content = x'00', gzip = 0 where sha256 in ${printed}`,
      'a',
      5,
      /Event 5 .*: the blob [0-9a-f]{64} is not what its digest says/,
    ],
    [
      'what uses it forgotten',
      `delete from uses where run = 'a' and sha256 in ${printed}`,
      'a',
      undefined,
      /The table "uses" is not what/,
    ],
  ])('%s', async (_what, attack, run, seq, message) => {
    expect(first(await after((file) => file.exec(attack)))).toEqual([
      run,
      seq,
      expect.stringMatching(message),
    ])
  })
})

describe('on checkpoints', () => {
  test.each<[string, string, number, RegExp]>([
    ['one deleted', 'delete from checkpoints where n = 2', 2, /Checkpoint 2 is missing: after 1 comes 3/],
    [
      'one deleted, and the others moved up',
      'delete from checkpoints where n = 2; update checkpoints set n = n - 1 where n > 2',
      2,
      /Checkpoint 3: the column "n" says 2/,
    ],
    [
      'the signature of another',
      'update checkpoints set signature = (select signature from checkpoints where n = 3) where n = 2',
      2,
      /Checkpoint 2: its signature does not fit/,
    ],
  ])('%s', async (_what, attack, n, message) => {
    const { wrong } = await after((file) => file.exec(attack))
    expect(wrong[0]).toMatchObject({ checkpoint: n, message: expect.stringMatching(message) })
  })

  test('all signed again with a key of the attacker, the public key replaced', async () => {
    const other = openSealKey(join(directory, 'other.pem'))
    const attack = (file: Sqlite.Database): void => signAgain(file, other, (checkpoint) => checkpoint)
    const said = await after(attack)
    expect(said.ok).toBe(false)
    expect(said.wrong[0]?.message).toMatch(
      /signed with the key [0-9a-f]{64}, which is none of those to trust/,
    )
    // Nobody but an anchor, or who knows the key, can tell.
    expect((await after(attack, {})).ok).toBe(true)
    const anchored = await after(attack, { anchors })
    expect(anchored.wrong[0]?.message).toMatch(/anchored as signed with the key/)
  })

  test('a run removed with a stolen key while it is held', async () => {
    const said = await after((file) => {
      signAgain(file, key, (checkpoint) =>
        checkpoint.n === 5 ? { ...checkpoint, kind: 'removed' } : checkpoint,
      )
      file.exec(`delete from events where run = 'b'; delete from uses where run = 'b'`)
    })
    expect(said.wrong[0]).toMatchObject({ run: 'b', checkpoint: 5 })
    expect(said.wrong[0]?.message).toBe('Checkpoint 5 removes the run, which was held since checkpoint 4.')
  })

  function signAgain(
    file: Sqlite.Database,
    by: SealKey,
    change: (checkpoint: Checkpoint) => Checkpoint,
  ): void {
    let prev = noHash
    for (const { n, text } of file
      .prepare<[], { n: number; text: string }>('select n, text from checkpoints order by n')
      .all()) {
      const made = signed({ ...change(JSON.parse(text) as Checkpoint), prev }, by.sign)
      prev = made.hash
      file
        .prepare(
          'update checkpoints set kind = ?, text = ?, hash = ?, signature = ?, public_key = ? where n = ?',
        )
        .run(made.checkpoint.kind, made.text, made.hash, made.signature, made.publicKey, n)
    }
  }
})

describe('what only an anchor tells', () => {
  test('the tail cut off, with its checkpoints', async () => {
    const cut = (file: Sqlite.Database): void => {
      file.exec(
        `delete from events where run = 'e'; delete from uses where run = 'e'; delete from checkpoints where run = 'e'`,
      )
    }
    expect((await after(cut)).ok).toBe(true)
    const said = await after(cut, { ...trusting(), anchors })
    expect(said.wrong).toEqual([
      {
        checkpoint: 6,
        run: 'e',
        message:
          'Checkpoint 6 of the run e (its events up to 6) was anchored and is not on record any more: the end was cut off.',
      },
    ])
  })

  test('all written anew with the stolen key', async () => {
    const forged = join(directory, 'forged.db')
    await write(forged, key, 'etcd-inspect')
    const store = openSqliteStore(forged, { readOnly: true })
    expect(await verify(store, trusting())).toMatchObject({ ok: true, wrong: [] })
    const said = await verify(store, { ...trusting(), anchors })
    expect(said.ok).toBe(false)
    expect(said.wrong[0]?.message).toMatch(
      /Checkpoint 1 was anchored with the hash .*: the record was written anew/,
    )
    await store.close()
  })

  test('checkpoints that came after the last anchor are noted', async () => {
    const said = await after(() => undefined, { ...trusting(), anchors: anchors.slice(0, 4) })
    expect(said).toMatchObject({ ok: true, anchored: 4 })
    expect(said.notes[0]).toEqual({
      checkpoint: 5,
      message: '2 of 6 checkpoints, the first of them 5, are in none of the anchors given.',
    })
  })
})

describe('what cannot be told', () => {
  test('an end cut off before it was sealed', async () => {
    const said = await after((file) => file.exec(`delete from events where run = 'd' and seq > 2`), {
      anchors,
      ...trusting(),
    })
    expect(said.ok).toBe(true)
    expect(said.notes).toContainEqual(expect.objectContaining({ run: 'd', seq: 1 }))
  })
})

test('a released run may be removed, a held one not, by the database either', async () => {
  const copy = join(directory, 'retention.db')
  copyFileSync(original, copy)
  const store = openSqliteStore(copy)
  const what = { runs: ['b', 'd', 'nobody'] }
  const asked = { what, dryRun: false, reason: 'asked for', by: 'anna' }
  expect(await removeRuns(store, key, asked)).toEqual({
    removed: [],
    kept: [
      { run: 'b', workflow: 'etcd-recover-b', why: 'It is held: the regulator asks.' },
      { run: 'd', workflow: 'etcd-recover-d', why: 'It has not ended, or its end is not on record yet.' },
      { run: 'nobody', why: 'There is no such run on record.' },
    ],
  })
  const file = new Sqlite(copy)
  expect(() => file.exec(`delete from events where run = 'b'`)).toThrow(/never while it is held/)
  file.close()
  await expect(hold(store, 'b', key, wish)).rejects.toThrow('The run b is held already: the regulator asks.')
  await release(store, 'b', key, { reason: 'the case is closed', by: 'ben' })
  await expect(release(store, 'b', key, wish)).rejects.toThrow('The run b is not held.')

  const dry = await removeRuns(store, key, { ...asked, dryRun: true })
  expect(dry.removed.map(({ run }) => run)).toEqual(['b'])
  expect(await all(store.events('b'))).not.toEqual([])

  const done = await removeRuns(store, key, asked)
  expect(done.removed.map(({ run }) => run)).toEqual(['b'])
  expect(await all(store.events('b'))).toEqual([])
  // What only b printed is gone, the program it shares with others is not.
  const blobs = await all(store.blobRows())
  expect(blobs).toHaveLength(2)
  expect(await verify(store, trusting())).toMatchObject({ ok: true, wrong: [] })
  const [event] = recordedEvents({ run: 'b', program: noHash })
  await expect(store.append(event === undefined ? [] : [event])).rejects.toThrow(
    /The run b was removed from the record/,
  )
  await store.close()
})

test('what is older than its age goes, what is younger stays', async () => {
  const path = join(directory, 'age.db')
  const store = openSqliteStore(path)
  const day = 86_400_000
  await record(store, { run: 'old', beganMs: Date.now() - 400 * day })
  await record(store, { run: 'oldest', beganMs: Date.now() - 500 * day, open: true })
  await record(store, { run: 'held', beganMs: Date.now() - 400 * day })
  await record(store, { run: 'young', beganMs: Date.now() - 300 * day })
  await hold(store, 'held', key, wish)
  const result = await removeRuns(store, key, {
    what: { olderThanMs: 365 * day },
    dryRun: false,
    reason: 'a year',
    by: 'gc',
  })
  expect(result.removed.map(({ run }) => run)).toEqual(['old'])
  expect(result.kept.map(({ run }) => run).toSorted()).toEqual(['held', 'oldest'])
  expect((await store.runs()).runs.map(({ run }) => run)).toEqual(['young', 'held', 'oldest'])
  await store.close()
})
