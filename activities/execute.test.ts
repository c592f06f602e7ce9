import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { z } from 'zod'
import type { Inventory } from '../dsl/inventory.ts'
import type { Effect, Json } from '../dsl/program.ts'
import type { ActionRequest } from '../workflows/ports.ts'
import { type Action, type ActionContext, defineAction } from './action.ts'
import { createEnvironment, type Environment } from './environment.ts'
import { type Attempt, executeAction } from './execute.ts'
import { ActionError, InputError, RefusedError, UnknownOutcomeError } from './failure.ts'
import { memoryRecord } from '../test/memory-record.ts'

const record = memoryRecord()
let environment: Environment
const inventory: Inventory = { file: 'inventory.yaml', hosts: {}, clusters: {} }

beforeAll(() => {
  environment = createEnvironment({ loadInventory: async () => inventory, record })
})
beforeEach(() => {
  record.events.length = 0
})
afterAll(() => environment.close())

interface Parts {
  readonly effect?: Effect
  readonly timeoutMs?: number
  readonly run: (n: number, context: ActionContext) => Promise<{ n: number }>
  readonly probe?: () => Promise<{ n: number } | undefined>
}

function made({ effect = 'change', run, probe, timeoutMs = 1000 }: Parts): Action {
  return defineAction({
    ...{ name: 'test.act', title: 'act', doc: 'Acts.', effect, subject: [], example: { n: 1 }, timeoutMs },
    input: z.strictObject({ n: z.int().describe('A number') }),
    output: z.strictObject({ n: z.int().describe('A number') }),
    run: ({ n }, context) => run(n, context),
    ...(probe && { probe }),
  })
}

function perform(
  action: Action,
  attempt: Partial<Attempt> = {},
  request: Partial<ActionRequest> = {},
): Promise<Json> {
  return executeAction(
    action,
    {
      run: { id: 'r', key: 'key', runbook: 'b', hash: 'h' },
      step: 's',
      with: { n: 1 },
      undo: false,
      ...request,
    },
    environment,
    { id: 'a', number: 1, signal: new AbortController().signal, heartbeat: () => undefined, ...attempt },
  )
}

function throwing(error: Error, effect: Effect = 'change'): Action {
  const run = async () => {
    throw error
  }
  return made({ effect, run })
}

const never = () => new Promise<never>(() => undefined)

test('an action knows whether its runbook is for a cluster that has lost its quorum', async () => {
  const seen: string[] = []
  const action = made({ run: async (n, { quorum }) => (seen.push(quorum), { n }) })
  await perform(action)
  await perform(action, {}, { quorum: 'lost' })
  expect(seen).toEqual(['kept', 'lost'])
})

test.each<[Effect, 'done' | 'refused']>([
  ['read', 'done'],
  ['change', 'done'],
  ['disrupt', 'refused'],
  ['destroy', 'refused'],
])('where a quorum is lost, %s is %s unless it is known whose', async (effect, expected) => {
  let done = 0
  const action = made({ effect, run: async (n) => (done++, { n }) })
  const outcome = await perform(action, {}, { quorum: 'lost' }).then(
    () => 'done',
    (error: unknown) =>
      error instanceof Error && /whose quorum is lost/.test(error.message) ? 'refused' : error,
  )
  expect([outcome, done]).toEqual([expected, expected === 'done' ? 1 : 0])
})

test('what it does is on record before and after', async () => {
  const action = made({
    run: async (n) => {
      expect(record.events).toMatchObject([
        {
          ...{ name: 'action.begun', run: 'key', workflow: 'r', action: 'test.act', step: 's', attempt: 1 },
          data: { effect: 'change', with: { n: 1 }, undo: false },
        },
      ])
      return { n: n + 1 }
    },
  })
  expect(await perform(action)).toEqual({ n: 2 })
  expect(record.events).toMatchObject([
    { id: 's/a.1/1/action.begun' },
    { id: 's/a.1/1/action.done', data: { output: { n: 2 }, ms: expect.any(Number) } },
  ])
})

test('what is there already is not done again', async () => {
  const action = made({ run: () => Promise.reject(new Error('ran')), probe: async () => ({ n: 7 }) })
  expect(await perform(action)).toEqual({ n: 7 })
  expect(record.events.map(({ name }) => name)).toEqual(['action.begun', 'action.found'])
})

test.each<[string, Action, string, string, RegExp]>([
  ['a wrong input', throwing(new InputError('no host x')), 'InputError', 'refused', /no host x/],
  ['a refusal', throwing(new RefusedError('not now')), 'RefusedError', 'refused', /not now/],
  ['a failure', throwing(new ActionError('broke')), 'ActionError', 'failed', /broke/],
  ['an open end', throwing(new UnknownOutcomeError('cut')), 'UnknownOutcomeError', 'unknown', /cut/],
  ['an open end of a read', throwing(new UnknownOutcomeError('cut'), 'read'), 'ActionError', 'failed', /cut/],
  [
    'a mistake of ours in an effect',
    throwing(new TypeError('x')),
    'UnknownOutcomeError',
    'unknown',
    /test\.act broke down: x\. This is a mistake in Quorate/,
  ],
  [
    'a mistake of ours in a read',
    throwing(new TypeError('x'), 'read'),
    'ActionError',
    'failed',
    /broke down/,
  ],
  [
    'an effect that takes too long',
    made({ run: never, timeoutMs: 30 }),
    'UnknownOutcomeError',
    'unknown',
    /did not end within 0\.03 s\. It may still be going on/,
  ],
  [
    'a read that takes too long',
    made({ run: never, timeoutMs: 30, effect: 'read' }),
    'ActionError',
    'failed',
    /Nothing was changed/,
  ],
])('%s becomes a failure that Temporal does not retry', async (_what, action, type, kind, message) => {
  await expect(perform(action)).rejects.toMatchObject({
    ...{ name: 'ApplicationFailure', type, nonRetryable: true, details: [{ kind }] },
    message: expect.stringMatching(message),
  })
  expect(record.events.map(({ name }) => name)).toEqual(['action.begun', `action.${kind}`])
  expect(record.events.at(-1)).toMatchObject({ data: { message: expect.stringMatching(message) } })
})

test('a wrong input touches nothing and names the field', async () => {
  const action = made({ run: () => Promise.reject(new Error('ran')) })
  await expect(perform(action, {}, { with: { n: 'x', m: 1 } })).rejects.toMatchObject({
    type: 'InputError',
    message: expect.stringMatching(/^test\.act cannot run with this input: n: .*; input: .*"m"/),
  })
})

test("a cancelled attempt ends with the signal's reason, unmapped", async () => {
  const stop = new AbortController()
  const cancelled = new Error('cancelled')
  setTimeout(() => stop.abort(cancelled), 20)
  await expect(perform(made({ run: never }), { signal: stop.signal })).rejects.toBe(cancelled)
  expect(record.events.map(({ name }) => name)).toEqual(['action.begun', 'action.cancelled'])
})

test('it heartbeats by itself, with how far the action is', async () => {
  const beats: Json[] = []
  const action = made({
    timeoutMs: 5000,
    run: async (n, context) => {
      context.progress({ text: 'half', done: 1, total: 2 })
      await new Promise((resolve) => setTimeout(resolve, 1200))
      return { n }
    },
  })
  await perform(action, { heartbeat: (beat) => void beats.push(beat) })
  expect(beats).toEqual([null, { text: 'half', done: 1, total: 2 }])
})

test('a gate asks a read until its condition holds; what has an effect is no gate', async () => {
  let asked = 0
  const until = { source: 'gate.n == 3', at: { line: 1, column: 1 }, roots: ['gate'] }
  const gate = { until, scope: {}, everyMs: 5, stableMs: 0, timeoutMs: 1000 }
  const counting = made({ effect: 'read', run: async () => ({ n: ++asked }) })
  expect(await perform(counting, {}, { gate })).toEqual({ n: 3 })
  expect(record.events).toMatchObject([
    { name: 'action.begun', data: { gate: 'gate.n == 3' } },
    { name: 'action.done', data: { output: { n: 3 }, polls: 3 } },
  ])
  await expect(perform(made({ run: async () => ({ n: 3 }) }), {}, { gate })).rejects.toMatchObject({
    message: expect.stringMatching(/test\.act cannot be a gate: it has an effect/),
  })
})
