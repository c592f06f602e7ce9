/**
 * A program: a runbook after compiling. Plain JSON, so that it can be hashed, pinned in a run's history
 * and interpreted in Temporal's sandbox long after the file it came from has changed.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Where something stands in a file. Both counted from 1, as editors do. */
export interface Place {
  readonly line: number
  readonly column: number
  /** File name without directories, where it is not the program's own: in a runbook that is called. */
  readonly file?: string
}

/** What an action may do; the order is the order of harm. */
export type Effect = 'read' | 'change' | 'disrupt' | 'destroy'

/** A CEL expression, already parsed and type-checked once. `roots` are the variables it reads. */
export interface Expression {
  readonly source: string
  readonly at: Place
  readonly roots: readonly string[]
  /**
   * What under the roots is a floating number by its type, even when JSON wrote it as `1`; all other whole
   * numbers are CEL's `int`. A path by dots, `*` for every item of a list or map: `gate.members.*.latency`.
   */
  readonly doubles?: readonly string[]
}

/** A value that may hold expressions: what stands in `with:`, `set:`, `outputs:` and in texts. */
export type Template =
  | { readonly kind: 'literal'; readonly value: Json }
  /** `${{ … }}` alone: keeps the type of its value. */
  | { readonly kind: 'expression'; readonly expression: Expression }
  /** Text with `${{ … }}` in it. */
  | { readonly kind: 'text'; readonly parts: readonly (string | Expression)[] }
  | { readonly kind: 'list'; readonly items: readonly Template[] }
  | { readonly kind: 'map'; readonly entries: Readonly<Record<string, Template>> }

export type InputType =
  | 'string'
  | 'integer'
  | 'boolean'
  | 'duration'
  | 'bytes'
  | 'enum'
  | 'list'
  | 'cluster'
  | 'member'
  | 'host'
  | 'snapshot'
  | 'secret'

/**
 * One declared input. After checking, a duration is a number of milliseconds and bytes a number of bytes,
 * in expressions too; `cluster`, `member` and `host` are names in the inventory; a secret stays a reference
 * (`env:NAME`, `file:PATH`).
 */
export interface InputSpec {
  readonly type: InputType
  readonly description: string
  readonly required: boolean
  /** Already in its checked form (a duration as milliseconds). */
  readonly default?: Json
  readonly pattern?: string
  /** In the checked unit: milliseconds, bytes, items of a list, characters of a string. */
  readonly min?: number
  readonly max?: number
  readonly values?: readonly string[]
}

export interface RetrySpec {
  /** Tries in all, the first included. */
  readonly attempts: number
  readonly intervalMs: number
  /** Each wait is the former times this. */
  readonly backoff: number
}

/** What a run must know of an action without importing it. */
export interface PinnedAction {
  readonly name: string
  readonly title: string
  readonly effect: Effect
  readonly subject: readonly string[]
  readonly timeoutMs: number
  readonly retry: RetrySpec
}

/** `pause` waits for a person; `rollback` takes back by itself; `continue` goes on; `fail` ends the run. */
export type OnFailure = 'pause' | 'rollback' | 'continue' | 'fail'

interface StepBase {
  /** Unique in the program: ids (or kind and number) from the top, joined by `/`: `move/stop`. */
  readonly key: string
  /** What expressions call its outputs by: `steps.ID`. */
  readonly id?: string
  /** What a person reads; by default made from the action's title and its subject. */
  readonly name?: Template
  readonly at: Place
  readonly if?: Expression
  readonly timeoutMs?: number
  readonly retry?: RetrySpec
  readonly onFailure: OnFailure
  /** Whether a person may skip it when it has failed. */
  readonly skippable: boolean
  /** Steps that take it back, in the order they are run in. */
  readonly undo?: readonly Step[]
  /** Steps that are done instead of pausing once it, or what is in it, has failed for good; they see `failure`. */
  readonly rescue?: readonly Step[]
  /** Steps that are done when it is over, however it ended; they see `outcome`. */
  readonly always?: readonly Step[]
  /** Why nothing before this step can be taken back once it is done. */
  readonly noReturn?: Template
}

export interface UsesStep extends StepBase {
  readonly kind: 'uses'
  readonly uses: string
  readonly with: Readonly<Record<string, Template>>
}

/** Asks a `read` action every `everyMs` until `until` has held for `stableMs` without a break. */
export interface GateStep extends StepBase {
  readonly kind: 'gate'
  readonly gate: string
  readonly with: Readonly<Record<string, Template>>
  /** Sees the action's output as `gate`. */
  readonly until: Expression
  readonly everyMs: number
  /** A template, because it may come from an input; milliseconds. */
  readonly stableMs: Template
  readonly gateTimeoutMs: number
  /** Said when the time is up, beside what the gate saw last. */
  readonly else?: Template
}

export interface AssertStep extends StepBase {
  readonly kind: 'assert'
  readonly assert: readonly { readonly that: Expression; readonly else: Template }[]
}

export interface ForEachStep extends StepBase {
  readonly kind: 'forEach'
  readonly forEach: Expression
  readonly as: string
  /** How many of its iterations may be under way at the same time; one unless given. */
  readonly maxParallel?: number
  readonly steps: readonly Step[]
}

export interface GroupStep extends StepBase {
  readonly kind: 'steps'
  readonly steps: readonly Step[]
}

/** Its steps are done at the same time; it is over when all of them are. */
export interface ParallelStep extends StepBase {
  readonly kind: 'parallel'
  readonly steps: readonly Step[]
}

/** Variables are read as `vars.NAME`. */
export interface SetStep extends StepBase {
  readonly kind: 'set'
  readonly set: Readonly<Record<string, Template>>
}

/**
 * Another runbook, compiled in. Its steps see its own inputs, variables and outputs, and of the caller only
 * `run`; what they changed is taken back with the rest of the run.
 */
export interface CallStep extends StepBase {
  readonly kind: 'call'
  /** The name of the runbook. */
  readonly call: string
  readonly title: string
  readonly with: Readonly<Record<string, Template>>
  readonly inputs: Readonly<Record<string, InputSpec>>
  /** In the scope of the called: must be the cluster whose lock the run holds. Only where it changes something. */
  readonly cluster?: Template
  readonly quorum: Quorum
  readonly steps: readonly Step[]
  /** In the scope of the called: what `steps.ID` is. */
  readonly outputs: Readonly<Record<string, Template>>
}

/** What a step that asks people has of its own. */
interface Asking {
  /** Markdown: what is asked, or what is to be done. */
  readonly message: Template
  /** Roles, any of which may answer; everybody unless given. */
  readonly by?: readonly string[]
  /** After how many milliseconds the step fails if nobody answered. */
  readonly expiresMs?: Template
}

/** Waits until a person approves; gives who did (`by`), what they said (`comment`) and when (`at`, ISO UTC). */
export interface ApproveStep extends StepBase, Asking {
  readonly kind: 'approve'
  /** How many different people have to approve, where it takes more than one. */
  readonly people?: number
  /** Whoever started the run may not. */
  readonly notRequester?: true
}

/** Waits until a person did something by hand and confirms it; gives the same. */
export interface ManualStep extends StepBase, Asking {
  readonly kind: 'manual'
  /** What has to be typed to confirm it. */
  readonly confirm?: Template
}

/** Lets time pass. */
export interface WaitStep extends StepBase {
  readonly kind: 'wait'
  /** A template, because it may come from an input; milliseconds, `longestWaitMs` at most. */
  readonly waitMs: Template
}

/** Tells people something. It never fails a run. */
export interface NotifyStep extends StepBase {
  readonly kind: 'notify'
  readonly message: Template
  /** Names of channels, as a list; all that the worker knows unless given. */
  readonly to?: Template
}

export type Step =
  | UsesStep
  | GateStep
  | AssertStep
  | ForEachStep
  | GroupStep
  | ParallelStep
  | SetStep
  | CallStep
  | ApproveStep
  | ManualStep
  | WaitStep
  | NotifyStep

/** `kept`: no step may endanger the quorum. `lost`: nothing harmful is done while a quorum lives. */
export type Quorum = 'kept' | 'lost'

export interface Program {
  /** Rises when the shape of a program changes; an interpreter refuses formats it does not know. */
  readonly format: 1
  readonly name: string
  readonly title: string
  readonly description: string
  /** File name without directories, for messages. */
  readonly file: string
  readonly inputs: Readonly<Record<string, InputSpec>>
  /** Names the cluster whose lock the run holds. */
  readonly cluster?: Template
  readonly quorum: Quorum
  /** The worst effect of all its steps. */
  readonly effect: Effect
  readonly actions: Readonly<Record<string, PinnedAction>>
  readonly steps: readonly Step[]
  readonly outputs: Readonly<Record<string, Template>>
}
