import { fromJSON } from '@grpc/proto-loader'

/**
 * The part of etcd's gRPC interface that Quorate asks for, by field name and number. It is a TypeScript
 * value, not a `.proto` file, so that a compiled build needs no file beside it.
 *
 * Source: etcd's public API reference (package `etcdserverpb` of etcd 3.4 to 3.7, Apache-2.0). Members older
 * than a field leave it out, and it is read as its zero value: `storageVersion`, `dbSizeQuota`,
 * `downgradeInfo` and `hash_revision` came with 3.6.
 */
const messages = {
  ResponseHeader: {
    cluster_id: [1, 'uint64'],
    member_id: [2, 'uint64'],
    revision: [3, 'int64'],
    raft_term: [4, 'uint64'],
  },
  Member: {
    ID: [1, 'uint64'],
    name: [2, 'string'],
    peerURLs: [3, 'string', 'repeated'],
    clientURLs: [4, 'string', 'repeated'],
    isLearner: [5, 'bool'],
  },
  MemberListRequest: { linearizable: [1, 'bool'] },
  MemberListResponse: { header: [1, 'ResponseHeader'], members: [2, 'Member', 'repeated'] },
  MemberAddRequest: { peerURLs: [1, 'string', 'repeated'], isLearner: [2, 'bool'] },
  MemberAddResponse: {
    header: [1, 'ResponseHeader'],
    member: [2, 'Member'],
    members: [3, 'Member', 'repeated'],
  },
  MemberRemoveRequest: { ID: [1, 'uint64'] },
  MemberUpdateRequest: { ID: [1, 'uint64'], peerURLs: [2, 'string', 'repeated'] },
  MemberPromoteRequest: { ID: [1, 'uint64'] },
  MembershipResponse: { header: [1, 'ResponseHeader'], members: [2, 'Member', 'repeated'] },
  StatusRequest: {},
  DowngradeInfo: { enabled: [1, 'bool'], targetVersion: [2, 'string'] },
  StatusResponse: {
    header: [1, 'ResponseHeader'],
    version: [2, 'string'],
    dbSize: [3, 'int64'],
    leader: [4, 'uint64'],
    raftIndex: [5, 'uint64'],
    raftTerm: [6, 'uint64'],
    raftAppliedIndex: [7, 'uint64'],
    errors: [8, 'string', 'repeated'],
    dbSizeInUse: [9, 'int64'],
    isLearner: [10, 'bool'],
    storageVersion: [11, 'string'],
    dbSizeQuota: [12, 'int64'],
    downgradeInfo: [13, 'DowngradeInfo'],
  },
  AlarmRequest: { action: [1, 'uint32'], memberID: [2, 'uint64'], alarm: [3, 'uint32'] },
  AlarmMember: { memberID: [1, 'uint64'], alarm: [2, 'uint32'] },
  AlarmResponse: { header: [1, 'ResponseHeader'], alarms: [2, 'AlarmMember', 'repeated'] },
  HashKVRequest: { revision: [1, 'int64'] },
  HashKVResponse: {
    header: [1, 'ResponseHeader'],
    hash: [2, 'uint32'],
    compact_revision: [3, 'int64'],
    hash_revision: [4, 'int64'],
  },
  DefragmentRequest: {},
  DefragmentResponse: { header: [1, 'ResponseHeader'] },
  DowngradeRequest: { action: [1, 'uint32'], version: [2, 'string'] },
  DowngradeResponse: { header: [1, 'ResponseHeader'], version: [2, 'string'] },
  MoveLeaderRequest: { targetID: [1, 'uint64'] },
  MoveLeaderResponse: { header: [1, 'ResponseHeader'] },
  KeyValue: { key: [1, 'bytes'], mod_revision: [3, 'int64'], version: [4, 'int64'], value: [5, 'bytes'] },
  RangeRequest: {
    key: [1, 'bytes'],
    range_end: [2, 'bytes'],
    limit: [3, 'int64'],
    revision: [4, 'int64'],
    count_only: [9, 'bool'],
  },
  RangeResponse: { header: [1, 'ResponseHeader'], kvs: [2, 'KeyValue', 'repeated'], count: [4, 'int64'] },
  PutRequest: { key: [1, 'bytes'], value: [2, 'bytes'] },
  PutResponse: { header: [1, 'ResponseHeader'] },
  DeleteRangeRequest: { key: [1, 'bytes'] },
  DeleteRangeResponse: { header: [1, 'ResponseHeader'] },
  CompactionRequest: { revision: [1, 'int64'], physical: [2, 'bool'] },
  CompactionResponse: { header: [1, 'ResponseHeader'] },
  AuthenticateRequest: { name: [1, 'string'], password: [2, 'string'] },
  AuthenticateResponse: { header: [1, 'ResponseHeader'], token: [2, 'string'] },
} as const

const services = {
  KV: {
    Range: ['RangeRequest', 'RangeResponse'],
    Put: ['PutRequest', 'PutResponse'],
    DeleteRange: ['DeleteRangeRequest', 'DeleteRangeResponse'],
    Compact: ['CompactionRequest', 'CompactionResponse'],
  },
  Cluster: {
    MemberAdd: ['MemberAddRequest', 'MemberAddResponse'],
    MemberRemove: ['MemberRemoveRequest', 'MembershipResponse'],
    MemberUpdate: ['MemberUpdateRequest', 'MembershipResponse'],
    MemberList: ['MemberListRequest', 'MemberListResponse'],
    MemberPromote: ['MemberPromoteRequest', 'MembershipResponse'],
  },
  Maintenance: {
    Alarm: ['AlarmRequest', 'AlarmResponse'],
    Status: ['StatusRequest', 'StatusResponse'],
    Defragment: ['DefragmentRequest', 'DefragmentResponse'],
    Downgrade: ['DowngradeRequest', 'DowngradeResponse'],
    HashKV: ['HashKVRequest', 'HashKVResponse'],
    MoveLeader: ['MoveLeaderRequest', 'MoveLeaderResponse'],
  },
  Auth: { Authenticate: ['AuthenticateRequest', 'AuthenticateResponse'] },
} as const

/** How one method is called: its gRPC path (`/etcdserverpb.Cluster/MemberList`) and its two codecs. */
export interface EtcdMethod {
  readonly path: string
  readonly requestSerialize: (value: object) => Buffer
  readonly responseDeserialize: (bytes: Buffer) => unknown
}

/** Every method by its name, which is unique over all services. 64-bit numbers come as decimal text. */
export function etcdMethods(): ReadonlyMap<string, EtcdMethod> {
  const loaded = fromJSON(descriptor(), { longs: String, defaults: true, keepCase: true, arrays: true })
  return new Map(Object.values(loaded).flatMap((service) => Object.entries(service).filter(isMethod)))
}

function isMethod(entry: [string, unknown]): entry is [string, EtcdMethod] {
  return typeof entry[1] === 'object' && entry[1] !== null && 'requestSerialize' in entry[1]
}

type Descriptor = Parameters<typeof fromJSON>[0]

function descriptor(): Descriptor {
  return {
    nested: {
      etcdserverpb: { nested: { ...mapValues(messages, message), ...mapValues(services, service) } },
    },
  }
}

type FieldText = readonly [id: number, type: string, rule?: 'repeated']

function message(fields: Readonly<Record<string, FieldText>>) {
  return { fields: mapValues(fields, ([id, type, rule]) => ({ id, type, ...(rule && { rule }) })) }
}

function service(methods: Readonly<Record<string, readonly [string, string]>>) {
  return {
    methods: mapValues(methods, ([requestType, responseType]) => ({
      requestType,
      responseType,
      comment: '',
    })),
  }
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  to: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, to(value)]))
}
