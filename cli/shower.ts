import type { RunSnapshot } from '../client/run.ts'

/** Shows how a run stands, each time it was looked at. */
export interface Shower {
  see(run: RunSnapshot | undefined, unreachableSinceMs: number | undefined): void
  /** Safe to repeat. */
  end(): void
}
