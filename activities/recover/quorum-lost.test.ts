import { expect, test } from '@jest/globals'
import type { MemberStatus } from '../etcd/answers.ts'
import { EtcdError } from '../etcd/errors.ts'
import type { SeatFacts } from '../etcd/sweep.ts'
import { whyQuorumLives, whyTurnedAway } from './quorum-lost.ts'

const silent = (member: string): SeatFacts => ({
  ...{ member, host: `on-${member}`, url: '', linearizable: false, reads: false },
})

/** A member that answers, and believes that `leader` leads. */
const answering = (member: string, leader: string): SeatFacts => ({
  ...silent(member),
  status: status(member, leader),
})

function status(memberId: string, leader: string): MemberStatus {
  return {
    ...{ clusterId: 'c', memberId, revision: 1, raftTerm: 2, version: '3.6.16', storageVersion: '3.6.0' },
    ...{ dbSizeBytes: 1, dbInUseBytes: 1, dbQuotaBytes: 0, leader, raftIndex: 1, appliedIndex: 1 },
    ...{ errors: [], isLearner: false, downgradeTo: undefined },
  }
}

test.each<[string, readonly SeatFacts[], string | undefined]>([
  ['nobody answers', [silent('m1'), silent('m2')], undefined],
  ['one answers and knows no leader', [answering('m1', '0'), silent('m2')], undefined],
  ['one leads', [answering('m1', 'm1'), silent('m2')], 'm1 on on-m1 leads.'],
  ['one is led', [answering('m1', 'm3'), silent('m2')], 'm1 on on-m1 is led by m3.'],
  [
    'one reads through the quorum, whatever it says of a leader',
    [{ ...answering('m1', '0'), reads: true }],
    'm1 on on-m1 serves reads through the quorum.',
  ],
])('%s', (_situation, seats, refusal) => expect(whyQuorumLives(seats)).toBe(refusal))

test.each<[string, string, number | undefined, boolean]>([
  ['refuses the connection', 'connect ECONNREFUSED', 14, false],
  ['says nothing in time', 'Deadline exceeded', 4, false],
  ['shows a certificate that has run out', 'certificate has expired', 14, true],
  ['shows one of an unknown authority', 'unable to verify the first certificate', 14, true],
  ['asks who we are', 'etcdserver: user name is empty', 3, true],
])('one that %s', (_what, words, grpcCode, runs) => {
  const failure = new EtcdError({
    ...{ call: 'Status', host: 'h1', url: 'https://h1:2379', words },
    ...(grpcCode !== undefined && { grpcCode }),
  })
  expect([failure.code, whyTurnedAway({ ...silent('m1'), failure }) !== undefined]).toEqual([
    failure.code,
    runs,
  ])
})
