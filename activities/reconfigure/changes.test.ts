import { expect, test } from '@jest/globals'
import { readChanges } from './changes.ts'

test('settings are read with dashes or without, and an empty value takes one out', () => {
  expect(
    readChanges(['quota-backend-bytes=8589934592', '--auto-compaction-mode = periodic', '-enable-v2=']),
  ).toEqual({
    settings: { 'quota-backend-bytes': '8589934592', 'auto-compaction-mode': 'periodic', 'enable-v2': '' },
    problems: [],
  })
})

test('a value may hold equals signs', () => {
  expect(readChanges(['feature-gates=InitialCorruptCheck=true']).settings).toEqual({
    'feature-gates': 'InitialCorruptCheck=true',
  })
})

test.each([
  ['no equals sign', ['quota-backend-bytes'], /"quota-backend-bytes" is no setting/],
  ['nothing', [''], /"" is no setting/],
  ['a variable', ['ETCD_NAME=a'], /is no setting/],
  ['the same twice', ['max-wals=1', '--max-wals=2'], /max-wals is given twice/],
  ['the name', ['name=b'], /name is not changed in this way/],
  ['an address', ['listen-peer-urls=http://a:1'], /addresses belong to the membership/],
  ['force-new-cluster', ['force-new-cluster=true'], /destroys the others/],
])('%s is refused', (_what, texts, problem) => {
  expect(readChanges(texts).problems.join('\n')).toMatch(problem)
})
