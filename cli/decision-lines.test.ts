import { expect, test } from '@jest/globals'
import type { RunEvidence } from '../workflows/doors.ts'
import type { Decided } from '../workflows/evidence-entry.ts'
import { decisionLines } from './decision-lines.ts'

const at = '2026-11-21T08:00:00.123Z'
const decided: Decided = {
  kind: 'decision',
  decision: 'skip',
  outcome: 'accepted',
  by: 'ada',
  identity: 'ada@laptop',
  door: 'cli',
  comment: 'not needed',
  step: 'second',
  ask: 1,
  update: 'u1',
}
const evidence = (...entries: readonly RunEvidence['entries'][number][]): RunEvidence => ({
  run: { id: 'r', key: 'k', runbook: 'b', hash: '' },
  startedMs: 0,
  by: 'eve',
  reason: '',
  entries,
  leftOut: 0,
})
const asked: RunEvidence['entries'][number] = {
  ...{ number: 1, at, kind: 'asked', ask: 1, step: 'second', summary: 'h1: do it', what: 'failed' },
  ...{ message: 'no', offers: ['skip'] },
}

test('nothing decided, nothing said', () => {
  expect(decisionLines(evidence(asked), { columns: 100, colour: false })).toEqual([])
})

test('who, when, through which door, what, and why it was refused', () => {
  const why = '"retry" is not offered: it would look at the same answers again. Offered: skip.'
  const lines = decisionLines(
    {
      ...evidence(
        asked,
        { number: 2, at, ...decided, decision: 'retry', outcome: 'refused', why, comment: '' },
        { number: 3, at, ...decided },
        { number: 4, at, ...decided, decision: 'pause', identity: 'ada', comment: 'lunch\u001b[2J', ask: 9 },
        { number: 5, at, kind: 'cancel' },
      ),
      leftOut: 3,
    },
    { columns: 80, colour: false },
  )
  expect(lines).toEqual([
    '',
    'Decisions',
    '  … 3 earlier entries stand in the evidence',
    '  2026-11-21 08:00:00Z  refused: retry "h1: do it" by ada (cli, sent by',
    '                        ada@laptop). "retry" is not offered: it would look at',
    '                        the same answers again. Offered: skip.',
    '  2026-11-21 08:00:00Z  skip "h1: do it" by ada (cli, sent by ada@laptop): not',
    '                        needed',
    '  2026-11-21 08:00:00Z  pause by ada (cli): lunch [2J',
    '  2026-11-21 08:00:00Z  asked to cancel',
  ])
})
