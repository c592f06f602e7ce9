import type { Availability } from '../dsl/availability.ts'
import type { Sight } from '../dsl/member-sight.ts'
import type { Policy } from '../dsl/policy.ts'
import type { Json, Program } from '../dsl/program.ts'
import type { EvidenceEntry } from './evidence-entry.ts'
import type { DecisionKind, GateCall, OverrideUsed, RunIdentity, RunState, RunView } from './ports.ts'
import type { Fingerprint } from './plan.ts'

/** What a run answers to and what it says: the contract between workflows, worker and clients. Types only. */

export type QueryName = 'status' | 'program' | 'state' | 'evidence'

/** The decisions are accepted only while they are offered (`RunStatus.view.waiting.offers`). */
export type UpdateName = DecisionKind | 'pause' | 'resume'

/** The one argument of every update; it may be left out, as may each of its fields. */
export interface UpdateArgument {
  /** Must be the step that waits; left out, it is that step. Not for `pause` and `resume`. */
  readonly step?: string
  /** Must be the asking that waits (`Waiting.ask`): an answer to an earlier one of the same step does not count. */
  readonly ask?: number
  /** Must be the run's program: its sha256 in hex, or at least the first 12 digits of it. */
  readonly hash?: string
  readonly by?: string
  /** Why, or what is said with it; `reason` is another word for it. */
  readonly comment?: string
  readonly reason?: string
  /** With `confirm`, where that is asked for: what has to be typed. */
  readonly typed?: string
  /** Through which door it came: `cli`, `api`, `chat:PLATFORM`; `temporal` when nothing is said. */
  readonly door?: string
}

/** An accepted update answers with a sentence. */
export interface UpdateAnswer {
  readonly message: string
  readonly step?: string
  /** Which asking was answered. */
  readonly ask?: number
}

/** What may be decided at this moment, and why the rest may not. */
export interface Offered {
  readonly offers: readonly UpdateName[]
  readonly withheld: Readonly<Partial<Record<UpdateName, string>>>
}

/**
 * Query `evidence`: what was asked and decided in this run, refused decisions too, oldest first. Entries are
 * numbered from 1 without gaps and never change, so that whoever copies them asks for what is new by number.
 */
export interface RunEvidence {
  readonly run: RunIdentity
  readonly startedMs: number
  /** Who started it, and why. */
  readonly by: string
  readonly reason: string
  readonly entries: readonly EvidenceEntry[]
  /** How many of the first are left out here; all of them are in the worker's evidence. */
  readonly leftOut: number
}

/** Activity `quorate.evidence`: puts entries on the run's record. An entry may come twice. */
export interface EvidenceRequest {
  /** The run's id. */
  readonly run: string
  /** The run's key; missing in what runs asked for before there was a record. */
  readonly key?: string
  readonly entries: readonly EvidenceEntry[]
}

/** Query `status`. */
export interface RunStatus {
  readonly run: RunIdentity
  readonly title: string
  readonly by: string
  readonly startedMs: number
  readonly inputs: Readonly<Record<string, Json>>
  readonly view: RunView
  /** sha256 of the plan it carries out, hex. */
  readonly plan?: string
  /** Set while the run is asked to pause; it does so before its next step. */
  readonly paused?: { readonly by: string; readonly reason: string; readonly sinceMs: number }
  /** While it waits for the cluster's lock. */
  readonly queuedBehind?: LockHolder
  readonly cancelRequested: boolean
  readonly decisions?: Offered
  /** The members as a step saw them last. */
  readonly sight?: Sight
  /** Once the probe has ended; while it goes on, the heartbeat of `quorate.probe` has it. */
  readonly availability?: Availability
}

/** Query `program`: null until it is loaded. Query `state`: the run's `RunState` at its last boundary. */
export type ProgramAnswer = Program | null
export type StateAnswer = RunState

/** The plan that a run carries out: it is refused when the cluster is another by now; the program is held by `hash`. */
export interface PlanPin {
  /** Of the whole plan, hex. */
  readonly sha256: string
  readonly fingerprint?: Fingerprint
}

/** What the memo of a start may hold. */
export interface RunMemo {
  /** Who asked; otherwise the identity of the client that started it. */
  readonly by?: string
  readonly reason?: string
  /** Queue for the cluster's lock instead of ending when another run holds it. */
  readonly wait?: boolean
  /** Measure the cluster's availability meanwhile; else what the inventory says. */
  readonly probe?: boolean
  /** Watch the members meanwhile, so that whoever watches the run sees them. */
  readonly watch?: boolean
  /** Carry out this plan, or nothing. */
  readonly plan?: PlanPin
  /** Guards that may be overridden in this run, each time with an approval; takes a `reason`. Also as one text, `a,b`. */
  readonly override?: readonly string[] | string
  /** Continue as new after so many events of history: for tests. */
  readonly continueAfterEvents?: number
  /** Workflow id of the fleet it is a part of, which is told how it stands. */
  readonly fleet?: string
  /** sha256 of the program that is meant, hex: a runbook that has changed since is refused. */
  readonly hash?: string
}

/** What a fleet is started with. */
export interface FleetRequest {
  readonly runbook: string
  /** See `selectClusters`. */
  readonly clusters: string | readonly string[]
  /** Of the runbook, the same for all; without `cluster`. */
  readonly inputs?: Readonly<Record<string, Json>>
  /** How many at a time; 1 unless given. */
  readonly atOnce?: number
  /** The cluster that goes first, and alone; the first by name unless given. */
  readonly canary?: string
  /** How long each cluster must stay healthy before the next: `10m`. */
  readonly soak?: string
}

/** Activity `quorate.fleet`: checks a `FleetRequest` for every cluster. Throws `InputError`. */
export interface FleetLoadRequest {
  readonly input: Json
  readonly run: LoadRequest['run']
  readonly by?: string
  readonly reason?: string
}

export interface FleetLoaded {
  /** The runbook's name. */
  readonly runbook: string
  /** In their order, the canary first. */
  readonly clusters: readonly string[]
  /** As they were given, without `cluster`. */
  readonly inputs: Readonly<Record<string, Json>>
  readonly atOnce: number
  /** How a cluster is seen to be well after its run. */
  readonly health: { readonly action: string; readonly gate: GateCall }
  /** As for a run on the first of them; its title is the fleet's. */
  readonly loaded: LoadedRun
}

/** What a fleet says of each cluster in its outputs. */
export interface FleetOutput {
  readonly cluster: string
  readonly run: string
  readonly startedMs: number
  readonly endedMs: number
}

/** What a run that did all its steps ends with. */
export interface RunResult {
  readonly outputs: Readonly<Record<string, Json>>
  readonly runbook: string
  readonly hash: string
  readonly cluster?: string
  readonly startedMs: number
  readonly endedMs: number
  readonly steps: Readonly<Record<'done' | 'skipped' | 'notNeeded' | 'failed', number>>
  /** Where it was asked for. */
  readonly availability?: Availability
  /** Guards that were overridden, oldest first. */
  readonly overrides?: readonly OverrideUsed[]
}

/**
 * The type of the failure a run ends with; a cancelled run ends as cancelled instead, with what is now true
 * in its memo `outcome`. `details[0]` is a `FailureDetails`.
 */
export type EndType =
  | 'InputError'
  | 'ClusterLocked'
  | 'RunFailed'
  | 'RunAborted'
  | 'RunRolledBack'
  /** A bug of the engine, or a library it cannot do without. */
  | 'InternalError'

export interface FailureDetails {
  /** The step that failed, where one did. */
  readonly step?: string
  readonly done?: readonly string[]
  readonly unsure?: readonly string[]
  readonly undone?: readonly string[]
  /** Where it was asked for. */
  readonly availability?: Availability
  readonly overrides?: readonly OverrideUsed[]
  /** With `ClusterLocked`. */
  readonly holder?: LockHolder
}

/** Memo of the lock's workflow `quorate-lock/CLUSTER`. */
export interface LockMemo {
  readonly run: string
  readonly key: string
  readonly runbook: string
  readonly by: string
  readonly sinceMs: number
}

export interface LockHolder extends LockMemo {
  readonly cluster: string
  /** Whether that run is still going; if not, its lock is about to be released. */
  readonly running: boolean
}

/** Activity `quorate.load`. Throws `InputError` for an unknown runbook, one with errors, and wrong inputs. */
export interface LoadRequest {
  readonly runbook: string
  readonly inputs: Json
  readonly run: { readonly id: string; readonly key: string }
  readonly by?: string
  /** Why it was asked for, for the record. */
  readonly reason?: string
}

export interface LoadedRun {
  readonly program: Program
  /** Checked: with defaults, durations in milliseconds, bytes as numbers. */
  readonly inputs: Readonly<Record<string, Json>>
  /** sha256 of the program's canonical JSON, hex. */
  readonly hash: string
  readonly by: string
  /** Who may decide, as it was when the run began; everybody unless given. */
  readonly policy?: Policy
  /** Whether the server knows our search attributes. */
  readonly attributes: boolean
  /** How long an activity may be silent before its worker is taken for dead. */
  readonly heartbeatTimeoutMs: number
  /** What is decided is written by `quorate.evidence`; not in runs that began before that was so. */
  readonly evidence?: true
  /** The inventory wants the cluster's availability measured while a run changes it. */
  readonly probe?: boolean
}

/** Activity `quorate.notify`: gives a `Told`. */
export interface NotifyRequest {
  readonly run: RunIdentity
  readonly step: string
  readonly text: string
  /** Names of channels; all of them unless given. */
  readonly to?: readonly string[]
}

/** Activity `quorate.holder`: null when nobody holds the lock. */
export interface HolderRequest {
  readonly cluster: string
  /** Answer only once this lock is closed. */
  readonly untilFree: boolean
}
