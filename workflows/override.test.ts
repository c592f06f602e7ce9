import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import type { WorkflowHandle } from '@temporalio/client'
import type { GuardName } from '../dsl/guards.ts'
import { program, undoneBy, uses } from '../test/replay/build.ts'
import {
  endOf,
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilStatus,
  untilWaiting,
} from '../test/replay/temporal-world.ts'
import type { RunEvidence, RunMemo, RunResult } from './doors.ts'
import type { ActionRequest } from './ports.ts'

jest.setTimeout(60_000)

let world: TemporalWorld
beforeAll(async () => {
  world = await startTemporalWorld('timeSkipping')
}, 120_000)
afterAll(() => world.close())
beforeEach(() => {
  for (const action of ['look', 'do', 'do.more', 'undo']) world.on(action, () => ({}))
})

/** Each of these guards refuses until the call overrides it, as the executor does. */
const refusing =
  (...guards: readonly GuardName[]) =>
  ({ overrides = [] }: ActionRequest) => {
    const standing = guards.find((guard) => !overrides.some((one) => one.guard === guard))
    if (standing) throw failing('RefusedError', `etcd-1 was not stopped: ${standing} says no.`, standing)
    return {}
  }

const memo: RunMemo = { by: 'bob', override: ['health'], reason: 'etcd-3 burnt down' }
const send = (handle: WorkflowHandle, kind: string, comment = '') =>
  handle.executeUpdate(kind, { args: [{ by: 'ada', comment }] })
const overridesSent = (from: number) =>
  world.calls.slice(from).map(({ step, overrides }) => [step, overrides])

async function started(steps: Parameters<typeof program>[1], asked: RunMemo = memo) {
  world.offer(program('stops', steps))
  const from = world.calls.length
  return { handle: await world.start('stops', { memo: asked }), from }
}

test('a guard that was named is asked about, and let pass for that one call', async () => {
  world.on('do', refusing('health'))
  const { handle, from } = await started([uses('a', 'do', { host: 'h1' }), uses('b', 'do', { host: 'h2' })])
  const { view } = await untilWaiting(handle)
  expect(view.waiting?.offers).toEqual(expect.arrayContaining(['approve', 'reject']))
  expect(view.waiting?.approval).toMatchObject({
    overrides: 'health',
    message: expect.stringMatching(
      /Override the guard "health"\? It refused: etcd-1 was not stopped: health says no\.\nIf it is overridden: .*stops answering.*\nThe run was started to override it because: etcd-3 burnt down\n/,
    ),
  })
  await send(handle, 'approve', 'I saw it burn')
  const second = await untilStatus(
    handle,
    'the next step to ask',
    ({ view: { waiting } }) => waiting?.ask === 2,
  )
  expect(second.view.waiting?.failure.step).toBe('b')
  expect(second.view.steps[0]).toMatchObject({
    status: 'done',
    note: 'OVERRIDDEN: guard "health", approved by ada: I saw it burn',
  })
  expect(second.view.overrides).toHaveLength(1)
  await send(handle, 'approve')
  const result: RunResult = await handle.result()
  const override = { guard: 'health', by: 'ada', comment: 'I saw it burn', reason: 'etcd-3 burnt down' }
  expect(overridesSent(from)).toEqual([
    ['a', undefined],
    ['a', [override]],
    ['b', undefined],
    ['b', [{ ...override, comment: '' }]],
  ])
  expect(result.overrides).toMatchObject([
    { ...override, step: 'a', summary: 'h1: do', refusal: 'etcd-1 was not stopped: health says no.' },
    { step: 'b' },
  ])
  const { entries } = await handle.query<RunEvidence>('evidence')
  expect(entries.filter(({ kind }) => kind === 'asked')).toMatchObject([
    { what: 'override' },
    { what: 'override' },
  ])
})

test('who rejects it leaves the step refused, as the guard said it', async () => {
  world.on('do', refusing('health'))
  const { handle, from } = await started([uses('first', 'do.more'), uses('a', 'do')])
  await untilWaiting(handle)
  await send(handle, 'reject', 'wait for etcd-3')
  const status = await untilStatus(handle, 'a decision', ({ view: { waiting } }) => waiting?.ask === 2)
  expect(status.view.waiting?.approval).toBeUndefined()
  expect(status.view.waiting?.failure).toMatchObject({
    kind: 'refused',
    guard: 'health',
    message:
      'etcd-1 was not stopped: health says no. The override of the guard "health" was not approved: rejected by ada: wait for etcd-3.',
  })
  await send(handle, 'abort')
  expect(await endOf(handle)).toMatchObject({ type: 'RunAborted' })
  expect(overridesSent(from)).toEqual([
    ['first', undefined],
    ['a', undefined],
  ])
})

test.each<[string, readonly GuardName[], RunMemo, GuardName]>([
  ['a guard that was not named', ['quorum'], memo, 'quorum'],
  ['a guard behind the one that was named', ['health', 'quorum'], memo, 'quorum'],
  ['nothing was named', ['health'], { by: 'bob' }, 'health'],
])('%s is not opened', async (_what, guards, asked, standing) => {
  world.on('do', refusing(...guards))
  const { handle } = await started([uses('first', 'do.more'), uses('a', 'do')], asked)
  if (guards.length > 1) {
    await untilWaiting(handle)
    await send(handle, 'approve')
  }
  const status = await untilStatus(
    handle,
    'a decision on the failure',
    ({ view: { waiting } }) => waiting !== undefined && waiting.approval === undefined,
  )
  expect(status.view.waiting?.failure).toMatchObject({ kind: 'refused', guard: standing })
  await send(handle, 'abort')
  await endOf(handle)
})

test('two guards that were named are asked about one after another', async () => {
  world.on('do', refusing('health', 'quorum'))
  const { handle, from } = await started([uses('a', 'do')], { ...memo, override: 'quorum, health' })
  await untilWaiting(handle)
  await send(handle, 'approve')
  await untilStatus(
    handle,
    'the second guard',
    ({ view: { waiting } }) => waiting?.approval?.overrides === 'quorum',
  )
  await send(handle, 'approve')
  await handle.result()
  expect(overridesSent(from).map(([, overrides]) => overrides)).toEqual([
    undefined,
    [expect.objectContaining({ guard: 'health' })],
    [expect.objectContaining({ guard: 'health' }), expect.objectContaining({ guard: 'quorum' })],
  ])
})

test('a retry is guarded anew, and asks anew', async () => {
  let tries = 0
  world.on('do', (request) => {
    refusing('health')(request)
    if (++tries === 1) throw failing('ActionError', 'broke')
    return {}
  })
  const { handle, from } = await started([uses('a', 'do')])
  await untilWaiting(handle)
  await send(handle, 'approve')
  const failed = await untilStatus(handle, 'its failure', ({ view: { waiting } }) => waiting?.ask === 2)
  expect(failed.view.waiting?.failure).toMatchObject({ kind: 'failed', message: 'broke' })
  await send(handle, 'retry')
  await untilStatus(
    handle,
    'a new asking',
    ({ view: { waiting } }) => waiting?.approval?.overrides === 'health',
  )
  await send(handle, 'approve')
  await handle.result()
  expect(
    overridesSent(from).map(([, overrides = []]) => (Array.isArray(overrides) ? overrides.length : -1)),
  ).toEqual([0, 1, 0, 1])
})

test('what fails in spite of it says at the end which guards were overridden', async () => {
  world.on('do', (request) => {
    refusing('health')(request)
    throw failing('ActionError', 'broke')
  })
  const { handle } = await started([uses('a', 'do')])
  await untilWaiting(handle)
  await send(handle, 'approve')
  await untilStatus(handle, 'its failure', ({ view: { waiting } }) => waiting?.ask === 2)
  await send(handle, 'abort')
  expect(await endOf(handle)).toMatchObject({
    message: expect.stringMatching(/Guards overridden: health at "do" \(approved by ada\)\.$/),
    details: [{ overrides: [{ guard: 'health', step: 'a' }] }],
  })
  expect((await statusOf(handle)).view.overrides).toHaveLength(1)
})

test('a rollback overrides nothing', async () => {
  world.on('undo', refusing('health'))
  world.on('do.more', () => {
    throw failing('ActionError', 'broke')
  })
  const { handle } = await started([undoneBy(uses('a', 'do'), uses('back', 'undo')), uses('b', 'do.more')])
  await untilWaiting(handle)
  await send(handle, 'rollback')
  const status = await untilStatus(
    handle,
    'the undo to be refused',
    ({ view: { waiting } }) => waiting?.ask === 2,
  )
  expect(status.view.waiting).toMatchObject({ note: expect.stringMatching(/health says no/) })
  expect(status.view.waiting?.approval).toBeUndefined()
  await send(handle, 'abort')
  await endOf(handle)
})

test.each<[string, RunMemo, RegExp]>([
  ['no reason', { override: ['health'] }, /takes a reason/],
  ['a blank reason', { override: ['health'], reason: ' ' }, /takes a reason/],
  [
    'an unknown guard',
    { override: ['helth'], reason: 'x' },
    /There is no guard "helth"\. Those that can be are health/,
  ],
  [
    'a guard that is never overridden',
    { override: ['instance'], reason: 'x' },
    /"instance" is never overridden/,
  ],
  ['one of the language itself', { override: ['toString'], reason: 'x' }, /There is no guard "toString"/],
])('a start with %s is refused and touches nothing', async (_what, asked, says) => {
  const { handle, from } = await started([uses('a', 'do')], asked)
  expect(await endOf(handle)).toMatchObject({ type: 'InputError', message: expect.stringMatching(says) })
  expect(world.calls).toHaveLength(from)
})

test('a guard that is never overridden is not asked about, whatever a failure calls itself', async () => {
  world.on('do', refusing('instance'))
  const { handle } = await started([uses('first', 'do.more'), uses('a', 'do')])
  const { view } = await untilWaiting(handle)
  expect(view.waiting?.approval).toBeUndefined()
  await send(handle, 'abort')
  await endOf(handle)
})

test('what an update carries beside its decision overrides nothing', async () => {
  world.on('do', refusing('health'))
  const { handle, from } = await started([uses('first', 'do.more'), uses('a', 'do')], { by: 'bob' })
  await untilWaiting(handle)
  const forged = { by: 'ada', override: ['health'], overrides: [{ guard: 'health' }] }
  await handle.executeUpdate('retry', { args: [forged] }).catch(() => undefined)
  const tries = () => world.calls.slice(from).filter(({ step }) => step === 'a')
  await untilStatus(handle, 'it to wait again', ({ view: { waiting } }) => waiting !== undefined)
  expect(tries().every(({ overrides }) => overrides === undefined)).toBe(true)
  await send(handle, 'abort')
  await endOf(handle)
})
