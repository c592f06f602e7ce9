import { expect, test } from '@jest/globals'
import { quotaAdvice, type Room } from './quota-advice.ts'

const GiB = 2 ** 30

const room = (
  member: string,
  more: Partial<Record<'sizeGiB' | 'inUseGiB' | 'quotaGiB' | 'freeGiB', number>> = {},
): Room => {
  const { sizeGiB = 1, inUseGiB = 0.5, quotaGiB = 2, freeGiB } = more
  return {
    ...{ member, host: `host of ${member}`, sizeBytes: sizeGiB * GiB, inUseBytes: inUseGiB * GiB },
    ...{ quotaBytes: quotaGiB * GiB, ...(freeGiB !== undefined && { freeBytes: freeGiB * GiB }) },
  }
}

test.each<[string, readonly Room[], readonly RegExp[]]>([
  ['room enough', [room('a'), room('b'), room('c')], []],
  ['nothing is known', [room('a', { quotaGiB: 0, inUseGiB: 9 })], []],
  [
    'quotas that differ',
    [room('a'), room('b', { quotaGiB: 4 })],
    [/^The quotas differ \(a 2 GiB, b 4 GiB\): .* etcd-reconfigure\.$/],
  ],
  [
    'keys of now take most of it',
    [room('a', { sizeGiB: 1.8, inUseGiB: 1.5 }), room('b')],
    [/^a needs 75 % of its quota of 2 GiB .* raise quota-backend-bytes to 4 GiB with etcd-reconfigure\.$/],
  ],
  ['much of it is not in use: defragmenting is for that', [room('a', { sizeGiB: 1.9 })], []],
  [
    'never more than 8 GiB is advised',
    [room('a', { quotaGiB: 6, inUseGiB: 5, sizeGiB: 5 })],
    [/raise quota-backend-bytes to 8 GiB/],
  ],
  [
    'at 8 GiB it is the data that is too large',
    [room('a', { quotaGiB: 8, inUseGiB: 7, sizeGiB: 7 })],
    [/not made for more than 8 GiB/],
  ],
  ['a disk with room for all of the quota', [room('a', { freeGiB: 1 })], []],
  [
    'a disk that is full before the quota is',
    [room('a', { freeGiB: 0.5 })],
    [
      /^host of a has 512 MiB free, and the database of a may grow by 1 GiB before .* the disk would be full first/,
    ],
  ],
])('%s', (_situation, rooms, expected) => {
  expect(quotaAdvice(rooms)).toEqual(expected.map((sentence) => expect.stringMatching(sentence)))
})
