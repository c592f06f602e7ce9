import type { Json } from '../dsl/program.ts'

/**
 * What is on record of a run, an event at a time. These names and shapes are a contract with whoever reads a
 * record years later: they are added to, never changed. Types and names only.
 */

/** What is about to be done ends in `.begun`; what came of it has a name for each way it can end. */
export const eventNames = [
  'run.began',
  'run.refused',
  'run.ended',
  'run.cancelAsked',
  'run.planned',
  'run.measured',
  'action.begun',
  'action.found',
  'action.done',
  'action.failed',
  'action.unknown',
  'action.refused',
  'action.cancelled',
  'guard.passed',
  'guard.overridden',
  'command.begun',
  'command.done',
  'command.failed',
  'command.unknown',
  'etcd.begun',
  'etcd.done',
  'etcd.failed',
  'etcd.unknown',
  'person.asked',
  'person.decided',
  'person.refused',
  'person.unanswered',
  'history.copied',
  'record.bypassed',
] as const

export type EventName = (typeof eventNames)[number]

/** An event before the store gives it its place. */
export type NewEvent = { readonly [Name in EventName]: EventOf<Name> }[EventName]

/** An event as it is kept: the next of its run, from 1 without gaps. */
export type AuditEvent = NewEvent & { readonly v: 1; readonly seq: number }

interface EventOf<Name extends EventName> {
  /** `RunIdentity.key` of the run: the same over every continue-as-new. */
  readonly run: string
  /** Its workflow id, which people know it by. */
  readonly workflow: string
  /** Unique in the run and the same whenever the same fact is written again: step, attempt, ordinal and kind. */
  readonly id: string
  /** Wall clock of whoever wrote it, ISO, UTC, with milliseconds. */
  readonly at: string
  readonly name: Name
  /** As in `ActionRequest.step`, with the iterations it stands in. */
  readonly step?: string
  /** Of an action: what a person reads, `etcd-2: stop etcd on h2`. */
  readonly summary?: string
  readonly action?: string
  /** Temporal's number of the attempt: above 1 it repeats one whose worker died. */
  readonly attempt?: number
  /** Of the inventory. */
  readonly host?: string
  readonly data: EventData[Name]
}

export interface EventData {
  readonly 'run.began': RunBegan
  /** It was asked for, and ended before anything could begin: wrong inputs, an unknown runbook. */
  readonly 'run.refused': Pick<RunBegan, 'runbook' | 'inputs' | 'by' | 'reason'>
  readonly 'run.ended': RunEnded
  readonly 'run.cancelAsked': Said
  /** It carries out a plan, and found the cluster like this before its first step. */
  readonly 'run.planned': {
    /** sha256 of the plan, hex. */
    readonly plan: string
    readonly fingerprint: Json
  }
  /** What was measured of the cluster's availability, once the probe ended. */
  readonly 'run.measured': { readonly availability: Json }
  readonly 'action.begun': {
    readonly effect: 'read' | 'change' | 'disrupt' | 'destroy'
    readonly with: Json
    /** Part of a rollback. */
    readonly undo: boolean
    /** It is polled as a gate, until this holds. */
    readonly gate?: string
  }
  /** Its effect was there already: nothing was done. */
  readonly 'action.found': { readonly output: Json } & Took
  readonly 'action.done': { readonly output: Json } & Took & Polled
  readonly 'action.failed': Failed & Took & Polled
  /** It may have happened. */
  readonly 'action.unknown': Failed & Took & Polled
  readonly 'action.refused': Failed & Took & Polled & { readonly guard?: string }
  readonly 'action.cancelled': Failed & Took & Polled
  /** The guard looked for the last time before the effect. */
  readonly 'guard.passed': { readonly asked: Json }
  readonly 'guard.overridden': {
    readonly guard: string
    readonly refusal: string
    readonly by: string
    readonly comment: string
    readonly reason: string
  }
  readonly 'command.begun': CommandBegun
  /** It exited with 0. */
  readonly 'command.done': CommandEnded
  /** It exited with something else, or was not run at all (then without a code). */
  readonly 'command.failed': CommandEnded
  /** Its exit code never came. */
  readonly 'command.unknown': CommandEnded
  readonly 'etcd.begun': { readonly call: string; readonly request: Json }
  readonly 'etcd.done': { readonly call: string } & Took
  readonly 'etcd.failed': { readonly call: string } & Failed & Took
  /** No answer: it may have been committed, now or later. */
  readonly 'etcd.unknown': { readonly call: string } & Failed & Took
  readonly 'person.asked': Said
  readonly 'person.decided': Said
  readonly 'person.refused': Said
  readonly 'person.unanswered': Said
  readonly 'history.copied': {
    /** How Temporal says it ended: `COMPLETED`, `FAILED`, `CANCELED`, `TERMINATED`, `TIMED_OUT`. */
    readonly status: string
    /** One for each execution of the run, oldest first. */
    readonly executions: readonly {
      readonly runId: string
      readonly events: number
      /** The history as JSON, gzipped. */
      readonly blob: string
    }[]
  }
  /** An effect was allowed though it could not be recorded first. Written as soon as it could be. */
  readonly 'record.bypassed': {
    /** As whoever set it said it. */
    readonly reason: string
    readonly failure: string
    /** How many events were kept in memory meanwhile; they follow. */
    readonly held: number
  }
}

export interface RunBegan {
  readonly runbook: string
  readonly title: string
  /** sha256 of the program's canonical JSON, hex. */
  readonly hash: string
  /** Blob with that canonical JSON. */
  readonly program: string
  readonly inputs: Json
  readonly by: string
  readonly reason?: string
  readonly cluster?: string
  /** Who might decide, as it was then. */
  readonly policy?: Json
}

export type RunOutcome =
  | 'done'
  | 'failed'
  | 'aborted'
  | 'rolledBack'
  | 'cancelled'
  /** By hand, in Temporal: nothing was taken back, nothing said. */
  | 'terminated'
  | 'timedOut'

export interface RunEnded {
  readonly outcome: RunOutcome
  /** As a person was told; "" when it is done. */
  readonly message: string
  readonly outputs: Json
  readonly startedMs: number
  readonly endedMs: number
  /** `Availability`, where it was measured. */
  readonly availability?: Json
}

/** By the monotonic clock. The events' `at` have the other one. */
interface Took {
  readonly ms: number
}

interface Failed {
  readonly message: string
}

/** Of a gate: how many times it was asked. The looks themselves are not on record, but for the last. */
interface Polled {
  readonly polls?: number
}

/** An entry of `RunEvidence`, as the run noted it. */
interface Said {
  readonly entry: Json
}

interface CommandBegun {
  readonly kind: 'exec' | 'job'
  readonly argv: readonly string[]
  /** The job's. */
  readonly key?: string
}

interface CommandEnded extends CommandBegun, Took {
  /** Missing when it never came. */
  readonly code?: number
  /** The signal that ended it, such as `KILL`. */
  readonly signal?: string
  readonly stdout: Output
  readonly stderr: Output
  /** Why there is no good outcome. */
  readonly error?: string
}

/** What a command printed. All of it is redacted before it is counted, hashed and kept. */
export interface Output {
  readonly bytes: number
  readonly sha256: string
  /** The whole of it where that is short; else the beginning and the end. Both empty where it was data of a cluster. */
  readonly head: string
  readonly tail: string
  /** Blob with the whole of it, where `head` and `tail` are not. */
  readonly blob?: string
  /** Bytes that came before what was kept, where the command printed more than is ever read. */
  readonly lost?: number
}
