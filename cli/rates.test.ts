import { expect, test } from '@jest/globals'
import type { ActionProgress } from '../client/run.ts'
import { rateMeter } from './rates.ts'

const copy = (done: number, more: Partial<ActionProgress> = {}): ActionProgress => ({
  action: 'dir.copy',
  attempt: 1,
  text: 'copying',
  done,
  total: 1000,
  unit: 'bytes',
  ...more,
})

/** What is said at the last of these looks, a second apart unless told. */
function watched(looks: readonly (ActionProgress | undefined)[], everyMs = 1000): Partial<ActionProgress> {
  const meter = rateMeter()
  return looks.map((look, at) => meter(look ? [look] : [], at * everyMs)[0] ?? {}).at(-1) ?? {}
}

const rows: readonly (readonly [string, readonly (ActionProgress | undefined)[], object])[] = [
  ['a first look says nothing', [copy(100)], { perSecond: undefined, leftMs: undefined }],
  ['two looks say how fast and how long yet', [copy(100), copy(300)], { perSecond: 200, leftMs: 3500 }],
  [
    'looks between two heartbeats change nothing',
    [copy(100), copy(300), copy(300), copy(300)],
    { perSecond: 200, leftMs: 3500 },
  ],
  [
    'the last ten seconds count',
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 109, 209, 309, 409, 509, 609, 709, 809, 909].map((done) => copy(done)),
    { perSecond: 90.1 },
  ],
  ['what begins anew has no pace yet', [copy(100), copy(300), copy(20)], { perSecond: undefined }],
  ['another attempt is another work', [copy(100), copy(300, { attempt: 2 })], { perSecond: undefined }],
  ['another phase, too', [copy(100), copy(300, { text: 'comparing' })], { perSecond: undefined }],
  ['one that was away is a new one', [copy(100), undefined, copy(300)], { perSecond: undefined }],
  [
    'without a size there is nothing left to tell',
    [copy(100, { total: undefined as never }), copy(300, { total: undefined as never })],
    { perSecond: 200, leftMs: undefined },
  ],
]
test.each(rows)('%s', (_why, looks, { ...expected }) => {
  const { perSecond, leftMs } = watched(looks)
  const rounded = { perSecond: perSecond === undefined ? undefined : Math.round(perSecond * 10) / 10, leftMs }
  expect(rounded).toMatchObject(expected)
})

test('looks that are too near say nothing yet', () => {
  expect(watched([copy(100), copy(300)], 250).perSecond).toBeUndefined()
})
