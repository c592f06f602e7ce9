import { expect, test } from '@jest/globals'
import { quorumOf } from './assess.ts'
import { refusalsOfRemoval, refusalsOfStop, whyNotDisrupt, whyNotPause } from './guard.ts'
import type { Inspection, MemberView } from './inspection.ts'

type Kind = 'well' | 'down' | 'lagging' | 'learner' | 'unstarted'

/** Members m1, m2, …; the first leads. */
function cluster(...kinds: readonly Kind[]): Inspection {
  const members = kinds.map((kind, index) => view(`m${index + 1}`, kind, index === 0))
  const voters = kinds.filter((kind) => kind !== 'learner' && kind !== 'unstarted').length
  const quorum = quorumOf(voters)
  return {
    ...{ clusterId: 'c', voters, quorum, leader: 'm1', healthy: true, agree: true, comparable: true },
    margin: members.filter((member) => member.healthy).length - quorum,
    ...{ hash: '', hashedRevision: 1, revision: 1, version: '3.6.16', skew: 0, maxLag: 0 },
    ...{ newestVersion: '3.6.16', clusterVersion: '3.6.0', storageVersion: '3.6.0', downgradeTo: '' },
    ...{ raftTerm: 2, dbSizeBytes: 1, dbSizeInUseBytes: 1 },
    learners: kinds.filter((kind) => kind === 'learner' || kind === 'unstarted').length,
    ...{ alarms: [], problems: [], members },
    byName: Object.fromEntries(members.map((member) => [member.name, member])),
  }
}

function view(name: string, kind: Kind, isLeader: boolean): MemberView {
  const healthy = kind === 'well'
  return {
    ...{ name, id: name, host: name, peerHost: name, reachable: kind !== 'down', healthy },
    ...{
      why: healthy ? '' : `${name} is ${kind}`,
      isLeader,
      isLearner: kind === 'learner' || kind === 'unstarted',
    },
    ...{
      version: '3.6.16',
      peerUrls: [],
      clientUrls: [],
      raftIndex: 9,
      appliedIndex: 9,
      lag: 0,
      raftTerm: 2,
    },
    ...{ revision: 1, dbSizeBytes: 1, dbSizeInUseBytes: 1, quotaBytes: 0, hash: '' },
    ...{ clusterVersion: '3.6.0', storageVersion: '3.6.0', downgradeTo: '' },
  }
}

const may = undefined

test.each<[string, Inspection, string, RegExp | undefined]>([
  ['one member: never', cluster('well'), 'm1', /only voter/],
  [
    'two members: the other is no quorum',
    cluster('well', 'well'),
    'm2',
    /of 2 voters 1 would be left, and the quorum is 2/,
  ],
  ['three well members', cluster('well', 'well', 'well'), 'm3', may],
  ['three well members, the leader', cluster('well', 'well', 'well'), 'm1', may],
  [
    'four well members: three are left, which is the quorum',
    cluster('well', 'well', 'well', 'well'),
    'm4',
    may,
  ],
  ['five well members', cluster('well', 'well', 'well', 'well', 'well'), 'm5', may],
  ['three, another down', cluster('well', 'down', 'well'), 'm3', /others must all be well, and m2 is down/],
  [
    'five, another down: a quorum would be left, and still no',
    cluster('well', 'down', 'well', 'well', 'well'),
    'm5',
    /m2 is down/,
  ],
  ['three, another lagging', cluster('well', 'lagging', 'well'), 'm3', /m2 is lagging/],
  ['three and a learner', cluster('well', 'well', 'well', 'learner'), 'm3', /m4 is learner/],
  ['three and one that never started', cluster('well', 'well', 'well', 'unstarted'), 'm3', /m4 is unstarted/],
  ['the only one that is unwell itself', cluster('well', 'well', 'lagging'), 'm3', may],
  ['the one that is down by its endpoint, the others well', cluster('well', 'well', 'down'), 'm3', may],
  ['the learner, the voters well', cluster('well', 'well', 'well', 'learner'), 'm4', may],
  ['the learner beside a single voter', cluster('well', 'learner'), 'm2', may],
  ['the learner beside a dead voter', cluster('well', 'down', 'well', 'learner'), 'm4', may],
  ['a dead one of five beside another', cluster('well', 'down', 'down', 'well', 'well'), 'm2', may],
  [
    'a dead one of three beside another',
    cluster('well', 'down', 'down'),
    'm2',
    /of 3 voters 1 would be left, and the quorum is 2. m3 is down/,
  ],
])('%s', (_situation, seen, member, refusal) => {
  const verdict = whyNotDisrupt(seen, member)
  if (refusal === undefined) expect(verdict).toBeUndefined()
  else expect(verdict).toMatch(refusal)
})

test('a host outside of the membership may be stopped whatever the cluster is like', () => {
  expect(whyNotDisrupt(cluster('down', 'down'), undefined)).toBeUndefined()
})

test.each([
  ['an alarm', { alarms: ['NOSPACE on m1'] }, /an alarm is raised: NOSPACE on m1/],
  ['two clusters', { clusterId: '' }, /do not agree on which cluster/],
  ['no leader', { leader: '' }, /no leader that all members agree on/],
])('%s forbids it', (_what, over, message) => {
  expect(whyNotDisrupt({ ...cluster('well', 'well', 'well'), ...over }, 'm3')).toMatch(message)
})

test('one that is not well may be stopped whatever alarm it has raised', () => {
  const seen = { ...cluster('well', 'well', 'lagging'), alarms: ['CORRUPT on m3'] }
  expect(whyNotDisrupt(seen, 'm3')).toBeUndefined()
})

test('the only voter goes on the word of the runbook, and no one else for it', () => {
  expect(whyNotDisrupt(cluster('well'), 'm1', true)).toBeUndefined()
  expect(whyNotDisrupt(cluster('well', 'down', 'well'), 'm3', true)).toMatch(/m2 is down/)
})

test.each<[string, Inspection, readonly string[]]>([
  ['nothing', cluster('well', 'well', 'well', 'well', 'well'), []],
  ['another down, of five', cluster('well', 'down', 'well', 'well', 'well'), ['health']],
  ['another down, of three', cluster('well', 'down', 'well'), ['health', 'quorum']],
  ['one of two', cluster('well', 'well'), ['quorum']],
  [
    'all of it',
    { ...cluster('well', 'down', 'well'), alarms: ['CORRUPT on m2'], leader: '' },
    ['health', 'alarm', 'leader', 'quorum'],
  ],
  [
    'two clusters, which nobody may let pass',
    { ...cluster('well', 'well', 'well'), clusterId: '' },
    ['identity'],
  ],
])('who lets one guard pass hears of the others: %s', (_what, seen, guards) => {
  expect(refusalsOfStop(seen, seen.members.at(-1)?.name).map(({ guard }) => guard)).toEqual(guards)
})

test.each<[string, Inspection, string, number, readonly string[]]>([
  ['one of three, a margin of one', cluster('well', 'well', 'well'), 'm3', 1, ['margin']],
  ['one of three, a margin of none', cluster('well', 'well', 'well'), 'm3', 0, []],
  ['one of three beside a dead one', cluster('well', 'down', 'well'), 'm3', 0, ['quorum']],
  ['one of three beside a dead one, more margin', cluster('well', 'down', 'well'), 'm3', 1, ['quorum']],
  ['the only voter', cluster('well', 'learner'), 'm1', 0, ['last']],
  ['a learner', cluster('well', 'learner'), 'm2', 1, []],
  ['one that is gone', cluster('well', 'well', 'well'), 'm9', 1, []],
])('a removal: %s', (_what, seen, member, margin, guards) => {
  expect(refusalsOfRemoval(seen, { member, id: '', margin }).map(({ guard }) => guard)).toEqual(guards)
})

const full = { alarms: ['NOSPACE on m1', 'NOSPACE on m2'] }

test.each<[string, Inspection, string, boolean, RegExp | undefined]>([
  ['three well members', cluster('well', 'well', 'well'), 'm3', false, may],
  [
    'three well members whose databases are full',
    { ...cluster('well', 'well', 'well'), ...full },
    'm3',
    false,
    may,
  ],
  [
    'an alarm of another kind',
    { ...cluster('well', 'well', 'well'), alarms: ['CORRUPT on m1'] },
    'm3',
    false,
    /an alarm is raised: CORRUPT/,
  ],
  [
    'the same, an outage accepted',
    { ...cluster('well', 'well', 'well'), alarms: ['CORRUPT on m1'] },
    'm3',
    true,
    /CORRUPT/,
  ],
  [
    'it is not well itself',
    cluster('well', 'well', 'lagging'),
    'm3',
    false,
    /not well itself: m3 is lagging/,
  ],
  ['another is down', cluster('well', 'down', 'well'), 'm3', false, /m2 is down/],
  ['another is down, an outage accepted', cluster('well', 'down', 'well'), 'm3', true, /m2 is down/],
  ['the only one', cluster('well'), 'm1', false, /only voter/],
  ['the only one, an outage accepted', cluster('well'), 'm1', true, may],
  ['one of two', cluster('well', 'well'), 'm2', false, /1 would be left/],
  ['one of two, an outage accepted', cluster('well', 'well'), 'm2', true, may],
  ['one that is no member', cluster('well', 'well', 'well'), 'm9', true, /m9 is not a member/],
])('a pause: %s', (_situation, seen, member, outage, refusal) => {
  const verdict = whyNotPause(seen, { member, outage })
  if (refusal === undefined) expect(verdict).toBeUndefined()
  else expect(verdict).toMatch(refusal)
})

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [7, 4],
])('%i voters have a quorum of %i', (voters, quorum) => expect(quorumOf(voters)).toBe(quorum))
