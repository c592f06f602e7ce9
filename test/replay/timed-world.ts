import type { Json } from '../../dsl/program.ts'
import { RunCancelled } from '../../workflows/failure.ts'
import type { ActionCall, Boundary, Decision, RunState, Waiting } from '../../workflows/ports.ts'
import { Cut, type Script, ScriptedWorld } from './scripted-world.ts'

export interface TimedScript extends Omit<Script, 'at'> {
  /** How long each call takes. */
  readonly takes?: (path: string) => number
  /** The execution ends as soon as that is possible once so many calls were made, over all executions. */
  readonly cutAfter?: readonly number[]
  /** A cancel is asked for once so many calls were made. */
  readonly cancelAfter?: number
}

/** What happened, in order; of the calls, what they came to. */
export type Happened = { readonly what: 'begins' | 'done' | 'failed' | 'asked' | 'decided'; readonly path: string }

/** A scripted world in which calls take time: as long as several are under way, the shortest ends first. */
export class TimedWorld extends ScriptedWorld {
  readonly log: Happened[] = []
  #clockMs = 0
  #due: { readonly atMs: number; readonly wake: () => void }[] = []
  #ticking = false
  readonly #timed: TimedScript
  readonly #cuts: number[]

  constructor(script: TimedScript = {}) {
    super(script)
    this.#timed = script
    this.#cuts = [...(script.cutAfter ?? [])]
  }

  override now(): number {
    return this.#clockMs
  }

  override async call(asked: ActionCall): Promise<Json> {
    const path = asked.step
    this.log.push({ what: 'begins', path })
    const answer = super.call(asked)
    answer.catch(() => undefined)
    await this.#passed(this.#timed.takes?.(path) ?? 1)
    this.log.push({ what: await answer.then(() => 'done' as const, () => 'failed' as const), path })
    return answer
  }

  override async sleep(ms: number): Promise<void> {
    await super.sleep(ms)
    await this.#passed(ms)
  }

  override async decide(waiting: Waiting): Promise<Decision> {
    this.log.push({ what: 'asked', path: waiting.failure.step })
    await this.#passed(1)
    const decision = await super.decide(waiting)
    this.log.push({ what: 'decided', path: waiting.failure.step })
    return decision
  }

  get #cancelled(): boolean {
    return this.calls.length >= (this.#timed.cancelAfter ?? Infinity)
  }

  goesOn(): boolean {
    return this.calls.length >= (this.#cuts[0] ?? Infinity)
  }

  override async boundary(state: RunState, before: Boundary, beside = false): Promise<void> {
    this.boundaries++
    if (this.#cancelled && before === 'step') throw new RunCancelled()
    if (beside || before === 'ending' || this.#cancelled || !this.goesOn()) return
    this.#cuts.shift()
    throw new Cut(state)
  }

  /** Whether something is under way. */
  get busy(): boolean {
    return this.#due.length > 0
  }

  #passed(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#due.push({ atMs: this.#clockMs + ms, wake })
      this.#tick()
    })
  }

  /** Only when nobody has anything left to do. */
  #tick(): void {
    if (this.#ticking) return
    this.#ticking = true
    setImmediate(() => {
      this.#ticking = false
      const [next] = this.#due.toSorted((a, b) => a.atMs - b.atMs)
      if (!next) return
      this.#due = this.#due.filter((one) => one !== next)
      this.#clockMs = Math.max(this.#clockMs, next.atMs)
      next.wake()
      if (this.#due.length > 0) this.#tick()
    })
  }
}
