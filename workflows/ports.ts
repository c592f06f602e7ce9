import type { Availability } from '../dsl/availability.ts'
import type { MemberSight } from '../dsl/member-sight.ts'
import type { Expression, Json, Program } from '../dsl/program.ts'

/**
 * What the interpreter needs of the world. Temporal supplies one set, tests and the simulator others, so
 * that what is verified is what runs. Types only: it is also where workflows and activities meet.
 */
export interface Ports {
  /** Performs an action, or polls it as a gate; throws `StepFailure` when it did not succeed. */
  call(call: ActionCall): Promise<Json>
  /** Tells people something. It never fails: what became of it is in the answer. */
  tell(notice: Notice): Promise<Told>
  /** Unless it is steadfast, a cancel calls it off. Lets time pass: between two tries of a step, or because the runbook says so. */
  sleep(ms: number, summary: string, steadfast?: boolean): Promise<void>
  /** Milliseconds since 1970, from the run's own clock. */
  now(): number
  /**
   * Waits until a person decides, for as long as it takes; throws `StepFailure` once what is asked has expired
   * (`Waiting.approval.expiresMs`).
   */
  decide(waiting: Waiting): Promise<Decision>
  /**
   * Between two steps: returns at once, or waits while the run is paused; throws `RunCancelled` once asked
   * to cancel; may end this execution and carry the state over to a new one. Before a step that is always
   * done a cancel does not throw; nor does anything hold it up once the run is `ending`. With `beside`, other
   * steps may be under way: it does not end this execution.
   */
  boundary(state: RunState, before: Boundary, beside?: boolean): Promise<void>
  /** Whether this execution is to end as soon as nothing is under way; the next boundary then does so. */
  goesOn?(): boolean
  /** Shows how the run stands, after every change of it. */
  report(view: RunView): void
}

export type Boundary = 'step' | 'always' | 'ending'

export interface ActionCall {
  readonly action: string
  /** What a person reads beside the activity: `etcd-1: stop etcd`. */
  readonly summary: string
  /** Unique in the run: the step's key with the iterations it stands in, `move[etcd-1]/stop`. */
  readonly step: string
  readonly with: Readonly<Record<string, Json>>
  /** One attempt's time. The port may repeat an attempt whose worker died, nothing else: retries are the interpreter's. */
  readonly timeoutMs: number
  readonly gate?: GateCall
  /** Part of a rollback. */
  readonly undo: boolean
  /** Of the runbook the step stands in: with `lost` it is done only while no quorum lives. */
  readonly quorum: Program['quorum']
  /** A cancel does not call it off. */
  readonly steadfast?: true
  readonly overrides?: readonly Override[]
}

/** A guard that is let pass for one call, who approved that with which comment, and why the run asked for it. */
export interface Override {
  readonly guard: string
  readonly by: string
  readonly comment: string
  readonly reason: string
}

/** An override that was approved: for which call, and what the guard had said. */
export interface OverrideUsed extends Override {
  readonly step: string
  readonly summary: string
  readonly refusal: string
  readonly atMs: number
}

export interface Notice {
  /** As in `ActionCall`. */
  readonly step: string
  readonly summary: string
  /** At most 4000 characters. */
  readonly text: string
  /** Names of channels; all of them unless given. */
  readonly to?: readonly string[]
}

export interface Told {
  /** Names of the channels that took it. */
  readonly told: readonly string[]
  readonly failed: readonly { readonly channel: string; readonly reason: string }[]
}

export interface GateCall {
  readonly until: Expression
  /** The variables that `until` reads, but for `gate` itself. */
  readonly scope: Readonly<Record<string, Json>>
  readonly everyMs: number
  readonly stableMs: number
  readonly timeoutMs: number
}

/** What an activity is given: the call and whose it is. */
export interface ActionRequest {
  readonly run: RunIdentity
  readonly step: string
  /** As in `ActionCall`; requests of older runs do not say it. */
  readonly summary?: string
  readonly with: Readonly<Record<string, Json>>
  readonly gate?: GateCall
  readonly undo: boolean
  /** As in `ActionCall`; requests of older runs do not say it and mean `kept`. */
  readonly quorum?: Program['quorum']
  /** What this try may take; the action's own time unless given. */
  readonly timeoutMs?: number
  readonly overrides?: readonly Override[]
}

export interface RunIdentity {
  /** The workflow's id. */
  readonly id: string
  /** The first execution's run id: the same over every continue-as-new. Remote jobs are named by it. */
  readonly key: string
  readonly runbook: string
  /** sha256 of the pinned program, hex. */
  readonly hash: string
  /** The cluster whose lock the run holds. */
  readonly cluster?: string
}

/** `failed`: it did not happen. `unknown`: it may have. `refused`: a guard or a check said no beforehand. */
export type FailureKind = 'failed' | 'unknown' | 'refused'

export interface Failure {
  readonly kind: FailureKind
  /** What happened, where, and what to do next. */
  readonly message: string
  readonly step: string
  readonly summary: string
  /** Which of the engine's guards refused it. */
  readonly guard?: string
}

export type DecisionKind = 'approve' | 'reject' | 'confirm' | 'retry' | 'skip' | 'rollback' | 'abort'

export interface Waiting {
  /** Counts from 1, over the whole run, what a person is asked. Missing only in what an older worker says. */
  readonly ask?: number
  /** What failed; beside an `approval`, that nobody has approved yet. */
  readonly failure: Failure
  /** Nothing failed: a person is asked. */
  readonly approval?: Approval
  /** What may be decided now. */
  readonly offers: readonly DecisionKind[]
  /** Why the others may not. */
  readonly withheld: Readonly<Partial<Record<DecisionKind, string>>>
  /** On what terms an answer counts, and who may decide, as sentences. */
  readonly terms?: readonly string[]
  readonly sinceMs: number
  readonly rollingBack: boolean
  /** What a rollback would take back, as a person reads it, in the order it would be done. */
  readonly takesBack: readonly string[]
  /** What a retry begins anew, with all its checks, where trying the step alone is futile. */
  readonly anew?: string
  /** What became of an earlier decision: a rollback that was withdrawn. */
  readonly note?: string
}

/** What is asked, or is to be done by hand; at most 4000 characters. */
export interface Approval {
  /** As the runbook says it, values filled in as they are. */
  readonly message: string
  /** The same, but what was filled in is plain text, whatever it holds. */
  readonly markdown: string
  /** Something is to be done by hand: the answer is `confirm`. */
  readonly manual?: true
  /** Roles, any of which may answer. */
  readonly by?: readonly string[]
  /** How many different people have to approve, where it takes more than one. */
  readonly people?: number
  readonly notRequester?: true
  /** What has to be typed to confirm it. */
  readonly typed?: string
  /** How long it is asked, and until when. */
  readonly expiresAfterMs?: number
  readonly expiresMs?: number
  /** Who approved so far, where it takes more than one. */
  readonly given?: readonly Decision[]
  /** The guard that is to be overridden. */
  readonly overrides?: string
}

export interface Decision {
  readonly kind: DecisionKind
  readonly by: string
  /** Or what was said with an approval. */
  readonly reason: string
}

export type StepStatus =
  | 'pending'
  | 'running'
  | 'done'
  | 'rescued'
  | 'skipped'
  | 'notNeeded'
  | 'failed'
  | 'waiting'
  | 'asking'
  | 'undone'

export interface StepView {
  readonly step: string
  readonly summary: string
  readonly status: StepStatus
  readonly depth: number
  readonly startedMs?: number
  readonly endedMs?: number
  /** While it runs: when it is over, where that is known. */
  readonly untilMs?: number
  readonly note?: string
}

export type RunPhase =
  | 'starting'
  | 'queued'
  | 'running'
  | 'paused'
  | 'waiting'
  | 'rollingBack'
  | 'done'
  | 'rolledBack'
  | 'aborted'
  | 'cancelled'
  | 'failed'

export interface RunView {
  readonly phase: RunPhase
  readonly steps: readonly StepView[]
  readonly waiting?: Waiting
  /** Guards that were overridden so far, oldest first. */
  readonly overrides?: readonly OverrideUsed[]
}

/** What must survive a continue-as-new: the results so far. All else is worked out again from the program. */
export interface RunState {
  /** By step as in `ActionCall.step`. */
  readonly results: Readonly<Record<string, StepResult>>
  /** Steps that were tried and did not succeed, with the worst that was heard: their effect may be half there. */
  readonly tried: Readonly<Record<string, 'failed' | 'unknown'>>
  /**
   * Failures that nobody was asked about: by the path of the step that was rescued, or of a step that failed in
   * what is always done.
   */
  readonly failures?: Readonly<Record<string, Failure>>
  /** Paths of the steps with an `always` that have begun. */
  readonly begun?: readonly string[]
  /** Set once a rollback began. */
  readonly rollback?: RollbackState
  /** How often a person was asked so far. */
  readonly asks?: number
  readonly overrides?: readonly OverrideUsed[]
}

export interface RollbackState {
  readonly failure: Failure
  /** Who decided it; nobody when the runbook did (`onFailure: rollback`). */
  readonly decision?: Decision
  /** The undo steps' results, by step as in `ActionCall.step`. */
  readonly undone: Readonly<Record<string, StepResult>>
}

export interface StepResult {
  readonly status: 'done' | 'rescued' | 'skipped' | 'notNeeded' | 'failed'
  readonly output?: Json
  readonly startedMs: number
  readonly endedMs: number
  readonly note?: string
}

/** Activities `quorate.probe` and `quorate.watch`, which go on beside the steps until they are cancelled. */
export interface BesideRequest {
  readonly run: RunIdentity
  readonly cluster: string
  /** Measure the availability too, which writes; its figures are the activity's result. */
  readonly probe: boolean
  /** What a former execution of the run has measured. */
  readonly before?: Availability
}

/** Their heartbeat, about once a second. */
export interface BesideDetails {
  /** When the members were seen. */
  readonly atMs: number
  readonly members?: readonly MemberSight[]
  readonly availability?: Availability
}
