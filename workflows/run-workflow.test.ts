import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import { gate, program, template, undoneBy, uses } from '../test/replay/build.ts'
import {
  endOf,
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilStatus,
  untilWaiting,
} from '../test/replay/temporal-world.ts'
import type { RunResult } from './doors.ts'

jest.setTimeout(60_000)

/** On the server that skips time: hours of waiting take no time. */

let world: TemporalWorld
beforeAll(async () => {
  world = await startTemporalWorld('timeSkipping')
}, 120_000)
afterAll(() => world.close())
beforeEach(() => {
  for (const action of ['look', 'do', 'undo']) world.on(action, () => ({}))
})

describe('a run that goes well', () => {
  test('ends with its outputs, and tells the actions whose they are', async () => {
    world.offer(
      program('well', [uses('a', 'look', { host: 'h1' }), uses('b', 'do', { n: '${{ steps.a.n }}' })], {
        outputs: { n: template('${{ steps.b.n }}') },
      }),
    )
    world.on('look', () => ({ n: 1 }))
    world.on('do', ({ with: { n } }) => ({ n: Number(n) + 1 }))
    const handle = await world.start('well', { input: {} })
    const { raw } = await handle.describe()
    const result: RunResult = await handle.result()
    expect(result).toMatchObject({
      outputs: { n: 2 },
      runbook: 'well',
      hash: 'hash of well',
      steps: { done: 2, skipped: 0, notNeeded: 0, failed: 0 },
    })
    expect(world.calls.at(-1)).toMatchObject({
      run: {
        id: handle.workflowId,
        runbook: 'well',
        hash: 'hash of well',
        key: raw.workflowExecutionInfo?.execution?.runId,
      },
      step: 'b',
      with: { n: 1 },
      undo: false,
      timeoutMs: 5000,
    })
  })

  test('shows each activity under its action’s name with a summary', async () => {
    world.offer(program('names', [uses('a', 'do', { host: 'h1' })]))
    const handle = await world.start('names')
    await handle.result()
    const { events } = await handle.fetchHistory()
    const scheduled = events?.find(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'do',
    )
    const summary = scheduled?.userMetadata?.summary?.data
    expect(summary && Buffer.from(summary).toString()).toBe('"h1: do"')
  })

  test('waits hours between two tries without anybody noticing', async () => {
    const hours = { attempts: 3, intervalMs: 3_600_000, backoff: 2 }
    world.offer(program('patient', [uses('a', 'do', {}, { retry: hours })]))
    let tries = 0
    world.on('do', () => {
      if (++tries < 3) throw failing('ActionError', 'not yet')
      return {}
    })
    const handle = await world.start('patient')
    const result: RunResult = await handle.result()
    expect(result.endedMs - result.startedMs).toBeGreaterThanOrEqual(3 * 3_600_000)
  })
})

describe('what ends a run at once', () => {
  test('wrong inputs: one failure, nothing called', async () => {
    world.offer(program('inputs', [uses('a', 'do')]))
    const before = world.calls.length
    const end = await endOf(await world.start('inputs', { input: { bad: 1 } }))
    expect(end).toMatchObject({
      type: 'InputError',
      nonRetryable: true,
      message: 'bad is no input of this runbook',
    })
    expect(world.calls).toHaveLength(before)
  })

  test.each([
    ['a program of a format to come', { format: 2 }],
    ['a program that is none', { steps: 7 }],
    ['a step of a kind to come', { steps: [{ kind: 'dance', key: 'a', at: { line: 1, column: 1 } }] }],
  ])('%s ends the run instead of failing its task for ever', async (_what, change) => {
    world.offer(Object.assign({}, program('strange', []), change))
    expect(await endOf(await world.start('strange'))).toMatchObject({
      type: 'InternalError',
      nonRetryable: true,
    })
  })

  test('a cluster that is no name', async () => {
    world.offer(program('nameless', [uses('a', 'do')], { cluster: template('${{ inputs.cluster }}') }), {
      cluster: 7,
    })
    expect(await endOf(await world.start('nameless'))).toMatchObject({ type: 'InputError' })
  })
})

describe('how runs fail', () => {
  test.each([
    ['abort', 'RunAborted', /Aborted by ada \(enough\) at "do".*Done and left as it is: do more/],
    ['rollback', 'RunRolledBack', /Rolled back by ada \(enough\).*Taken back: do more/],
  ])('%s ends it as failed, and its failure says what is now true', async (decision, type, message) => {
    world.offer(program('failing', [undoneBy(uses('a', 'do.more'), uses('u', 'undo')), uses('b', 'do')]))
    world.on('do', () => {
      throw failing('ActionError', 'no space left')
    })
    const handle = await world.start('failing')
    await untilWaiting(handle)
    await handle.executeUpdate(decision, { args: [{ by: 'ada', reason: 'enough' }] })
    const end = await endOf(handle)
    expect(end).toBeInstanceOf(ApplicationFailure)
    expect(end).toMatchObject({ type, details: [{ step: 'b' }] })
    expect(end.message).toMatch(message)
    expect((await statusOf(handle)).view.phase).toBe(decision === 'abort' ? 'aborted' : 'rolledBack')
  })

  test.each([
    ['ActionError', 'failed'],
    ['UnknownOutcomeError', 'unknown'],
    ['RefusedError', 'refused'],
  ] as const)('%s is %s', async (type, kind) => {
    world.offer(program('kinds', [uses('a', 'do')]))
    world.on('do', () => {
      throw failing(type, 'the reason')
    })
    const handle = await world.start('kinds')
    const { view } = await untilWaiting(handle)
    expect(view.waiting?.failure).toMatchObject({ kind, message: 'the reason', step: 'a' })
    await handle.executeUpdate('abort')
    await endOf(handle)
  })
})

describe('cancel', () => {
  const slow = async (_request: unknown, context: { readonly cancelled: Promise<never> }) => {
    await Promise.race([sleep(1500), context.cancelled.catch(() => undefined)])
    return {}
  }

  test('lets an effect finish, and says what was done', async () => {
    world.offer(program('cancelled', [uses('a', 'do'), uses('b', 'do')]))
    world.on('do', slow)
    const handle = await world.start('cancelled')
    await untilStatus(handle, 'the first step to run', ({ view }) => view.steps[0]?.status === 'running')
    await handle.cancel()
    expect(await endOf(handle)).toBeInstanceOf(CancelledFailure)
    const { view } = await statusOf(handle)
    expect(view.steps.map(({ status }) => status)).toEqual(['done', 'pending'])
    expect((await handle.describe()).memo).toMatchObject({
      outcome: 'Cancelled between two steps. Done and left as it is: do.',
    })
  })

  test.each([
    ['a read', [uses('a', 'look')]],
    ['a gate', [gate('a', 'look', 'gate.ok')]],
  ])('interrupts %s', async (_what, steps) => {
    world.offer(program('reading', [...steps, uses('b', 'do')]))
    const seen = { interrupted: false }
    world.on('look', async (_request, context) => {
      const beat = setInterval(() => context.heartbeat(), 100)
      await context.cancelled.catch(() => (seen.interrupted = true)).finally(() => clearInterval(beat))
      throw new CancelledFailure('interrupted')
    })
    const handle = await world.start('reading')
    await untilStatus(handle, 'the read to run', ({ view }) => view.steps[0]?.status === 'running')
    await handle.cancel()
    expect(await endOf(handle)).toBeInstanceOf(CancelledFailure)
    for (let waited = 0; !seen.interrupted && waited < 5000; waited += 20) await sleep(20)
    expect(seen.interrupted).toBe(true)
    expect((await statusOf(handle)).view.steps.map(({ status, note }) => [status, note])).toEqual([
      ['pending', 'interrupted'],
      ['pending', undefined],
    ])
  })

  test('while it waits for a decision', async () => {
    world.offer(program('deciding', [uses('a', 'do')]))
    world.on('do', () => {
      throw failing('ActionError', 'no')
    })
    const handle = await world.start('deciding')
    await untilWaiting(handle)
    await handle.cancel()
    expect(await endOf(handle)).toBeInstanceOf(CancelledFailure)
    expect((await handle.describe()).memo).toMatchObject({
      outcome: expect.stringContaining('Possibly half done: do'),
    })
  })

  test('while it waits to try again', async () => {
    world.offer(
      program('again', [uses('a', 'do', {}, { retry: { attempts: 2, intervalMs: 3_600_000, backoff: 1 } })]),
    )
    world.on('do', () => {
      throw failing('ActionError', 'no')
    })
    const handle = await world.start('again')
    await untilStatus(
      handle,
      'the next try to be due',
      ({ view }) => view.steps[0]?.note?.startsWith('try 2 of 2') === true,
    )
    await handle.cancel()
    expect(await endOf(handle)).toBeInstanceOf(CancelledFailure)
  })
})
