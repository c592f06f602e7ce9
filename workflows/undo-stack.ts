import type { Step } from '../dsl/program.ts'
import { isWithin, type Place } from './place.ts'

/** A step that may have to be taken back, with what its undo steps will see. */
export interface Undoing {
  readonly owner: Step
  readonly place: Place
  readonly steps: readonly Step[]
}

interface Opened {
  readonly step: Step
  readonly place: Place
  /** How many effects the run had when the group or loop was entered. */
  readonly effects: number
}

/** What was done, in order, and how to take it back. */
export class UndoStack {
  #entries: Undoing[] = []
  #open: Opened[] = []
  #effects: string[] = []
  /** Not taken back. */
  #after: string[] = []
  #barrier: string | undefined
  #crossed: string[] = []

  /** Why nothing before the newest entries can be taken back. */
  get barrier(): string | undefined {
    return this.#barrier
  }

  /** Paths of the steps with an effect that were performed, or may have been. */
  get effects(): readonly string[] {
    return [...this.#effects, ...this.#after]
  }

  /** Whether nothing in a step had an effect, or may have had, and no point of no return was crossed in it. */
  unchanged(path: string): boolean {
    return ![...this.effects, ...this.#crossed].some((done) => isWithin(done, path))
  }

  /** The step is begun once more. */
  reopened(path: string): void {
    this.#open = this.#open.filter(({ place }) => !isWithin(place.path, path))
  }

  opened(step: Step, place: Place): void {
    this.#open.push({ step, place, effects: this.#effects.length })
  }

  closed(place: Place): void {
    const last = this.#open.at(-1)
    if (last?.place.path !== place.path) return
    this.#open.pop()
    if (this.#effects.length > last.effects) this.push(last.step, place)
  }

  push(step: Step, place: Place): void {
    this.#entries.push(...undoing(step, place))
  }

  performed(path: string): void {
    this.#effects.push(path)
  }

  /** Of what is always done, and is not taken back with what stands around it. */
  performedAfter(path: string): void {
    this.#after.push(path)
  }

  noReturn(reason: string, path: string): void {
    this.#crossed.push(path)
    this.#entries = []
    this.#barrier = reason
    this.#open = this.#open.map((opened) => ({ ...opened, effects: this.#effects.length }))
  }

  /** With a step that stands in the middle of its work (and the groups around it) on top. */
  newestFirst(halfDone?: { readonly step: Step; readonly place: Place }): readonly Undoing[] {
    const effects = this.#effects.length + (halfDone ? 1 : 0)
    const around = this.#open.filter((opened) => effects > opened.effects)
    const inside = [...this.#entries, ...(halfDone ? undoing(halfDone.step, halfDone.place) : [])]
    return [...around.flatMap(({ step, place }) => undoing(step, place)), ...inside.toReversed()]
  }
}

function undoing(owner: Step, place: Place): readonly Undoing[] {
  return owner.undo ? [{ owner, steps: owner.undo, place: { ...place, scope: place.scope.frozen() } }] : []
}
