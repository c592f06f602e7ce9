import { describe, expect, test } from '@jest/globals'
import type { ActionProgress, RunSnapshot } from '../client/run.ts'
import type { Availability } from '../dsl/availability.ts'
import type { MemberSight } from '../dsl/member-sight.ts'
import { availabilityView, memberLines, type MemberOptions } from './view-members.ts'
import { progressBar } from './view-progress.ts'

const NOW = 1_000_000
const options: MemberOptions = { columns: 70, colour: false, now: NOW }

const member = (name: string, more: Partial<MemberSight> = {}): MemberSight => ({
  ...{ name, host: `host-of-${name}`, reachable: true, healthy: true, why: '', version: '3.6.16' },
  ...{ isLeader: false, isLearner: false, lag: 0 },
  ...more,
})
const run = (members: readonly MemberSight[], ageMs = 800): RunSnapshot => ({
  ...{ id: 'r', runbook: 'r', open: true, startedMs: 0, progress: [] },
  sight: { atMs: NOW - ageMs, members },
})

const away = member('etcd-2', {
  ...{ reachable: false, healthy: false, version: '', lag: 2_147_483_647 },
  ...{ why: 'connection refused', unreachableSinceMs: NOW - 12_300 },
})
const three = [
  member('etcd-1', { isLeader: true }),
  away,
  member('etcd-10', { isLearner: true, healthy: false, lag: 120, why: 'It does not vote yet.' }),
]

describe('the members', () => {
  test('one a line: how each is, what it is, since when it is away', () => {
    expect(memberLines(run(three), options)).toEqual([
      '',
      'Members: 1 of 3 healthy',
      '  ✔ etcd-1   host-of-etcd-1   3.6.16, leads',
      '  ✖ etcd-2   host-of-etcd-2   unreachable since 12.3 s: connection re…',
      '  ○ etcd-10  host-of-etcd-10  3.6.16, learner, 120 behind, It does no…',
    ])
  })
  test('say how old that is once it is not of now', () => {
    expect(memberLines(run(three, 65_000), options)[1]).toBe(
      'Members: 1 of 3 healthy, as seen 1 min 05 s ago',
    )
  })
  test('say that nobody leads', () => {
    expect(memberLines(run([away]), options)[1]).toBe('Members: 0 of 1 healthy, no leader')
  })
  test('share a line where there is little room', () => {
    expect(memberLines(run(three), { ...options, brief: true })).toEqual([
      '',
      'Members: 1 of 3 healthy (not etcd-2, etcd-10)',
    ])
  })
  test.each([20, 30, 40])('stay within %d columns', (columns) => {
    for (const line of memberLines(run(three), { ...options, columns }))
      expect(line.length).toBeLessThanOrEqual(columns)
  })
  test('what could move the cursor is taken out', () => {
    expect(memberLines(run([member('etcd\u001b[2J')]), options).join('\n')).not.toContain('\u001b')
  })
  test('nothing is said of a run that is over, nor of members nobody saw', () => {
    expect(memberLines({ ...run(three), open: false }, options)).toEqual([])
    const { sight: _none, ...unseen } = run(three)
    expect(memberLines(unseen, options)).toEqual([])
  })
})

describe('how available it was', () => {
  const kind = {
    acknowledged: 1234,
    failed: { unreachable: 3 },
    firstMs: NOW,
    longestGapMs: 40,
    longestGapAtMs: NOW,
    unavailableMs: 0,
  }
  const availability: Availability = {
    cluster: 'demo',
    sinceMs: NOW,
    untilMs: NOW,
    notMeasuredMs: 0,
    writes: kind,
    reads: kind,
  }
  test('is a line while the run goes on', () => {
    expect(availabilityView({ ...run([]), availability }, { ...options, columns: 60 })).toEqual([
      '',
      'Availability so far, writes: longest gap 40 ms, unavailable…',
    ])
  })
  test('and all of it at its end', () => {
    expect(availabilityView({ ...run([]), open: false, availability }, options)).toEqual([
      '',
      'Availability of demo',
      '  writes: longest gap 40 ms, unavailable never, 1,234 acknowledged,',
      '    3 failed (3 unreachable)',
      '  reads: longest gap 40 ms, unavailable never, 1,234 acknowledged, 3',
      '    failed (3 unreachable)',
    ])
  })
})

describe('a bar', () => {
  const GiB = 1024 ** 3
  const copy: ActionProgress = {
    action: 'dir.copy',
    attempt: 1,
    text: 'copying',
    done: GiB,
    total: 4 * GiB,
    unit: 'bytes',
  }
  const rows: readonly (readonly [string, Partial<ActionProgress>, number, string | undefined])[] = [
    [
      'has share, amounts, pace and what is left',
      { perSecond: 85 * 1024 ** 2, leftMs: 36_100 },
      90,
      '████████░░░░░░░░░░░░░░░░░░░░░░   25 %  1 GiB of 4 GiB  85 MiB/s  36.1 s left',
    ],
    ['gets shorter where there is little room', {}, 40, '████░░░░░░░░░░░░░   25 %  1 GiB of 4 GiB'],
    ['and goes where there is none', {}, 28, '25 %  1 GiB of 4 GiB'],
    [
      'is full at the end',
      { done: 4 * GiB, perSecond: 1, leftMs: 0 },
      60,
      '██████████████████████████████  100 %  4 GiB of 4 GiB  1 B/s',
    ],
    [
      'counts what is no bytes',
      { done: 3, total: 9, unit: 'members' },
      50,
      '██████████░░░░░░░░░░░░░░░░░░░░   33 %  3 of 9',
    ],
    ['is none without a size', { total: 0 }, 60, undefined],
  ]
  test.each(rows)('%s', (_why, change, columns, expected) => {
    expect(progressBar([{ ...copy, ...change }], { columns, colour: false })).toBe(expected)
  })
})
