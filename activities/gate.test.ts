import { expect, test } from '@jest/globals'
import type { GateCall } from '../workflows/ports.ts'
import { ActionError, InputError } from './failure.ts'
import { pollGate } from './gate.ts'

const gate = (source: string, over: Partial<GateCall> = {}): GateCall => ({
  until: { source, at: { line: 1, column: 1 }, roots: ['gate'] },
  scope: {},
  everyMs: 5,
  stableMs: 0,
  timeoutMs: 200,
  ...over,
})

/** Answers in order, the last one for ever. */
function answers(...all: readonly (number | Error)[]) {
  const asked: number[] = []
  const look = async () => {
    const answer = all[Math.min(asked.length, all.length - 1)] ?? 0
    asked.push(Date.now())
    if (answer instanceof Error) throw answer
    return { n: answer, problems: answer === 0 ? ['nothing there.'] : [] }
  }
  return { asked, polling: { look, signal: new AbortController().signal, onProgress: () => undefined } }
}

test('a gate opens at the first answer that holds', async () => {
  const { asked, polling } = answers(0, 1, 2)
  expect(await pollGate(gate('gate.n == 2', { timeoutMs: 10_000 }), polling)).toEqual({ n: 2, problems: [] })
  expect(asked).toHaveLength(3)
})

test('an answer that failed counts as one that does not hold', async () => {
  const { polling } = answers(new ActionError('no answer'), 1)
  expect(await pollGate(gate('gate.n == 1', { timeoutMs: 10_000 }), polling)).toMatchObject({ n: 1 })
})

test('a break starts the stable time anew', async () => {
  const { asked, polling } = answers(1, 1, 0, 1)
  await pollGate(gate('gate.n == 1', { stableMs: 60, timeoutMs: 10_000 }), polling)
  expect((asked.at(-1) ?? 0) - (asked[3] ?? 0)).toBeGreaterThanOrEqual(50)
})

test.each([
  [
    'what never held, with what was seen last',
    gate('gate.n == 5'),
    answers(0),
    /"gate.n == 5" did not hold within 0.2 s. Seen last: nothing there\./,
  ],
  ['what never answered', gate('gate.n == 5'), answers(new ActionError('no answer')), /Seen last: no answer/],
  ['an expression that cannot be worked out', gate('gate.none == 5'), answers(1), /could not be worked out/],
  ['a condition that is no bool', gate('gate.n'), answers(1), /must be true or false/],
  [
    'what held too short',
    gate('gate.n == 1', { stableMs: 10_000 }),
    answers(1),
    /for 10 s without a break; it held when asked last/,
  ],
])('a gate stays closed for %s', async (_what, call, { polling }, message) => {
  const failure = await pollGate(call, polling).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(ActionError)
  expect(failure).toMatchObject({ message: expect.stringMatching(message) })
})

test('a last look that the end of the gate cut short says less than the one before', async () => {
  let asked = 0
  const look = async (ms: number) => {
    asked += 1
    if (asked < 3) return { problems: ['etcd-2 does not answer.'] }
    await new Promise((resolve) => setTimeout(resolve, ms))
    throw new ActionError('it did not end in time')
  }
  const { polling } = answers()
  await expect(pollGate(gate('false'), { ...polling, look })).rejects.toThrow(
    'Seen last: etcd-2 does not answer.',
  )
})

test('what asking again cannot cure ends a gate at once', async () => {
  const { asked, polling } = answers(new InputError('no such cluster'))
  await expect(pollGate(gate('true'), polling)).rejects.toThrow('no such cluster')
  expect(asked).toHaveLength(1)
})

test('a cancelled gate ends at once', async () => {
  const stop = new AbortController()
  const { polling } = answers(0)
  const waiting = pollGate(gate('false', { timeoutMs: 60_000, everyMs: 30_000 }), {
    ...polling,
    signal: stop.signal,
  })
  setTimeout(() => stop.abort(new Error('cancelled')), 20)
  await expect(waiting).rejects.toThrow('cancelled')
})
