import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import type { WorkflowHandle } from '@temporalio/client'
import { approve, program, template, undoneBy, uses } from '../test/replay/build.ts'
import {
  endOf,
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilCancelled,
  untilStatus,
  untilWaiting,
} from '../test/replay/temporal-world.ts'
import type { InputSpec } from '../dsl/program.ts'
import type { RunResult } from './doors.ts'

jest.setTimeout(60_000)

/** What goes on beside the steps: it ends with the run, however that ends, and brings its figures. */

let world: TemporalWorld
beforeAll(async () => {
  world = await startTemporalWorld('timeSkipping')
}, 120_000)
afterAll(() => world.close())
beforeEach(() => {
  world.onBeside(untilCancelled)
  for (const action of ['look', 'do', 'undo']) world.on(action, () => ({}))
})

const on = (name: string, steps: Parameters<typeof program>[1]): void =>
  world.offer(program(name, steps, { cluster: template(name) }))

/** Waits until the server knows of an activity of the run that has failed. */
async function untilFailed(handle: WorkflowHandle, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const { events } = await handle.fetchHistory()
    if (events?.some(({ activityTaskFailedEventAttributes: failed }) => failed)) return
    if (Date.now() > deadline) throw new Error(`No activity had failed after ${timeoutMs} ms.`)
    await sleep(20)
  }
}

/** What was started beside a run. */
const besideOf = ({ workflowId }: WorkflowHandle) => world.besides.filter(({ run }) => run.id === workflowId)

test('a run that is done brings what was measured', async () => {
  on('measured', [uses('a', 'do')])
  const handle = await world.start('measured', { memo: { probe: true } })
  const result: RunResult = await handle.result()
  expect(result.availability).toMatchObject({ cluster: 'measured', writes: { acknowledged: 1 } })
  expect((await statusOf(handle)).availability).toEqual(result.availability)
  expect(besideOf(handle)).toMatchObject([{ cluster: 'measured', probe: true, run: { cluster: 'measured' } }])
})

test('nothing is started where nobody asked, and nothing is measured where one only watches', async () => {
  on('plain', [uses('a', 'do')])
  const plain = await world.start('plain')
  expect(((await plain.result()) as RunResult).availability).toBeUndefined()
  expect(besideOf(plain)).toEqual([])
  const watched = await world.start('plain', { memo: { watch: true } })
  expect(((await watched.result()) as RunResult).availability).toBeUndefined()
  expect(besideOf(watched)).toMatchObject([{ probe: false }])
})

test('the inventory may ask for it, and the start may say no', async () => {
  world.offer(program('wished', [uses('a', 'do')], { cluster: template('wished') }), {}, { probe: true })
  const handle = await world.start('wished')
  expect(((await handle.result()) as RunResult).availability).toMatchObject({ writes: { acknowledged: 1 } })
  const without = await world.start('wished', { memo: { probe: false } })
  expect(((await without.result()) as RunResult).availability).toBeUndefined()
})

test('a run that failed and was taken back says it in its failure', async () => {
  on('back', [undoneBy(uses('a', 'do.more'), uses('u', 'undo')), uses('b', 'do')])
  world.on('do', () => {
    throw failing('ActionError', 'no')
  })
  const handle = await world.start('back', { memo: { probe: true } })
  await untilWaiting(handle)
  await handle.executeUpdate('rollback')
  expect(await endOf(handle)).toMatchObject({
    type: 'RunRolledBack',
    details: [{ step: 'b', availability: { writes: { acknowledged: 1 } } }],
  })
})

test('a cancelled run ends it, too', async () => {
  on('cancelled', [uses('a', 'do'), uses('b', 'do')])
  world.on('do', () => {
    throw failing('ActionError', 'no')
  })
  const handle = await world.start('cancelled', { memo: { probe: true } })
  await untilWaiting(handle)
  await handle.cancel()
  expect(await endOf(handle)).toBeInstanceOf(CancelledFailure)
  expect((await statusOf(handle)).availability).toMatchObject({ writes: { acknowledged: 1 } })
})

test('a run that continues as new carries the figures along', async () => {
  on('chain', [uses('a', 'do'), uses('b', 'do'), uses('c', 'do')])
  const handle = await world.start('chain', { memo: { probe: true, continueAfterEvents: 1 } })
  const result: RunResult = await handle.result()
  const started = besideOf(handle)
  expect(started.length).toBeGreaterThan(1)
  expect(result.availability?.writes.acknowledged).toBe(started.length)
})

test('a pause that comes while it ends for a new execution is kept', async () => {
  on('paused', [uses('a', 'do'), uses('b', 'do')])
  const latest = world.env.client.workflow.getHandle('paused-run')
  world.onBeside(async (request, context) => {
    const measured = await untilCancelled(request, context)
    // The first that ends does so for the new execution; what it is told now must not be lost with the old one.
    if (request.before === undefined) await latest.executeUpdate('pause', { args: [{ by: 'ada' }] })
    return measured
  })
  const handle = await world.start('paused', {
    id: 'paused-run',
    memo: { probe: true, continueAfterEvents: 1 },
  })
  const { paused } = await untilStatus(latest, 'the run to stop', ({ view }) => view.phase === 'paused')
  expect(paused).toMatchObject({ by: 'ada' })
  await latest.executeUpdate('resume')
  const result: RunResult = await handle.result()
  expect(result.availability?.writes.acknowledged).toBeGreaterThan(1)
})

test('what measures and breaks down is told, and the run goes on', async () => {
  on('broken', [uses('a', 'do'), approve('ok', 'Go on?')])
  world.onBeside(() => Promise.reject(ApplicationFailure.nonRetryable('no such thing')))
  const handle = await world.start('broken', { memo: { probe: true } })
  await untilWaiting(handle)
  // The time-skipping server loses the task of a run that cancels an activity while that fails; the real one does not.
  await untilFailed(handle)
  await handle.executeUpdate('approve')
  const result: RunResult = await handle.result()
  expect(result.steps.done).toBe(2)
  expect(result.availability).toMatchObject({ stopped: 'it broke down: no such thing' })
})

test('a runbook without a cluster has none to measure, and says so', async () => {
  world.offer(program('nowhere', [uses('a', 'do')]))
  const handle = await world.start('nowhere', { memo: { probe: true } })
  const result: RunResult = await handle.result()
  expect(result.availability?.stopped).toMatch(/^this runbook has no `cluster` at its top/)
  expect(besideOf(handle)).toEqual([])
})

test.each<[string, Readonly<Record<string, string>>, string | undefined]>([
  ['one cluster', { from: 'demo' }, 'demo'],
  ['the same cluster twice', { from: 'demo', to: 'demo' }, 'demo'],
  ['two clusters', { from: 'demo', to: 'other' }, undefined],
])('a runbook that is given %s and says at its top of none', async (_what, inputs, measured) => {
  const cluster: InputSpec = { type: 'cluster', description: '', required: false }
  world.offer(program('given', [uses('a', 'look')], { inputs: { from: cluster, to: cluster } }), {
    ...inputs,
    name: 'x',
  })
  const handle = await world.start('given', { memo: { probe: true } })
  await handle.result()
  expect(besideOf(handle).map((request) => request.cluster)).toEqual(measured === undefined ? [] : [measured])
})

test('members that a step saw are shown with their time', async () => {
  on('seen', [uses('a', 'look')])
  const member = {
    name: 'etcd-1',
    host: 'h1',
    reachable: true,
    healthy: true,
    why: '',
    isLeader: true,
    isLearner: false,
    version: '3.6.16',
    lag: 0,
  }
  world.on('look', () => ({ healthy: true, members: [{ ...member, raftIndex: 7 }] }))
  const handle = await world.start('seen')
  await handle.result()
  const { sight } = await statusOf(handle)
  expect(sight?.members).toEqual([member])
})
