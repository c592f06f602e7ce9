import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { Client, credentials, Metadata, type MethodDefinition, type ServiceError } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { z } from 'zod'

/** What came of a request: `unknown` when it may have taken effect. */
export type PutOutcome =
  | { readonly kind: 'acknowledged'; readonly revision: number }
  | { readonly kind: 'failed' | 'unknown'; readonly reason: string }

export interface KeyAt {
  readonly key: string
  /** The revision that wrote it last. */
  readonly revision: number
}

export interface MemberStatus {
  /** Hex. */
  readonly memberId: string
  readonly clusterId: string
  /** Hex id of the member it takes for the leader; `0` when it knows none. */
  readonly leader: string
  readonly version: string
  readonly revision: number
}

export interface KeySpaceHash {
  readonly hash: number
  /** The revision it was computed at, and the one compacted at: only equal pairs can be compared. */
  readonly revision: number
  readonly compactRevision: number
}

/**
 * One member, asked and written to by itself, for measuring: no hidden retry, no failover, a deadline on
 * every call, so that what is counted is what happened.
 */
export interface EtcdClient {
  readonly endpoint: string
  put(key: string, value: string, timeoutMs: number): Promise<PutOutcome>
  /** All in one transaction (128 at most, etcd's own limit); throws when it did not succeed. */
  putAll(entries: readonly (readonly [key: string, value: string])[]): Promise<void>
  /** Up to `limit` keys from `from` on (empty: the first) in order, as of `revision` (0: now). */
  keys(
    from: string,
    limit: number,
    revision?: number,
  ): Promise<{ readonly keys: readonly KeyAt[]; readonly revision: number }>
  /** How many keys there are. */
  count(): Promise<number>
  /** At a revision (0: the newest this member has). */
  hash(revision?: number): Promise<KeySpaceHash>
  status(): Promise<MemberStatus>
  /** The membership as the quorum has it, or, `linearizable: false`, as this member believes. */
  members(linearizable?: boolean): Promise<readonly ListedMember[]>
  /** Alarms that are raised, e.g. `NOSPACE`, with the member's id. */
  alarms(): Promise<readonly { readonly memberId: string; readonly alarm: string }[]>
  close(): void
}

export interface ListedMember {
  /** Hex. */
  readonly id: string
  /** Empty while it has not started. */
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
  readonly learner: boolean
}

/** How to show oneself to members that speak TLS; PEM text. */
export interface EtcdTls {
  readonly ca: Buffer
  readonly cert: Buffer
  readonly key: Buffer
}

/** `endpoint` as `HOST:PORT`, without TLS unless given. Nothing is connected before the first call. */
export function createEtcdClient(endpoint: string, tls?: EtcdTls): EtcdClient {
  const secure = tls && credentials.createSsl(tls.ca, tls.key, tls.cert)
  const client = new Client(endpoint, secure ?? credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    // A member that is back should be found at once: this measures it.
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
    // An address cannot be told to a server as its name; every certificate of a lab is good for this one too.
    ...(secure && { 'grpc.ssl_target_name_override': 'localhost' }),
  })
  const ask = async <Reply>(
    method: MethodDefinition<object, object>,
    request: object,
    reply: z.ZodType<Reply>,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<Reply> => reply.parse(await call(client, method, request, timeoutMs))
  const { kv, maintenance, cluster } = methods
  return {
    endpoint,
    put: (key, value, timeoutMs) =>
      ask(kv('Put'), { key: Buffer.from(key), value: Buffer.from(value) }, Headed, timeoutMs).then(
        ({ header }) => ({ kind: 'acknowledged', revision: header.revision }),
        outcomeOf,
      ),
    async putAll(entries) {
      const success = entries.map(([key, value]) => ({
        request_put: { key: Buffer.from(key), value: Buffer.from(value) },
      }))
      await ask(kv('Txn'), { success }, Headed)
    },
    async keys(from, limit, revision = 0) {
      const request = { key: fromKey(from), range_end: END_OF_ALL, limit, keys_only: true, revision }
      const { kvs, header } = await ask(kv('Range'), request, RangeReply, LONG_CALL_TIMEOUT_MS)
      return {
        keys: kvs.map(({ key, mod_revision }) => ({ key: key.toString(), revision: mod_revision })),
        revision: header.revision,
      }
    },
    async count() {
      const request = { key: fromKey(''), range_end: END_OF_ALL, count_only: true }
      return (await ask(kv('Range'), request, RangeReply)).count
    },
    async hash(revision = 0) {
      const reply = await ask(maintenance('HashKV'), { revision }, HashReply, LONG_CALL_TIMEOUT_MS)
      // etcd before 3.6 does not say which revision it hashed: it is the one asked for, or its newest.
      return {
        hash: reply.hash,
        revision: revision === 0 ? reply.header.revision : revision,
        compactRevision: reply.compact_revision,
      }
    },
    async status() {
      const { header, leader, version } = await ask(maintenance('Status'), {}, StatusReply)
      return {
        memberId: header.member_id,
        clusterId: header.cluster_id,
        leader,
        version,
        revision: header.revision,
      }
    },
    async members(linearizable = true) {
      const { members } = await ask(cluster('MemberList'), { linearizable }, MembersReply)
      return members.map(({ ID, name, peerURLs, clientURLs, isLearner }) => ({
        ...{ id: ID, name, peerUrls: peerURLs, clientUrls: clientURLs },
        learner: isLearner,
      }))
    },
    async alarms() {
      const { alarms } = await ask(maintenance('Alarm'), {}, AlarmsReply)
      return alarms.map(({ memberID, alarm }) => ({ memberId: memberID, alarm }))
    },
    close: () => client.close(),
  }
}

const CALL_TIMEOUT_MS = 5_000
const LONG_CALL_TIMEOUT_MS = 30_000

/** As the end of a range: all keys from the first of the range on. */
const END_OF_ALL = Buffer.from([0])

const fromKey = (key: string): Buffer => (key === '' ? Buffer.from([0]) : Buffer.from(key))

const Count = z.string().transform(Number)
const Id = z.string().transform((decimal) => BigInt(decimal).toString(16))
const Header = z.object({ revision: Count, member_id: Id, cluster_id: Id })
const Headed = z.object({ header: Header })
const RangeReply = z.object({
  header: Header,
  count: Count,
  kvs: z.array(z.object({ key: z.instanceof(Buffer), mod_revision: Count })),
})
const HashReply = z.object({ header: Header, hash: z.number(), compact_revision: Count })
const StatusReply = z.object({ header: Header, leader: Id, version: z.string() })

const MembersReply = z.object({
  members: z.array(
    z.object({
      ID: Id,
      name: z.string(),
      peerURLs: z.array(z.string()),
      clientURLs: z.array(z.string()),
      isLearner: z.boolean().default(false),
    }),
  ),
})
const AlarmsReply = z.object({ alarms: z.array(z.object({ memberID: Id, alarm: z.string() })) })

const methods = loadMethods()

/** From the protocol file that the `etcd3` package brings along. */
function loadMethods() {
  const path = createRequire(import.meta.url).resolve('etcd3/proto/rpc.proto')
  const definition = loadSync(path, {
    includeDirs: [dirname(path)],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
  })
  const of = (service: string) => (name: string) => {
    const methods = definition[`etcdserverpb.${service}`]
    if (methods === undefined || 'format' in methods) throw new Error(`${path} has no service ${service}`)
    const method = methods[name]
    if (method === undefined) throw new Error(`${path} has no ${service}.${name}`)
    return method
  }
  return { kv: of('KV'), maintenance: of('Maintenance'), cluster: of('Cluster') }
}

function call(
  client: Client,
  method: MethodDefinition<object, object>,
  request: object,
  timeoutMs: number,
): Promise<object | undefined> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + timeoutMs },
      (error, reply) => {
        if (error === null) resolve(reply)
        else reject(error)
      },
    )
  })
}

/** Only a request that never left, or that etcd itself turned down, certainly did nothing. */
function outcomeOf(error: ServiceError): PutOutcome {
  const reason = error.details || error.message
  const certain = /^No connection established|^etcdserver: (no leader|too many requests|mvcc)/.test(reason)
  return { kind: certain ? 'failed' : 'unknown', reason }
}
