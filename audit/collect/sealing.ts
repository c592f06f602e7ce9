import type { Anchors } from '../anchor.ts'
import type { Archive } from '../archive.ts'
import { seal } from '../seal.ts'
import type { SealKey } from '../seal-key.ts'

/** Signs the ends of runs, and hands the signatures to where nobody can write who writes the record. */
export interface Sealing {
  /** Does nothing where that is done. Throws `StoreError`. */
  seal(run: string): Promise<void>
  /** Hands on what is new, and what could not be before; a sentence for each place that does not take it. */
  publish(): Promise<readonly string[]>
}

export function createSealing(store: Archive, key: SealKey, anchors: Anchors): Sealing {
  /** A former process may have died in between. */
  let waiting = true
  return {
    async seal(run) {
      if ((await seal(store, run, key)) !== undefined) waiting = true
    },
    async publish() {
      if (!waiting) return []
      waiting = false
      const problems = await anchors.publish(store)
      if (problems.length > 0) waiting = true
      return problems
    },
  }
}
