import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { WorkflowHandle } from '@temporalio/client'
import { always, group, program, rescuedBy, undoneBy, uses, wait } from '../test/replay/build.ts'
import {
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilStatus,
  untilWaiting,
} from '../test/replay/temporal-world.ts'

jest.setTimeout(60_000)

/** Rescues and what is always done, in runs of Temporal whose worker remembers nothing between two tasks. */

let world: TemporalWorld
beforeAll(async () => {
  world = await startTemporalWorld('timeSkipping', { remembers: false })
  world.on('do', () => {
    throw failing('ActionError', 'no')
  })
}, 120_000)
afterAll(() => world.close())

const called = ({ workflowId }: WorkflowHandle): readonly string[] =>
  world.calls.filter(({ run }) => run.id === workflowId).map(({ step }) => step)

const subject = (name: string) =>
  program(name, [
    undoneBy(uses('first', 'do.more'), uses('u', 'undo')),
    always(
      rescuedBy(group('g', [uses('a', 'do.more'), uses('b', 'do')]), uses('r', 'look'), uses('s', 'do.more')),
      uses('y', 'look.more'),
      wait('w', 3_600_000),
      uses('z', 'undo.more', { what: '${{ outcome }}' }),
    ),
    uses('last', 'look'),
  ])

const all = ['first', 'g/a', 'g/b', 'g/rescue/r', 'g/rescue/s', 'g/always/y', 'g/always/z', 'last']

test('a group is rescued, and what is always done follows, over another worker', async () => {
  world.offer(subject('rescued'))
  const handle = await world.start('rescued')
  await untilStatus(handle, 'the wait', ({ view }) => view.steps.some(({ untilMs }) => untilMs !== undefined))
  await world.restart()
  expect(await handle.result()).toMatchObject({ steps: { failed: 1 } })
  expect(called(handle)).toEqual(all)
  const { view } = await statusOf(handle)
  expect(view.steps.map(({ step, status, depth }) => `${depth} ${step} ${status}`)).toEqual([
    '0 first done',
    '0 g rescued',
    '1 g/a done',
    '1 g/b failed',
    '1 g/rescue done',
    '2 g/rescue/r done',
    '2 g/rescue/s done',
    '1 g/always done',
    '2 g/always/y done',
    '2 g/always/w done',
    '2 g/always/z done',
    '0 last done',
  ])
})

describe('what is always done', () => {
  test('is done to its end though the run is cancelled in the middle of it', async () => {
    world.offer(subject('cancelled-in-it'))
    const handle = await world.start('cancelled-in-it')
    await untilStatus(handle, 'the wait', ({ view }) =>
      view.steps.some(({ untilMs }) => untilMs !== undefined),
    )
    await handle.cancel()
    await expect(handle.result()).rejects.toThrow('cancelled')
    expect(called(handle)).toEqual(all.slice(0, -1))
  })

  test('is done when the run is cancelled before, and its reads are not called off', async () => {
    world.offer(
      program('cancelled', [always(group('g', [uses('a', 'do')]), uses('y', 'look'), uses('z', 'undo'))]),
    )
    const handle = await world.start('cancelled')
    await untilWaiting(handle)
    await handle.cancel()
    await expect(handle.result()).rejects.toThrow('cancelled')
    expect(called(handle)).toEqual(['g/a', 'g/always/y', 'g/always/z'])
    const { memo } = await handle.describe()
    expect(memo?.['outcome']).toBe(
      'Cancelled between two steps. Done and left as it is: undo. Possibly half done: do.',
    )
  })
})
