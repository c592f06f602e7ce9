import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type PostgresServer, startPostgres, whyNoPostgres } from '../lab/postgres.ts'
import { all, record, recordedEvents } from '../test/record.ts'
import type { Archive } from './archive.ts'
import type { NewEvent } from './event.ts'
import { link, noHash, sha256 } from './chain.ts'
import { openStore } from './open.ts'
import { preparePostgres } from './postgres.ts'
import { seal } from './seal.ts'
import { openSealKey } from './seal-key.ts'
import { verify } from './verify.ts'
import { StoreError } from './store.ts'

let directory: string
let postgres: PostgresServer | undefined
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-record-'))
  if (whyNoPostgres() !== undefined) return
  postgres = await startPostgres()
  await preparePostgres(await postgres.createDatabase('prepared'), 'worker')
}, 60_000)
afterAll(async () => {
  rmSync(directory, { recursive: true })
  await postgres?.stop()
})

let count = 0
const newFile = async (): Promise<string> => join(directory, `record-${++count}`, 'audit.db')
/** As a worker sees it: its role may only read and add. */
const newDatabase = async (): Promise<string> => {
  const name = `record_${++count}`
  if (postgres === undefined) throw new Error(whyNoPostgres())
  await postgres.createDatabase(name, 'prepared')
  return postgres.url(name, 'worker')
}

const cancelAsked = (run: string): NewEvent => ({
  run,
  workflow: `etcd-recover-${run}`,
  id: 'late',
  at: '2026-03-02T00:00:00.000Z',
  name: 'run.cancelAsked',
  data: { entry: {} },
})

const stores = [
  { kind: 'SQLite', newPlace: newFile, describe },
  {
    kind: 'Postgres',
    newPlace: newDatabase,
    describe: whyNoPostgres() === undefined ? describe : describe.skip,
  },
]

for (const { kind, newPlace, describe } of stores) {
  describe(`a store in ${kind}`, () => {
    let place: string
    let store: Archive
    beforeEach(async () => {
      place = await newPlace()
      store = await openStore(place)
    })
    afterEach(() => store.close())

    test('gives back what was appended, as a chain of texts', async () => {
      await record(store, { run: 'r1', prints: 'all of it' })
      const events = await all(store.events('r1'))
      expect(events.map(({ event }) => event.seq)).toEqual([1, 2, 3, 4, 5, 6])
      expect(events.map(({ event }) => event.name).at(-1)).toBe('run.ended')
      let prev = noHash
      for (const { event, text, hash } of events) {
        expect(JSON.parse(text)).toEqual(event)
        expect(hash).toBe(link(prev, text))
        prev = hash
      }
    })

    test('leaves an event alone that is there already, whatever it says now', async () => {
      const program = await store.putBlob(Buffer.from('{}'))
      const events = recordedEvents({ run: 'r1', program })
      await store.append(events.slice(0, 3))
      await store.append(events.map((event) => ({ ...event, at: '2030-01-01T00:00:00.000Z' })))
      const kept = await all(store.events('r1'))
      expect(kept).toHaveLength(events.length)
      expect(kept.filter(({ event }) => event.at.startsWith('2030'))).toHaveLength(events.length - 3)
      expect(kept.map(({ event }) => event.seq)).toEqual(events.map((_, index) => index + 1))
    })

    test('keeps every text as it came: NUL, half a surrogate pair, quotes, line breaks', async () => {
      const odd = 'a\0b\uD800c"\'\n\u2028\\ ü 💾'
      const program = await store.putBlob(Buffer.from('{}'))
      await store.append(
        recordedEvents({ run: 'r1', program, runbook: odd, reason: odd, by: odd, message: odd }),
      )
      const [first] = await all(store.events('r1'))
      expect(first?.event).toMatchObject({ workflow: `${odd}-r1`, data: { reason: odd, by: odd } })
      const { runs } = await store.runs({ text: 'ü 💾' })
      expect(runs).toMatchObject([{ began: { by: odd }, ended: { message: odd } }])
    })

    test('keeps blobs by their content, once', async () => {
      const large = Buffer.from('line\n'.repeat(100_000))
      const random = Buffer.from(Array.from({ length: 256 }, (_, index) => (index * 167 + 13) % 256))
      for (const content of [large, random, Buffer.alloc(0)]) {
        const digest = await store.putBlob(content)
        expect(digest).toBe(sha256(content))
        expect(await store.putBlob(content)).toBe(digest)
        expect(content.equals((await store.blob(digest)) ?? Buffer.from('nothing'))).toBe(true)
      }
      expect(await store.blob(noHash)).toBeUndefined()
    })

    test('refuses an event whose blob is missing, and no other that was appended beside it', async () => {
      const program = await store.putBlob(Buffer.from('{}'))
      const good = store.append(recordedEvents({ run: 'good', program }))
      const bad = store.append(recordedEvents({ run: 'bad', program: sha256('never put') }))
      await expect(bad).rejects.toThrow(StoreError)
      await expect(bad).rejects.toThrow(/refers to the blob .* put it in first/)
      await good
      expect(await all(store.events('bad'))).toEqual([])
      expect(await all(store.events('good'))).toHaveLength(6)
    })

    test('takes what comes in the same tick together, and each run in its own order', async () => {
      const program = await store.putBlob(Buffer.from('{}'))
      const events = ['a', 'b', 'c'].flatMap((run) => recordedEvents({ run, program, commands: 20 }))
      await Promise.all(events.map((event) => store.append([event])))
      for (const run of ['a', 'b', 'c']) {
        const kept = await all(store.events(run))
        expect(kept.map(({ event }) => event.id)).toEqual(
          events.filter((event) => event.run === run).map(({ id }) => id),
        )
      }
    })

    test('is right with several processes that write the same run', async () => {
      await store.putBlob(Buffer.from('{}'))
      const writers = [1, 2, 3].map((number) =>
        fork(join(__dirname, '../dist/bench/writer.js'), [place, 'same', `w${number}`, '60'], {
          silent: true,
        }),
      )
      const codes = await Promise.all(
        writers.map(async (writer) => ((await once(writer, 'exit')) as [number])[0]),
      )
      expect(codes).toEqual([0, 0, 0])
      const kept = await all(store.events('same'))
      expect(kept).toHaveLength(180)
      expect(kept.map(({ event }) => event.seq)).toEqual(kept.map((_, index) => index + 1))
      let prev = noHash
      for (const { text, hash } of kept) {
        expect(hash).toBe(link(prev, text))
        prev = hash
      }
    })

    test('verifies while others write, as it was when that began', async () => {
      const key = openSealKey(join(directory, 'seal.pem'))
      await record(store, { run: 'r1' })
      await seal(store, 'r1', key)
      const source: Archive = {
        ...store,
        snapshot: async () => {
          const snapshot = await store.snapshot?.()
          if (snapshot === undefined) throw new Error('a store has snapshots')
          await record(store, { run: 'r2', prints: 'new' })
          await seal(store, 'r2', key)
          await store.append([cancelAsked('r1')])
          return snapshot
        },
      }
      expect(await verify(source, { trusted: [key.publicKey] })).toMatchObject({
        ok: true,
        events: 6,
        checkpoints: 1,
      })
      expect(await verify(store, { trusted: [key.publicKey] })).toMatchObject({
        ok: true,
        events: 13,
        checkpoints: 2,
      })
    })

    test('is sealed once for what there is, by however many at once, and again for what comes later', async () => {
      const key = openSealKey(join(directory, 'seal.pem'))
      for (const run of ['r1', 'r2']) await record(store, { run })
      const other = await openStore(place)
      const made = await Promise.all(
        ['r1', 'r2', 'r1', 'nobody'].flatMap((run) => [seal(store, run, key), seal(other, run, key)]),
      )
      await other.close()
      expect(made.filter((checkpoint) => checkpoint !== undefined)).toHaveLength(2)
      await store.append([cancelAsked('r1')])
      expect((await seal(store, 'r1', key))?.checkpoint).toMatchObject({
        n: 3,
        kind: 'sealed',
        run: 'r1',
        seq: 7,
      })
      expect((await all(store.checkpoints())).map(({ checkpoint }) => checkpoint.n)).toEqual([1, 2, 3])
      expect((await all(store.checkpoints('r2'))).map(({ checkpoint }) => checkpoint.run)).toEqual(['r2'])
      expect((await store.runs({ run: 'r1' })).runs).toMatchObject([{ events: 7, sealed: 7 }])
      expect(await verify(store, { trusted: [key.publicKey] })).toMatchObject({
        ok: true,
        events: 13,
        checkpoints: 3,
        wrong: [],
        notes: [],
      })
    })
  })

  describe(`the list of runs in ${kind} shows`, () => {
    const hour = 3_600_000
    let store: Archive
    beforeAll(async () => {
      store = await openStore(await newPlace())
      await record(store, {
        run: 'r1',
        beganMs: hour,
        cluster: 'prod',
        by: 'anna',
        reason: 'Disk 100% full',
      })
      await record(store, { run: 'r2', beganMs: 2 * hour, cluster: 'lab', by: 'ben', decidedBy: 'anna' })
      await record(store, {
        run: 'r3',
        beganMs: 3 * hour,
        runbook: 'etcd-backup',
        outcome: 'failed',
        message: 'No quorum',
      })
      await record(store, { run: 'r4', beganMs: 4 * hour, cluster: 'lab', by: 'cleo', open: true })
    })
    afterAll(() => store.close())

    test.each([
      ['all of them, newest first', {}, ['r4', 'r3', 'r2', 'r1']],
      ['of a cluster', { cluster: 'lab' }, ['r4', 'r2']],
      ['of a runbook', { runbook: 'etcd-backup' }, ['r3']],
      ['one by its key', { run: 'r2' }, ['r2']],
      ['of a person, who asked or decided', { person: 'anna' }, ['r3', 'r2', 'r1']],
      ['that ended so', { outcome: 'done' }, ['r2', 'r1']],
      ['that have not ended', { outcome: 'open' }, ['r4']],
      ['since then', { sinceMs: 3 * hour }, ['r4', 'r3']],
      ['until then', { untilMs: 3 * hour }, ['r2', 'r1']],
      ['with words of the reason, whatever their case', { text: 'disk 100% FULL' }, ['r1']],
      ['with words of the message', { text: 'no quo' }, ['r3']],
      ['with a part of the id', { text: 'backup-r3' }, ['r3']],
      ['with words nobody said, where a pattern would match', { text: 'd_sk' }, []],
      ['of a cluster and a person', { cluster: 'lab', person: 'anna' }, ['r2']],
    ])('%s', async (_what, query, found) => {
      const page = await store.runs(query)
      expect(page.runs.map(({ run }) => run)).toEqual(found)
      expect(page.total).toBe(found.length)
      expect(page.next).toBeUndefined()
    })

    test('with what began and ended them', async () => {
      const [newest, failed] = (await store.runs()).runs
      expect(newest).toMatchObject({
        run: 'r4',
        beganMs: 4 * hour,
        began: { by: 'cleo' },
        events: 5,
        sealed: 0,
      })
      expect(newest?.ended).toBeUndefined()
      expect(failed).toMatchObject({
        workflow: 'etcd-backup-r3',
        ended: { outcome: 'failed', message: 'No quorum' },
      })
    })

    test('a page at a time, also where several began at once', async () => {
      for (const run of ['s1', 's2', 's3']) await record(store, { run, beganMs: 2 * hour })
      const pages: string[][] = []
      let after: string | undefined
      do {
        const page = await store.runs({ limit: 2, ...(after === undefined ? {} : { after }) })
        expect(page.total).toBe(7)
        pages.push(page.runs.map(({ run }) => run))
        after = page.next
      } while (after !== undefined)
      expect(pages).toEqual([['r4', 'r3'], ['s3', 's2'], ['s1', 'r2'], ['r1']])
    })

    test('also one of which only a later event is on record', async () => {
      await store.append([
        {
          run: 'r5',
          workflow: 'w5',
          id: 'x',
          at: new Date(9 * hour).toISOString(),
          name: 'run.cancelAsked',
          data: { entry: {} },
        },
      ])
      const [newest] = (await store.runs()).runs
      expect(newest).toEqual({ run: 'r5', workflow: 'w5', beganMs: 9 * hour, events: 1, sealed: 0 })
    })

    test('also one that was refused before it began', async () => {
      const data = { runbook: 'etcd-recovr', inputs: {}, by: 'dora' }
      const at = new Date(9 * hour).toISOString()
      await store.append([{ run: 'r6', workflow: 'w6', id: 'refused', at, name: 'run.refused', data }])
      for (const query of [{ person: 'dora' }, { runbook: 'etcd-recovr' }, { text: 'recovr' }])
        expect((await store.runs(query)).runs).toEqual([
          { run: 'r6', workflow: 'w6', beganMs: 9 * hour, events: 1, sealed: 0 },
        ])
    })

    test('and refuses a place it never gave', async () => {
      await expect(store.runs({ after: 'nonsense' })).rejects.toThrow(/no place in the list of runs/)
    })
  })
}
