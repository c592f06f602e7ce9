import { expect, test } from '@jest/globals'
import { connectionWords, EtcdError, etcdErrorCode, explainEtcd } from './errors.ts'

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
  ['panic: failed to update; member unknown', 'mixedData', /Set aside the data directory and/],
  ['cannot process message to mismatch member', 'foreignData', /start it on its own data or join anew/],
  ['panic: removed all voters', 'noVoterLeft', /Take the data of a voter, or a snapshot/],
  ['etcdserver: mvcc: database space exceeded', 'noSpace', /NOSPACE/],
  ['etcdserver: leader changed', 'leaderChanged', /election/],
  ['etcdserver: rpc not supported for learner', 'askedALearner', /ask a voter/],
  [
    'rejected connection: tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
    'certificateExpired',
    /renew it/,
  ],
  ['x509: certificate signed by unknown authority', 'unknownAuthority', /trusted-ca-file/],
  [
    'x509: certificate is valid for 10.0.0.1, not 10.0.0.4',
    'nameNotInCertificate',
    /subject alternative names/,
  ],
  ["tls: client didn't provide a certificate", 'certificateWanted', /tls\.cert/],
  ['tls: first record does not look like a TLS handshake', 'notTls', /`scheme`/],
  ['tls: private key does not match public key', 'certificateUnusable', /own key/],
  ['something new', 'unrecognised', /^$/],
])('%s', (words, code, meaning) => {
  expect(etcdErrorCode(words)).toBe(code)
  expect(explainEtcd(words)).toMatch(meaning)
})

test.each([
  [
    'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ',
    'connect ECONNREFUSED 127.0.0.1:1',
  ],
  [
    'No connection established. Last error: 800C:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/x.c:1601:SSL alert number 116\n (2026-11-21T11:07:17.144Z). Resolution note: ',
    'TLS: tlsv13 alert certificate required',
  ],
  [
    "No connection established. Last error: Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: Host: localhost. is not cert's CN: server. Resolution note: ",
    "Hostname/IP does not match certificate's altnames: Host: localhost. is not cert's CN: server",
  ],
  [
    'No connection established. Last error: Failed to connect (2026-11-21T11:07:17.208Z). Resolution note:',
    'Failed to connect',
  ],
  ['etcdserver: unhealthy cluster', 'etcdserver: unhealthy cluster'],
])('what gRPC says of a connection is cut to the reason: %#', (details, words) => {
  expect(connectionWords(details)).toBe(words)
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
