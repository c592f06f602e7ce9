import type { AuditEvent, NewEvent, RunBegan, RunEnded } from './event.ts'

/** Where the record is kept. What is in it is never changed; `audit gc` alone takes whole runs out, and says so. */
export interface Store {
  /**
   * Resolves once all of them are durable, in this order, each with the next place in its run. An id that the run
   * has already is left as it is. Blobs it refers to are put in before. Throws `StoreError`; then none of them is
   * known to be written, and the same call may be made again.
   */
  append(events: readonly NewEvent[]): Promise<void>
  /** Keeps it once, however often it comes; returns its sha256, hex. Throws `StoreError`. */
  putBlob(content: Uint8Array): Promise<string>
  blob(sha256: string): Promise<Uint8Array | undefined>
  /** Newest first. */
  runs(query?: RunQuery): Promise<RunPage>
  /** Of one run, by its key, in their order. */
  events(run: string): AsyncIterable<StoredEvent>
  /** All of them, or those of a run, oldest first; with `after`, those of higher numbers. */
  checkpoints(run?: string, after?: number): AsyncIterable<StoredCheckpoint>
  close(): Promise<void>
}

/** The store cannot be read or written; the message says which it is, why, and what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}

/** An event as it lies in the store: `text` is what was hashed, the event is read from it. */
export interface StoredEvent {
  readonly event: AuditEvent
  readonly text: string
  /** sha256 of the hash before it (64 zeros before the first), a newline, and `text`; hex. */
  readonly hash: string
}

export interface RunQuery {
  /** Its key, or its workflow id (which several may have had, one after the other). */
  readonly run?: string
  readonly cluster?: string
  readonly runbook?: string
  /** Who asked for it or decided in it. */
  readonly person?: string
  /** A `RunOutcome`, or `open` for those that have not ended. */
  readonly outcome?: string
  /** Began at or after, and before; milliseconds since 1970. */
  readonly sinceMs?: number
  readonly untilMs?: number
  /** Anywhere in its id, runbook, cluster, reason or outcome's message. */
  readonly text?: string
  readonly limit?: number
  /** From the page before. */
  readonly after?: string
}

export interface RunPage {
  readonly runs: readonly RunRow[]
  /** How many there are in all. */
  readonly total: number
  /** Give it as `after` for the next page; missing on the last one. */
  readonly next?: string
}

/** A run as lists show it. */
export interface RunRow {
  readonly run: string
  readonly workflow: string
  /** When the first event was written. */
  readonly beganMs: number
  /** Missing where it is not on record how it began. */
  readonly began?: RunBegan
  /** Missing while it is open, or not collected yet. */
  readonly ended?: RunEnded
  readonly events: number
  /** By its last checkpoint: how many of the events it covers. */
  readonly sealed: number
  /** Not to be removed by `audit gc`, and why. */
  readonly hold?: string
}

/** The signed end of a run, and a link of the chain over all of them. */
export interface StoredCheckpoint {
  readonly checkpoint: Checkpoint
  /** What is signed and hashed: canonical JSON of the checkpoint. */
  readonly text: string
  /** As with events, over the checkpoints. */
  readonly hash: string
  /** Ed25519 over `text`, base64. */
  readonly signature: string
  /** SPKI, PEM. */
  readonly publicKey: string
}

export interface Checkpoint {
  readonly v: 1
  /** From 1 without gaps, over the whole store. */
  readonly n: number
  readonly at: string
  /** Hash of the checkpoint before, so that the signature covers the chain. */
  readonly prev: string
  /** Why: a run has come to its end, was removed after that, or must be kept (`held`) until that is `released`. */
  readonly kind: 'sealed' | 'removed' | 'held' | 'released'
  readonly run: string
  readonly workflow: string
  /** How many events of the run it covers, and the hash of the last of them. */
  readonly seq: number
  readonly head: string
  /** With all but `sealed`: by which rule or for what reason, and who said so. */
  readonly reason?: string
  readonly by?: string
}

/** What `verify` says. */
export interface Verification {
  readonly ok: boolean
  readonly events: number
  readonly checkpoints: number
  /** Fingerprints (sha256 of the SPKI, hex) of the keys that signed, with whether each is one that was trusted. */
  readonly signers: readonly { readonly fingerprint: string; readonly trusted: boolean }[]
  /** Anchored checkpoints that were compared. */
  readonly anchored: number
  /** What is wrong, the first in the order of the record first. Empty when `ok`. */
  readonly wrong: readonly Finding[]
  /** What is no forgery but should be known: a run that is not sealed yet, a key that nobody vouched for. */
  readonly notes: readonly Finding[]
}

export interface Finding {
  readonly run?: string
  readonly workflow?: string
  /** The event. */
  readonly seq?: number
  /** The checkpoint. */
  readonly checkpoint?: number
  /** A sentence: what is wrong and what it should be. */
  readonly message: string
}
