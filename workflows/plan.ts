import type { ClusterModel, MemberDifference, ModelStanding } from '../dsl/cluster-model.ts'
import type { Effect, Json, Step } from '../dsl/program.ts'
import type { LockHolder } from './doors.ts'
import type { ActionCall, ActionRequest, FailureKind } from './ports.ts'

/** What a plan says and what a planner needs: the contract between workflows, worker and clients. Types only. */

/** The type of the workflow that makes a plan. No runbook can have a name with a capital letter. */
export type PlanWorkflow = 'quoratePlan'

/** Its one argument. */
export interface PlanRequest {
  readonly runbook: string
  readonly inputs?: Readonly<Record<string, Json>>
}

/** What a run would do, as far as it can be known now. Nothing was changed to find it out. */
export interface Plan {
  /** Rises when the shape of a plan changes. */
  readonly format: 1
  readonly runbook: string
  readonly title: string
  /** sha256 of the program that was planned, hex. */
  readonly hash: string
  /** As they were given; a run of this plan is given them again. */
  readonly given: Readonly<Record<string, Json>>
  /** Checked, with defaults. */
  readonly inputs: Readonly<Record<string, Json>>
  readonly effect: Effect
  readonly by: string
  readonly madeMs: number
  readonly verdict: Verdict
  readonly cluster?: string
  /** Who holds the cluster's lock now. */
  readonly lockedBy?: LockHolder
  /** What the cluster was like: a run of this plan is refused once it is another. */
  readonly fingerprint?: Fingerprint
  readonly steps: readonly PlannedStep[]
  readonly membership?: Membership
  /** What a person will be asked, in order. */
  readonly approvals: readonly Asked[]
  /** From where on not everything can be taken back, and why. */
  readonly noReturn: readonly { readonly step: string; readonly summary: string; readonly why: string }[]
  /** What could not be known yet, a sentence each. */
  readonly open: readonly string[]
  readonly durations: Durations
}

export type Verdict =
  | { readonly kind: 'ready' }
  /** It would end or wait at this step before anything was changed. The steps after it were not planned. */
  | { readonly kind: 'refused'; readonly step: string; readonly summary: string; readonly why: string }

export interface Asked {
  readonly step: string
  readonly summary: string
  /** Markdown; `…` stands for what is not known yet. */
  readonly message: string
  /** Roles that may answer; everybody unless given. */
  readonly by?: readonly string[]
  /** How many have to, where it takes more than one. */
  readonly people?: number
}

export interface Membership {
  readonly before: ClusterModel
  readonly after: ClusterModel
  readonly differences: readonly MemberDifference[]
  readonly standing: ModelStanding
  /** The smallest margin on the way, and after which step. */
  readonly lowest: ModelStanding & { readonly step?: string; readonly summary?: string }
  /** Why it may come otherwise. */
  readonly unsure: readonly string[]
}

/** `now`: asked now, and something that is done before it may change the answer. `unknown`: only the run will know. */
export type Certainty = 'sure' | 'now' | 'unknown'

export interface PlannedStep {
  /** As in `ActionCall.step`. */
  readonly step: string
  readonly kind: Step['kind'] | 'iteration' | 'rescue' | 'always'
  readonly summary: string
  readonly depth: number
  /** `perhaps`: a condition around it is not known yet. */
  readonly happens: 'yes' | 'no' | 'perhaps'
  readonly if?: Condition
  readonly action?: string
  readonly effect?: Effect
  /** The action's input, where all of it is known. */
  readonly with?: Readonly<Record<string, Json>>
  /** Of its answer, or of its input. */
  readonly certainty: Certainty
  /** Why it is not sure, as a clause. */
  readonly because?: string
  /** What a look, a gate or a check said, as a sentence. */
  readonly said?: string
  readonly gate?: Condition & { readonly stableMs?: number; readonly timeoutMs: number }
  readonly asserts?: readonly (Condition & { readonly message?: string })[]
  readonly asks?: string
  readonly preview?: Omit<Preview, 'model' | 'there'> & { readonly there: boolean }
  /** After this step. */
  readonly standing?: ModelStanding
  /** How it is taken back, a summary a step. */
  readonly undo?: readonly string[]
  readonly noReturn?: string
  /** From past runs. */
  readonly expectedMs?: number
}

export interface Condition {
  readonly source: string
  /** Missing where it is not known. */
  readonly holds?: boolean
  readonly certainty: Certainty
  readonly because?: string
}

/** Activity `quorate.preview`: what an action would do, found out without doing it. */
export interface PreviewRequest {
  readonly action: string
  readonly request: ActionRequest
  readonly model?: ClusterModel
  /** Inputs that are not known yet: then only the model is answered, as far as it can be. */
  readonly unknown?: readonly string[]
}

export interface Preview {
  /** What the engine's guard says of it now; missing where it asks none. */
  readonly guard?: { readonly passes: true } | { readonly passes: false; readonly why: string }
  /** The effect is there already: its output. */
  readonly there?: Json
  readonly changes: readonly PlannedChange[]
  /** False: what follows depends on what these find. */
  readonly complete: boolean
  /** It would not begin: what its own checks say now. */
  readonly stopped?: { readonly kind: FailureKind; readonly message: string }
  /** What becomes of the cluster, where the action says it. */
  readonly model?: ClusterModel
}

export type PlannedChange =
  /** Run once on a host; `stdinBytes` are given to it. */
  | {
      readonly kind: 'command'
      readonly host: string
      readonly argv: readonly string[]
      readonly stdinBytes: number
    }
  /** Of etcd's API, at one member. */
  | { readonly kind: 'call'; readonly host: string; readonly call: string; readonly request: Json }
  /** Of the worker's own: the inventory. */
  | { readonly kind: 'file'; readonly path: string }
  /** Data brought to a host. */
  | { readonly kind: 'transfer'; readonly host: string; readonly what: string }

/** Activity `quorate.cluster`. Throws `InputError` for a cluster that is not in the inventory. */
export interface ClusterRequest {
  readonly cluster: string
  /** For the record of a run (its id and key): the sha256 of the plan it carries out. */
  readonly carries?: { readonly run: string; readonly key?: string; readonly plan: string }
}

export interface ClusterSight {
  readonly model: ClusterModel
  readonly fingerprint: Fingerprint
}

/** What must still be so when a plan is carried out. Who leads and how much was written are left out. */
export interface Fingerprint {
  readonly clusterId: string
  readonly members: readonly FingerprintMember[]
  readonly alarms: readonly string[]
  readonly downgradeTo: string
  /** sha256 of what the inventory says of the cluster, hex. */
  readonly inventory: string
}

export interface FingerprintMember {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly peerUrls: readonly string[]
  readonly learner: boolean
  readonly answers: boolean
  readonly version: string
}

/** Activity `quorate.durations`. */
export interface DurationsRequest {
  readonly runbook: string
}

export interface Durations {
  /** How many past runs they are taken from. */
  readonly runs: number
  /** Medians in milliseconds, by step without iterations; of a whole run under "". */
  readonly byStep: Readonly<Record<string, number>>
}

/** What the planner needs of the world. */
export interface PlanPorts {
  /** Performs a read action; throws `StepFailure` when it did not succeed. */
  read(call: ActionCall): Promise<Json>
  preview(call: ActionCall, model: ClusterModel | undefined, unknown: readonly string[]): Promise<Preview>
  /** After each step. */
  report(steps: readonly PlannedStep[]): void
}
