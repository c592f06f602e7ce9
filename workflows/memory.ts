import { isWithin } from './place.ts'
import type { Decision, Failure, OverrideUsed, RollbackState, RunState, StepResult } from './ports.ts'

type Tried = 'failed' | 'unknown'

export const nothingYet: RunState = { results: {}, tried: {} }

/** What a run remembers: all of it goes into its `RunState` and comes out again the same. */
export class Memory {
  readonly #results: Map<string, StepResult>
  readonly #tried: Map<string, Tried>
  readonly #undone: Map<string, StepResult>
  readonly #failures: Map<string, Failure>
  readonly #begun: Set<string>
  #rollback: Omit<RollbackState, 'undone'> | undefined
  #asks: number
  #overrides: readonly OverrideUsed[]

  constructor(state: RunState) {
    this.#results = new Map(Object.entries(state.results))
    this.#tried = new Map(Object.entries(state.tried))
    this.#undone = new Map(Object.entries(state.rollback?.undone ?? {}))
    this.#rollback = state.rollback
    this.#failures = new Map(Object.entries(state.failures ?? {}))
    this.#begun = new Set(state.begun ?? [])
    this.#asks = state.asks ?? 0
    this.#overrides = state.overrides ?? []
  }

  state(): RunState {
    const forward = {
      results: Object.fromEntries(this.#results),
      tried: Object.fromEntries(this.#tried),
      ...(this.#failures.size === 0 ? {} : { failures: Object.fromEntries(this.#failures) }),
      ...(this.#begun.size === 0 ? {} : { begun: [...this.#begun] }),
      ...(this.#asks === 0 ? {} : { asks: this.#asks }),
      ...(this.#overrides.length === 0 ? {} : { overrides: this.#overrides }),
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
    for (const known of this.#failures.keys()) if (isWithin(known, path)) this.#failures.delete(known)
    for (const known of this.#begun) if (isWithin(known, path)) this.#begun.delete(known)
  }

  /** Why the step at a path is rescued. */
  rescued(path: string): Failure | undefined {
    return this.#failures.get(path)
  }

  /** The step with a `rescue` that was left for it because the step at `path` had failed, and that failure. */
  leftFor(path: string): readonly [rescuer: string, failure: Failure] | undefined {
    return [...this.#failures].find(([, { step }]) => step === path)
  }

  /** Who rescues what a failure in the step at `path` left it for, where that is further out. */
  rescuerLeaving(path: string): string | undefined {
    return [...this.#failures].find(
      ([rescuer, { step }]) =>
        rescuer !== step && isWithin(step, path) && (rescuer === path || !isWithin(rescuer, path)),
    )?.[0]
  }

  /** Says of a path which one in the order of all results its own is. */
  order(): (path: string) => number | undefined {
    const order = new Map([...this.#results.keys()].map((path, index) => [path, index]))
    return (path) => order.get(path)
  }

  beginRescue(rescuer: string, failure: Failure): void {
    this.#failures.set(rescuer, failure)
  }

  /** What is always done goes on without the step at a path. */
  giveUp(path: string, failure: Failure): void {
    this.#failures.set(path, failure)
  }

  begin(path: string): void {
    this.#begun.add(path)
  }

  hasBegun(path: string): boolean {
    return this.#begun.has(path)
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

  /** Guards that were overridden so far, oldest first. */
  get overrides(): readonly OverrideUsed[] {
    return this.#overrides
  }

  keepOverride(used: OverrideUsed): void {
    this.#overrides = [...this.#overrides, used]
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
