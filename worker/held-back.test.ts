import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { NewEvent } from '../audit/event.ts'
import { openSqliteStore } from '../audit/sqlite.ts'
import { type MemoryRecord, memoryRecord } from '../test/memory-record.ts'
import { heldBack, type HeldBackRecord } from './held-back.ts'

let directory: string
let store: MemoryRecord
let said: string[]
const opened: HeldBackRecord[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-held-back-'))
  store = memoryRecord()
  said = []
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  rmSync(directory, { recursive: true })
})

async function open(breakGlass?: string, retryMs = 60_000): Promise<HeldBackRecord> {
  const say = (line: string): void => void said.push(line)
  const one = await heldBack({
    store,
    directory,
    say,
    retryMs,
    ...(breakGlass === undefined ? {} : { breakGlass }),
  })
  opened.push(one)
  return one
}

const event = (run: string, id: string): NewEvent => ({
  ...{ run, workflow: `w-${run}`, id, at: '2026-01-01T00:00:00.000Z', name: 'guard.passed' },
  data: { asked: {} },
})
const ids = (): readonly string[] => store.events.map(({ run, id }) => `${run} ${id}`)
const gone = (): never => {
  throw new Error('The disk is full.')
}
const files = (): readonly string[] => readdirSync(directory)

test('without a reason it is the store, and fails as the store does', async () => {
  const record = await open()
  await record.append([event('r', '1')])
  store.before = gone
  await expect(record.append([event('r', '2')])).rejects.toThrow('The disk is full.')
  await expect(record.putBlob(Buffer.from('x'))).rejects.toThrow('The disk is full.')
  expect([ids(), files(), said]).toEqual([['r 1'], [], []])
})

test('with one nothing is held up: it is kept in memory and in a file for its owner, and written late, saying so', async () => {
  const record = await open('the disk burns')
  await record.append([event('r', '1')])
  store.before = gone
  await record.append([event('r', '2'), event('s', '1')])
  const digest = await record.putBlob(Buffer.from('printed'))
  await record.append([event('r', '3')])
  const [file = ''] = files()
  expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(directory, file), 'utf8').trim().split('\n')).toHaveLength(4)
  expect(said).toEqual([expect.stringMatching(/^THE RECORD IS BYPASSED: The disk is full\. .*held-back/)])

  store.before = () => undefined
  await record.append([event('r', '4')])
  expect(ids()).toEqual(['r 1', 'r bypassed/2', 'r 2', 'r 3', 's bypassed/1', 's 1', 'r 4'])
  expect(store.named('record.bypassed').map(({ data }) => data)).toEqual([
    { reason: 'the disk burns', failure: 'The disk is full.', held: 2 },
    { reason: 'the disk burns', failure: 'The disk is full.', held: 1 },
  ])
  expect(Buffer.from(store.blobs.get(digest) ?? []).toString()).toBe('printed')
  expect(files()).toEqual([])
})

test('it is written as soon as that can be, without waiting for the next event', async () => {
  const record = await open('x', 20)
  store.before = gone
  await record.append([event('r', '1')])
  store.before = () => undefined
  for (let waited = 0; ids().length < 2 && waited < 5000; waited += 20)
    await new Promise((resolve) => setTimeout(resolve, 20))
  expect(ids()).toEqual(['r bypassed/1', 'r 1'])
})

test('what a worker that was killed held back comes first, also where nobody may bypass any more', async () => {
  const killed = await open('x')
  store.before = gone
  await killed.append([event('r', '1')])
  const [file = ''] = files()
  // Of a process that is gone, torn at its end.
  writeFileSync(
    join(directory, 'held-back.999999999.jsonl'),
    `${readFileSync(join(directory, file), 'utf8')}{"event":`,
  )
  rmSync(join(directory, file))
  const next = await open()
  expect(said.at(-1)).toMatch(/^What a former worker held back cannot be put on record yet: The disk is full/)
  await expect(next.append([event('r', '2')])).rejects.toThrow('The disk is full.')
  store.before = () => undefined
  await next.append([event('r', '2')])
  expect(ids()).toEqual(['r bypassed/1', 'r 1', 'r 2'])
  expect(files()).toEqual([])
})

test('a real record takes in what was held back, twice as once', async () => {
  const sqlite = openSqliteStore(join(directory, 'record.db'))
  try {
    const before = await open('x')
    store.before = gone
    await before.append([event('r', '1'), event('r', '2')])
    const held = files().find((name) => name.endsWith('.jsonl')) ?? ''
    const text = readFileSync(join(directory, held), 'utf8')
    for (const _ of ['once', 'twice']) {
      writeFileSync(join(directory, held), text)
      const taken = await heldBack({ store: sqlite, directory, say: () => undefined })
      await taken.close()
    }
    const events: string[] = []
    for await (const { event: one } of sqlite.events('r')) events.push(one.id)
    expect(events).toEqual(['bypassed/1', '1', '2'])
    expect(existsSync(join(directory, held))).toBe(false)
  } finally {
    await sqlite.close()
  }
})
