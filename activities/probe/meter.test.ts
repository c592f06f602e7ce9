import { describe, expect, test } from '@jest/globals'
import { createMeter, type Meter } from './meter.ts'

/** One of `+` asked, `!` acknowledged, `x` failed (unreachable), `-` not looked for the given while; each with its moment. */
type Event = readonly [what: '+' | '!' | 'x' | '-', atMs: number, toMs?: number]

function play(events: readonly Event[], meter: Meter = createMeter('demo', 0)): Meter {
  for (const [what, atMs, toMs = atMs] of events) {
    if (what === '+') meter.asked('writes', atMs)
    else if (what === '!') meter.acknowledged('writes', atMs)
    else if (what === 'x') meter.failed('writes', 'unreachable', `refused at ${atMs}`)
    else meter.missed(atMs, toMs)
  }
  return meter
}

describe('the probe’s meter', () => {
  const begun: readonly Event[] = [
    ['+', 0],
    ['!', 3],
  ]
  const rows: readonly (readonly [string, readonly Event[], number, object])[] = [
    [
      'counts nothing before the first answer',
      [
        ['+', 0],
        ['x', 5000],
        ['+', 5000],
        ['!', 5004],
      ],
      6000,
      { acknowledged: 1, failed: {}, firstMs: 5004, longestGapMs: 0, unavailableMs: 0 },
    ],
    [
      'says what was said last while there is none',
      [
        ['+', 0],
        ['x', 7],
      ],
      10,
      { acknowledged: 0, failed: {}, longestGapMs: 0, unavailableMs: 0, refusal: 'refused at 7' },
    ],
    [
      'takes an answer for a gap of its length',
      [...begun, ['+', 50], ['!', 62]],
      70,
      { longestGapMs: 12, longestGapAtMs: 50, unavailableMs: 0 },
    ],
    [
      'takes a pause between two requests for no gap',
      [...begun, ['+', 9000], ['!', 9004]],
      9100,
      { longestGapMs: 4, longestGapAtMs: 9000 },
    ],
    [
      'begins a gap with the first that nobody answered',
      [...begun, ['+', 100], ['+', 150], ['x', 160], ['+', 200], ['!', 900]],
      950,
      { longestGapMs: 800, longestGapAtMs: 100, failed: { unreachable: 1 }, unavailableMs: 0 },
    ],
    [
      'ends it with an answer to any of them',
      [...begun, ['+', 100], ['+', 150], ['!', 155], ['x', 1100]],
      1200,
      { longestGapMs: 55, failed: { unreachable: 1 }, unavailableMs: 0 },
    ],
    [
      'adds up what is longer than a second',
      [...begun, ['+', 100], ['!', 1300], ['+', 1400], ['!', 2400], ['+', 2500], ['!', 4500]],
      5000,
      { longestGapMs: 2000, longestGapAtMs: 2500, unavailableMs: 3200 },
    ],
    [
      'counts a gap that still lasts',
      [...begun, ['+', 100]],
      2100,
      { longestGapMs: 2000, longestGapAtMs: 100, unavailableMs: 2000 },
    ],
    [
      'takes a time in which nobody looked out of it',
      [...begun, ['+', 100], ['-', 150, 3150], ['!', 3200]],
      3300,
      { longestGapMs: 100, longestGapAtMs: 100, unavailableMs: 0 },
    ],
  ]
  test.each(rows)('%s', (_why, events, at, expected) => {
    expect(play(events).figures(at).writes).toMatchObject(expected)
  })

  test('keeps reads and writes apart', () => {
    const meter = play([...begun, ['+', 100], ['!', 700]])
    meter.asked('reads', 0)
    meter.acknowledged('reads', 2)
    const { reads, writes } = meter.figures(800)
    expect([reads.acknowledged, reads.longestGapMs, writes.acknowledged, writes.longestGapMs]).toEqual([
      1, 0, 2, 600,
    ])
  })

  test('goes on from what another had measured, and says what nobody did', () => {
    const first = play([...begun, ['+', 100], ['!', 1700], ['x', 1750], ['-', 1800, 2200]]).figures(2300)
    const meter = play(
      [
        ['+', 7000],
        ['!', 7005],
        ['x', 7100],
      ],
      createMeter('demo', 7000, first),
    )
    expect(meter.figures(7200)).toMatchObject({
      cluster: 'demo',
      sinceMs: 0,
      untilMs: 7200,
      notMeasuredMs: 400 + 4700,
      writes: {
        acknowledged: 3,
        failed: { unreachable: 2 },
        firstMs: 3,
        longestGapMs: 1600,
        longestGapAtMs: 100,
        unavailableMs: 1600,
      },
    })
  })

  test('says how long nobody has answered', () => {
    const meter = play([...begun, ['+', 100]])
    expect(meter.waitingMs(400)).toBe(300)
    meter.acknowledged('writes', 450)
    expect(meter.waitingMs(500)).toBe(0)
  })
})
