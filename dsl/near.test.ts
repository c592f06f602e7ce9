import { expect, test } from '@jest/globals'
import { listed, nearest, suggest } from './near.ts'

const actions = ['etcd.inspect', 'etcd.health', 'service.stop', 'service.start']

test.each([
  ['a letter left out', 'etcd.helth', actions, 'etcd.health'],
  ['two letters swapped', 'etcd.haelth', actions, 'etcd.health'],
  ['a letter too many', 'etcd.inspectt', actions, 'etcd.inspect'],
  ['other case', 'ETCD.Inspect', actions, 'etcd.inspect'],
  ['something quite different', 'dir.copy', actions, undefined],
  ['as near to two', 'etcd-9', ['etcd-1', 'etcd-2'], undefined],
  ['nearer to one than to another', 'memer-1', ['member-1', 'member-22'], 'member-1'],
  ['a short word, one letter off', 'iff', ['id', 'if'], 'if'],
  ['a short word, all different', 'xy', ['id', 'if'], undefined],
  ['nothing to choose from', 'x', [], undefined],
])('%s', (_what, wanted, candidates, near) => {
  expect(nearest(wanted, candidates)).toBe(near)
})

test('without a near name the suggestion says what there is', () => {
  expect(suggest('zzz', ['one', 'two', 'three'])).toBe('There is one, two and three.')
  expect(suggest('twoo', ['one', 'two'])).toBe('Did you mean "two"?')
  expect(suggest('zzz', [])).toBeUndefined()
  expect(listed(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more')
})
