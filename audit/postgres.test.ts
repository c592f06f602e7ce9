import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresServer, query, startPostgres, whyNoPostgres } from '../lab/postgres.ts'
import { all, record } from '../test/record.ts'
import type { Archive } from './archive.ts'
import { openPostgresStore, preparePostgres } from './postgres.ts'
import { hold, release, removeRuns } from './retention.ts'
import { seal } from './seal.ts'
import { openSealKey, type SealKey } from './seal-key.ts'
import { verify } from './verify.ts'

const describeHere = whyNoPostgres() === undefined ? describe : describe.skip

describeHere('the record in Postgres', () => {
  let server: PostgresServer
  let directory: string
  let key: SealKey
  let owner: string
  let worker: string
  let store: Archive
  let count = 0
  const makeRecord = async (): Promise<void> => {
    const name = `record_${++count}`
    owner = await server.createDatabase(name)
    worker = server.url(name, 'worker')
    await preparePostgres(owner, 'worker')
    store = await openPostgresStore(worker)
    await record(store, { run: 'r1', prints: 'only r1' })
    await seal(store, 'r1', key)
  }
  beforeAll(async () => {
    server = await startPostgres()
    directory = mkdtempSync(join(tmpdir(), 'quorate-record-'))
    key = openSealKey(join(directory, 'seal.pem'))
    await makeRecord()
  }, 60_000)
  afterAll(async () => {
    await store.close()
    await server.stop()
    rmSync(directory, { recursive: true })
  })
  const tables = ['events', 'blobs', 'uses', 'checkpoints']

  test.each(
    tables.flatMap((table) => [
      `update quorate_audit.${table} set ${table === 'blobs' || table === 'uses' ? 'sha256' : 'hash'} = 'x'`,
      `delete from quorate_audit.${table}`,
      `truncate quorate_audit.${table} cascade`,
      `alter table quorate_audit.${table} disable trigger all`,
      `alter table quorate_audit.${table} add column more text`,
      `drop table quorate_audit.${table} cascade`,
      `drop trigger ${table}_no_${table === 'checkpoints' ? 'change' : 'update'} on quorate_audit.${table}`,
    ]),
  )('a worker cannot %s', async (sql) => {
    await expect(query(worker, sql)).rejects.toThrow(/permission denied|must be owner/)
  })

  test.each([
    `create or replace function quorate_audit.never_changed() returns trigger language plpgsql as 'begin return old; end'`,
    `create table quorate_audit.more (x text)`,
    `alter schema quorate_audit rename to other`,
    `comment on schema quorate_audit is 'x'`,
    `set session_replication_role = replica`,
    `set role postgres`,
  ])('a worker cannot %s', async (sql) => {
    await expect(query(worker, sql)).rejects.toThrow(/permission denied|must be owner/)
  })

  test.each(tables)('the owner does not change or empty %s by mistake either', async (table) => {
    const column = table === 'blobs' || table === 'uses' ? 'sha256' : 'hash'
    await expect(query(owner, `update quorate_audit.${table} set ${column} = ${column}`)).rejects.toThrow(
      /never changed/,
    )
    await expect(query(owner, `truncate quorate_audit.${table} cascade`)).rejects.toThrow(/never changed/)
    await expect(query(owner, `delete from quorate_audit.${table}`)).rejects.toThrow(
      /never changed|leaves the record only after|a run on record refers to this blob/,
    )
  })

  describe('and on a record of its own each', () => {
    beforeEach(async () => {
      await store.close()
      await makeRecord()
    })

    test('only its owner removes runs, and never one that is held', async () => {
      const removal = { what: { runs: ['r1'] }, dryRun: false, reason: 'a year is over', by: 'gc' }
      await expect(removeRuns(store, key, removal)).rejects.toThrow(
        /permission denied for table events.* what needs more is done as the owner/,
      )
      expect(await all(store.checkpoints())).toHaveLength(1)
      await hold(store, 'r1', key, { reason: 'the regulator asks', by: 'anna' })

      const asOwner = await openPostgresStore(owner)
      expect((await removeRuns(asOwner, key, removal)).kept).toEqual([
        { run: 'r1', workflow: 'etcd-recover-r1', why: 'It is held: the regulator asks.' },
      ])
      await release(store, 'r1', key, { reason: 'closed', by: 'anna' })
      expect((await removeRuns(asOwner, key, removal)).removed.map(({ run }) => run)).toEqual(['r1'])
      await asOwner.close()
      expect(await all(store.events('r1'))).toEqual([])
      expect(await all(store.blobRows())).toEqual([])
      expect(await verify(store, { trusted: [key.publicKey] })).toMatchObject({
        ok: true,
        checkpoints: 4,
        wrong: [],
      })
    })

    test('what somebody changed who may drop triggers is found', async () => {
      await query(owner, `alter table quorate_audit.events disable trigger all`)
      await query(owner, `update quorate_audit.events set at = '2020-01-01T00:00:00.000Z' where seq = 3`)
      const { wrong } = await verify(store)
      expect(wrong[0]).toMatchObject({
        run: 'r1',
        seq: 3,
        message: expect.stringMatching(/the column "at" says "2020/),
      })
    })

    test('it can be prepared again, for another role too, and keeps what is there', async () => {
      await preparePostgres(owner, 'Worker "two"')
      await preparePostgres(owner, 'worker')
      expect(await all(store.events('r1'))).toHaveLength(6)
    })

    test('opened to be read, it is not written', async () => {
      const reader = await openPostgresStore(worker, { readOnly: true })
      expect((await reader.runs()).total).toBe(1)
      await expect(record(reader, { run: 'r2' })).rejects.toThrow(
        /read-only transaction.* opened only to be read/,
      )
      await reader.close()
    })

    test.each([
      [
        'one that was not prepared',
        async () => server.createDatabase(`bare_${++count}`),
        /is not prepared: its owner makes the tables/,
      ],
      [
        'one of another version',
        async () => {
          await query(owner, `comment on schema quorate_audit is 'The record of Quorate, version 9'`)
          return worker
        },
        /is "The record of Quorate, version 9", and this Quorate knows/,
      ],
      [
        'one that is not there',
        async () => server.url('nowhere'),
        /database "nowhere" does not exist\. Make that database/,
      ],
      [
        'where nothing listens',
        async () => 'postgres://anna:secret@127.0.0.1:1/audit',
        /postgres:\/\/anna@127\.0\.0\.1:1\/audit cannot .*ECONNREFUSED.* start the server/,
      ],
    ])('%s is refused with a sentence', async (_what, place, sentence) => {
      const url = await place()
      await expect(openPostgresStore(url)).rejects.toThrow(sentence)
      await expect(openPostgresStore(url)).rejects.not.toThrow(/secret/)
    })

    test('a connection that breaks is made again', async () => {
      await query(owner, `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'worker'`)
      await record(store, { run: 'r2' }).catch(() => undefined)
      await record(store, { run: 'r2' })
      expect(await all(store.events('r2'))).toHaveLength(6)
    })

    test('a server that is gone is said so, and what was acknowledged before is there once it is back', async () => {
      await record(store, { run: 'before' })
      const back = await server.kill()
      const error: unknown = await record(store, { run: 'meanwhile' }).catch((reason: unknown) => reason)
      await back()
      expect(String(error)).toMatch(/^StoreError: .*postgres:\/\/worker@.* (ENOENT|ECONNREFUSED|terminat)/)
      expect(await all(store.events('before'))).toHaveLength(6)
      expect(await all(store.events('meanwhile'))).toHaveLength(0)
      await record(store, { run: 'meanwhile' })
      expect(await all(store.events('meanwhile'))).toHaveLength(6)
    })
  })
})
