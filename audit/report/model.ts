import type { Availability } from '../../dsl/availability.ts'
import type { MemberDifference } from '../../dsl/cluster-model.ts'
import type { Json } from '../../dsl/program.ts'
import type { Output, RunOutcome } from '../event.ts'
import type { Verification } from '../store.ts'

/**
 * What a report says, whatever its format: plain JSON, worked out from a run's events alone. Moments are
 * milliseconds since 1970 by the clock of whoever wrote the event; lengths of time are milliseconds.
 */
export interface Report {
  readonly v: 1
  readonly answer: Answer
  /** What did not succeed, the one the run ended with first, then in their order. */
  readonly troubles: readonly Trouble[]
  /** In the order they were begun. */
  readonly steps: readonly StepReport[]
  /** Steps that are not in `steps`, because there are too many. */
  readonly stepsLeftOut: number
  readonly decisions: readonly DecisionReport[]
  readonly guards: readonly GuardReport[]
  readonly margin: readonly MarginPoint[]
  readonly cluster?: ClusterChange
  /** What is on record as begun and not as ended. */
  readonly unfinished: readonly Unfinished[]
  /** Where effects were allowed though they could not be recorded first. */
  readonly bypassed: readonly Bypassed[]
  /** Attempts that took over from one whose worker died. */
  readonly repeated: readonly Repeated[]
  /** Temporal's own history, where it has been copied in. */
  readonly history?: HistoryReport
  readonly counts: { readonly events: number; readonly commands: number; readonly etcdCalls: number }
  readonly verification?: Verification
}

export interface Answer {
  /** The run's key. */
  readonly run: string
  readonly workflow: string
  readonly runbook?: string
  readonly title?: string
  /** sha256 of the definition, hex, and the blob that has it. */
  readonly hash?: string
  readonly program?: string
  readonly inputs?: Json
  readonly by?: string
  readonly reason?: string
  readonly cluster?: string
  readonly policy?: Json
  readonly startedMs: number
  /** Of the last event, where there is no end on record. */
  readonly endedMs: number
  /** `open`: no end is on record. */
  readonly outcome: RunOutcome | 'open'
  readonly message: string
  readonly outputs?: Json
  /** Sentences; empty when nothing is on record as lost. */
  readonly lost: readonly string[]
  readonly availability?: Availability
  readonly cancelAsked: boolean
  /** sha256 of the plan it carried out, hex. */
  readonly plan?: string
}

export type TryStatus =
  | 'done'
  /** Its effect was there already. */
  | 'found'
  | 'failed'
  | 'unknown'
  | 'refused'
  | 'cancelled'
  /** Begun, and no end on record. */
  | 'unfinished'
  /** Begun; its worker died, and the next attempt took over. */
  | 'repeated'

export interface StepReport {
  readonly step: string
  /** What a person reads: `etcd-2: stop etcd on h2`. */
  readonly summary?: string
  readonly action: string
  readonly effect?: string
  readonly undo: boolean
  /** It was polled until this held. */
  readonly gate?: string
  /** Of the last try. */
  readonly status: TryStatus
  readonly tries: readonly Try[]
}

export interface Try {
  /** Of its first event. */
  readonly seq: number
  readonly attempt: number
  readonly host?: string
  readonly startedMs: number
  readonly endedMs?: number
  /** By the monotonic clock. */
  readonly ms?: number
  readonly status: TryStatus
  readonly message?: string
  readonly with?: Json
  readonly output?: Json
  /** Of a gate: how many times it was asked. */
  readonly polls?: number
  readonly calls: readonly Call[]
  /** More of them, which are not in `calls`. */
  readonly callsLeftOut: number
}

/** A command on a host, or a call of an etcd member's API. */
export interface Call {
  readonly seq: number
  readonly kind: 'command' | 'etcd'
  readonly host?: string
  readonly startedMs: number
  readonly endedMs?: number
  readonly ms?: number
  readonly status: 'done' | 'failed' | 'unknown' | 'unfinished'
  /** Of a command. */
  readonly argv?: readonly string[]
  readonly job?: boolean
  readonly code?: number
  readonly signal?: string
  readonly stdout?: Output
  readonly stderr?: Output
  /** Of a call. */
  readonly call?: string
  readonly request?: Json
  /** Why it did not succeed. */
  readonly message?: string
}

export interface Trouble {
  readonly step: string
  readonly summary?: string
  readonly action: string
  readonly host?: string
  readonly atMs: number
  readonly status: 'failed' | 'unknown' | 'refused' | 'unfinished'
  readonly message: string
  /** What a person decided then, where it is on record. */
  readonly decided?: string
  /** What became of the same step afterwards. */
  readonly later?: TryStatus
  /** The run ended with it. */
  readonly last: boolean
}

export interface DecisionReport {
  /** Missing where nothing was asked, as with `pause`. */
  readonly ask?: number
  readonly step?: string
  readonly summary?: string
  readonly what?: string
  readonly message?: string
  readonly roles?: readonly string[]
  readonly people?: number
  readonly askedMs?: number
  /** When the run went on: the last answer that counted, or that nobody answered. */
  readonly settledMs?: number
  readonly answers: readonly AnswerOfPerson[]
  /** Nobody answered in time, as a sentence. */
  readonly unanswered?: string
}

export interface AnswerOfPerson {
  readonly atMs: number
  readonly decision: string
  readonly accepted: boolean
  readonly by: string
  readonly door: string
  readonly identity?: string
  readonly comment: string
  /** Why it was refused. */
  readonly why?: string
}

export interface GuardReport {
  readonly atMs: number
  readonly step: string
  readonly verdict: 'passed' | 'overridden' | 'refused'
  readonly guard?: string
  /** What was asked, or what the guard said. */
  readonly said: string
  readonly by?: string
  readonly comment?: string
  readonly reason?: string
}

export interface MarginPoint {
  readonly atMs: number
  readonly step: string
  readonly voters: number
  readonly quorum: number
  readonly margin: number
}

export interface MemberState {
  readonly name: string
  readonly host: string
  readonly version: string
  readonly learner: boolean
  readonly leads: boolean
  readonly serves: boolean
  readonly healthy: boolean
  readonly why: string
}

export interface ClusterState {
  readonly atMs: number
  readonly step: string
  readonly members: readonly MemberState[]
}

export interface ClusterChange {
  readonly before: ClusterState
  readonly after: ClusterState
  readonly differences: readonly MemberDifference[]
}

export interface Unfinished {
  readonly seq: number
  readonly atMs: number
  readonly step: string
  readonly host?: string
  /** The action, the command or the call, as text. */
  readonly what: string
}

export interface Bypassed {
  readonly atMs: number
  readonly reason: string
  readonly failure: string
  readonly held: number
}

export interface Repeated {
  readonly atMs: number
  readonly step: string
  readonly attempt: number
}

export interface HistoryReport {
  readonly status: string
  readonly executions: readonly { readonly runId: string; readonly events: number; readonly blob: string }[]
}
