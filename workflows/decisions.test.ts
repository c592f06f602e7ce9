import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { WorkflowHandle } from '@temporalio/client'
import { approve, manual, program, template, undoneBy, uses } from '../test/replay/build.ts'
import {
  endOf,
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilStatus,
  untilWaiting,
} from '../test/replay/temporal-world.ts'
import type { LoadedRun, RunEvidence, UpdateAnswer, UpdateArgument, UpdateName } from './doors.ts'

jest.setTimeout(60_000)

/** Who may decide, until when and on what, on the server that skips time. */

let world: TemporalWorld
beforeAll(async () => {
  world = await startTemporalWorld('timeSkipping')
}, 120_000)
afterAll(() => world.close())

const hours = (count: number) => ({ kind: 'literal', value: count * 3_600_000 }) as const
const hash = '0123456789abcdef'.repeat(4)
const pinned: Partial<LoadedRun> = {
  hash,
  policy: {
    roles: { operator: ['ada', 'grace'], lead: ['grace'] },
    decisions: { abort: ['lead'], pause: ['operator'] },
  },
}
const first = undoneBy(uses('first', 'do'), uses('back', 'undo'))
const last = uses('last', 'do.more', { by: '${{ steps.ok.by }}', said: '${{ steps.ok.comment }}' })

async function asked(
  name: string,
  steps: Parameters<typeof program>[1],
  by = 'eve@laptop',
): Promise<WorkflowHandle> {
  world.offer(program(name, steps), { host: 'h1' }, pinned)
  const handle = await world.start(name, { memo: { by } })
  await untilWaiting(handle)
  return handle
}

const decide = (
  handle: WorkflowHandle,
  name: UpdateName,
  argument: UpdateArgument = {},
): Promise<UpdateAnswer> => handle.executeUpdate<UpdateAnswer, [UpdateArgument]>(name, { args: [argument] })

async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof Error && error.cause instanceof Error) return error.cause.message
    throw error
  }
  throw new Error('It was accepted.')
}

const evidenceOf = async (handle: WorkflowHandle): Promise<RunEvidence['entries']> =>
  (await handle.query<RunEvidence>('evidence')).entries

test('two people of a role, neither of them who started it', async () => {
  const terms = { by: ['operator'], people: 2, notRequester: true } as const
  const handle = await asked('two', [first, approve('ok', 'Lose **it**?', {}, terms), last], 'ada@laptop')
  expect(await refusalOf(decide(handle, 'approve', { by: 'bob' }))).toBe(
    '"approve" is for the role operator (ada, grace), and bob does not have it.',
  )
  expect(await refusalOf(decide(handle, 'approve', { by: 'ada@phone' }))).toMatch(
    /ada@phone started this run/,
  )
  expect(await decide(handle, 'approve', { by: 'grace', comment: 'fine' })).toEqual({
    message: 'Accepted: approve "approval"; 1 more person has to approve. What was asked: Lose **it**?',
    step: 'ok',
    ask: 1,
  })
  expect(await refusalOf(decide(handle, 'approve', { by: 'Grace@home' }))).toMatch(
    /grace has approved this already; it takes 1 more, from another person/,
  )
  const { view } = await statusOf(handle)
  expect(view.waiting).toMatchObject({
    approval: { given: [{ by: 'grace', reason: 'fine' }] },
    terms: [
      'Only the role operator (ada, grace) may answer.',
      '2 different people have to approve; grace did so far.',
      'ada@laptop, who started the run, cannot approve it.',
      'Only the role lead (grace) may abort.',
    ],
  })
  // The only other operator started the run; that nobody can answer, the load of a real run refuses beforehand.
  await decide(handle, 'reject', { by: 'ada', comment: 'on second thoughts' })
  await untilStatus(handle, 'the rejection to wait', ({ view: now }) => now.waiting?.ask === 2)
  await decide(handle, 'abort', { by: 'grace' })
  await endOf(handle)
})

test('at the same moment, two people are two approvals', async () => {
  const handle = await asked('race', [approve('ok', 'Go?', {}, { people: 2 }), last])
  const both = await Promise.allSettled([
    decide(handle, 'approve', { by: 'ada' }),
    decide(handle, 'approve', { by: 'grace' }),
  ])
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  await handle.result()
})

describe('an approval expires', () => {
  test('before any change the run ends', async () => {
    world.offer(program('expires', [approve('ok', 'Go?', {}, { expiresMs: hours(4) }), last]), {}, pinned)
    const handle = await world.start('expires')
    expect((await endOf(handle)).message).toBe(
      'Failed at "approval": nobody approved it within 4h. Nothing was changed.',
    )
    expect((await evidenceOf(handle)).at(-1)).toMatchObject({
      kind: 'expired',
      ask: 1,
      message: 'nobody approved it within 4h',
    })
  })

  test('later it waits; a retry asks anew, and an answer to the former asking does not count', async () => {
    const terms = { expiresMs: hours(4), people: 2 }
    const handle = await asked('anew', [first, approve('ok', 'Go?', {}, terms), last])
    await decide(handle, 'approve', { by: 'ada', ask: 1 })
    await world.env.sleep('5h')
    const { view } = await untilStatus(handle, 'the expiry', ({ view: now }) => now.waiting?.ask === 2)
    expect(view.waiting?.failure).toMatchObject({
      kind: 'refused',
      message: 'only ada approved it within 4h, and it takes 2 people',
    })
    expect(view.waiting?.offers).toEqual(['retry', 'rollback', 'abort'])
    expect(await refusalOf(decide(handle, 'approve', { by: 'grace', ask: 1 }))).toMatch(
      /asking 2 of this run.*your answer is to asking 1/,
    )
    await decide(handle, 'retry', { by: 'ada', ask: 2 })
    const anew = await untilStatus(handle, 'the second asking', ({ view: now }) => now.waiting?.ask === 3)
    expect(anew.view.waiting?.approval?.given).toBeUndefined()
    expect(await refusalOf(decide(handle, 'approve', { by: 'grace', step: 'ok', ask: 1 }))).toMatch(
      /asking 3 of this run.*asking 1/,
    )
    await decide(handle, 'approve', { by: 'grace', step: 'ok', ask: 3, hash: hash.slice(0, 12) })
    await decide(handle, 'approve', { by: 'ada', hash })
    await handle.result()
  })

  test('an answer in time leaves no timer behind', async () => {
    const handle = await asked('in-time', [approve('ok', 'Go?', {}, { expiresMs: hours(4) }), last])
    await decide(handle, 'approve')
    const { endedMs, startedMs } = await handle.result()
    expect(endedMs - startedMs).toBeLessThan(3_600_000)
  })

  test('while it is paused, too; cancelled, it ends at once', async () => {
    const handle = await asked('paused', [first, approve('ok', 'Go?', {}, { expiresMs: hours(4) }), last])
    await decide(handle, 'pause', { by: 'ada' })
    expect((await statusOf(handle)).view.phase).toBe('waiting')
    await decide(handle, 'approve')
    await untilStatus(handle, 'the run to stop', ({ view }) => view.phase === 'paused')
    await decide(handle, 'resume')
    await handle.result()
    const other = await asked('cancelled', [first, approve('ok', 'Go?', {}, { expiresMs: hours(4) }), last])
    await other.cancel()
    expect((await endOf(other)).name).toBe('CancelledFailure')
  })
})

describe('what a decision is bound to', () => {
  test.each<[string, UpdateArgument, RegExp]>([
    ['another program', { hash: 'f'.repeat(64) }, /This run's program is 0123456789ab, not ffffffffffff/],
    ['another step', { step: 'last' }, /The step that waits is "ok", not "last"/],
    ['another asking', { ask: 2 }, /What waits now is asking 1/],
  ])('%s is refused, and kept', async (_what, argument, sentence) => {
    const handle = await asked('bound', [approve('ok', 'Go?'), last])
    expect(await refusalOf(decide(handle, 'approve', { by: 'ada', ...argument }))).toMatch(sentence)
    expect((await evidenceOf(handle)).at(-1)).toMatchObject({
      outcome: 'refused',
      by: 'ada',
      named: argument,
    })
    await decide(handle, 'approve', { step: 'ok', ask: 1, hash })
    await handle.result()
  })
})

describe('roles', () => {
  test('are asked of every decision that the policy names', async () => {
    world.on('do', () => {
      throw failing('ActionError', 'no')
    })
    const handle = await asked('roles', [uses('a', 'do')])
    expect(await refusalOf(decide(handle, 'abort', { by: 'ada' }))).toMatch(
      /"abort" is for the role lead \(grace\), and ada does not/,
    )
    expect(await refusalOf(decide(handle, 'abort'))).toMatch(/Say who you are/)
    expect(await refusalOf(decide(handle, 'pause', { by: 'bob' }))).toMatch(/for the role operator/)
    world.on('do', () => ({}))
    await decide(handle, 'retry', { by: 'bob' })
    await handle.result()
  })
})

describe('what is done by hand', () => {
  const swap = manual(
    'swap',
    'Swap the disk of ${{ inputs.host }}.',
    {},
    { by: ['operator'], confirm: template('${{ inputs.host }}') },
  )
  const after = uses('last', 'do.more', { by: '${{ steps.swap.by }}' })

  test('is confirmed by typing what it is about, by whoever may', async () => {
    const handle = await asked('by-hand', [swap, after])
    expect(await refusalOf(decide(handle, 'approve', { by: 'ada' }))).toMatch(
      /"approve" is not offered: it is to be confirmed/,
    )
    expect(await refusalOf(decide(handle, 'confirm', { by: 'bob', typed: 'h1' }))).toMatch(
      /for the role operator/,
    )
    expect(await refusalOf(decide(handle, 'confirm', { by: 'ada' }))).toBe(
      'To confirm this, type what it is about: {"typed": "h1"}.',
    )
    expect(await refusalOf(decide(handle, 'confirm', { by: 'ada', typed: 'h2' }))).toMatch(/you typed "h2"/)
    await decide(handle, 'confirm', { by: 'ada', typed: 'h1', comment: 'bay 3' })
    await handle.result()
    expect(world.calls.findLast(({ run }) => run.id === handle.workflowId)?.with).toEqual({ by: 'ada' })
    expect((await statusOf(handle)).view.steps[0]?.note).toBe('confirmed by ada: bay 3')
  })

  test('in a rollback it is asked too; the run can be paused and cancelled there', async () => {
    const undone = undoneBy(uses('a', 'do'), manual('unswap', 'Put it back.', {}, { expiresMs: hours(1) }))
    const handle = await asked('back-by-hand', [undone, approve('ok', 'Go?')])
    await decide(handle, 'rollback')
    await untilStatus(handle, 'the way back', ({ view }) => view.waiting?.rollingBack === true)
    await world.env.sleep('2h')
    const { view } = await untilStatus(
      handle,
      'the expiry',
      ({ view: now }) => now.waiting?.approval === undefined,
    )
    expect(view.waiting).toMatchObject({
      failure: { kind: 'unknown', message: 'nobody confirmed it within 1h' },
      rollingBack: true,
    })
    await decide(handle, 'retry')
    await untilStatus(handle, 'the second asking', ({ view: now }) => now.waiting?.approval !== undefined)
    await decide(handle, 'pause', { by: 'ada' })
    await handle.cancel()
    const end = await handle.result().catch((error: unknown) => error)
    expect(end).toMatchObject({ cause: { name: 'CancelledFailure' } })
    expect((await handle.describe()).memo?.['outcome']).toMatch(/Possibly half done: .*(do|Put|by hand)/)
  })
})
