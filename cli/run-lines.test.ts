import { expect, test } from '@jest/globals'
import type { RunSnapshot } from '../client/run.ts'
import type { RunStatus } from '../workflows/doors.ts'
import type { StepView } from '../workflows/ports.ts'
import { jsonLineWriter } from './run-lines.ts'

const step = (name: string, status: StepView['status']): StepView => ({
  step: name,
  summary: name,
  status,
  depth: 0,
})

function run(
  steps: readonly StepView[],
  more: Partial<RunSnapshot> = {},
  status: Partial<RunStatus> = {},
): RunSnapshot {
  return {
    ...{ id: 'r', runbook: 'r', open: true, startedMs: 0, phase: 'running' as const, progress: [] },
    status: {
      run: { id: 'r', key: 'k', runbook: 'r', hash: 'h' },
      ...{ title: 'T', by: 'ann', startedMs: 0, inputs: {}, cancelRequested: false },
      view: { phase: 'running', steps },
      ...status,
    },
    ...more,
  }
}

test('each line says what has changed since the one before', () => {
  const lines = jsonLineWriter()
  const at = '1970-01-01T00:00:01.000Z'
  const [a, b] = [step('a', 'running'), step('b', 'pending')]
  expect(lines(run([a, b]), 1000)).toEqual({
    ...{ at, id: 'r', phase: 'running' },
    steps: [
      { step: 'a', summary: 'a', status: 'running' },
      { step: 'b', summary: 'b', status: 'pending' },
    ],
  })
  expect(lines(run([a, b]), 1250)).toBeUndefined()
  const done = step('a', 'done')
  expect(lines(run([done, b]), 1000)).toEqual({
    at,
    id: 'r',
    phase: 'running',
    steps: [{ step: 'a', summary: 'a', status: 'done' }],
  })
  const paused = { by: 'ann', reason: '', sinceMs: 5 }
  expect(lines(run([done, b], { phase: 'paused' }, { paused }), 1000)).toEqual({
    at,
    id: 'r',
    phase: 'paused',
    paused,
  })
  expect(lines(run([done, b]), 1000)).toEqual({ at, id: 'r', phase: 'running', paused: null })
})

test('what counts up by itself makes no line', () => {
  const lines = jsonLineWriter()
  const member = {
    name: 'm',
    host: 'h',
    reachable: true,
    healthy: true,
    why: '',
    isLeader: true,
    isLearner: false,
    version: '3.6.1',
  }
  const kind = { acknowledged: 1, failed: {}, longestGapMs: 4, unavailableMs: 0 }
  const availability = {
    cluster: 'demo',
    sinceMs: 0,
    untilMs: 1,
    notMeasuredMs: 0,
    writes: kind,
    reads: kind,
  }
  const seen = (atMs: number, lag: number, gap = 4) =>
    run([], {
      sight: { atMs, members: [{ ...member, lag }] },
      availability: {
        ...availability,
        untilMs: atMs,
        writes: { ...kind, acknowledged: atMs, longestGapMs: gap },
      },
    })
  expect(lines(seen(1, 0), 1)).toMatchObject({ members: [member] })
  expect(lines(seen(2000, 3), 2000)).toBeUndefined()
  expect(lines(seen(3000, 3, 900), 3000)).toMatchObject({ availability: { writes: { longestGapMs: 900 } } })
})
