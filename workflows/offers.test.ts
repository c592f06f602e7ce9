import { expect, test } from '@jest/globals'
import { notOffered, offered, type Standing, withheldTexts } from './offers.ts'
import type { Waiting } from './ports.ts'

const failed: Waiting = {
  ask: 1,
  failure: { kind: 'failed', message: 'no', step: 's', summary: 'do' },
  offers: ['retry', 'abort'],
  withheld: { skip: 'the runbook does not allow it', rollback: 'nothing was done' },
  sinceMs: 0,
  rollingBack: false,
  takesBack: [],
}
const standing = (rest: Partial<Standing> = {}): Standing => ({
  phase: 'waiting',
  waiting: failed,
  paused: false,
  cancelRequested: false,
  ...rest,
})

test.each<[string, Partial<Standing>, readonly string[]]>([
  ['a step failed', {}, ['retry', 'abort', 'pause']],
  ['and the run is to pause', { paused: true }, ['retry', 'abort', 'resume']],
  ['it runs', { phase: 'running', waiting: undefined }, ['pause']],
  ['it is paused', { phase: 'paused', waiting: undefined, paused: true }, ['resume']],
  ['it ends at its next step', { phase: 'running', waiting: undefined, cancelRequested: true }, []],
  ['it rolls back', { phase: 'rollingBack', waiting: undefined }, ['pause']],
  ['it is over', { phase: 'done', waiting: undefined }, []],
])('offered when %s; everything else has its reason', (_what, rest, offers) => {
  const now = offered(standing(rest))
  expect(now.offers).toEqual(offers)
  expect([...now.offers, ...Object.keys(now.withheld)]).toHaveLength(9)
  expect(Object.values(now.withheld).every((reason) => reason.length > 10)).toBe(true)
})

test.each<[Parameters<typeof notOffered>[0], Partial<Standing>, string | undefined]>([
  ['retry', {}, undefined],
  ['skip', {}, '"skip" is not offered: the runbook does not allow it. Offered: retry, abort.'],
  ['approve', {}, '"approve" is not offered: the run asks for no approval now. Offered: retry, abort.'],
  [
    'retry',
    { phase: 'rollingBack', waiting: undefined },
    'No step waits for a decision: the run is rolling back.',
  ],
  ['pause', { paused: true }, 'The run is already paused. Send "resume" to go on.'],
  ['pause', { cancelRequested: true }, 'The run was asked to cancel: it ends before its next step.'],
  ['resume', {}, 'The run is not paused: it is waiting.'],
  [
    'abort',
    { phase: 'rolledBack', waiting: undefined },
    'The run is over (rolled back): nothing can be decided any more.',
  ],
])('%s, %o', (name, rest, sentence) => expect(notOffered(name, standing(rest))).toBe(sentence))

test('what has the same reason is said once', () => {
  const reasons = { retry: 'nothing has failed', skip: 'nothing has failed', abort: 'reject it' }
  expect(withheldTexts(['retry', 'skip', 'rollback', 'abort'], reasons)).toEqual([
    { kinds: ['retry', 'skip'], reason: 'nothing has failed' },
    { kinds: ['abort'], reason: 'reject it' },
  ])
})
