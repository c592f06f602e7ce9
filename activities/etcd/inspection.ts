import { z } from 'zod'

const text = z.string()
const whole = z.int()
const yes = z.boolean()

/** One member as the inspection found it. What could not be learnt is `""`, `0` or `false`, never left out. */
export const memberView = z.strictObject({
  name: text.describe('Its name in the inventory and the membership'),
  id: text.describe('Its member ID in lower-case hex, "" when no membership names it'),
  host: text.describe('The host of the inventory it was asked on; "" when the inventory does not name it'),
  peerHost: text.describe(
    'The host of the inventory whose peer URL the membership gives it; "" when none has it',
  ),
  reachable: yes.describe('Its own endpoint answered'),
  healthy: yes.describe(
    'Reachable, a voter, part of the cluster, led by the leader all name, serves reads through the quorum, not lagging, no errors, no alarm',
  ),
  why: text.describe('Why it is not healthy, as a sentence; "" when it is'),
  isLeader: yes.describe('It leads'),
  isLearner: yes.describe('It does not vote yet'),
  version: text.describe('Its etcd version, such as 3.6.16'),
  clusterVersion: text.describe('The version the cluster keeps to, as it sees it, such as 3.6.0'),
  storageVersion: text.describe('The version its data is written for, such as 3.6.0; "" before 3.6'),
  downgradeTo: text.describe('The version an enabled downgrade goes to; "" without one, and before 3.6'),
  peerUrls: z.array(text).describe('Its peer URLs in the membership'),
  clientUrls: z.array(text).describe('Its client URLs in the membership'),
  raftIndex: whole.describe('The highest log index it knows to be committed'),
  appliedIndex: whole.describe('The highest log index it has applied'),
  lag: whole.describe(
    'Entries it has yet to apply of what any member has committed; 2147483647 when it does not answer',
  ),
  raftTerm: whole.describe('Its raft term'),
  revision: whole.describe('Its newest revision'),
  dbSizeBytes: whole.describe('Size of its database file'),
  dbSizeInUseBytes: whole.describe(
    'How much of that is in use: the rest is what a defragmentation gives back',
  ),
  quotaBytes: whole.describe('The most its database file may grow to; 0 when it does not say, as before 3.6'),
  hash: text.describe(
    'Hash of its keys at the compared revision, eight hex digits; "" when it was not compared',
  ),
})

/** What `etcd.inspect` says of a cluster. */
export const inspection = z.strictObject({
  clusterId: text.describe(
    'The cluster ID all reachable members share, in lower-case hex; "" when they do not',
  ),
  voters: whole.describe('How many members vote'),
  quorum: whole.describe('How many voters make a quorum'),
  margin: whole.describe(
    'Healthy voters minus the quorum: how many more may fail; negative when the quorum is lost',
  ),
  leader: text.describe('Name of the leader all reachable members agree on; "" when there is none'),
  healthy: yes.describe(
    'Every member is healthy, and all agree on the leader, the membership and the cluster ID',
  ),
  agree: yes.describe('All voters that answer were proven to hold the same keys at one revision'),
  comparable: yes.describe(
    'Their hashes could be compared at all; without that, "agree" is false and means nothing',
  ),
  hash: text.describe('The hash they agree on, eight hex digits; "" when they do not or were not compared'),
  hashedRevision: whole.describe('The revision the hashes were taken at'),
  revision: whole.describe('The newest revision any member has'),
  version: text.describe('The lowest etcd version among the members'),
  newestVersion: text.describe('The highest etcd version among the members'),
  clusterVersion: text.describe(
    'The version the cluster keeps to, such as 3.6.0: it rises once the last member runs a newer minor version; "" when the reachable members do not say the same',
  ),
  storageVersion: text.describe(
    'The version all data is written for; "" before 3.6, and when the reachable members do not say the same',
  ),
  downgradeTo: text.describe('The version an enabled downgrade goes to; "" without one'),
  skew: whole.describe('Minor versions between the lowest and the highest member'),
  learners: whole.describe('How many members do not vote'),
  maxLag: whole.describe('The largest lag of a reachable member'),
  raftTerm: whole.describe('The highest raft term among the members'),
  dbSizeBytes: whole.describe('Size of the largest database file'),
  dbSizeInUseBytes: whole.describe('How much of its database the member uses that uses most'),
  alarms: z.array(text).describe('Raised alarms, such as "NOSPACE on etcd-1"'),
  problems: z
    .array(text)
    .describe('All that is not as it should be, a sentence each, the inventory beside what was seen'),
  members: z.array(memberView).describe('Every member of the inventory and of the membership, by name'),
  byName: z.record(text, memberView).describe('The same members by their name'),
})

export type MemberView = z.output<typeof memberView>
export type Inspection = z.output<typeof inspection>

/** Says that a lag is not known; larger than any bound, so that no gate opens by it. */
export const unknownLag = 2_147_483_647
