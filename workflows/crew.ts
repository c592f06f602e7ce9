import { BegunAnew, StepFailure, ToRescue } from './failure.ts'
import { isWithin, type Place } from './place.ts'
import type { Run } from './run.ts'
import type { Step } from '../dsl/program.ts'
import type { UndoStack } from './undo-stack.ts'

/** One group of steps that are done at the same time; may stand in a branch of another. */
export interface Section {
  readonly path: string
  readonly parent: Section | undefined
  /** Branches that are under way in it. */
  working: number
  /** It is not gone on with: what leaves it. */
  left: { readonly error: unknown } | undefined
}

/** Where one branch stands. */
export interface Post {
  readonly section: Section
  readonly stack: UndoStack
}

interface At {
  readonly step: Step
  readonly place: Place
}

interface Held {
  readonly post: Post
  /** Of the failure whose turn it waits for. */
  readonly turn: string | undefined
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

type Turn = 'awaited' | 'its' | 'decided'

/**
 * Those at work at the same time. When one of them needs a person (or the run is to continue as new), the others
 * end the step they are in and begin no new one; once all stand still, one thing after another is decided, and then
 * all go on. What leaves a section ends in it what is under way, and begins nothing new.
 */
export class Crew {
  readonly #run: Run
  #active = 0
  #cutting = false
  readonly #held = new Set<Held>()
  /** By the path of what failed, in that order. */
  readonly #failures = new Map<string, Turn>()

  constructor(run: Run) {
    this.#run = run
  }

  section(path: string, parent: Section | undefined): Section {
    const rescuer = this.#run.memory.rescuerLeaving(path)
    const left = rescuer === undefined ? undefined : { error: new ToRescue(rescuer) }
    return { path, parent, working: 0, left }
  }

  /** Does all branches, so many at a time; once the last has ended, throws what left the section. */
  async all(
    section: Section,
    { count, most }: { readonly count: number; readonly most: number },
    one: (index: number) => Promise<void>,
  ): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < count) {
        try {
          await one(next++)
        } catch (error) {
          this.#leave(section, error)
        }
      }
      this.#ended(section)
    }
    section.working = Math.min(most, count)
    if (section.working === 0) return
    // Whoever came here stands still meanwhile, unless it is the run itself, which is not counted.
    this.#active += section.working - (section.parent ? 1 : 0)
    await Promise.all(Array.from({ length: section.working }, worker))
    if (section.left) throw section.left.error
  }

  /** Returns once the next step of a branch may begin. */
  async begin(post: Post, at: At): Promise<void> {
    const { ports, memory } = this.#run
    for (;;) {
      const left = leftOf(post.section)
      if (left) throw beside(left.error)
      if (this.#mustStop) {
        await this.#hold(post, at)
        continue
      }
      // A pause holds it up here; it counts as standing still.
      this.#active--
      this.#look()
      try {
        await ports.boundary(memory.state(), 'step', true)
      } finally {
        this.#active++
      }
      if (!leftOf(post.section) && !this.#mustStop) return
    }
  }

  /**
   * Does what needs all others to stand still, such as asking a person; they go on once all that failed is decided.
   * With `stays` they do not go on yet: the same step comes again.
   */
  async decided<Value>(
    post: Post,
    at: At,
    work: () => Promise<Value>,
    stays: (value: Value) => boolean = () => false,
  ): Promise<Value> {
    const { path } = at.place
    if (this.#failures.get(path) !== 'its') await this.#turn(post, at)
    post.stack.stopped(this.#half(at))
    let value: Value
    try {
      value = await work()
    } catch (error) {
      if (error instanceof BegunAnew) this.#beganAnew(post, error)
      else if (!(error instanceof StepFailure)) {
        this.#failures.delete(path)
        this.#leave(topOf(post.section), error)
        throw error
      }
      await this.#untilAllDecided(post, at)
      throw error
    }
    if (!stays(value)) await this.#untilAllDecided(post, at)
    return value
  }

  /** A rescue further out takes over: returns what leaves the sections that stand in what it rescues. */
  leaveFor(post: Post, rescuer: string): { readonly error: ToRescue; readonly first: boolean } {
    const left = leftOf(post.section)
    const error = new ToRescue(rescuer)
    const outermost = chainOf(post.section).findLast(
      ({ path }) => rescuer === path || !isWithin(rescuer, path),
    )
    if (outermost === undefined) return { error, first: true }
    if (left?.error instanceof ToRescue && left.error.path === rescuer) return { error, first: false }
    this.#leave(outermost, error)
    return { error, first: true }
  }

  get #mustStop(): boolean {
    const { ports, memory } = this.#run
    return (
      this.#failures.size > 0 || this.#cutting || memory.rollback !== undefined || ports.goesOn?.() === true
    )
  }

  async #turn(post: Post, at: At): Promise<void> {
    const { path } = at.place
    this.#failures.set(path, 'awaited')
    try {
      await this.#hold(post, at, path)
    } catch (error) {
      this.#failures.delete(path)
      this.#releaseOnceDecided()
      throw error
    }
    this.#failures.set(path, 'its')
  }

  async #untilAllDecided(post: Post, at: At): Promise<void> {
    this.#failures.set(at.place.path, 'decided')
    if (this.#releaseOnceDecided()) post.stack.stopped(undefined)
    else await this.#hold(post, at)
  }

  #releaseOnceDecided(): boolean {
    if ([...this.#failures.values()].some((turn) => turn !== 'decided')) return false
    this.#failures.clear()
    for (const held of [...this.#held]) this.#release(held)
    return true
  }

  /** What was called is begun anew, and with it the sections in it. */
  #beganAnew(post: Post, error: BegunAnew): void {
    const outermost = chainOf(post.section).findLast(({ path }) => isWithin(path, error.path))
    if (outermost) this.#leave(outermost, error)
  }

  #leave(section: Section, error: unknown): void {
    section.left ??= { error }
    for (const held of [...this.#held]) {
      if (chainOf(held.post.section).includes(section))
        this.#release(held, { error: beside(section.left.error) })
    }
  }

  /** The last one in a section hands over to whoever waits for it. */
  #ended(section: Section): void {
    section.working--
    if (section.working === 0 && section.parent) return
    this.#active--
    this.#look()
  }

  #hold(post: Post, at: At, turn?: string): Promise<void> {
    post.stack.stopped(this.#half(at))
    return new Promise((resolve, reject) => {
      this.#held.add({ post, turn, resolve, reject })
      this.#active--
      this.#look()
    })
  }

  #release(held: Held, thrown?: { readonly error: unknown }): void {
    this.#held.delete(held)
    this.#active++
    held.post.stack.stopped(undefined)
    if (thrown) held.reject(thrown.error)
    else held.resolve()
  }

  /** Tried, and not done: its effect may be there, whole or in part. */
  #half(at: At): At | undefined {
    const { memory } = this.#run
    const { path } = at.place
    return memory.tried(path) !== undefined && memory.result(path) === undefined ? at : undefined
  }

  /** Whether all stand still, and what comes next then. */
  #look(): void {
    if (this.#active > 0) return
    if ([...this.#failures.values()].includes('its')) return
    const next = [...this.#failures].find(([, turn]) => turn === 'awaited')?.[0]
    const held = [...this.#held].find(({ turn }) => turn !== undefined && turn === next)
    if (held) this.#release(held)
    else if (this.#failures.size === 0 && this.#held.size > 0 && !this.#cutting) void this.#goOn()
  }

  /** This execution of the run ends here, and the next one goes on. */
  async #goOn(): Promise<void> {
    const { ports, memory } = this.#run
    if (ports.goesOn?.() !== true) return
    this.#cutting = true
    try {
      await ports.boundary(memory.state(), 'step')
      this.#cutting = false
      for (const held of [...this.#held]) this.#release(held)
    } catch (error) {
      this.#cutting = false
      for (const { post } of [...this.#held]) this.#leave(topOf(post.section), error)
    }
  }
}

const chainOf = (section: Section): readonly Section[] =>
  section.parent ? [section, ...chainOf(section.parent)] : [section]

const topOf = (section: Section): Section => (section.parent ? topOf(section.parent) : section)

const leftOf = (section: Section): Section['left'] => chainOf(section).find(({ left }) => left)?.left

/** For the others of what leaves a section because one of them failed. */
const beside = <Thrown>(error: Thrown): Thrown | ToRescue =>
  error instanceof ToRescue ? new ToRescue(error.path, true) : error
