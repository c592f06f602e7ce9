import { expect, test } from '@jest/globals'
import type { Plan, PlannedStep } from '../workflows/plan.ts'
import { renderPlan } from './plan-view.ts'

const model = {
  leader: 'm1',
  members: ['m1', 'm2', 'm3'].map((name, at) => ({
    ...{ name, id: name, host: `h${at + 1}`, learner: false, up: true, version: '3.6.0' },
  })),
}

const step = (summary: string, more: Partial<PlannedStep>): PlannedStep => ({
  ...{ step: summary, kind: 'uses', summary, depth: 0, happens: 'yes', certainty: 'sure', ...more },
})

const plan: Plan = {
  ...{
    format: 1,
    runbook: 'stop-one',
    title: 'Stop one',
    hash: 'h',
    given: {},
    inputs: { cluster: 'demo', member: 'm2' },
  },
  ...{ effect: 'disrupt', by: 'ada', madeMs: 1, verdict: { kind: 'ready' }, cluster: 'demo' },
  steps: [
    step('look', { effect: 'read', expectedMs: 600 }),
    step('m2: stop etcd', {
      effect: 'disrupt',
      standing: { voters: 3, up: 2, margin: 0 },
      undo: ['m2: start etcd'],
      preview: {
        guard: { passes: true },
        changes: [
          { kind: 'command', host: 'h2', argv: ['sh', '-c', 'a\nb\nc', 'stop', "it's"], stdinBytes: 0 },
        ],
        ...{ complete: false, there: false },
      },
    }),
    step('never', { kind: 'steps', happens: 'no' }),
    step('all are well', {
      ...{ kind: 'gate', certainty: 'now', because: '“m2: stop etcd” is done before' },
      gate: { source: 'gate.healthy', holds: true, certainty: 'now', timeoutMs: 60_000, stableMs: 5000 },
    }),
  ],
  membership: {
    ...{
      before: model,
      after: model,
      differences: [],
      unsure: [],
      standing: { voters: 3, up: 3, margin: 1 },
    },
    lowest: { voters: 3, up: 2, margin: 0, summary: 'm2: stop etcd' },
  },
  approvals: [{ step: 'a', summary: 'consent', message: 'Really?' }],
  noReturn: [],
  open: ['Something.'],
  durations: { runs: 3, byStep: { '': 61_000 } },
}

test('a plan as a person reads it', () => {
  expect(renderPlan(plan, { columns: 90, colour: false }).join('\n')).toBe(`Stop one
stop-one on demo
member=m2

  ✔ look                                                    0.6 s
  ▸ m2: stop etcd                                        disrupts  margin 0 (2 of 3 serve)
      guard: would let it pass now
      h2$ sh -c '(script, 3 lines)' stop 'it'\\''s'
      then more, by what this finds
      taken back by: m2: start etcd
  · never                                                   not needed
  ✔ all are well
      waits until gate.healthy, for 5.0 s without a break, at most 1 min 00 s; holds
        now, before the steps above

  ✔ looked at now   ▸ would change   ◷ would wait   · not needed

  members
    as they are now

  margin
    1 now; 0 at the lowest, from “m2: stop etcd” on (2 of 3 voters serve); 1 afterwards

  asks a person
    consent: Really?

  not known yet
    Something.

  takes
    1 min 01 s, by 3 past runs (median); waiting for people is part of it

It could run now.`)
})

test('one that would be refused says where and why, and a locked cluster by whom', () => {
  const lines = renderPlan(
    {
      ...plan,
      verdict: { kind: 'refused', step: 'look', summary: 'look', why: 'One is down.' },
      lockedBy: {
        ...{ cluster: 'demo', run: 'r-1', key: 'k', runbook: 'r', by: 'bob', sinceMs: 0, running: true },
      },
    },
    { columns: 200, colour: false },
  )
  expect(lines).toContain('  ✖ look                                                    0.6 s')
  expect(lines.slice(-2)).toEqual([
    'demo is locked now by the run r-1 (r) of bob, since 1970-01-01T00:00:00.000Z.',
    'It would be refused at “look”: One is down.',
  ])
})
