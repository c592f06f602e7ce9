import type { Json } from '../../dsl/program.ts'
import { RunCancelled, StepFailure } from '../../workflows/failure.ts'
import type { ActionCall, Boundary, Decision, DecisionKind, Notice, Ports, RunState, RunView, Told, Waiting } from '../../workflows/ports.ts'

export type Answer = 'failed' | 'unknown' | 'refused' | { readonly output: Json }

export interface Script {
  /** What each try of a step comes to, by `ActionCall.step`; `{}` where nothing is said. */
  readonly answers?: Readonly<Record<string, readonly Answer[]>>
  /** In place of `answers`. */
  readonly answer?: (path: string, attempt: number) => Answer
  /** What a person decides, one after another. */
  readonly decide?: (waiting: Waiting, number: number) => DecisionKind | 'cancel'
  /** What becomes of every notice. */
  readonly told?: Told
  /** Asked at every boundary, counted from 1 over all executions. */
  readonly at?: (boundary: number) => 'go' | 'cut' | 'cancel'
}

/** Thrown at a boundary in place of a continue-as-new. */
export class Cut extends Error {
  readonly state: RunState

  constructor(state: RunState) {
    super('cut')
    this.state = state
  }
}

/** A world that follows a script, and remembers over all executions of a run what was asked of it. */
export class ScriptedWorld implements Ports {
  readonly calls: ActionCall[] = []
  readonly waits: Waiting[] = []
  readonly notices: Notice[] = []
  readonly sleeps: number[] = []
  readonly views: RunView[] = []
  boundaries = 0
  #cancelled = false
  #clock = 0
  readonly #tries = new Map<string, number>()
  readonly #answered = new Map<ActionCall, Answer>()
  readonly #script: Script

  constructor(script: Script = {}) {
    this.#script = script
  }

  /** Steps in the order they were called; an undo step reads as its path does. */
  get called(): readonly string[] {
    return this.calls.map(({ step }) => step)
  }

  call(asked: ActionCall): Promise<Json> {
    const call = { ...asked }
    this.calls.push(call)
    const attempt = this.#tries.get(call.step) ?? 0
    this.#tries.set(call.step, attempt + 1)
    const answer = this.#script.answer?.(call.step, attempt) ?? this.#script.answers?.[call.step]?.[attempt] ?? { output: {} }
    this.#answered.set(call, answer)
    if (typeof answer !== 'string') return Promise.resolve(answer.output)
    return Promise.reject(new StepFailure(answer, `${call.step} ${answer}`))
  }

  answered(call: ActionCall): Answer | undefined {
    return this.#answered.get(call)
  }

  tell(notice: Notice): Promise<Told> {
    this.notices.push(notice)
    return Promise.resolve(this.#script.told ?? { told: ['desk'], failed: [] })
  }

  sleep(ms: number): Promise<void> {
    this.sleeps.push(ms)
    return Promise.resolve()
  }

  now(): number {
    return ++this.#clock
  }

  decide(waiting: Waiting): Promise<Decision> {
    this.waits.push(waiting)
    const kind = this.#script.decide?.(waiting, this.waits.length) ?? 'abort'
    if (kind === 'cancel') this.#cancelled = true
    if (kind === 'cancel') return Promise.reject(new RunCancelled())
    return Promise.resolve({ kind, by: 'ada', reason: '' })
  }

  boundary(state: RunState, before: Boundary): Promise<void> {
    this.boundaries++
    const next = this.#script.at?.(this.boundaries) ?? 'go'
    if (next === 'cancel') this.#cancelled = true
    if (this.#cancelled) return before === 'step' ? Promise.reject(new RunCancelled()) : Promise.resolve()
    return next === 'cut' && before !== 'ending' ? Promise.reject(new Cut(state)) : Promise.resolve()
  }

  report(view: RunView): void {
    this.views.push(view)
  }
}
