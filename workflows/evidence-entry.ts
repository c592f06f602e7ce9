import type { UpdateName } from './doors.ts'
import type { DecisionKind, FailureKind } from './ports.ts'

/** What is kept of the conversation between a run and people. Plain JSON; times are ISO, UTC. */
export type EvidenceEntry = Numbered & Noted

/** What an entry says, before the journal numbers it. */
export type Noted = Asked | Decided | Expired | CancelAsked

interface Numbered {
  /** From 1, without gaps. */
  readonly number: number
  readonly at: string
}

/** A person was asked: what failed, or what is to be approved. */
interface Asked {
  readonly kind: 'asked'
  readonly ask: number
  readonly step: string
  readonly summary: string
  /** Something is to be approved or done by hand, or a guard to be let pass; else how the step failed. */
  readonly what: 'approval' | 'manual' | 'override' | FailureKind
  /** What was asked or what had happened; at most 1000 characters. */
  readonly message: string
  readonly offers: readonly DecisionKind[]
  /** Roles, any of which may answer; how many people it takes; until when. */
  readonly by?: readonly string[]
  readonly people?: number
  readonly notRequester?: true
  readonly expires?: string
}

/** Nobody answered in time, or not enough people did. */
interface Expired {
  readonly kind: 'expired'
  readonly ask: number
  readonly message: string
}

/** A person decided, or tried to. */
export interface Decided {
  readonly kind: 'decision'
  readonly decision: UpdateName
  readonly outcome: 'accepted' | 'refused'
  /** For a refused one, the sentence it was refused with. */
  readonly why?: string
  /** Who it was, as the door says. */
  readonly by: string
  /** Of the client that sent it, as Temporal's history has it. */
  readonly identity?: string
  readonly door: string
  readonly comment: string
  /** What waited then. */
  readonly step?: string
  readonly ask?: number
  /** What the sender named, where they did. */
  readonly named?: { readonly step?: string; readonly ask?: number; readonly hash?: string }
  /** The update's id in Temporal's history. */
  readonly update: string
}

/** Somebody asked Temporal to cancel the run. */
interface CancelAsked {
  readonly kind: 'cancel'
}
