import type { Alarm, EtcdMember, KeyspaceHash, KeyValue, MemberStatus, Membership } from './answers.ts'
import type { CallOptions } from './channel.ts'

/** A cluster as actions see it: every member is asked by itself, through its own endpoint. */
export interface EtcdCluster {
  readonly name: string
  /** Names of all hosts that run, or may come to run, a member: those of the members first, then the spares. */
  readonly hosts: readonly string[]
  /** One client per host (members and spares), because what one member thinks of another is not evidence. */
  endpoint(host: string): EtcdEndpoint
}

/**
 * One member's own endpoint. Every call has a deadline (2 s unless said otherwise) and no hidden retry;
 * all throw `EtcdError`. Ids are lower-case hex. A change that threw an `ambiguous` error may still happen:
 * read the membership again before judging.
 * Source: etcd's API reference, services Cluster, Maintenance and KV.
 */
export interface EtcdEndpoint {
  readonly host: string
  readonly url: string
  status(options?: CallOptions): Promise<MemberStatus>
  /** As the quorum sees it when `linearizable`, else as this member does. */
  members(linearizable: boolean, options?: CallOptions): Promise<Membership>
  /** Asks for a missing key through the quorum; the answer's revision. Throws when there is no quorum. */
  readThroughQuorum(options?: CallOptions): Promise<{ readonly revision: number }>
  /** One key as the quorum has it, at a revision or (0) now; `undefined` when it is not there. */
  key(key: Uint8Array, revision?: number, options?: CallOptions): Promise<KeyValue | undefined>
  /** How many keys begin so, as the quorum has them, at a revision or (0) now. Up to 10 s unless said otherwise. */
  count(
    prefix: Uint8Array,
    revision?: number,
    options?: CallOptions,
  ): Promise<{ readonly keys: number; readonly revision: number }>
  /** Through the quorum; the revision it got. */
  put(key: Uint8Array, value: Uint8Array, options?: CallOptions): Promise<{ readonly revision: number }>
  remove(key: Uint8Array, options?: CallOptions): Promise<{ readonly revision: number }>
  alarms(options?: CallOptions): Promise<readonly Alarm[]>
  /** The hash of all keys up to a revision (0: the newest). Reads the whole store: 10 s unless said otherwise. */
  hash(revision: number, options?: CallOptions): Promise<KeyspaceHash>
  addMember(
    peerUrls: readonly string[],
    learner: boolean,
    options?: CallOptions,
  ): Promise<{ readonly added: EtcdMember; readonly members: readonly EtcdMember[] }>
  removeMember(id: string, options?: CallOptions): Promise<readonly EtcdMember[]>
  updateMember(id: string, peerUrls: readonly string[], options?: CallOptions): Promise<readonly EtcdMember[]>
  promoteMember(id: string, options?: CallOptions): Promise<readonly EtcdMember[]>
  /** Only the leader takes it. */
  moveLeader(toId: string, options?: CallOptions): Promise<void>
  disarm(alarm: Alarm, options?: CallOptions): Promise<void>
  /** Forgets what keys were before that revision. */
  compact(revision: number, options?: CallOptions): Promise<void>
  /**
   * Adds an entry to the log that changes nothing, neither keys nor revision: it disarms an alarm that nobody
   * raised. Observers are not told, because it is called by the thousand.
   */
  lengthenLog(options?: CallOptions): Promise<void>
  /** Rewrites this member's database without the holes in it; the member answers nothing meanwhile. */
  defragment(options?: CallOptions): Promise<void>
  /** `version` such as 3.5.0; "" to cancel. Since etcd 3.5. */
  downgrade(action: 'validate' | 'enable' | 'cancel', version: string, options?: CallOptions): Promise<void>
}

/**
 * Told of every changing call, and awaited, before it is sent: where it throws, nothing is. What it returns is
 * awaited once the call has ended.
 */
export type ChangeObserver = (change: Change) => Promise<(end: ChangeEnd) => void | Promise<void>>

export interface Change {
  readonly host: string
  readonly call: string
  readonly request: object
}

export interface ChangeEnd {
  /** By the monotonic clock. */
  readonly ms: number
  /** What it failed with; `EtcdError.ambiguous` says whether it may yet happen. */
  readonly error?: unknown
}
