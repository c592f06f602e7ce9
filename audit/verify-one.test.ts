import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { record } from '../test/record.ts'
import type { Archive } from './archive.ts'
import { seal } from './seal.ts'
import { openSealKey } from './seal-key.ts'
import { openSqliteStore } from './sqlite.ts'
import { verifyRun } from './verify-one.ts'

let directory: string
let store: Archive
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-one-'))
  store = openSqliteStore(join(directory, 'audit.db'))
  const key = openSealKey(join(directory, 'seal.pem'))
  for (const run of ['r1', 'r2']) {
    await record(store, { run, prints: `printed by ${run}\n`.repeat(100) })
    await seal(store, run, key)
  }
  await record(store, { run: 'r3', open: true })
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

test('a run by itself, with its own checkpoints and blobs', async () => {
  expect(await verifyRun(store, 'r2')).toMatchObject({ ok: true, events: 6, checkpoints: 1, wrong: [] })
})

test('a store that gives nothing but its events will do', async () => {
  const { events, checkpoints, blob } = store
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what else a store has is not needed
  const least = { events, checkpoints, blob } as unknown as Archive
  expect(await verifyRun(least, 'r1')).toEqual(await verifyRun(store, 'r1'))
  expect(await verifyRun(least, 'r1')).toMatchObject({ ok: true, events: 6, checkpoints: 1 })
})

test('one that is not sealed is said to be so', async () => {
  const { ok, checkpoints, notes } = await verifyRun(store, 'r3')
  expect([ok, checkpoints, notes[0]?.message]).toEqual([true, 0, expect.stringContaining('not sealed')])
})

test('what was changed is found in that run, and not in another', async () => {
  const changed: Archive = {
    ...store,
    async *eventRows(run) {
      for await (const row of store.eventRows(run))
        yield run === 'r2' ? { ...row, text: String(row['text']).replace('"etcd-1"', '"etcd-9"') } : row
    },
  }
  expect((await verifyRun(changed, 'r1')).ok).toBe(true)
  const { ok, wrong } = await verifyRun(changed, 'r2')
  expect([ok, wrong[0]?.run]).toEqual([false, 'r2'])
  expect(wrong[0]?.message).toContain('its hash is not what follows')
})

test('a blob that is gone is missed', async () => {
  const { wrong } = await verifyRun({ ...store, blob: () => Promise.resolve(undefined) }, 'r1')
  expect(wrong[0]?.message).toContain('is missing')
})
