import { evaluate, holds, narrow, render } from '../dsl/expression.ts'
import type {
  ApproveStep,
  AssertStep,
  CallStep,
  Expression,
  ForEachStep,
  GateStep,
  GroupStep,
  Json,
  ManualStep,
  NotifyStep,
  PinnedAction,
  Program,
  RetrySpec,
  Step,
  Template,
  UsesStep,
  WaitStep,
} from '../dsl/program.ts'
import { enteredCallee, outputsOf } from './callee.ts'
import { answeredBy, approvalOf } from './approval.ts'
import { closed } from './always.ts'
import { asFailure, BegunAnew, GivenUp, RunCancelled, StepFailure, ToRescue } from './failure.ts'
import { rescued, withCause } from './rescue.ts'
import { isEffect } from './effect.ts'
import type { Memory } from './memory.ts'
import { noticeOf, toldResult } from './notice.ts'
import type { Outline } from './outline.ts'
import { callWithOverrides, type OverrideAsked, overrideNote } from './override.ts'
import { iterations, type Place, placeOf } from './place.ts'
import type {
  ActionCall,
  Approval,
  Boundary,
  Decision,
  Failure,
  GateCall,
  Ports,
  RunPhase,
  StepResult,
  Waiting,
} from './ports.ts'
import { summaryOf, textOf } from './summary.ts'
import { waitMsOf } from './wait.ts'

/** What all parts of the interpreter share while it runs one program. */
export interface Run {
  readonly program: Program
  readonly ports: Ports
  readonly memory: Memory
  readonly outline: Outline
  /** The cluster whose lock the run holds. */
  readonly locked: string | undefined
  readonly override: OverrideAsked | undefined
  report(phase: RunPhase, waiting?: Waiting): void
}

/** Whether steps are done or taken back: where their results lie and what becomes of a step that fails. */
export interface Direction {
  readonly undo: boolean
  readonly phase: RunPhase
  /** A cancel does not call it off. */
  readonly steadfast: boolean
  readonly boundary: Boundary
  known(path: string): StepResult | undefined
  keep(path: string, result: StepResult): void
  /** The failure at which a former execution of this run left the way forward. */
  leftAt(path: string): Failure | undefined
  entered(step: Step, place: Place): void
  /** The step is over: now, or known from before. */
  over(step: Step, place: Place, status: StepResult['status']): void
  /** Returns once it is clear how to go on; throws what ends the run. */
  settle(step: Step, place: Place, failure: Failure): Promise<'again' | 'passed'>
  /** Returns who approved or confirmed; throws `StepFailure` when it was rejected, or nobody answered in time. */
  ask(step: Step, place: Place, summary: string, asked: Approval): Promise<Decision>
  /** For what is always done after a step; `ending` when the run is over but for that. */
  always(ending: boolean): Direction
}

type LeafStep = Exclude<Step, StepWithBody | NotifyStep>
type Outcome =
  | { readonly kind: 'over' }
  | { readonly kind: 'inside'; readonly bodies: readonly Place[] }
  | { readonly kind: 'failed'; readonly failure: Failure }

const once: RetrySpec = { attempts: 1, intervalMs: 0, backoff: 1 }

/** Goes through steps one after another; a step whose result is known is not performed again. */
export class Walker {
  readonly #run: Run
  readonly #direction: Direction

  constructor(run: Run, direction: Direction) {
    this.#run = run
    this.#direction = direction
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
        if (isLeft(error, place)) this.#left(step, place)
        if (!(error instanceof BegunAnew) || error.path !== place.path) throw error
      }
    }
  }

  /** What failed in it is rescued further out. */
  #left(step: Step, place: Place): void {
    this.#run.outline.mark(place.path, { status: 'failed' })
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
      await ports.boundary(this.#run.memory.state(), this.#direction.boundary)
      // The boundary may have been a pause of hours.
      startedMs = ports.now()
      this.#begin(step, place, summary)
      if (step.kind === 'notify') return await this.#tell(step, place, summary, startedMs)
      const output = await this.#perform(step, place, summary)
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
    const bodies = iterations(
      worked(() => listOf(step, place)),
      step.as,
      place,
    )
    this.#run.outline.unfold(place.path, bodies, step.steps)
    return bodies
  }

  async #inside(step: StepWithBody, place: Place, bodies: readonly Place[]): Promise<void> {
    this.#direction.entered(step, place)
    for (const body of bodies) {
      this.#run.outline.mark(body.path, { status: 'running' })
      await this.#iteration(step.steps, body)
      this.#run.outline.mark(body.path, { status: 'done' })
    }
  }

  async #iteration(steps: readonly Step[], body: Place): Promise<void> {
    try {
      await this.walk(steps, body)
    } catch (error) {
      if (isLeft(error, body)) this.#run.outline.mark(body.path, { status: 'failed' })
      throw error
    }
  }

  async #perform(step: LeafStep, place: Place, summary: string): Promise<Json> {
    switch (step.kind) {
      case 'uses':
        return this.#call(
          { step, place },
          this.#callOf(step, step.uses, place, summary),
          retryOf(step, this.#action(step.uses)),
        )
      case 'gate':
        return this.#gate(step, place, summary)
      case 'assert':
        return assertAll(step, place)
      case 'set':
        return worked(() => rendered(step.set, place))
      case 'approve':
      case 'manual':
        return this.#asked(step, place, summary)
      case 'wait':
        return this.#wait(step, place, summary)
    }
  }

  async #wait(step: WaitStep, place: Place, summary: string): Promise<Json> {
    const ms = worked(() => waitMsOf(step, place.scope.values()))
    this.#run.outline.mark(place.path, { untilMs: this.#run.ports.now() + ms })
    this.#run.report(this.#direction.phase)
    await this.#run.ports.sleep(ms, summary, this.#direction.steadfast)
    return null
  }

  /** As soon as it is asked, somebody may have begun with what is to be done by hand. */
  async #asked(step: ApproveStep | ManualStep, place: Place, summary: string): Promise<Json> {
    const { memory, ports } = this.#run
    const asked = worked(() => approvalOf(step, place.scope.values(), ports.now()))
    if (step.kind === 'manual') memory.keepTried(place.path, 'unknown')
    const { by, reason } = await this.#direction.ask(step, place, summary, asked)
    return { by, comment: reason, at: new Date(ports.now()).toISOString() }
  }

  async #gate(step: GateStep, place: Place, summary: string): Promise<Json> {
    const call = { ...this.#callOf(step, step.gate, place, summary), gate: gateOf(step, place) }
    try {
      return await this.#call({ step, place }, call, step.retry ?? once)
    } catch (error) {
      if (!(error instanceof StepFailure) || !step.else) throw error
      throw new StepFailure(error.kind, `${textOf(step.else, place.scope.values())} (${error.message})`)
    }
  }

  /** Refusals are not tried again: a check does not change its mind by itself, and a gate is there to wait. */
  async #call(
    at: { readonly step: Step; readonly place: Place },
    call: ActionCall,
    retry: RetrySpec,
  ): Promise<Json> {
    let waitMs = retry.intervalMs
    for (let attempt = 1; ; attempt++) {
      try {
        return await callWithOverrides(this.#run, this.#direction, at, call)
      } catch (error) {
        if (!(error instanceof StepFailure)) throw error
        if (error.kind !== 'refused' && isEffect(this.#run.program, at.step))
          this.#run.memory.keepTried(call.step, error.kind)
        if (error.kind === 'refused' || attempt >= retry.attempts) throw error
        await this.#waitForNextTry(call, waitMs, `try ${attempt + 1} of ${retry.attempts}`, error.message)
        waitMs *= retry.backoff
      }
    }
  }

  async #waitForNextTry(call: ActionCall, waitMs: number, next: string, failure: string): Promise<void> {
    this.#run.outline.mark(call.step, { note: `${next} follows: ${failure}` })
    this.#run.report(this.#direction.phase)
    await this.#run.ports.sleep(waitMs, `${call.summary}: ${next}`, this.#direction.steadfast)
  }

  #callOf(step: UsesStep | GateStep, action: string, place: Place, summary: string): ActionCall {
    return {
      action,
      summary,
      step: place.path,
      with: worked(() => rendered(step.with, place)),
      timeoutMs: step.timeoutMs ?? this.#action(action).timeoutMs,
      undo: this.#direction.undo,
      quorum: place.quorum,
      ...(this.#direction.steadfast ? { steadfast: true } : {}),
    }
  }

  #action(name: string): PinnedAction {
    const action = this.#run.program.actions[name]
    if (!action)
      throw new StepFailure('failed', `the program does not say what "${name}" is; compile the runbook again`)
    return action
  }
}

/** Shows what a person is asked for as long as they are. */
export async function decided({ ports, report }: Run, waiting: Waiting, phase: RunPhase): Promise<Decision> {
  report('waiting', waiting)
  try {
    return await ports.decide(waiting)
  } finally {
    report(phase)
  }
}

type StepWithBody = ForEachStep | GroupStep | CallStep

export const hasBody = (step: Step): step is StepWithBody =>
  step.kind === 'forEach' || step.kind === 'steps' || step.kind === 'call'

/** What is in a step is left for a rescue further out, or for what is next to be done in any case. */
const isLeft = (error: unknown, place: Place): boolean =>
  error instanceof GivenUp || (error instanceof ToRescue && error.path !== place.path)

/** Whatever goes wrong in an expression fails the step; nothing opens a condition. */
function worked<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (error) {
    if (error instanceof StepFailure) throw error
    throw new StepFailure('failed', error instanceof Error ? error.message : String(error))
  }
}

const isTrue = (expression: Expression | undefined, place: Place): boolean =>
  expression !== undefined && holds(expression, place.scope.values())

function rendered(
  templates: Readonly<Record<string, Template>>,
  place: Place,
): Readonly<Record<string, Json>> {
  const values = place.scope.values()
  return Object.fromEntries(
    Object.entries(templates).map(([key, template]) => [key, render(template, values)]),
  )
}

function listOf(step: ForEachStep, place: Place): readonly Json[] {
  const items = evaluate(step.forEach, place.scope.values())
  if (!isList(items))
    throw new StepFailure('failed', `forEach needs a list, but ${step.forEach.source} is none`)
  return items
}

function assertAll(step: AssertStep, place: Place): Json {
  const broken = step.assert.find(({ that }) => !worked(() => holds(that, place.scope.values())))
  if (broken) throw new StepFailure('refused', textOf(broken.else, place.scope.values()))
  return null
}

function gateOf(step: GateStep, place: Place): GateCall {
  const stableMs = worked(() => render(step.stableMs, place.scope.values()))
  if (typeof stableMs !== 'number' || !(stableMs >= 0)) {
    throw new StepFailure('failed', `stable needs a duration, not ${JSON.stringify(stableMs)}`)
  }
  const { until, everyMs, gateTimeoutMs: timeoutMs } = step
  const scope = worked(() => narrow(until, place.scope.values()))
  return { until, scope, everyMs, stableMs, timeoutMs }
}

const retryOf = (step: UsesStep, action: PinnedAction): RetrySpec => step.retry ?? action.retry

/** Only what can be read again is kept: the state travels through every continue-as-new. */
const kept = (step: LeafStep, output: Json): { output?: Json; note?: string } => {
  if (step.kind === 'approve' || step.kind === 'manual') return { output, note: answeredBy(step, output) }
  return step.kind === 'set' || step.id !== undefined ? { output } : {}
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

const isMap = (value: Json): value is Readonly<Record<string, Json>> =>
  value !== null && typeof value === 'object' && !isList(value)
