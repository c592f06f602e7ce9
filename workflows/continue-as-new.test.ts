import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import type { WorkflowHandle } from '@temporalio/client'
import {
  always,
  forEach,
  group,
  program,
  rescuedBy,
  set,
  template,
  undoneBy,
  uses,
  wait,
} from '../test/replay/build.ts'
import {
  endOf,
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilStatus,
  untilWaiting,
} from '../test/replay/temporal-world.ts'
import { searchAttributes } from '../worker/search-attributes.ts'
import type { RunResult } from './doors.ts'

jest.setTimeout(60_000)

/** Runs that outlive their history, and what the server knows of runs, on a real server. */

let world: TemporalWorld
beforeAll(async () => {
  world = await startTemporalWorld('devServer')
}, 120_000)
afterAll(() => world.close())

const everyStep = { continueAfterEvents: 1 }
const stepsOf = (handle: WorkflowHandle): readonly string[] =>
  world.calls.filter(({ run }) => run.id === handle.workflowId).map(({ step }) => step)

test('a run that continues as new after every step goes on as one', async () => {
  world.offer(
    program(
      'chain',
      [
        uses('a', 'look'),
        set('s', { n: '${{ steps.a.n }}' }),
        forEach('e', 'inputs.list', [
          uses('b', 'do', { n: '${{ vars.n }}' }),
          wait('w', 20),
          set('t', { n: '${{ vars.n + 1 }}' }),
        ]),
      ],
      { outputs: { n: template('${{ vars.n }}') } },
    ),
    { list: ['x', 'y'] },
  )
  world.on('look', () => ({ n: 5 }))
  const handle = await world.start('chain', { memo: { ...everyStep, by: 'ada' } })
  const result: RunResult = await handle.result()
  expect(result.outputs).toEqual({ n: 7 })
  expect(stepsOf(handle)).toEqual(['a', 'e[x]/b', 'e[y]/b'])
  const keys = world.calls.filter(({ run }) => run.id === handle.workflowId).map(({ run }) => run.key)
  expect(new Set(keys).size).toBe(1)
  const { raw, memo } = await world.env.client.workflow.getHandle(handle.workflowId).describe()
  expect(raw.workflowExecutionInfo?.firstRunId).toBe(keys[0])
  expect(raw.workflowExecutionInfo?.execution?.runId).not.toBe(keys[0])
  expect(memo).toMatchObject({ by: 'ada' })
  const { view, startedMs, by } = await statusOf(world.env.client.workflow.getHandle(handle.workflowId))
  expect([by, startedMs]).toEqual(['ada', result.startedMs])
  expect(view.steps.every(({ status }) => status === 'done')).toBe(true)
})

test('so does one that is rescued, and what is always done', async () => {
  world.offer(
    program('mended', [
      always(
        rescuedBy(
          group('g', [uses('a', 'do.more'), uses('b', 'do')]),
          uses('r', 'look'),
          uses('s', 'do.more'),
        ),
        uses('y', 'undo'),
        group('h', [uses('x', 'look'), uses('w', 'do')]),
        uses('z', 'undo.more', { what: '${{ outcome }}' }),
      ),
      uses('last', 'look'),
    ]),
  )
  world.on('do', () => {
    throw failing('ActionError', 'no')
  })
  const handle = await world.start('mended', { memo: everyStep })
  await handle.result()
  expect(stepsOf(handle)).toEqual([
    ...['g/a', 'g/b', 'g/rescue/r', 'g/rescue/s'],
    ...['g/always/y', 'g/always/h/x', 'g/always/h/w', 'g/always/z', 'last'],
  ])
  expect(world.calls.findLast(({ step }) => step === 'g/always/z')?.with).toEqual({ what: 'rescued' })
  world.on('do', () => ({}))
})

test('so does a rollback', async () => {
  world.offer(
    program('back', [
      undoneBy(uses('a', 'do.more'), uses('ua', 'undo')),
      undoneBy(uses('b', 'do.more'), uses('ub', 'undo'), uses('vb', 'undo.more')),
      uses('c', 'do'),
    ]),
  )
  world.on('do', () => {
    throw failing('ActionError', 'no')
  })
  const handle = await world.start('back', { memo: everyStep })
  const latest = world.env.client.workflow.getHandle(handle.workflowId)
  await untilWaiting(latest)
  await latest.executeUpdate('rollback')
  expect(await endOf(handle)).toMatchObject({
    type: 'RunRolledBack',
    details: [{ undone: ['do more', 'do more'] }],
  })
  expect(stepsOf(handle)).toEqual(['a', 'b', 'c', 'b/undo/ub', 'b/undo/vb', 'a/undo/ua'])
})

test('whoever starts a run cannot bring a state along', async () => {
  world.offer(program('honest', [uses('a', 'do.more')]))
  const forged = { loaded: {}, startedMs: 0, state: { results: {}, tried: {} } }
  const handle = await world.env.client.workflow.start('honest', {
    taskQueue: world.taskQueue,
    workflowId: 'honest',
    args: [{}, forged],
  })
  expect(((await handle.result()) as RunResult).hash).toBe('hash of honest')
})

test('runs are found by cluster, runbook, state and who asked, once the server knows these', async () => {
  const known = searchAttributes(world.env.nativeConnection, 'default')
  expect(await known.known()).toBe(false)
  expect(await known.register()).toBeUndefined()
  expect(await known.register()).toBeUndefined()
  expect(await known.known()).toBe(true)
  world.attributes = true
  world.offer(program('found', [uses('a', 'do')], { cluster: template('demo') }))
  world.on('do', () => {
    throw failing('ActionError', 'no')
  })
  const handle = await world.start('found', { memo: { by: 'ada' } })
  await untilWaiting(handle)
  const query = 'QuorateCluster="demo" AND QuorateRunbook="found" AND QuorateBy="ada" AND QuorateState='
  await untilListed(`${query}"waiting"`, handle.workflowId)
  await handle.executeUpdate('abort')
  await endOf(handle)
  await untilListed(`${query}"aborted"`, handle.workflowId)
})

test('without them, nothing is set', async () => {
  world.attributes = false
  world.offer(program('unfound', [uses('a', 'look')]))
  const handle = await world.start('unfound')
  await handle.result()
  const { events } = await handle.fetchHistory()
  expect(events?.some((event) => event.upsertWorkflowSearchAttributesEventAttributes)).toBe(false)
})

async function untilListed(query: string, id: string, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    for await (const info of world.env.client.workflow.list({ query })) if (info.workflowId === id) return
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms for ${id} to be listed by ${query}.`)
    await new Promise((done) => setTimeout(done, 50))
  }
}

test('a long history is left behind at the next boundary, whoever waits meanwhile', async () => {
  world.offer(program('paused', [uses('a', 'do.more'), uses('b', 'do.more'), uses('c', 'do.more')]))
  world.on('do.more', async (_request, context) => {
    await context.sleep(200)
    return {}
  })
  const handle = await world.start('paused', { memo: everyStep })
  const latest = world.env.client.workflow.getHandle(handle.workflowId)
  await untilStatus(latest, 'the first step', ({ view }) => view.steps[0]?.status === 'running')
  await latest.executeUpdate('pause')
  await untilStatus(latest, 'the run to stop', ({ view }) => view.phase === 'paused')
  await latest.executeUpdate('resume')
  await handle.result()
  expect(stepsOf(handle)).toEqual(['a', 'b', 'c'])
})
