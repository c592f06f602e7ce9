import type { Anchors } from '../anchor.ts'
import type { Archive } from '../archive.ts'
import { seal } from '../seal.ts'
import type { SealKey } from '../seal-key.ts'

/** Signs the ends of runs, and hands the signatures to where nobody can write who writes the record. */
export interface Sealing {
  /** Does nothing where that is done. Throws `StoreError`. */
  seal(run: string): Promise<void>
  /**
   * Hands on what is new, and what could not be before; now and then also what others have signed, as by `audit hold`.
   * A sentence for each place that does not take it.
   */
  publish(): Promise<readonly string[]>
}

export function createSealing(store: Archive, key: SealKey, anchors: Anchors): Sealing {
  /** A former process may have died in between. */
  let waiting = true
  let lookedMs = 0
  return {
    async seal(run) {
      if ((await seal(store, run, key)) !== undefined) waiting = true
    },
    async publish() {
      if (!waiting && Date.now() - lookedMs < othersMs) return []
      waiting = false
      lookedMs = Date.now()
      const problems = await anchors.publish(store)
      if (problems.length > 0) waiting = true
      return problems
    },
  }
}

const othersMs = 60_000
