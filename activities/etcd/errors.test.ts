import { expect, test } from '@jest/globals'
import { EtcdError, etcdErrorCode, explainEtcd } from './errors.ts'

test.each([
  [
    'request sent was ignored (cluster ID mismatch peer[1]=2, local=3)',
    'clusterIdMismatch',
    /set that data directory aside/,
  ],
  ['member count is unequal', 'unmatchedMembership', /take it from what `member add` answered/],
  [
    'error validating peerURLs: unmatched member while checking PeerURLs',
    'unmatchedMembership',
    /initial cluster/,
  ],
  ['the member has been permanently removed from the cluster', 'permanentlyRemoved', /add the member anew/],
  ['etcdserver: unhealthy cluster', 'unhealthyCluster', /while a voter is down/],
  [
    'etcdserver: re-configuration failed due to not enough started members',
    'notEnoughStartedMembers',
    /never started/,
  ],
  ['etcdserver: Peer URLs already exists', 'peerUrlExists', /adopt that member or remove it/],
  ['etcdserver: member ID already exist', 'memberExists', /adopt that member or remove it/],
  [
    'etcdserver: can only promote a learner member which is in sync with leader',
    'learnerNotInSync',
    /catching up/,
  ],
  ['etcdserver: can only promote a learner member', 'notALearner', /votes already/],
  [
    'panic: tocommit(91) is out of range [lastIndex(0)]. Was the raft log corrupted?',
    'staleData',
    /replace the member/,
  ],
  ['etcdserver: mvcc: database space exceeded', 'noSpace', /NOSPACE/],
  ['etcdserver: leader changed', 'leaderChanged', /election/],
  ['etcdserver: rpc not supported for learner', 'askedALearner', /ask a voter/],
  ['something new', 'unrecognised', /^$/],
])('%s', (words, code, meaning) => {
  expect(etcdErrorCode(words)).toBe(code)
  expect(explainEtcd(words)).toMatch(meaning)
})

test('words tell more than the gRPC code: an unhealthy cluster is not an unreachable one', () => {
  expect(etcdErrorCode('unhealthy cluster', 14)).toBe('unhealthyCluster')
  expect(etcdErrorCode('connect ECONNREFUSED', 14)).toBe('unreachable')
})

test.each([
  ['request timed out', 14, true],
  ['no answer within 7000 ms', 4, true],
  ['unhealthy cluster', 14, false],
  ['member not found', 5, false],
])('a change that ended with "%s" is ambiguous: %#', (words, grpcCode, ambiguous) => {
  const error = new EtcdError({ call: 'MemberUpdate', host: 'h1', url: 'http://h1:2379', words, grpcCode })
  expect(error.ambiguous).toBe(ambiguous)
  expect(error.message).toMatch(/^MemberUpdate on h1 \(http:\/\/h1:2379\): /)
})
