import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { WorkflowHandle } from '@temporalio/client'
import { approve, program, undoneBy, uses } from '../test/replay/build.ts'
import {
  endOf,
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilStatus,
  untilWaiting,
} from '../test/replay/temporal-world.ts'
import type { RunEvidence, UpdateArgument, UpdateName } from './doors.ts'
import type { EvidenceEntry } from './evidence-entry.ts'

jest.setTimeout(60_000)

/** Decisions as they come over the wire, on a real server. */

let world: TemporalWorld
beforeAll(async () => {
  world = await startTemporalWorld('devServer')
  world.offer(
    program('decide', [
      undoneBy(uses('first', 'do.more'), uses('back', 'undo')),
      uses('second', 'do', {}, { skippable: true }),
      uses('third', 'cross'),
    ]),
  )
  world.offer(program('strict', [uses('only', 'do')]))
  world.on('do', () => {
    throw failing('ActionError', 'no')
  })
}, 120_000)
afterAll(() => world.close())

const update = (handle: WorkflowHandle, name: UpdateName, argument?: unknown): Promise<unknown> =>
  argument === undefined
    ? handle.executeUpdate(name)
    : handle.executeUpdate<unknown, [unknown]>(name, { args: [argument] })

async function rejectionOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof Error && error.cause instanceof Error) return error.cause.message
    throw error
  }
  throw new Error('The update was accepted.')
}

async function waitingRun(name = 'decide'): Promise<WorkflowHandle> {
  const handle = await world.start(name)
  await untilWaiting(handle)
  return handle
}

const evidenceOf = (handle: WorkflowHandle): Promise<RunEvidence> => handle.query<RunEvidence>('evidence')

/** Waits until so many entries of a run are on record and its history stands still. */
async function untilWritten(handle: WorkflowHandle, count: number): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline;) {
    const { events } = await handle.fetchHistory()
    const done = (events ?? []).filter(
      ({ activityTaskCompletedEventAttributes }) => activityTaskCompletedEventAttributes,
    )
    const tasks = (events ?? []).filter(
      ({ workflowTaskScheduledEventAttributes }) => workflowTaskScheduledEventAttributes,
    )
    const ended = (events ?? []).filter(
      ({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes,
    )
    // The first is the loading of the run.
    if (done.length > count && tasks.length === ended.length) return
    await new Promise((next) => setTimeout(next, 20))
  }
  throw new Error(`Waited for ${count} entries to be written.`)
}

describe('what is rejected, and with which words', () => {
  test.each<[string, UpdateName, unknown, RegExp]>([
    [
      'what is not offered',
      'skip',
      undefined,
      /"skip" is not offered: the runbook does not allow.*Offered: retry, abort\./,
    ],
    [
      'a rollback of nothing',
      'rollback',
      {},
      /"rollback" is not offered: nothing was done that could be taken back/,
    ],
    [
      'another program',
      'retry',
      { hash: 'abcdef012345' },
      /This run's program is hash of stri, not abcdef012345/,
    ],
    [
      'another asking',
      'retry',
      { ask: 7 },
      /What waits now is asking 1 of this run \("do"\), and your answer is to asking 7/,
    ],
    ['another step', 'retry', { step: 'second' }, /The step that waits is "only", not "second"/],
    [
      'an approval where none is asked for',
      'approve',
      {},
      /"approve" is not offered: the run asks for no approval now/,
    ],
    ['resuming what runs', 'resume', undefined, /The run is not paused: it is waiting/],
  ])('%s', async (_what, name, argument, message) => {
    const handle = await waitingRun('strict')
    expect(await rejectionOf(update(handle, name, argument))).toMatch(message)
    expect((await statusOf(handle)).view.phase).toBe('waiting')
    await handle.terminate()
  })

  test('a decision while nothing waits', async () => {
    world.on('cross', async (_request, context) => {
      await context.sleep(500)
      return {}
    })
    const handle = await waitingRun()
    await update(handle, 'skip')
    await untilStatus(handle, 'the last step to run', ({ view }) => view.steps.at(-1)?.status === 'running')
    expect(await rejectionOf(update(handle, 'retry'))).toBe(
      'No step waits for a decision: the run is running.',
    )
    await handle.result()
  })

  test.each<[string, UpdateName, unknown, RegExp]>([
    ['a text', 'retry', 'please', /The input is one JSON object/],
    ['a list', 'retry', [], /The input is one JSON object/],
    ['a field that means nothing', 'abort', { force: true }, /Unknown input "force"/],
    ['a name that is none', 'abort', { by: 7 }, /"by" is a text/],
    ['a novel', 'abort', { reason: 'x'.repeat(1001) }, /"reason" is a text of at most 1000/],
    ['a number that is none', 'abort', { ask: '1' }, /"ask" is a whole number/],
    ['a hash that is none', 'abort', { hash: 'abc' }, /"hash" is the program's sha256/],
  ])('nonsense leaves no trace: %s', async (_what, name, argument, message) => {
    const handle = await waitingRun('strict')
    await untilWritten(handle, 1)
    const before = (await handle.describe()).historyLength
    expect(await rejectionOf(update(handle, name, argument))).toMatch(message)
    expect((await handle.describe()).historyLength).toBe(before)
    expect((await evidenceOf(handle)).entries).toHaveLength(1)
    await handle.terminate()
  })
})

describe('the evidence', () => {
  test.each([
    ['in one execution', {}],
    ['over continue-as-new', { continueAfterEvents: 1 }],
  ])('keeps what was asked and decided, refused decisions too: %s', async (_what, memo) => {
    const first = await world.start('decide', { memo: { ...memo, by: 'eve', reason: 'a drill' } })
    const handle = world.env.client.workflow.getHandle(first.workflowId)
    await untilWaiting(handle)
    await rejectionOf(update(handle, 'approve', { by: 'bob', comment: 'yes', door: 'chat:matrix' }))
    await update(handle, 'pause', { by: 'ada', door: 'cli' })
    await update(handle, 'skip', { by: 'ada', reason: 'not needed', step: 'second', ask: 1 })
    await untilStatus(handle, 'the run to stop', ({ view: { phase } }) => phase === 'paused')
    await update(handle, 'resume', { by: 'ada' })
    await first.result()
    const { entries, by, reason, leftOut } = await evidenceOf(handle)
    expect([by, reason, leftOut]).toEqual(['eve', 'a drill', 0])
    expect(entries.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
    const identity = expect.stringContaining('@')
    const update1 = { update: expect.any(String), identity }
    expect(entries).toMatchObject([
      {
        kind: 'asked',
        ask: 1,
        step: 'second',
        what: 'failed',
        message: 'no',
        offers: ['retry', 'skip', 'rollback', 'abort'],
      },
      {
        kind: 'decision',
        decision: 'approve',
        outcome: 'refused',
        by: 'bob',
        door: 'chat:matrix',
        comment: 'yes',
        step: 'second',
        ask: 1,
        why: expect.stringContaining('"approve" is not offered'),
        ...update1,
      },
      { kind: 'decision', decision: 'pause', outcome: 'accepted', by: 'ada', door: 'cli', ...update1 },
      {
        kind: 'decision',
        decision: 'skip',
        outcome: 'accepted',
        door: 'temporal',
        comment: 'not needed',
        named: { step: 'second', ask: 1 },
        ...update1,
      },
      { kind: 'decision', decision: 'resume', outcome: 'accepted', by: 'ada' },
    ])
    expect(entries.every(({ at }) => Math.abs(Date.now() - Date.parse(at)) < 60_000)).toBe(true)
    expect(world.written.filter((entry) => entries.some((one) => isSame(entry, one)))).toEqual(entries)
  })

  test('a sender cannot pass for another: a second argument is not looked at', async () => {
    const handle = await waitingRun('strict')
    await handle.executeUpdate<unknown, [unknown, unknown]>('retry', {
      args: [{}, { identity: 'the boss', update: 'x' }],
    })
    const { entries } = await evidenceOf(handle)
    expect(entries[1]).toMatchObject({ kind: 'decision', identity: expect.not.stringContaining('boss') })
    await handle.terminate()
  })

  test('after 200 refused decisions no more are looked at, so that the history stays small', async () => {
    const handle = await waitingRun('strict')
    for (let batch = 0; batch < 20; batch++) {
      await Promise.allSettled(Array.from({ length: 10 }, () => update(handle, 'skip')))
    }
    expect(await rejectionOf(update(handle, 'skip'))).toMatch(
      /200 decisions of this run were refused already/,
    )
    expect((await evidenceOf(handle)).entries).toHaveLength(201)
    await handle.terminate()
  }, 60_000)

  test('a run that was cancelled says so', async () => {
    const handle = await waitingRun('strict')
    await handle.cancel()
    await endOf(handle)
    expect((await evidenceOf(handle)).entries.at(-1)).toMatchObject({ kind: 'cancel', number: 2 })
  })

  const isSame = (one: EvidenceEntry, other: EvidenceEntry): boolean =>
    JSON.stringify(one) === JSON.stringify(other)
})

describe('an approval', () => {
  const asked = async (memo = {}): Promise<WorkflowHandle> => {
    world.offer(
      program('asks', [
        uses('before', 'do.more'),
        approve('ok', 'Go on with **${{ inputs.what }}**?'),
        uses('after', 'cross', { by: '${{ steps.ok.by }}', said: '${{ steps.ok.comment }}' }),
      ]),
      { what: 'it_all' },
    )
    const first = await world.start('asks', { memo })
    const handle = world.env.client.workflow.getHandle(first.workflowId)
    await untilWaiting(handle)
    return handle
  }
  const last = (handle: WorkflowHandle) => world.calls.findLast(({ run }) => run.id === handle.workflowId)

  test.each([
    ['in one execution', {}],
    ['over continue-as-new', { continueAfterEvents: 1 }],
  ])('is given with a comment, and kept: %s', async (_what, memo) => {
    world.on('cross', () => ({}))
    const handle = await asked(memo)
    const { view } = await statusOf(handle)
    expect(view.waiting).toMatchObject({
      approval: { message: 'Go on with **it_all**?', markdown: 'Go on with **it\\_all**?' },
      offers: ['approve', 'reject', 'abort'],
    })
    expect(await update(handle, 'approve', { by: 'ada', comment: 'by all means' })).toMatchObject({
      step: 'ok',
    })
    await handle.result()
    expect(last(handle)?.with).toEqual({ by: 'ada', said: 'by all means' })
    const { note, status } = (await statusOf(handle)).view.steps[1] ?? {}
    expect([status, note]).toEqual(['done', 'approved by ada: by all means'])
  })

  test('is not a retry, and a rejection is a failure with the comment', async () => {
    const handle = await asked()
    expect(await rejectionOf(update(handle, 'retry'))).toMatch(
      /nothing has failed; it is to be approved or rejected/,
    )
    await update(handle, 'reject', { by: 'bob', comment: 'too late' })
    await untilStatus(handle, 'the rejection to wait', ({ view }) => view.waiting?.approval === undefined)
    expect((await statusOf(handle)).view.waiting?.failure.message).toBe('rejected by bob: too late')
    await update(handle, 'abort')
    expect((await endOf(handle)).message).toMatch(/rejected by bob: too late/)
  })
})

test('both of two approvals are read and kept over continue-as-new, and counted once', async () => {
  const last = uses('last', 'do.more', { by: '${{ steps.ok.by }}', said: '${{ steps.ok.comment }}' })
  world.offer(
    program('both', [
      uses('a', 'do.more'),
      approve('ok', 'Go?', {}, { people: 2 }),
      last,
      uses('end', 'do.more'),
    ]),
  )
  const started = await world.start('both', { memo: { by: 'eve', continueAfterEvents: 1 } })
  const handle = world.env.client.workflow.getHandle(started.workflowId)
  await untilWaiting(handle)
  await update(handle, 'approve', { by: 'ada', comment: 'go' })
  expect(await rejectionOf(update(handle, 'approve', { by: 'ada' }))).toMatch(/ada has approved this already/)
  await update(handle, 'approve', { by: 'grace', door: 'chat:matrix' })
  await started.result()
  const calls = world.calls.filter(({ run }) => run.id === handle.workflowId)
  expect(calls.find(({ step }) => step === 'last')?.with).toEqual({ by: 'ada, grace', said: 'ada: go' })
  expect((await statusOf(handle)).view.steps[1]?.note).toBe('approved by ada, grace: ada: go')
  const { entries } = await evidenceOf(handle)
  expect(
    entries.map((entry) =>
      entry.kind === 'decision' ? `${entry.by} ${entry.door} ${entry.outcome}` : entry.kind,
    ),
  ).toEqual(['asked', 'ada temporal accepted', 'ada temporal refused', 'grace chat:matrix accepted'])
})

describe('what is accepted', () => {
  test('answers what was decided; by and reason are kept', async () => {
    const handle = await waitingRun()
    expect(
      await update(handle, 'skip', {
        step: 'second',
        by: 'ada',
        reason: 'not needed',
      } satisfies UpdateArgument),
    ).toEqual({
      message: 'Accepted: skip "do".',
      step: 'second',
      ask: 1,
    })
    await handle.result()
    expect((await statusOf(handle)).view.steps.map(({ status, note }) => [status, note])).toContainEqual([
      'skipped',
      'skipped by ada: not needed',
    ])
  })

  test('the same update id decides once', async () => {
    const handle = await waitingRun()
    const click = (): Promise<unknown> =>
      handle.executeUpdate<unknown, [unknown]>('retry', { updateId: 'click-1', args: [{}] })
    const answers = await Promise.all([click(), click()])
    expect(answers[0]).toEqual(answers[1])
    await untilWaiting(handle)
    expect(await click()).toEqual(answers[0])
    expect((await statusOf(handle)).view.phase).toBe('waiting')
    expect(
      world.calls.filter(({ run, step }) => run.id === handle.workflowId && step === 'second'),
    ).toHaveLength(2)
    await handle.terminate()
  })

  test('of two decisions at once, the first counts and the other is told so', async () => {
    const handle = await waitingRun()
    const both = await Promise.allSettled([update(handle, 'abort'), update(handle, 'abort')])
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(await endOf(handle)).toMatchObject({ type: 'RunAborted' })
  })
})

describe('pause', () => {
  test('stops before the next step, and resume goes on', async () => {
    const handle = await waitingRun()
    await update(handle, 'pause', { by: 'ada' })
    expect(await rejectionOf(update(handle, 'pause'))).toMatch(/already paused/)
    await update(handle, 'skip')
    const { paused, view } = await untilStatus(
      handle,
      'the run to stop',
      ({ view: { phase } }) => phase === 'paused',
    )
    expect(paused).toMatchObject({ by: 'ada' })
    expect(view.steps.at(-1)?.status).toBe('pending')
    await update(handle, 'resume')
    await handle.result()
  })

  test('a paused run can be cancelled', async () => {
    const handle = await waitingRun()
    await update(handle, 'pause')
    await update(handle, 'skip')
    await untilStatus(handle, 'the run to stop', ({ view: { phase } }) => phase === 'paused')
    await handle.cancel()
    expect((await endOf(handle)).name).toBe('CancelledFailure')
  })
})

test('the details show what it waits for, and every update and query says what it is for', async () => {
  const handle = await waitingRun()
  const metadata = await handle.query<{
    currentDetails: string
    definition: { updateDefinitions: { name: string; description: string }[] }
  }>('__temporal_workflow_metadata')
  expect(metadata.currentDetails).toContain('for one of the updates `retry`, `skip`, `rollback`, `abort`')
  expect(metadata.definition.updateDefinitions.map(({ name }) => name)).toEqual([
    'approve',
    'reject',
    'confirm',
    'retry',
    'skip',
    'rollback',
    'abort',
    'pause',
    'resume',
  ])
  expect(
    metadata.definition.updateDefinitions.every(({ description }) => /"comment"/.test(description)),
  ).toBe(true)
  await handle.terminate()
})
