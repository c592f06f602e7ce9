import { isWithin } from './place.ts'
import type { Decision, Failure, RollbackState, RunState, StepResult } from './ports.ts'

type Tried = 'failed' | 'unknown'

export const nothingYet: RunState = { results: {}, tried: {} }

/** What a run remembers: all of it goes into its `RunState` and comes out again the same. */
export class Memory {
  readonly #results: Map<string, StepResult>
  readonly #tried: Map<string, Tried>
  readonly #undone: Map<string, StepResult>
  #rollback: Omit<RollbackState, 'undone'> | undefined
  #asks: number

  constructor(state: RunState) {
    this.#results = new Map(Object.entries(state.results))
    this.#tried = new Map(Object.entries(state.tried))
    this.#undone = new Map(Object.entries(state.rollback?.undone ?? {}))
    this.#rollback = state.rollback
    this.#asks = state.asks ?? 0
  }

  state(): RunState {
    const forward = {
      results: Object.fromEntries(this.#results),
      tried: Object.fromEntries(this.#tried),
      ...(this.#asks === 0 ? {} : { asks: this.#asks }),
    }
    if (!this.#rollback) return forward
    return { ...forward, rollback: { ...this.#rollback, undone: Object.fromEntries(this.#undone) } }
  }

  result(path: string): StepResult | undefined {
    return this.#results.get(path)
  }

  keep(path: string, result: StepResult): void {
    this.#results.set(path, result)
    if (result.status === 'done') this.#tried.delete(path)
  }

  /** What is known of a step and all in it. */
  forget(path: string): void {
    for (const known of this.#results.keys()) if (isWithin(known, path)) this.#results.delete(known)
  }

  undone(path: string): StepResult | undefined {
    return this.#undone.get(path)
  }

  keepUndone(path: string, result: StepResult): void {
    this.#undone.set(path, result)
    if (result.status === 'done') this.#tried.delete(path)
  }

  tried(path: string): Tried | undefined {
    return this.#tried.get(path)
  }

  /** The worst stays: what may have happened once is not unsaid by a later try that did not happen. */
  keepTried(path: string, heard: Tried): void {
    if (this.#tried.get(path) !== 'unknown') this.#tried.set(path, heard)
  }

  /** The number of what a person is asked now. */
  nextAsk(): number {
    return ++this.#asks
  }

  get rollback(): Omit<RollbackState, 'undone'> | undefined {
    return this.#rollback
  }

  beginRollback(failure: Failure, decision: Decision | undefined): void {
    this.#rollback ??= decision ? { failure, decision } : { failure }
  }

  withdrawRollback(): void {
    this.#rollback = undefined
    this.#undone.clear()
  }
}
