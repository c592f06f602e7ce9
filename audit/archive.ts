import type { Row } from './sql.ts'
import type { Checkpoint, Store, StoredCheckpoint } from './store.ts'

/** A store with what sealing, verification and retention need beyond reading and writing. */
export interface Archive extends Store, Source {
  /** Names it in messages. */
  readonly name: string
  /**
   * Makes the next checkpoint of the chain over all runs, about `run`. `make` says what it is to be, or nothing when
   * there is no need; whoever else seals, in whatever process, waits meanwhile. With a checkpoint of the kind
   * `removed`, the run's events and the blobs that no other run refers to are taken out in the same transaction.
   */
  addCheckpoint(
    run: string,
    make: (place: Place) => StoredCheckpoint | undefined,
  ): Promise<StoredCheckpoint | undefined>
}

/** Where a new checkpoint would stand. */
export interface Place {
  /** Its number, and the hash of the one before. */
  readonly n: number
  readonly prev: string
  /** The last event of the run; missing when it has none. */
  readonly head?: { readonly seq: number; readonly hash: string; readonly workflow: string }
  /** Those of the run so far, oldest first. */
  readonly before: readonly Checkpoint[]
}

/** What verification reads: all that is kept, as it lies there, believing none of it. */
export interface Source {
  /** All of a store with the columns beside its texts; or one run with its checkpoints, as a bundle has it. */
  readonly whole: boolean
  /** Keys of all runs that anything is kept of, in any order. */
  keys(): AsyncIterable<string>
  /** Of one run by the places they claim to have: everything the table holds; of a bundle only `text` and `hash`. */
  eventRows(run: string): AsyncIterable<Row>
  /** Oldest first. */
  checkpointRows(): AsyncIterable<Row>
  /** What is kept as the digests of the blobs a run refers to; missing where no such table is kept. */
  uses?(run: string): Promise<readonly string[]>
  blobRows(): AsyncIterable<Row>
  /** The same as it is now, where others may write meanwhile; to be closed. */
  snapshot?(): Promise<Source & { close(): Promise<void> }>
}
