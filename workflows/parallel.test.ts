import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Worker } from '@temporalio/worker'
import type { WorkflowHandle } from '@temporalio/client'
import type { Program } from '../dsl/program.ts'
import {
  forEach,
  group,
  parallel,
  program,
  rescuedBy,
  template,
  undoneBy,
  uses,
  wait,
} from '../test/replay/build.ts'
import {
  actionNames,
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilStatus,
  untilWaiting,
  workflowBundle,
} from '../test/replay/temporal-world.ts'
import type { StepStatus } from './ports.ts'

jest.setTimeout(90_000)

/**
 * Steps at the same time, in runs of Temporal; the history of each is replayed at its end. On the dev server: the
 * time-skipping one loses answers where an execution ends and others are asked meanwhile.
 */

let world: TemporalWorld
beforeAll(async () => {
  world = await startTemporalWorld('devServer')
}, 120_000)
afterAll(() => world.close())

/** What every try of a step waits for before it ends, and what it comes to. */
let doors: Map<string, { open: boolean }>
let fates: Map<string, ('ActionError' | 'UnknownOutcomeError')[]>
let most: { now: number; ever: number }
/** Begun and ended, in order. */
let log: string[]

beforeEach(() => {
  doors = new Map()
  fates = new Map()
  most = { now: 0, ever: 0 }
  log = []
  for (const name of actionNames.slice(1))
    world.on(name, async ({ step, with: inputs }, context) => {
      most = { now: most.now + 1, ever: Math.max(most.ever, most.now + 1) }
      log.push(`> ${step}`)
      for (; doors.get(step)?.open === false; context.heartbeat()) await context.sleep(20)
      most = { ...most, now: most.now - 1 }
      const fate = fates.get(step)?.shift()
      log.push(`${fate ? '!' : '<'} ${step}`)
      if (fate) throw failing(fate, `${step} did not work`)
      return { n: inputs['n'] ?? null, step }
    })
})

/** Holds a step up until it is opened. */
function door(step: string): { open: boolean } {
  const one = { open: false }
  doors.set(step, one)
  return one
}

async function start(
  subject: Program,
  options: Parameters<TemporalWorld['start']>[1] = {},
): Promise<WorkflowHandle> {
  world.offer(subject, { cluster: subject.name })
  return world.start(subject.name, options)
}

/** Every execution of it replays. */
async function replays(handle: WorkflowHandle): Promise<number> {
  let count = 0
  for await (const { workflowId, runId } of executions(handle)) {
    const history = await world.env.client.workflow.getHandle(workflowId, runId).fetchHistory()
    await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history, workflowId)
    count++
  }
  return count
}

async function* executions(handle: WorkflowHandle): AsyncGenerator<{ workflowId: string; runId: string }> {
  let runId: string | undefined = (handle as { firstExecutionRunId?: string }).firstExecutionRunId
  while (runId !== undefined) {
    yield { workflowId: handle.workflowId, runId }
    const { events = [] } = await world.env.client.workflow.getHandle(handle.workflowId, runId).fetchHistory()
    const last = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes
    runId = last?.newExecutionRunId ?? undefined
  }
}

const statusesOf = async (handle: WorkflowHandle): Promise<Record<string, StepStatus>> =>
  Object.fromEntries((await statusOf(handle)).view.steps.map(({ step, status }) => [step, status]))

const running = (handle: WorkflowHandle, ...steps: readonly string[]) =>
  untilStatus(handle, `${steps.join(' and ')} to be under way`, ({ view }) =>
    steps.every(
      (path) =>
        log.includes(`> ${path}`) &&
        view.steps.some(({ step, status }) => step === path && status === 'running'),
    ),
  )

const cluster = { cluster: template('${{ inputs.cluster }}') }

test('branches are under way at the same time, and their outputs are there afterwards', async () => {
  const [a, b] = [door('p/a'), door('p/g/b')]
  const handle = await start(
    program(
      'branches',
      [
        parallel('p', [
          uses('a', 'look', { n: 'one' }),
          group('g', [uses('b', 'do', { n: 'two' }), uses('c', 'do.more')]),
          wait('w', 1500),
        ]),
        uses('last', 'look.more', { n: '${{ steps.a.n }} ${{ steps.b.n }}' }),
      ],
      cluster,
    ),
  )
  const { view } = await running(handle, 'p/a', 'p/g/b')
  expect(view.steps.filter(({ status }) => status === 'running').map(({ step }) => step)).toEqual([
    'p',
    'p/a',
    'p/g',
    'p/g/b',
    'p/w',
  ])
  b.open = true
  await untilStatus(handle, 'c to be done', () => log.includes('< p/g/c'))
  expect((await statusesOf(handle))['p/a']).toBe('running')
  a.open = true
  expect(await handle.result()).toMatchObject({ steps: { failed: 0 } })
  expect(log.at(-1)).toBe('< last')
  expect(world.calls.at(-1)?.with).toEqual({ n: 'one two' })
  expect(most.ever).toBe(2)
  expect(await replays(handle)).toBe(1)
})

test.each([1, 2, 3])('a loop has at most %i iterations under way, and begins them in order', async (max) => {
  const list = ['v', 'w', 'x', 'y', 'z']
  const loop = program(
    `loop-${max}`,
    [
      forEach(
        'e',
        'inputs.list',
        [uses('a', 'look', { n: '${{ item }}' }), uses('b', 'do')],
        max === 1 ? {} : { maxParallel: max },
      ),
    ],
    cluster,
  )
  world.on('look', async ({ step }, context) => {
    log.push(`> ${step}`)
    most = { now: most.now + 1, ever: Math.max(most.ever, most.now + 1) }
    await context.sleep(60)
    most = { ...most, now: most.now - 1 }
    return {}
  })
  world.offer(loop, { cluster: loop.name, list })
  const handle = await world.start(loop.name)
  await handle.result()
  expect(most.ever).toBe(max)
  const begun = log.flatMap((line) => /^> e\[(\w)\]\/a$/.exec(line)?.[1] ?? [])
  // Those begun together may come to the worker in any order.
  const moved = list.map((item, index) => Math.abs(begun.indexOf(item) - index))
  expect([begun.toSorted(), moved.every((far) => far < max)]).toEqual([list, true])
  expect(log.filter((line) => line.startsWith('< '))).toHaveLength(list.length)
  expect(await replays(handle)).toBe(1)
})

describe('a step that fails', () => {
  const subject = (name: string) =>
    program(
      name,
      [
        undoneBy(uses('before', 'do'), uses('u', 'undo')),
        parallel('p', [
          group('one', [
            undoneBy(uses('a', 'do'), uses('ua', 'undo')),
            undoneBy(uses('b', 'do'), uses('ub', 'undo')),
          ]),
          group('two', [
            undoneBy(uses('c', 'do'), uses('uc', 'undo')),
            undoneBy(uses('d', 'do'), uses('ud', 'undo')),
          ]),
          group('three', [undoneBy(uses('e', 'do', {}, { skippable: true }), uses('ue', 'undo'))]),
        ]),
        uses('last', 'do.more'),
      ],
      cluster,
    )

  test('lets the others end, begins none, is told one after another, and all go on once all is decided', async () => {
    fates.set('p/one/a', ['ActionError'])
    fates.set('p/three/e', ['UnknownOutcomeError'])
    const [c, e] = [door('p/two/c'), door('p/three/e')]
    const handle = await start(subject('fails'))
    await untilStatus(handle, 'a to fail', ({ view }) =>
      view.steps.some(({ step, status }) => step === 'p/one/a' && status === 'failed'),
    )
    expect((await statusOf(handle)).view.waiting).toBeUndefined()
    e.open = true
    await untilStatus(handle, 'e to fail', ({ view }) =>
      view.steps.some(({ step, status }) => step === 'p/three/e' && status === 'failed'),
    )
    expect((await statusOf(handle)).view.waiting).toBeUndefined()
    c.open = true
    const first = await untilWaiting(handle)
    expect(first.view.waiting?.failure.step).toBe('p/one/a')
    // What a rollback would take back: what stands half done, then what came to its end, the last first.
    expect(first.view.waiting?.takesBack).toHaveLength(4)
    expect(log).not.toContain('> p/two/d')
    await handle.executeUpdate('retry', { args: [{ by: 'ada' }] })
    const second = await untilStatus(
      handle,
      'the second',
      ({ view }) => view.waiting?.failure.step === 'p/three/e',
    )
    expect(second.view.waiting?.offers).toContain('skip')
    expect(log.filter((line) => line === '> p/one/a')).toHaveLength(1)
    await handle.executeUpdate('skip', { args: [{ by: 'ada', comment: 'seen' }] })
    await handle.result()
    expect(log.slice(-2)).toEqual(['> last', '< last'])
    expect(log.filter((line) => line === '> p/one/a')).toHaveLength(2)
    expect(log).toContain('< p/one/b')
    expect(log).toContain('< p/two/d')
    expect(await replays(handle)).toBe(1)
  })

  test('is taken back with all that was done, the last first, over another worker and another execution', async () => {
    fates.set('p/two/d', ['UnknownOutcomeError'])
    const [a, c, e] = [door('p/one/a'), door('p/two/c'), door('p/three/e')]
    const handle = await start(subject('rolled-back'), { memo: { continueAfterEvents: 25 } })
    await untilStatus(handle, 'c', () => log.includes('> p/two/c'))
    c.open = true
    await untilStatus(handle, 'c', () => log.includes('< p/two/c'))
    e.open = true
    await untilStatus(handle, 'e', () => log.includes('< p/three/e'))
    a.open = true
    await untilWaiting(handle)
    await world.restart()
    expect(log).toContain('< p/one/a')
    await handle.executeUpdate('rollback', { args: [{ by: 'ada' }] })
    await expect(handle.result()).rejects.toThrow('failed')
    const ended = log.filter((line) => /^< p\/\w+\/\w$/.test(line)).map((line) => line.slice(2))
    expect(
      log
        .filter((line) => line.startsWith('< ') && line.includes('/undo/'))
        .map((line) => line.slice(2, line.indexOf('/undo/'))),
    ).toEqual(['p/two/d', ...ended.toReversed(), 'before'])
    expect(ended.slice(0, 2)).toEqual(['p/two/c', 'p/three/e'])
    expect(await replays(handle)).toBeGreaterThan(1)
  })
})

test('a rescue around branches begins once all stand still', async () => {
  fates.set('p/a', ['ActionError'])
  const b = door('p/g/b')
  const handle = await start(
    program(
      'rescued-branches',
      [
        rescuedBy(
          parallel('p', [uses('a', 'do'), group('g', [uses('b', 'do.more'), uses('c', 'do.more')])]),
          uses('r', 'look'),
        ),
        uses('last', 'look.more'),
      ],
      cluster,
    ),
  )
  await untilStatus(handle, 'a to fail', () => log.includes('! p/a'))
  await running(handle, 'p/g/b')
  expect(log).not.toContain('> p/rescue/r')
  b.open = true
  await handle.result()
  expect(log.slice(log.indexOf('< p/g/b'))).toEqual([
    '< p/g/b',
    '> p/rescue/r',
    '< p/rescue/r',
    '> last',
    '< last',
  ])
  expect(await statusesOf(handle)).toMatchObject({
    p: 'rescued',
    'p/a': 'failed',
    'p/g': 'pending',
    'p/g/b': 'done',
    'p/g/c': 'pending',
  })
  expect(await replays(handle)).toBe(1)
})

test('a pause holds up every branch at its next step, and the run is paused once all stand still', async () => {
  const [a, c] = [door('p/one/a'), door('p/two/c')]
  const handle = await start(
    program(
      'paused',
      [
        parallel('p', [
          group('one', [uses('a', 'do'), uses('b', 'do')]),
          group('two', [uses('c', 'do'), uses('d', 'do')]),
        ]),
      ],
      cluster,
    ),
  )
  await running(handle, 'p/one/a', 'p/two/c')
  await handle.executeUpdate('pause', { args: [{ by: 'ada' }] })
  a.open = true
  await untilStatus(handle, 'a to end', ({ view }) =>
    view.steps.some(({ step, status }) => step === 'p/one/a' && status === 'done'),
  )
  expect((await statusOf(handle)).view.phase).toBe('running')
  c.open = true
  await untilStatus(handle, 'the run to stop', ({ view }) => view.phase === 'paused')
  expect(log).toEqual(expect.not.arrayContaining(['> p/one/b', '> p/two/d']))
  await handle.executeUpdate('resume', { args: [{ by: 'ada' }] })
  await handle.result()
  expect(log).toHaveLength(8)
  expect(await replays(handle)).toBe(1)
})

test('a cancel lets every branch end its step and begins no other', async () => {
  const [a, c] = [door('p/one/a'), door('p/two/c')]
  const handle = await start(
    program(
      'cancelled',
      [
        parallel('p', [
          group('one', [uses('a', 'do'), uses('b', 'do')]),
          group('two', [uses('c', 'do'), uses('d', 'do')]),
          wait('w', 3_600_000),
        ]),
      ],
      cluster,
    ),
  )
  await running(handle, 'p/one/a', 'p/two/c')
  await handle.cancel()
  await untilStatus(handle, 'the cancel', ({ cancelRequested }) => cancelRequested)
  ;[a.open, c.open] = [true, true]
  await expect(handle.result()).rejects.toThrow('cancelled')
  expect(log.toSorted()).toEqual(['< p/one/a', '< p/two/c', '> p/one/a', '> p/two/c'])
  const { memo } = await handle.describe()
  expect(memo?.['outcome']).toBe('Cancelled between two steps. Done and left as it is: do; do.')
  expect(await replays(handle)).toBe(1)
})

test('a run continues as new in the middle, with nothing under way, and does nothing twice', async () => {
  const list = ['t', 'u', 'v', 'w', 'x', 'y', 'z']
  const subject = program(
    'continued',
    [forEach('e', 'inputs.list', [uses('a', 'look'), uses('b', 'do')], { maxParallel: 3 })],
    cluster,
  )
  world.offer(subject, { cluster: subject.name, list })
  const handle = await world.start(subject.name, { memo: { continueAfterEvents: 20 } })
  await handle.result()
  const begun = log.filter((line) => line.startsWith('> '))
  expect(begun.toSorted()).toEqual(list.flatMap((item) => [`> e[${item}]/a`, `> e[${item}]/b`]).toSorted())
  expect(await replays(handle)).toBeGreaterThan(2)
})

test('an override is asked for once the others stand still', async () => {
  world.on('do', async ({ step, overrides }) => {
    log.push(`> ${step}`)
    if (step === 'p/a' && !overrides) throw failing('RefusedError', 'the others must all be well.', 'health')
    return {}
  })
  const c = door('p/g/c')
  const handle = await start(
    program(
      'overridden',
      [parallel('p', [uses('a', 'do'), group('g', [uses('c', 'do.more'), uses('d', 'do.more')])])],
      cluster,
    ),
    { memo: { override: ['health'], reason: 'one burnt down' } },
  )
  await running(handle, 'p/g/c')
  expect((await statusOf(handle)).view.waiting).toBeUndefined()
  c.open = true
  const { view } = await untilWaiting(handle)
  expect(view.waiting?.approval?.overrides).toBe('health')
  expect(log).not.toContain('> p/g/d')
  await handle.executeUpdate('approve', { args: [{ by: 'ada', comment: 'I saw it' }] })
  await handle.result()
  expect(log.filter((line) => line === '> p/a')).toHaveLength(2)
  expect(log).toContain('< p/g/d')
  expect(await replays(handle)).toBe(1)
})
