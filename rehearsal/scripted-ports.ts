import { poll } from '../dsl/poll.ts'
import type { Json } from '../dsl/program.ts'
import { expired, together } from '../workflows/approval.ts'
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

  /** Where it takes several people, as many of them have their say. */
  async decide(waiting: Waiting): Promise<Decision> {
    this.waits.push(waiting)
    const { approval } = waiting
    const given: Decision[] = []
    for (;;) {
      const saying = this.#saidTo(waiting, given)
      if (saying.kind === 'cancel') throw new RunCancelled()
      if (approval && saying.kind === 'expire') {
        this.#clockMs = Math.max(this.#clockMs, approval.expiresMs ?? 0)
        throw expired({ ...approval, given })
      }
      const decision = decisionOf(saying)
      if (decision.kind !== 'approve') return decision
      given.push(decision)
      if (given.length >= (approval?.people ?? 1)) return together(given)
    }
  }

  boundary(): Promise<void> {
    return Promise.resolve()
  }

  report(view: RunView): void {
    this.view = view
  }

  #saidTo(waiting: Waiting, given: readonly Decision[]): Saying {
    const [next] = this.#sayings
    if (!next) throw new LeftWaiting(waiting)
    const misfit = whyMisfit(next, waiting, given)
    if (misfit !== undefined) throw new LeftWaiting(waiting, misfit)
    this.#sayings.shift()
    return next
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

function decisionOf({ kind, by, comment }: Saying): Decision {
  if (isDecision(kind)) return { kind, by, reason: comment }
  throw new Error(`"${kind}" is no decision`)
}

function whyMisfit(
  { kind, step, by }: Saying,
  { failure, offers, withheld, approval }: Waiting,
  given: readonly Decision[],
): string | undefined {
  const here = failure.step
  if (step !== undefined && !meansStep(step, here))
    return `the run waits at "${here}", and the test decides about "${step}"`
  if (kind === 'expire') return approval?.expiresMs === undefined ? `nothing expires at "${here}"` : undefined
  if (!isDecision(kind)) return undefined
  if (kind === 'approve' && given.some((decision) => decision.by === by))
    return `${by} has approved "${here}" already, and it takes ${approval?.people ?? 1} people: name another with "by"`
  if (offers.includes(kind)) return undefined
  const reason = withheld[kind]
  return `${kind} is not offered at "${here}"${reason === undefined ? '' : `: ${reason}`}`
}
