import { expect, test } from '@jest/globals'
import { needsRenewal } from './old-log.ts'

test.each([
  ['a snapshot of 3.6: whatever lies before it is not read', '3.6.0', true, false],
  ['a snapshot of 3.7', '3.7.0', true, false],
  ['a snapshot of 3.5, and 3.5 wrote after it', '3.5.0', true, true],
  ['a snapshot of 3.5, and only 3.6 wrote after it', '3.5.0', false, false],
  ['no snapshot, begun on 3.5', '', true, true],
  ['no snapshot, begun on 3.6', '', false, false],
])('%s', (_what, snapshotVersion, oldForm, renewal) => {
  expect(needsRenewal({ snapshotVersion, oldForm })).toBe(renewal)
})
