import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { createBinaryFinder } from '../../lab/binaries.ts'
import { until } from '../../test/world.ts'
import { forEach, program, template, uses } from '../../test/replay/build.ts'
import {
  failing,
  startTemporalWorld,
  type TemporalWorld,
  untilWaiting,
} from '../../test/replay/temporal-world.ts'
import type { Archive } from '../archive.ts'
import type { AuditEvent, EventName } from '../event.ts'
import { openSqliteStore } from '../sqlite.ts'
import { createCollector } from './collector.ts'
import { retentionSight } from './retention.ts'

jest.setTimeout(60_000)

/** On a real server: runs end every way there is, and nothing of them falls out of the record. */

let world: TemporalWorld
let directory: string
beforeAll(async () => {
  world = await startTemporalWorld('devServer')
  directory = mkdtempSync(join(tmpdir(), 'quorate-collect-'))
}, 120_000)
afterAll(async () => {
  await world?.close()
  rmSync(directory, { recursive: true, force: true })
})

let store: Archive
let sealed: string[]
beforeEach(async () => {
  for (const action of ['look', 'do', 'undo']) world.on(action, () => ({}))
  store = openSqliteStore(join(directory, `${expect.getState().currentTestName?.length}-${Date.now()}.db`))
  sealed = []
})

const where = () => ({ client: world.env.client, namespace: 'default', taskQueue: world.taskQueue, store })

const collectorOf = (seal = (run: string): Promise<void> => Promise.resolve(void sealed.push(run))) =>
  createCollector({ ...where(), seal })

/** The list of what has ended comes late. */
async function collected(workflow: string): Promise<void> {
  const collector = collectorOf()
  const found = async () => (await collector.pass()).runs.includes(workflow)
  await until(`${workflow} to be found`, found, 20_000, 100)
}

async function eventsOf(run: string): Promise<readonly AuditEvent[]> {
  const events: AuditEvent[] = []
  for await (const { event } of store.events(run)) events.push(event)
  return events
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- narrows by the name
const only = <Name extends EventName>(events: readonly AuditEvent[], name: Name) =>
  events.filter((event): event is Extract<AuditEvent, { name: Name }> => event.name === name)

test('a run that is done is put on record from its history, with who asked and what came out', async () => {
  world.offer(
    program('well', [uses('a', 'look'), uses('b', 'do')], { outputs: { n: template('${{ steps.a.n }}') } }),
    { host: 'h1' },
  )
  world.on('look', () => ({ n: 3 }))
  const handle = await world.start('well', { memo: { by: 'ada', reason: 'it was due' } })
  await handle.result()
  await collected(handle.workflowId)
  const run = handle.firstExecutionRunId
  expect(sealed).toContain(run)
  const events = await eventsOf(run)
  expect(events.map(({ name, seq }) => [seq, name])).toEqual([
    [1, 'run.began'],
    [2, 'history.copied'],
    [3, 'run.ended'],
  ])
  const [began] = only(events, 'run.began')
  expect(began?.data).toMatchObject({
    runbook: 'well',
    by: 'ada',
    reason: 'it was due',
    inputs: { host: 'h1' },
  })
  const text = await store.blob(began?.data.program ?? '')
  expect(JSON.parse(Buffer.from(text ?? []).toString())).toMatchObject({ name: 'well' })
  expect(only(events, 'run.ended')[0]?.data).toMatchObject({ outcome: 'done', outputs: { n: 3 } })
})

test('what is copied is what Temporal’s own tool prints, and a second pass adds nothing', async () => {
  world.offer(program('copied', [forEach('e', 'inputs.list', [uses('a', 'do')])]), { list: ['x', 'y', 'z'] })
  const handle = await world.start('copied', { memo: { continueAfterEvents: 12 } })
  await handle.result()
  await collected(handle.workflowId)
  const run = handle.firstExecutionRunId
  const before = await eventsOf(run)
  const [copied] = only(before, 'history.copied')
  const executions = copied?.data.executions ?? []
  expect(executions.length).toBeGreaterThan(1)
  expect(executions[0]?.runId).toBe(run)
  const { path } = await createBinaryFinder().temporal()
  for (const { runId, blob, events } of executions) {
    const ours: unknown = JSON.parse(gunzipSync((await store.blob(blob)) ?? new Uint8Array()).toString())
    const argv = [
      'workflow',
      'show',
      '--workflow-id',
      handle.workflowId,
      '--run-id',
      runId,
      '--output',
      'json',
    ]
    const printed = execFileSync(path, [...argv, '--address', world.env.address], { encoding: 'utf8' })
    const theirs: unknown = JSON.parse(printed)
    expect(ours).toEqual(theirs)
    expect(theirs).toMatchObject({ events: { length: events } })
  }
  await collected(handle.workflowId)
  expect(await eventsOf(run)).toEqual(before)
})

describe('a run that ends otherwise', () => {
  test('failed: with what it said', async () => {
    world.offer(program('badly', [uses('a', 'do', {}, { onFailure: 'fail' })]))
    world.on('do', () => {
      throw failing('ActionError', 'the disk is full')
    })
    const handle = await world.start('badly')
    await handle.result().catch(() => undefined)
    await collected(handle.workflowId)
    const [ended] = only(await eventsOf(handle.firstExecutionRunId), 'run.ended')
    expect(ended?.data).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('the disk is full'),
    })
  })

  test('terminated in the middle of a question: with who did it, what was asked and decided', async () => {
    world.offer(program('asks', [uses('a', 'do')]))
    world.on('do', () => {
      throw failing('ActionError', 'no')
    })
    const handle = await world.start('asks')
    await untilWaiting(handle)
    await handle.executeUpdate('pause', { args: [{ by: 'bo', comment: 'wait' }] })
    const recorded = () =>
      Promise.resolve(world.written.some((entry) => entry.kind === 'decision' && entry.by === 'bo'))
    await until('the decision to be written', recorded, 20_000, 50)
    await handle.terminate('it hurts')
    await collected(handle.workflowId)
    const events = await eventsOf(handle.firstExecutionRunId)
    expect(events.map(({ name }) => name)).toEqual([
      'run.began',
      'person.asked',
      'person.decided',
      'history.copied',
      'run.ended',
    ])
    const [ended] = only(events, 'run.ended')
    expect(ended?.data.outcome).toBe('terminated')
    expect(ended?.data.message).toMatch(/^Terminated in Temporal by .+ \(it hurts\): .*half done/)
  })

  test('cancelled: with what is now true', async () => {
    world.offer(program('halts', [uses('a', 'do'), uses('b', 'do.more')]))
    world.on('do.more', () => {
      throw failing('ActionError', 'no')
    })
    const handle = await world.start('halts')
    await untilWaiting(handle)
    await handle.cancel()
    await handle.result().catch(() => undefined)
    await collected(handle.workflowId)
    const events = await eventsOf(handle.firstExecutionRunId)
    expect(only(events, 'run.cancelAsked')).toHaveLength(1)
    expect(only(events, 'run.ended')[0]?.data).toMatchObject({
      outcome: 'cancelled',
      message: expect.stringMatching(/.{20,}/),
    })
  })

  test('refused before it began: with who asked for what', async () => {
    world.offer(program('picky', [uses('a', 'do')]))
    const handle = await world.start('picky', { input: { bad: 1 }, memo: { by: 'cy' } })
    await handle.result().catch(() => undefined)
    await collected(handle.workflowId)
    const events = await eventsOf(handle.firstExecutionRunId)
    expect(events.map(({ name }) => name)).toEqual(['run.refused', 'history.copied', 'run.ended'])
    expect(events[0]?.data).toEqual({ runbook: 'picky', inputs: { bad: 1 }, by: 'cy' })
  })
})

test('one that cannot be put on record holds up no other, and is tried again', async () => {
  world.offer(program('stuck', [uses('a', 'do')]))
  const [first, second] = [await world.start('stuck'), await world.start('stuck')]
  await Promise.all([first.result(), second.result()])
  let away = true
  const collector = collectorOf((run) => {
    if (away && run === first.firstExecutionRunId) return Promise.reject(new Error('no room'))
    return Promise.resolve(void sealed.push(run))
  })
  const failing = async () => {
    const { failed } = await collector.pass()
    return failed.some(({ workflow, why }) => workflow === first.workflowId && why === 'no room')
  }
  await until('it to fail', failing, 20_000, 100)
  await until(
    'the other',
    async () => (await collector.pass()) && sealed.includes(second.firstExecutionRunId),
    20_000,
    100,
  )
  expect(sealed).not.toContain(first.firstExecutionRunId)
  away = false
  await collector.pass()
  expect(sealed).toContain(first.firstExecutionRunId)
})

test('what Temporal is about to forget is told while it is not on record', async () => {
  world.offer(program('old', [uses('a', 'do')]))
  const handle = await world.start('old')
  await handle.result()
  const late = (days: number) => retentionSight({ ...where(), nowMs: Date.now() + days * 86_400_000 })
  const { retentionMs } = await late(0)
  expect(retentionMs).toBeGreaterThan(0)
  const share = retentionMs / 86_400_000
  expect((await late(share * 0.7)).endangered).toBe(0)
  const seen = async () => (await late(share * 0.8)).endangered > 0
  await until('the list to show it', seen, 20_000, 100)
  expect((await late(share * 0.8)).warning).toMatch(
    /^Temporal keeps what has ended for .*, and forgets .* in .*/,
  )
})
