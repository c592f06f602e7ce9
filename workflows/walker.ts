import { evaluate, holds } from '../dsl/expression.ts'
import type { CallStep, Expression, ForEachStep, Json, NotifyStep, Step } from '../dsl/program.ts'
import { closed } from './always.ts'
import { answeredBy } from './approval.ts'
import { enteredCallee, outputsOf } from './callee.ts'
import { asFailure, BegunAnew, GivenUp, RunCancelled, StepFailure, ToRescue, worked } from './failure.ts'
import { noticeOf, toldResult } from './notice.ts'
import { overrideNote } from './override.ts'
import { type LeafStep, Performer } from './perform.ts'
import { iterations, type Place, placeOf } from './place.ts'
import type { Failure, StepResult, StepView } from './ports.ts'
import { rescued, withCause } from './rescue.ts'
import { type Direction, hasBody, type Run, type StepWithBody } from './run.ts'
import { summaryOf } from './summary.ts'

type Outcome =
  | { readonly kind: 'over' }
  | { readonly kind: 'inside'; readonly bodies: readonly Place[] }
  | { readonly kind: 'failed'; readonly failure: Failure }

/** Goes through steps one after another; a step whose result is known is not performed again. */
export class Walker {
  readonly #run: Run
  readonly #direction: Direction
  readonly #performer: Performer

  constructor(run: Run, direction: Direction) {
    this.#run = run
    this.#direction = direction
    this.#performer = new Performer(run, direction)
  }

  async walk(steps: readonly Step[], around: Place): Promise<void> {
    for (const step of steps) await this.#step(step, placeOf(step, around))
  }

  async #step(step: Step, place: Place): Promise<void> {
    if (!step.rescue && !step.always) return this.#plain(step, place)
    const [run, direction] = [this.#run, this.#direction]
    const work = (inner: Place) => this.#plain(step, inner)
    const walk = (steps: readonly Step[], around: Place) => this.walk(steps, around)
    const finish = (result: StepResult) => this.#finish(step, place, result)
    const left = () => this.#left(step, place)
    await closed({
      ...{ run, direction, step, place },
      work: () => rescued({ run, direction, step, place, work, walk, finish, left }),
      walk: (other, one, around) => new Walker(run, other).walk([one], around),
    })
  }

  /** What rescued a step is done again from what is known, as what is in a group. */
  async #plain(step: Step, place: Place): Promise<void> {
    const known = this.#direction.known(place.path)
    const goneThrough = known?.status === 'rescued' || (hasBody(step) && known?.status === 'done')
    if (known && !goneThrough) return this.#recall(step, place, known)
    const startedMs = known?.startedMs ?? this.#run.ports.now()
    const bodies = await this.#throughBodies(step, place)
    if (!bodies) return
    const note = step.kind === 'call' ? this.#giveOutputs(step, place, bodies) : {}
    this.#finish(step, place, known ?? { status: 'done', startedMs, endedMs: this.#run.ports.now(), ...note })
  }

  /** Goes through what is in a step, from the beginning as often as that is asked for; nothing when there was nothing to. */
  async #throughBodies(step: Step, place: Place): Promise<readonly Place[] | undefined> {
    for (;;) {
      const bodies = await this.#bodiesOnceSettled(step, place)
      if (!bodies || !hasBody(step)) return undefined
      try {
        await this.#inside(step, place, bodies)
        return bodies
      } catch (error) {
        if (isLeft(error, place)) this.#left(step, place, error)
        if (!(error instanceof BegunAnew) || error.path !== place.path) throw error
      }
    }
  }

  /** What failed in it is rescued further out. */
  #left(step: Step, place: Place, error?: unknown): void {
    this.#run.outline.mark(place.path, leftMark(error))
    if (hasBody(step)) this.#direction.over(step, place, 'failed')
  }

  #recall(step: Step, place: Place, known: StepResult): void {
    if (known.output !== undefined) this.#give(step, place, known.output)
    this.#show(place, known)
    this.#direction.over(step, place, known.status)
  }

  async #bodiesOnceSettled(step: Step, place: Place): Promise<readonly Place[] | undefined> {
    let failure = this.#direction.leftAt(place.path)
    for (;;) {
      const outcome: Outcome = failure ? { kind: 'failed', failure } : await this.#attempt(step, place)
      if (outcome.kind === 'inside') return outcome.bodies
      if (outcome.kind === 'over') return undefined
      if ((await this.#direction.settle(step, place, outcome.failure)) === 'passed') return undefined
      failure = undefined
    }
  }

  async #attempt(step: Step, place: Place): Promise<Outcome> {
    const { program, ports } = this.#run
    let startedMs = ports.now()
    const summary = summaryOf(step, program.actions, place.scope.values())
    try {
      if (step.if && !worked(() => isTrue(step.if, place))) return this.#notNeeded(step, place, startedMs)
      if (hasBody(step)) return { kind: 'inside', bodies: this.#bodies(step, place, summary, startedMs) }
      await this.#direction.next(step, place)
      // The boundary may have been a pause of hours.
      startedMs = ports.now()
      this.#begin(step, place, summary)
      if (step.kind === 'notify') return await this.#tell(step, place, summary, startedMs)
      const output = await this.#performer.perform(step, place, summary)
      this.#give(step, place, output)
      const said = { ...kept(step, output), ...overrideNote(this.#run.memory.overrides, place.path) }
      this.#finish(step, place, { status: 'done', ...said, startedMs, endedMs: ports.now() })
      return { kind: 'over' }
    } catch (error) {
      if (error instanceof StepFailure)
        return { kind: 'failed', failure: withCause(asFailure(error, place.path, summary), place) }
      if (error instanceof RunCancelled)
        this.#run.outline.mark(place.path, { status: 'pending', note: 'interrupted' })
      throw error
    }
  }

  async #tell(step: NotifyStep, place: Place, summary: string, startedMs: number): Promise<Outcome> {
    const { ports } = this.#run
    const notice = noticeOf(step, place.path, summary, place.scope.values())
    const result = toldResult(notice.ok ? await ports.tell(notice.value) : notice.told)
    this.#finish(step, place, { ...result, startedMs, endedMs: ports.now() })
    return { kind: 'over' }
  }

  #notNeeded(step: Step, place: Place, atMs: number): Outcome {
    this.#finish(step, place, { status: 'notNeeded', startedMs: atMs, endedMs: atMs })
    return { kind: 'over' }
  }

  #begin(step: Step, place: Place, summary: string): void {
    if (step.always) this.#run.memory.begin(place.path)
    this.#run.outline.mark(place.path, { status: 'running', summary, startedMs: this.#run.ports.now() })
    this.#run.report(this.#direction.phase)
  }

  #finish(step: Step, place: Place, result: StepResult): void {
    this.#direction.keep(place.path, result)
    this.#show(place, result)
    this.#direction.over(step, place, result.status)
    this.#run.report(this.#direction.phase)
  }

  #show(place: Place, { status, startedMs, endedMs, note }: StepResult): void {
    this.#run.outline.mark(place.path, { status, startedMs, endedMs, note: note ?? '' })
  }

  #give(step: Step, place: Place, output: Json): void {
    if (step.kind === 'set' && isMap(output)) place.scope.setVariables(output)
    else if (step.id !== undefined) place.scope.setOutput(step.id, output)
  }

  /** What a called runbook gives follows from what its steps gave, so it is not kept. */
  #giveOutputs(step: CallStep, place: Place, [callee = place]: readonly Place[]): { readonly note?: string } {
    const { output, ...note } = outputsOf(step, callee)
    this.#give(step, place, output)
    return note
  }

  #bodies(step: StepWithBody, place: Place, summary: string, startedMs: number): readonly Place[] {
    this.#run.outline.mark(place.path, { status: 'running', summary, startedMs })
    if (step.always) this.#run.memory.begin(place.path)
    switch (step.kind) {
      case 'steps':
        return [place]
      case 'call':
        return [this.#callee(step, place)]
      case 'parallel':
        return step.steps.map(() => ({ ...place, scope: place.scope.frozen() }))
      case 'forEach':
        return this.#iterations(step, place)
    }
  }

  #callee(step: CallStep, place: Place): Place {
    const callee = enteredCallee(step, place, this.#run.locked)
    this.#run.outline.refill(place.path, callee, step.steps)
    return callee
  }

  #iterations(step: ForEachStep, place: Place): readonly Place[] {
    const items = worked(() => listOf(step, place))
    // Beside one another, none sees what another one sets.
    const scopeOf = () => (step.maxParallel === undefined ? place.scope : place.scope.frozen())
    const bodies = iterations(items, step.as, place, scopeOf)
    this.#run.outline.unfold(place.path, bodies, step.steps)
    return bodies
  }

  async #inside(step: StepWithBody, place: Place, bodies: readonly Place[]): Promise<void> {
    this.#direction.entered(step, place)
    const most =
      step.kind === 'parallel' ? bodies.length : step.kind === 'forEach' ? step.maxParallel : undefined
    const fork = most === undefined ? undefined : this.#direction.fork(place.path, bodies.length)
    const one = (direction: Direction, index: number) =>
      new Walker(this.#run, direction).#body(step, place, bodies, index)
    if (fork) return fork(most ?? 1, one)
    for (let index = 0; index < bodies.length; index++) await this.#body(step, place, bodies, index)
  }

  async #body(step: StepWithBody, place: Place, bodies: readonly Place[], index: number): Promise<void> {
    const body = bodies[index]
    if (!body) return
    const { outline } = this.#run
    if (step.kind === 'parallel') {
      await this.#iteration(step.steps.slice(index, index + 1), body)
      place.scope.take(body.scope)
      return
    }
    outline.mark(body.path, { status: 'running' })
    await this.#iteration(step.steps, body)
    outline.mark(body.path, { status: 'done' })
  }

  async #iteration(steps: readonly Step[], body: Place): Promise<void> {
    try {
      await this.walk(steps, body)
    } catch (error) {
      if (isLeft(error, body)) this.#run.outline.mark(body.path, leftMark(error))
      throw error
    }
  }
}

/** What is in a step is left for a rescue further out, or for what is next to be done in any case. */
const isLeft = (error: unknown, place: Place): boolean =>
  error instanceof GivenUp || (error instanceof ToRescue && error.path !== place.path)

const leftMark = (error: unknown): Partial<StepView> =>
  error instanceof ToRescue && error.beside
    ? { status: 'pending', note: 'left: what was done at the same time failed' }
    : { status: 'failed' }

const isTrue = (expression: Expression | undefined, place: Place): boolean =>
  expression !== undefined && holds(expression, place.scope.values())

function listOf(step: ForEachStep, place: Place): readonly Json[] {
  const items = evaluate(step.forEach, place.scope.values())
  if (!isList(items))
    throw new StepFailure('failed', `forEach needs a list, but ${step.forEach.source} is none`)
  return items
}

/** Only what can be read again is kept: the state travels through every continue-as-new. */
const kept = (step: LeafStep, output: Json): { output?: Json; note?: string } => {
  if (step.kind === 'approve' || step.kind === 'manual') return { output, note: answeredBy(step, output) }
  return step.kind === 'set' || step.id !== undefined ? { output } : {}
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

const isMap = (value: Json): value is Readonly<Record<string, Json>> =>
  value !== null && typeof value === 'object' && !isList(value)
