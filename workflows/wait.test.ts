import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { program, uses, wait } from '../test/replay/build.ts'
import { ScriptedWorld } from '../test/replay/scripted-world.ts'
import { startTemporalWorld, type TemporalWorld, untilStatus } from '../test/replay/temporal-world.ts'
import { longestWaitMs } from '../dsl/wait.ts'
import type { RunResult } from './doors.ts'
import { interpret } from './interpreter.ts'

jest.setTimeout(60_000)

describe('over ports', () => {
  const play = async (subject: ReturnType<typeof program>, inputs = {}) => {
    const world = new ScriptedWorld()
    return { end: await interpret(subject, { inputs, run: {} }, world), world }
  }

  test('time passes between two steps, and it is seen since when and until when', async () => {
    const { end, world } = await play(program('w', [uses('a', 'do'), wait('w', 30_000), uses('b', 'do')]))
    expect(end.kind).toBe('done')
    expect(world.sleeps).toEqual([30_000])
    const seen = world.views
      .flatMap(({ steps }) => steps.filter(({ step }) => step === 'w'))
      .find(({ untilMs }) => untilMs !== undefined)
    expect(seen).toMatchObject({ status: 'running', summary: 'wait 30s' })
    expect((seen?.untilMs ?? 0) - (seen?.startedMs ?? 0)).toBeLessThan(30_010)
  })

  test.each([
    ['an input', { soak: 1500 }, [1500], undefined],
    ['no time at all', { soak: 0 }, [0], undefined],
    ['what is no time', { soak: 'x' }, [], 'wait needs a duration, not "x"'],
    ['less than nothing', { soak: -1 }, [], 'wait needs a duration, not -1'],
    ['too much', { soak: longestWaitMs + 1 }, [], 'a wait takes 31d at most, not 31d1ms'],
  ])('it takes as long as an expression says: %s', async (_what, inputs, sleeps, failure) => {
    const { world } = await play(program('w', [wait('w', '${{ inputs.soak }}')]), inputs)
    expect(world.sleeps).toEqual(sleeps)
    expect(world.waits[0]?.failure.message).toBe(failure)
  })
})

describe('in Temporal', () => {
  let world: TemporalWorld
  beforeAll(async () => {
    world = await startTemporalWorld('timeSkipping', { remembers: false })
  }, 120_000)
  afterAll(() => world.close())

  const waiting = async (name: string, ms: number) => {
    world.offer(program(name, [uses('a', 'look'), wait('w', ms), uses('b', 'do')]))
    const handle = await world.start(name)
    await untilStatus(handle, 'it to wait', ({ view }) => view.steps[1]?.untilMs !== undefined)
    return handle
  }
  const called = (id: string) => world.calls.filter(({ run }) => run.id === id).map(({ step }) => step)

  test('a wait of days is a timer with a name, and another worker goes on after it', async () => {
    const handle = await waiting('days', 3 * 86_400_000)
    await world.restart()
    const result: RunResult = await handle.result()
    expect(result.endedMs - result.startedMs).toBeGreaterThanOrEqual(3 * 86_400_000)
    expect(called(handle.workflowId)).toEqual(['a', 'b'])
    const { events = [] } = await handle.fetchHistory()
    const timers = (events ?? []).filter((event) => event.timerStartedEventAttributes)
    expect(
      timers.map(({ userMetadata }) => Buffer.from(userMetadata?.summary?.data ?? []).toString()),
    ).toEqual(['"wait 3d"'])
  })

  test('a run that waits is cancelled at once', async () => {
    const handle = await waiting('cancelled', 86_400_000)
    await handle.cancel()
    const before = Date.now()
    await expect(handle.result()).rejects.toThrow('cancelled')
    expect(Date.now() - before).toBeLessThan(30_000)
    expect((await handle.describe()).status.name).toBe('CANCELLED')
    expect(called(handle.workflowId)).toEqual(['a'])
  })

  test('a pause counts after the wait', async () => {
    const handle = await waiting('paused', 1000)
    await handle.executeUpdate('pause')
    const { view } = await untilStatus(handle, 'it to stop', (status) => status.view.phase === 'paused')
    expect(view.steps.map(({ status }) => status)).toEqual(['done', 'done', 'pending'])
    await handle.executeUpdate('resume')
    await handle.result()
    expect(called(handle.workflowId)).toEqual(['a', 'b'])
  })
})
