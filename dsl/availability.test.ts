import { expect, test } from '@jest/globals'
import { type Answered, type Availability, availabilityLines } from './availability.ts'

const at = Date.UTC(2026, 10, 21, 19, 20, 11)
const well: Answered = {
  acknowledged: 1234,
  failed: {},
  firstMs: at,
  longestGapMs: 12,
  longestGapAtMs: at,
  unavailableMs: 0,
}
const measured = (change: Partial<Availability>): Availability => ({
  cluster: 'demo',
  sinceMs: at - 5,
  untilMs: at + 60_000,
  notMeasuredMs: 0,
  writes: well,
  reads: well,
  ...change,
})

const rows: readonly (readonly [string, Partial<Availability>, readonly string[]])[] = [
  [
    'all went well',
    {},
    [
      'writes: longest gap 12 ms, unavailable never, 1,234 acknowledged, none failed',
      'reads: longest gap 12 ms, unavailable never, 1,234 acknowledged, none failed',
    ],
  ],
  [
    'a gap, with when and during what',
    {
      writes: {
        ...well,
        longestGapMs: 3120,
        longestGapDuring: 'etcd-2: stop etcd on h2',
        unavailableMs: 3120,
        failed: { noAnswerInTime: 4, unreachable: 1200 },
      },
    },
    [
      'writes: longest gap 3.1 s (at 19:20:11 UTC, during “etcd-2: stop etcd on h2”), unavailable 3.1 s, 1,234 acknowledged, 1,204 failed (1,200 unreachable, 4 no answer in time)',
      'reads: longest gap 12 ms, unavailable never, 1,234 acknowledged, none failed',
    ],
  ],
  [
    'it began while nobody served, and a worker was gone for a while',
    {
      sinceMs: at - 12_000,
      notMeasuredMs: 4200,
      reads: { acknowledged: 0, failed: {}, longestGapMs: 0, unavailableMs: 0, refusal: 'no leader' },
    },
    [
      'writes: longest gap 12 ms, unavailable never, 1,234 acknowledged, none failed, the first after 12.0 s',
      'reads: none was acknowledged: no leader',
      'not measured: 4.2 s in which no worker could',
    ],
  ],
  [
    'it gave up',
    { stopped: 'permission denied' },
    [
      'writes: longest gap 12 ms, unavailable never, 1,234 acknowledged, none failed',
      'reads: longest gap 12 ms, unavailable never, 1,234 acknowledged, none failed',
      'measured no further: permission denied',
    ],
  ],
  [
    'there was none to measure',
    { cluster: '', stopped: 'there is no cluster' },
    ['nothing was measured: there is no cluster'],
  ],
]
test.each(rows)('%s', (_why, change, lines) => {
  expect(availabilityLines(measured(change))).toEqual(lines)
})
