import { describe, expect, test } from '@jest/globals'
import type { KeySpaceHash } from '../../lab/etcd-client.ts'
import { type DemoFigures, findings, reportText } from './report.ts'
import { allEqual, type ClusterSight } from './sight.ts'

const hash = (value: number, revision = 100): KeySpaceHash => ({ hash: value, revision, compactRevision: 0 })
const member = { memberId: 'a1', clusterId: 'c1', leader: 'a1', version: '3.6.16', revision: 100 }
const before: ClusterSight = {
  keys: 20_000,
  member,
  hashes: { old: hash(7), h1: hash(7) },
  hashesThen: { old: hash(7), h1: hash(7) },
}
const after: ClusterSight = {
  keys: 20_500,
  member: { ...member, revision: 600 },
  hashes: { new: hash(9, 600), h1: hash(9, 600) },
  hashesThen: { new: hash(7), h1: hash(7) },
}
const good: DemoFigures = {
  etcd: '3.6.16',
  member: 'etcd-2',
  from: 'h2',
  to: 'h4',
  keysWritten: 20_000,
  run: {
    id: 'run-x',
    runbook: 'r',
    open: false,
    startedMs: 0,
    phase: 'done',
    progress: [],
    ending: {
      phase: 'done',
      result: {
        outputs: {},
        runbook: 'r',
        hash: 'h',
        startedMs: 0,
        endedMs: 1,
        steps: { done: 1, skipped: 0, notNeeded: 0, failed: 0 },
      },
    },
  },
  before,
  after,
  writer: { acknowledged: 500, failed: 2, longestGapMs: 84, longestGapAtMs: 0, durationMs: 9000 },
  verification: { acknowledged: 500, lost: [] },
  downtime: { downMs: 1400, sinceMs: 0, answering: 'new' },
  newEndpoint: 'new',
  oldRuns: false,
  tookMs: 18_200,
  uiUrl: 'http://ui',
  record: '/record.db',
}

const { after: _after, ...withoutAfter } = good
const { verification: _verification, ...withoutVerification } = good
const { oldRuns: _oldRuns, ...withoutOldRuns } = good

describe('what the demo found', () => {
  test('holds when everything does', () => {
    expect(findings(good).filter(({ held }) => !held)).toEqual([])
    expect(reportText(good, false)).toContain('etcd-2 moved from h2 to h4, etcd 3.6.16')
  })

  const rows: readonly (readonly [string, DemoFigures, string])[] = [
    [
      'the run did not end',
      { ...good, run: { id: 'x', runbook: 'r', open: true, startedMs: 0, progress: [] } },
      'the run',
    ],
    [
      'another member id',
      { ...good, after: { ...after, member: { ...member, memberId: 'b2' } } },
      'same member',
    ],
    [
      'another cluster',
      { ...good, after: { ...after, member: { ...member, clusterId: 'c2' } } },
      'same member',
    ],
    [
      'the old data hashes otherwise on one member',
      { ...good, after: { ...after, hashesThen: { new: hash(8), h1: hash(7) } } },
      'same data',
    ],
    [
      'the old data hashes otherwise on all of them',
      { ...good, after: { ...after, hashesThen: { new: hash(8), h1: hash(8) } } },
      'same data',
    ],
    ['too few keys were there to begin with', { ...good, before: { ...before, keys: 19_999 } }, 'same data'],
    [
      'members disagree in the end',
      { ...good, after: { ...after, hashes: { new: hash(9), h1: hash(10) } } },
      'all agree',
    ],
    ['fewer keys than were acknowledged', { ...good, after: { ...after, keys: 20_499 } }, 'all agree'],
    [
      'an acknowledged write is gone',
      { ...good, verification: { acknowledged: 500, lost: ['k'] } },
      'nothing lost',
    ],
    ['nothing was written at all', { ...good, writer: { ...good.writer, acknowledged: 0 } }, 'nothing lost'],
    ['nothing was read back', withoutVerification, 'nothing lost'],
    ['the new place does not answer', { ...good, downtime: { ...good.downtime, answering: 'old' } }, 'moved'],
    ['the old one still runs', { ...good, oldRuns: true }, 'moved'],
    ['nobody looked at the old one', withoutOldRuns, 'moved'],
    ['nothing was measured afterwards', withoutAfter, 'same data'],
  ]
  test.each(rows)('does not hold when %s', (_why, figures, broken) => {
    expect(
      findings(figures)
        .filter(({ held }) => !held)
        .map(({ name }) => name),
    ).toContain(broken)
    expect(reportText(figures, false)).toContain('did NOT hold')
  })
})

test('hashes are equal only at one revision with one compaction', () => {
  expect(allEqual({})).toBe(false)
  expect(allEqual({ a: hash(1), b: hash(1) })).toBe(true)
  expect(allEqual({ a: hash(1), b: hash(1, 101) })).toBe(false)
  expect(allEqual({ a: hash(1), b: { ...hash(1), compactRevision: 5 } })).toBe(false)
})
