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
  /** Of what is done at the same time, in the order it is written. */
  #branches: readonly UndoStack[] = []
  #half: HalfDone | undefined

  /** Why nothing before the newest entries can be taken back. */
  get barrier(): string | undefined {
    return this.#barrier
  }

  /** Paths of the steps with an effect that were performed, or may have been. */
  get effects(): readonly string[] {
    return [...this.#effects, ...this.#branches.flatMap(({ effects }) => effects), ...this.#after]
  }

  /** One stack for each of the branches that follow. */
  fork(count: number): readonly UndoStack[] {
    this.#branches = Array.from({ length: count }, () => new UndoStack())
    return this.#branches
  }

  /** The branches are over: what was done in them, in the order it came to its end. */
  join(order: Order): void {
    this.#entries.push(...this.#besides(order))
    this.#effects.push(
      ...merged(
        this.#branches.map((branch) => branch.#effects),
        (path) => order(path),
      ),
    )
    this.#after.push(...this.#branches.flatMap((branch) => branch.#after))
    this.#crossed.push(...this.#branches.flatMap((branch) => branch.#crossed))
    this.#branches = []
  }

  /** The branch stands still, in the middle of the work of a step if one is given. */
  stopped(half: HalfDone | undefined): void {
    this.#half = half
  }

  /** Whether nothing in a step had an effect, or may have had, and no point of no return was crossed in it. */
  unchanged(path: string): boolean {
    const crossed = [...this.#crossed, ...this.#branches.flatMap((branch) => branch.#crossed)]
    return ![...this.effects, ...crossed].some((done) => isWithin(done, path))
  }

  /** The step is begun once more. */
  reopened(path: string): void {
    this.#open = this.#open.filter(({ place }) => !isWithin(place.path, path))
    for (const branch of this.#branches) branch.reopened(path)
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
  newestFirst(order: Order, halfDone?: HalfDone): readonly Undoing[] {
    const inside = [
      ...this.#entries,
      ...this.#besides(order),
      ...(halfDone ? undoing(halfDone.step, halfDone.place) : []),
    ]
    return [...this.#around(halfDone ? 1 : 0), ...inside.toReversed()]
  }

  /** Of the groups that are not over, the outermost first, then branch by branch. */
  #around(more: number): readonly Undoing[] {
    const effects = this.#count + more
    return [
      ...this.#open
        .filter((opened) => effects > opened.effects)
        .flatMap(({ step, place }) => undoing(step, place)),
      ...this.#branches.flatMap((branch) => branch.#around(0)),
    ]
  }

  get #count(): number {
    const own = this.#effects.length + (this.#half ? 1 : 0)
    return this.#branches.reduce((sum, branch) => sum + branch.#count, own)
  }

  /** What the branches did, oldest first. */
  #besides(order: Order): readonly Undoing[] {
    return merged(
      this.#branches.map((branch) => [
        ...branch.#entries,
        ...branch.#besides(order),
        ...(branch.#half ? undoing(branch.#half.step, branch.#half.place) : []),
      ]),
      ({ place }) => order(place.path),
    )
  }
}

type HalfDone = { readonly step: Step; readonly place: Place }

/** Which of all results that at a path is; only what came to an end has one. */
type Order = (path: string) => number | undefined

/**
 * What has no result of its own (it failed and was rescued, or stands in the middle of its work) counts as what
 * follows it in its branch. So the order is the same however often the run was carried over meanwhile.
 */
function merged<Item>(
  branches: readonly (readonly Item[])[],
  orderOf: (item: Item) => number | undefined,
): Item[] {
  const keyed = branches.flatMap((items) => {
    let next = Infinity
    return items
      .toReversed()
      .map((item) => ({ item, order: (next = orderOf(item) ?? next) }))
      .toReversed()
  })
  return keyed.toSorted((a, b) => (a.order === b.order ? 0 : a.order - b.order)).map(({ item }) => item)
}

function undoing(owner: Step, place: Place): readonly Undoing[] {
  return owner.undo ? [{ owner, steps: owner.undo, place: { ...place, scope: place.scope.frozen() } }] : []
}
