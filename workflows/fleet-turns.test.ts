import { expect, test } from '@jest/globals'
import { type FleetState, turns } from './fleet-turns.ts'

const states: Readonly<Record<string, FleetState>> = {
  '.': 'pending',
  r: 'running',
  w: 'waiting',
  c: 'checking',
  d: 'done',
  f: 'failed',
}

test.each<[string, string, number, string]>([
  ['the canary goes first', '....', 2, 'a'],
  ['and alone', 'r...', 2, ''],
  ['until it is healthy', 'c...', 2, ''],
  ['then so many at once', 'd...', 2, 'bc'],
  ['one at a time', 'd...', 1, 'b'],
  ['the next when one is done', 'ddr.', 2, 'd'],
  ['not before', 'drc.', 2, ''],
  ['nobody after a failure', 'df..', 2, ''],
  ['nor beside one', 'drf.', 3, ''],
  ['nobody while one waits for a person', 'ddw.', 3, ''],
  ['the canary that failed stops all', 'f...', 4, ''],
  ['a canary that waits', 'w...', 4, ''],
  ['more at once than there are', 'd..', 9, 'bc'],
  ['all done', 'ddd', 2, ''],
  ['a fleet of one', '.', 2, 'a'],
])('%s: %s, %i at once', (_what, fleet, atOnce, expected) => {
  const clusters = Array.from(fleet, (letter, i) => ({
    cluster: String.fromCharCode(97 + i),
    state: states[letter] ?? 'pending',
  }))
  expect(turns(clusters, atOnce).join('')).toBe(expected)
})
