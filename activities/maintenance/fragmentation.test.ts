import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Database, longestMs, worthDefragmenting } from './fragmentation.ts'

const MiB = 2 ** 20
const atLeast = 100 * MiB

const database = (sizeMiB: number, inUseMiB: number, more: Partial<Database> = {}): Database => ({
  ...{ sizeBytes: sizeMiB * MiB, inUseBytes: inUseMiB * MiB, quotaBytes: 2048 * MiB, noSpace: false },
  ...more,
})

test.each<[string, Database, boolean, RegExp]>([
  ['nothing to gain', database(500, 500), false, /^only 0 B of 500 MiB would be given back$/],
  ['much of a small file is little', database(60, 1), false, /^only 59 MiB of 60 MiB/],
  ['enough, and half of the file', database(240, 120), true, /^120 MiB of 240 MiB would be given back$/],
  ['enough, but a small part of the file', database(1000, 850), false, /^only 150 MiB/],
  ['a small part of the file that is a lot', database(1000, 790), true, /^210 MiB of 1000 MiB/],
  ['near its quota a third will do', database(1700, 1660), true, /83 % of its quota is taken/],
  ['near its quota, but less than a third', database(1700, 1670), false, /^only 30 MiB/],
  ['the quota is not known', database(1700, 1660, { quotaBytes: 0 }), false, /^only 40 MiB/],
  ['full', database(2049, 2048, { noSpace: true }), true, /^the database is full/],
  [
    'full by what it tells of the last write, as before 3.5',
    database(2049, 2049, { noSpace: true }),
    true,
    /^the database is full/,
  ],
  ['another is full, and here is something to gain', database(100, 98, { noSpace: true }), true, /full/],
  ['another is full, and here is nothing to gain', database(100, 99.5, { noSpace: true }), false, /^only/],
  ['full, and the quota is not known', database(10, 10, { noSpace: true, quotaBytes: 0 }), true, /full/],
  ['an empty one', database(0, 0), false, /^only 0 B of 0 B/],
])('%s', (_situation, seen, worth, why) => {
  expect(worthDefragmenting(seen, atLeast)).toEqual({ worth, why: expect.stringMatching(why) })
})

const sizes = fc.integer({ min: 0, max: 16 * 1024 * MiB })
const databases = fc.record({
  ...{ sizeBytes: sizes, inUseBytes: sizes, quotaBytes: sizes, noSpace: fc.boolean() },
})

test('what is worth it stays so when there is more to gain', () => {
  fc.assert(
    fc.property(databases, sizes, fc.double({ min: 0, max: 1, noNaN: true }), (one, least, part) => {
      const more = { ...one, inUseBytes: Math.floor(one.inUseBytes * part) }
      fc.pre(worthDefragmenting(one, least).worth)
      expect(worthDefragmenting(more, least).worth).toBe(true)
    }),
  )
})

test('a larger database may take longer, and 8 GiB more than half an hour', () => {
  fc.assert(
    fc.property(sizes, sizes, (a, b) =>
      expect(longestMs(Math.max(a, b))).toBeGreaterThanOrEqual(longestMs(Math.min(a, b))),
    ),
  )
  expect(longestMs(0)).toBe(30_000)
  expect(longestMs(8 * 1024 * MiB)).toBeGreaterThan(25 * 60_000)
})
