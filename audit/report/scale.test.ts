import { describe, expect, test } from '@jest/globals'
import { scaleOf, ticksOf } from './scale.ts'
import { lasted } from './times.ts'

const minutes = 60_000
const stretch = (fromMs: number, toMs: number) => ({ fromMs, toMs })

describe('the scale of a timeline', () => {
  test('is true while something is always done', () => {
    const { place, breaks } = scaleOf(stretch(0, 1000), [stretch(0, 400), stretch(300, 1000)])
    expect([0, 250, 500, 1000].map(place)).toEqual([0, 25, 50, 100])
    expect(breaks).toEqual([])
  })
  test('cuts the night in which a person was waited for, and says so', () => {
    const night = stretch(2 * minutes, 500 * minutes)
    const { place, breaks, keptMs } = scaleOf(stretch(0, 502 * minutes), [
      stretch(0, 2 * minutes),
      stretch(500 * minutes, 502 * minutes),
    ])
    expect(breaks).toEqual([night])
    expect(keptMs).toBe(4 * minutes)
    expect([minutes, 2 * minutes, 500 * minutes, 501 * minutes].map((ms) => Math.round(place(ms)))).toEqual([
      24, 47, 53, 77,
    ])
  })
  test('cuts a second wait, too, that is long beside what is left', () => {
    const busy = [stretch(0, 1000), stretch(101_000, 102_000), stretch(9_000_000, 9_001_000)]
    expect(scaleOf(stretch(0, 9_001_000), busy).breaks).toHaveLength(2)
  })
  test('never leaves the line, nor goes back', () => {
    const { place } = scaleOf(stretch(10_000, 900_000), [stretch(10_000, 11_000), stretch(700_000, 701_000)])
    const places = Array.from({ length: 200 }, (_, at) => place(at * 5000))
    expect(places.every((one, at) => one >= 0 && one <= 100 && one >= (places[at - 1] ?? 0))).toBe(true)
  })
  test('of no time at all is still one', () => {
    expect(scaleOf(stretch(5, 5), []).place(5)).toBe(0)
  })
})

test.each([
  [1000, 4, [0, 500, 1000]],
  [60_000, 4, [0, 15_000, 30_000, 45_000, 60_000]],
  [4 * 86_400_000, 4, [0, 1, 2, 3, 4].map((days) => days * 86_400_000)],
])('marks of %d ms stand at round times', (ms, about, marks) => {
  expect(ticksOf(stretch(0, ms), about)).toEqual(marks)
})

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1000, '1.0 s'],
  [59_949, '59.9 s'],
  [59_960, '1 min 00 s'],
  [3_599_400, '59 min 59 s'],
  [3_600_000, '1 h 00 min'],
  [90_000_000, '1 d 1 h'],
  [-1500, '−1.5 s'],
  [Number.NaN, '?'],
])('%d ms lasted %s', (ms, text) => {
  expect(lasted(ms)).toBe(text)
})
