import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openStore } from './open.ts'
import { verify } from './verify.ts'
import { killWriters } from '../bench/kill.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-kill-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

test('what was acknowledged is on record after kill -9, in a chain without a gap', async () => {
  const place = join(directory, 'audit.db')
  const killed = await killWriters(
    place,
    5,
    (kill) => 10 + kill * 15,
    join(__dirname, '../dist/bench/writer.js'),
  )
  expect(killed.acknowledged).toBeGreaterThan(5)
  expect(killed.lost).toEqual([])
  // At most the one that was under way.
  expect(killed.kept - killed.acknowledged).toBeLessThanOrEqual(5)
  const store = await openStore(place, { readOnly: true })
  expect(await verify(store)).toMatchObject({ ok: true, events: killed.kept, wrong: [] })
  await store.close()
})
