import { poll } from '../dsl/poll.ts'
import type { Json } from '../dsl/program.ts'
import { RunCancelled, StepFailure } from '../workflows/failure.ts'
import type { ActionCall, Decision, Notice, Ports, RunView, Told, Waiting } from '../workflows/ports.ts'
import type { Answers } from './answers.ts'
import { meansStep } from './step-names.ts'
import { isDecision } from './test-schema.ts'

/** What a person says to a run that waits. */
export interface Saying {
  /** `retry`, or `cancel`. */
  readonly kind: string
  /** Where the run is expected to wait. */
  readonly step?: string
  readonly by: string
  readonly comment: string
}

/** What an action would say when only this much of its answer is given. */
export type Complete = (action: string, given: Readonly<Record<string, Json>>) => Json

/** Nobody decides, or what is decided does not fit: the run is left where it waits. */
export class LeftWaiting extends Error {
  override readonly name = 'LeftWaiting'
  readonly waiting: Waiting
  /** Why what the test decides next does not fit. */
  readonly misfit: string | undefined

  constructor(waiting: Waiting, misfit?: string) {
    super('left waiting')
    this.waiting = waiting
    this.misfit = misfit
  }
}

/** A run that asks more than a real one ever would. */
export class Endless extends Error {
  override readonly name = 'Endless'
}

const mostLooks = 20_000

/** Ports that answer from a script, with a clock of their own: waiting costs nothing. */
export class ScriptedPorts implements Ports {
  readonly calls: ActionCall[] = []
  readonly waits: Waiting[] = []
  readonly notices: Notice[] = []
  view: RunView | undefined
  readonly #answers: Answers
  readonly #sayings: Saying[]
  readonly #complete: Complete
  /** By action, then by what was given: a gate is told the same hundreds of times. */
  readonly #completed = new Map<string, WeakMap<object, Json>>()
  #clockMs: number
  #looks = 0

  constructor(answers: Answers, sayings: readonly Saying[], complete: Complete, startMs: number) {
    this.#answers = answers
    this.#sayings = [...sayings]
    this.#complete = complete
    this.#clockMs = startMs
  }

  /** What was to be decided and never was. */
  get unsaid(): readonly Saying[] {
    return this.#sayings
  }

  async call(call: ActionCall): Promise<Json> {
    this.calls.push(call)
    if (!call.gate) return this.#look(call)
    return poll(call.gate, {
      look: () => this.#look(call),
      now: () => this.#clockMs,
      pause: (ms) => this.sleep(Math.max(ms, 1)),
      passing: (error): error is Error => error instanceof StepFailure && error.kind !== 'refused',
      onProgress: () => undefined,
      closed: (message) => new StepFailure('failed', message),
    })
  }

  /** Every channel takes it. */
  tell(notice: Notice): Promise<Told> {
    this.notices.push(notice)
    return Promise.resolve({ told: notice.to ?? [], failed: [] })
  }

  sleep(ms: number): Promise<void> {
    this.#clockMs += ms
    return Promise.resolve()
  }

  now(): number {
    return this.#clockMs
  }

  decide(waiting: Waiting): Promise<Decision> {
    this.waits.push(waiting)
    const [next] = this.#sayings
    if (!next) return Promise.reject(new LeftWaiting(waiting))
    const { kind, by, comment } = next
    const misfit = whyMisfit(next, waiting)
    if (misfit !== undefined) return Promise.reject(new LeftWaiting(waiting, misfit))
    this.#sayings.shift()
    if (!isDecision(kind)) return Promise.reject(new RunCancelled())
    return Promise.resolve({ kind, by, reason: comment })
  }

  boundary(): Promise<void> {
    return Promise.resolve()
  }

  report(view: RunView): void {
    this.view = view
  }

  async #look(call: ActionCall): Promise<Json> {
    if (++this.#looks > mostLooks) throw new Endless(`more than ${mostLooks} answers were asked for`)
    const answer = this.#answers.next(call.action, call.step)
    if (answer.kind !== 'output') throw new StepFailure(answer.kind, answer.message)
    return this.#whole(call.action, answer.fields)
  }

  #whole(action: string, given: Readonly<Record<string, Json>>): Json {
    const known = this.#completed.get(action) ?? new WeakMap<object, Json>()
    this.#completed.set(action, known)
    const whole = known.get(given) ?? this.#complete(action, given)
    known.set(given, whole)
    return whole
  }
}

function whyMisfit({ kind, step }: Saying, { failure, offers, withheld }: Waiting): string | undefined {
  if (step !== undefined && !meansStep(step, failure.step))
    return `the run waits at "${failure.step}", and the test decides about "${step}"`
  if (!isDecision(kind) || offers.includes(kind)) return undefined
  const reason = withheld[kind]
  return `${kind} is not offered at "${failure.step}"${reason === undefined ? '' : `: ${reason}`}`
}
