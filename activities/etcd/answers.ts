import { z } from 'zod'

/** etcd's 64-bit ids as it prints them itself: lower-case hex. Numbers would lose bits, decimals no one recognises. */
const id = z.string().transform((decimal) => BigInt(decimal).toString(16))
/** Revisions, indexes and sizes: far below 2^53. */
const count = z.string().transform(Number)

const header = z
  .object({ cluster_id: id, member_id: id, revision: count, raft_term: count })
  .transform((raw) => ({
    clusterId: raw.cluster_id,
    memberId: raw.member_id,
    revision: raw.revision,
    raftTerm: raw.raft_term,
  }))

const member = z
  .object({
    ID: id,
    name: z.string(),
    peerURLs: z.array(z.string()),
    clientURLs: z.array(z.string()),
    isLearner: z.boolean(),
  })
  .transform((raw) => ({
    id: raw.ID,
    /** Empty until the member has started once. */
    name: raw.name,
    peerUrls: raw.peerURLs,
    clientUrls: raw.clientURLs,
    isLearner: raw.isLearner,
  }))

export const membershipAnswer = z.object({ header, members: z.array(member) }).transform((raw) => ({
  clusterId: raw.header.clusterId,
  answeredBy: raw.header.memberId,
  members: raw.members,
}))

export const addedAnswer = z
  .object({ header, member, members: z.array(member) })
  .transform((raw) => ({ added: raw.member, members: raw.members }))

export const statusAnswer = z
  .object({
    header,
    version: z.string(),
    dbSize: count,
    dbSizeInUse: count,
    dbSizeQuota: count,
    leader: id,
    raftIndex: count,
    raftTerm: count,
    raftAppliedIndex: count,
    errors: z.array(z.string()),
    isLearner: z.boolean(),
    storageVersion: z.string(),
    downgradeInfo: z.object({ enabled: z.boolean(), targetVersion: z.string() }).nullish(),
  })
  .transform((raw) => ({
    clusterId: raw.header.clusterId,
    memberId: raw.header.memberId,
    revision: raw.header.revision,
    version: raw.version,
    /** Empty before 3.6. */
    storageVersion: raw.storageVersion,
    /** `0` while there is none. */
    leader: raw.leader,
    raftIndex: raw.raftIndex,
    raftTerm: raw.raftTerm,
    appliedIndex: raw.raftAppliedIndex,
    dbSizeBytes: raw.dbSize,
    dbInUseBytes: raw.dbSizeInUse,
    /** 0 before 3.6. */
    dbQuotaBytes: raw.dbSizeQuota,
    errors: raw.errors,
    isLearner: raw.isLearner,
    /** The version a downgrade goes to, while one is enabled (3.6 and later say so). */
    downgradeTo: raw.downgradeInfo?.enabled ? raw.downgradeInfo.targetVersion : undefined,
  }))

const alarmKind = z.number().transform((kind): AlarmKind => alarmKinds[kind] ?? 'UNKNOWN')

export const alarmsAnswer = z
  .object({ alarms: z.array(z.object({ memberID: id, alarm: alarmKind })) })
  .transform((raw) => raw.alarms.map((alarm) => ({ memberId: alarm.memberID, kind: alarm.alarm })))

export const hashAnswer = z
  .object({ header, hash: z.number(), compact_revision: count, hash_revision: count })
  .transform((raw) => ({
    hash: raw.hash,
    compactRevision: raw.compact_revision,
    /** 0 before 3.6, which does not say. */
    hashRevision: raw.hash_revision,
  }))

export const rangeAnswer = z
  .object({ header, count })
  .transform((raw) => ({ revision: raw.header.revision, count: raw.count }))

const keyValue = z
  .object({
    key: z.instanceof(Uint8Array),
    mod_revision: count,
    version: count,
    value: z.instanceof(Uint8Array),
  })
  .transform((raw) => ({
    key: raw.key,
    modRevision: raw.mod_revision,
    version: raw.version,
    value: raw.value,
  }))

export const keysAnswer = z
  .object({ header, kvs: z.array(keyValue) })
  .transform((raw) => ({ revision: raw.header.revision, keys: raw.kvs }))

export const writtenAnswer = z.object({ header }).transform((raw) => ({ revision: raw.header.revision }))

/** Nothing is read from it: some members leave even the header out. */
export const doneAnswer = z.object({})

export type AlarmKind = 'NONE' | 'NOSPACE' | 'CORRUPT' | 'UNKNOWN'
const alarmKinds: readonly AlarmKind[] = ['NONE', 'NOSPACE', 'CORRUPT']

export type EtcdMember = z.output<typeof member>
export type Membership = z.output<typeof membershipAnswer>
export type MemberStatus = z.output<typeof statusAnswer>
export type Alarm = { readonly memberId: string; readonly kind: AlarmKind }
export type KeyspaceHash = z.output<typeof hashAnswer>
export type KeyValue = z.output<typeof keyValue>
