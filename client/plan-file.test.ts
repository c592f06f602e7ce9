import { describe, expect, test } from '@jest/globals'
import type { Plan } from '../workflows/plan.ts'
import { planText, readPlan } from './plan-file.ts'

const plan: Plan = {
  ...{
    format: 1,
    runbook: 'r',
    title: 'R',
    hash: 'h',
    given: { cluster: 'demo' },
    inputs: { cluster: 'demo' },
  },
  ...{ effect: 'change', by: 'ada', madeMs: 1, verdict: { kind: 'ready' }, steps: [], approvals: [] },
  ...{ noReturn: [], open: [], durations: { runs: 0, byStep: {} } },
  fingerprint: { clusterId: 'c', members: [], alarms: [], downgradeTo: '', inventory: 'i' },
}

test('a plan is read as it was written, and pinned by its own digest', () => {
  const text = planText(plan)
  const read = readPlan(text, 'plan.json')
  expect(read.plan).toEqual(plan)
  expect(read.pin).toEqual({ sha256: JSON.parse(text).sha256, fingerprint: plan.fingerprint })
  expect(read.pin.sha256).toMatch(/^[0-9a-f]{64}$/)
})

describe('is not carried out', () => {
  const refused: Plan = {
    ...plan,
    verdict: { kind: 'refused', step: 's', summary: 'S', why: 'One is down.' },
  }
  test.each([
    ['what is no JSON', 'nothing', 'plan.json is no plan'],
    ['what is another JSON', '{"sha256":"x"}', 'plan.json is no plan'],
    [
      'one that was changed',
      planText(plan).replaceAll('demo', 'prod'),
      'was changed after the plan was made',
    ],
    ['one that would be refused', planText(refused), 'would be refused: One is down.'],
  ])('%s', (_what, text, says) => {
    expect(() => readPlan(text, 'plan.json')).toThrow(says)
  })
})
