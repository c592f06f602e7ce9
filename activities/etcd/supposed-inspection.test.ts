import { expect, test } from '@jest/globals'
import type { Json } from '../../dsl/program.ts'
import { inspection } from './inspection.ts'
import { supposedInspection } from './supposed-inspection.ts'

type Given = Readonly<Record<string, Json>>

test.each<[string, Given, object]>([
  [
    'nothing: three members that are well',
    {},
    { voters: 3, quorum: 2, margin: 1, leader: 'etcd-1', healthy: true, agree: true, problems: [], skew: 0 },
  ],
  [
    'two members',
    { members: [{ name: 'a' }, { name: 'b' }] },
    { voters: 2, margin: 0, leader: 'a', byName: { b: { host: 'host-2', isLeader: false } } },
  ],
  [
    'who leads, by a member',
    { members: [{}, { isLeader: true }] },
    { leader: 'etcd-2', byName: { 'etcd-1': { isLeader: false } } },
  ],
  [
    'who leads, by name',
    { leader: 'etcd-3' },
    { leader: 'etcd-3', byName: { 'etcd-1': { isLeader: false }, 'etcd-3': { isLeader: true } } },
  ],
  ['that nobody leads', { leader: '' }, { leader: '', byName: { 'etcd-1': { isLeader: false } } }],
  [
    'one that does not answer',
    { members: [{}, {}, { reachable: false }] },
    {
      healthy: false,
      margin: 0,
      agree: true,
      problems: ['etcd-3 does not answer.'],
      byName: { 'etcd-3': { healthy: false, version: '', lag: 2147483647 } },
    },
  ],
  [
    'a learner',
    { members: [{}, {}, {}, { isLearner: true }] },
    { voters: 3, learners: 1, margin: 1, healthy: false, byName: { 'etcd-4': { healthy: false } } },
  ],
  [
    'why one is not well',
    { members: [{ why: 'it lags' }, {}, {}] },
    { healthy: false, leader: 'etcd-2', problems: ['it lags.'] },
  ],
  [
    'versions',
    { members: [{ version: '3.5.35' }, {}, {}] },
    { version: '3.5.35', newestVersion: '3.6.16', skew: 1, clusterVersion: '' },
  ],
  [
    'keys that differ',
    { members: [{ hash: '11111111' }, {}, {}] },
    { agree: false, comparable: true, hash: '' },
  ],
  [
    'what is said of the whole goes before what follows',
    { margin: 0, healthy: false },
    { margin: 0, healthy: false, voters: 3 },
  ],
])('%s', (_what, given, expected) => {
  const whole = supposedInspection(given)
  expect(whole).toMatchObject(expected)
  expect(inspection.parse(whole)).toEqual(whole)
})
