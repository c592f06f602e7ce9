import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { bytesText, durationText, parseBytes, parseDuration } from './duration.ts'

test.each([
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['500ms', 500],
  ['2h', 7_200_000],
  ['1d2h3m4s5ms', 93_784_005],
  ['1.5s', 1500],
  ['0s', 0],
  ['10m', 600_000],
  ['', undefined],
  ['10', undefined],
  ['s', undefined],
  ['1s1m', undefined],
  ['-1s', undefined],
  ['1 s', undefined],
  ['1h1h', undefined],
  ['99999999999s', undefined],
  ['constructor', undefined],
])('the duration %j is %j ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each([
  ['512B', 512],
  ['64MiB', 67_108_864],
  ['10GB', 10_000_000_000],
  ['1.5KiB', 1536],
  ['2 TiB', 2_199_023_255_552],
  ['', undefined],
  ['64', undefined],
  ['64mib', undefined],
  ['-1B', undefined],
  ['9999999999TiB', undefined],
  ['1toString', undefined],
])('the size %j is %j bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes)
})

test('every duration reads back as itself', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (ms) => {
      expect(parseDuration(durationText(ms))).toBe(ms)
    }),
  )
})

test('any text is a duration or is none, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const ms = parseDuration(text)
      const bytes = parseBytes(text)
      expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0)).toBe(true)
      expect(bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 0)).toBe(true)
    }),
  )
})

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [1_048_524, '1 MiB'],
  [123_456_789, '118 MiB'],
  [1_288_490_189, '1.2 GiB'],
])('%j bytes are written %j', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})
