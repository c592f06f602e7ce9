import type { OnFailure, Step } from '../dsl/program.ts'
import { notAnswered, rejected, withheldWhileAsked } from './approval.ts'
import { type Backward, Withdrawn } from './backward.ts'
import { Always } from './always.ts'
import { Crew, type Post } from './crew.ts'
import { isEffect } from './effect.ts'
import { BegunAnew, StepFailure, ToRescue } from './failure.ts'
import { isWithin, type Place } from './place.ts'
import type { Approval, Decision, DecisionKind, Failure, StepResult, Waiting } from './ports.ts'
import { Ended, type Tally } from './run-end.ts'
import { textOf } from './summary.ts'
import { UndoStack, type Undoing } from './undo-stack.ts'
import { decided, type Direction, type Fork, hasBody, type Run } from './run.ts'

interface Failed {
  readonly step: Step
  readonly place: Place
  readonly failure: Failure
}

/** Where what stands in a branch is. */
interface Beside {
  readonly crew: Crew
  readonly post: Post
}

/** The way forward: failures wait for a person, unless the runbook says otherwise, and may turn into a rollback. */
export class Forward implements Direction {
  readonly undo = false
  readonly phase = 'running'
  readonly steadfast = false
  readonly #run: Run
  readonly #backward: Backward
  readonly #stack: UndoStack
  /** Of the whole run. */
  readonly #all: UndoStack
  /** In a branch of what is done at the same time. */
  readonly #beside: Beside | undefined
  /** Decided where an approval was asked for. */
  #answered: Decision | undefined

  constructor(run: Run, backward: Backward, all = new UndoStack(), beside?: Beside) {
    this.#run = run
    this.#backward = backward
    this.#all = all
    this.#stack = beside?.post.stack ?? all
    this.#beside = beside
  }

  next(step: Step, place: Place): Promise<void> {
    if (this.#beside) return this.#beside.crew.begin(this.#beside.post, { step, place })
    return this.#run.ports.boundary(this.#run.memory.state(), 'step')
  }

  fork(path: string, count: number): Fork {
    const [run, backward, all] = [this.#run, this.#backward, this.#all]
    const crew = this.#beside?.crew ?? new Crew(run)
    const section = crew.section(path, this.#beside?.post.section)
    const directions = this.#stack
      .fork(count)
      .map((stack) => new Forward(run, backward, all, { crew, post: { section, stack } }))
    return async (most, one) => {
      try {
        await crew.all(section, { count, most }, (index) => one(directions[index] ?? this, index))
      } finally {
        this.#stack.join(run.memory.order())
      }
    }
  }

  known(path: string): StepResult | undefined {
    return this.#run.memory.result(path)
  }

  keep(path: string, result: StepResult): void {
    this.#run.memory.keep(path, result)
  }

  leftAt(path: string): Failure | undefined {
    const { rollback } = this.#run.memory
    return rollback?.failure.step === path ? rollback.failure : this.#run.memory.leftFor(path)?.[1]
  }

  entered(step: Step, place: Place): void {
    this.#stack.opened(step, place)
  }

  over(step: Step, place: Place, status: StepResult['status']): void {
    const tried = this.#run.memory.tried(place.path)
    if (hasBody(step)) this.#stack.closed(place)
    else if (status === 'rescued') return
    else if (status === 'done' || tried) this.#performed(step, place)
    if (step.noReturn && (status === 'done' || tried === 'unknown'))
      this.#stack.noReturn(this.#reason(step, place), place.path)
  }

  async settle(step: Step, place: Place, failure: Failure): Promise<'again' | 'passed'> {
    const failed = { step, place, failure }
    this.#run.outline.mark(place.path, { status: 'failed', note: failure.message })
    // Nobody may be asked about it for a while.
    if (this.#beside) this.#run.report(this.phase)
    const rescuer = this.#run.memory.leftFor(place.path)?.[0]
    if (rescuer !== undefined) return this.#toRescue(failed, rescuer)
    if (!this.#run.memory.rollback && !this.#answered) {
      if (step.onFailure === 'continue') return this.#pass(failed, 'failed', failure.message)
      if (place.rescuer !== undefined) return this.#toRescue(failed, place.rescuer)
    }
    return this.#alone(failed, () => this.#unrescued(failed))
  }

  /** Once nothing is under way beside it. */
  #alone<Value>(
    at: Pick<Failed, 'step' | 'place'>,
    work: () => Promise<Value>,
    stays?: (value: Value) => boolean,
  ) {
    return this.#beside ? this.#beside.crew.decided(this.#beside.post, at, work, stays) : work()
  }

  async #unrescued(failed: Failed): Promise<'again' | 'passed'> {
    const { step, place, failure } = failed
    const begun = this.#run.memory.rollback
    if (begun) return this.#ask(failed, { note: await this.#rollBack(failed, begun.decision) })
    const decision = this.#answered
    this.#answered = undefined
    if (decision) return this.#ask(failed, { decision })
    switch (onFailureOf(failed)) {
      case 'continue':
      case 'fail':
        if (place.calls.length > 0 && this.#anythingChanged) return this.#ask(failed)
        throw new Ended({ kind: 'failed', failure, tally: this.tally() })
      case 'rollback':
        if (this.#withheldRollback(failed) === undefined)
          return this.#ask(failed, { note: await this.#rollBack(failed) })
        if (this.#nothingToTakeBack(failed)) throw new Ended({ kind: 'failed', failure, tally: this.tally() })
        return this.#ask(failed)
      case 'pause':
        if (step.kind === 'approve' && !this.#anythingChanged)
          throw new Ended({ kind: 'failed', failure, tally: this.tally() })
        return this.#ask(failed)
    }
  }

  /** What was done (or may have been) before it failed can still be taken back. */
  #toRescue({ step, place, failure }: Failed, rescuer: string): never {
    const { memory } = this.#run
    const left = this.#beside?.crew.leaveFor(this.#beside.post, place.rescuer ?? rescuer)
    // Of several that fail at the same time the first is rescued; the others are noted.
    if (left?.first === false && memory.rescued(rescuer)?.step !== place.path)
      memory.giveUp(place.path, failure)
    else memory.beginRescue(rescuer, failure)
    this.over(step, place, 'failed')
    throw left?.error ?? new ToRescue(rescuer)
  }

  always(ending: boolean): Direction {
    return new Always(this.#run, this.#stack, ending)
  }

  /** Whoever decides to end the run instead lets the step fail, and is not asked again what is to become of it. */
  async ask(step: Step, place: Place, summary: string, approval: Approval): Promise<Decision> {
    const failure: Failure = { ...notAnswered(approval), step: place.path, summary }
    const failed = { step, place, failure }
    const asked = () => {
      const waiting = this.#waitingForApproval(failed, approval)
      this.#run.outline.mark(place.path, { status: 'asking', note: '' })
      return this.#decided(waiting)
    }
    const decision = await this.#alone(failed, asked, ({ kind }) => kind === 'rollback' || kind === 'abort')
    switch (decision.kind) {
      case 'approve':
      case 'confirm':
        return decision
      case 'reject':
        throw rejected(approval, decision)
      case 'retry':
      case 'skip':
      case 'rollback':
      case 'abort':
        this.#answered = decision
        throw new StepFailure(failure.kind, failure.message)
    }
  }

  /** What is now true, wherever the run stands. */
  tally(): Tally {
    const { undone, incomplete } = this.#backward
    const unsure = new Set([...Object.keys(this.#run.memory.state().tried), ...incomplete])
    const done = this.#all.effects.filter((path) => !unsure.has(path) && !undone.has(path))
    return {
      done: this.#namesOf(done),
      unsure: this.#namesOf([...unsure].filter((path) => !undone.has(path))),
      undone: this.#namesOf([...undone]),
    }
  }

  /** Or perhaps. */
  get #anythingChanged(): boolean {
    return this.#all.effects.length > 0 || Object.keys(this.#run.memory.state().tried).length > 0
  }

  #performed(step: Step, place: Place): void {
    if (!isEffect(this.#run.program, step)) return
    this.#stack.performed(place.path)
    this.#stack.push(step, place)
  }

  #pass({ step, place, failure }: Failed, status: 'skipped' | 'failed', note: string): 'passed' {
    const atMs = this.#run.ports.now()
    const result: StepResult = { status, note, startedMs: atMs, endedMs: atMs }
    this.keep(place.path, result)
    this.#run.outline.mark(failure.step, result)
    this.over(step, place, status)
    this.#run.report(this.phase)
    return 'passed'
  }

  /** With what is to be said beside, or with what was decided already. */
  async #ask(
    failed: Failed,
    before: { readonly note?: string; readonly decision?: Decision } = {},
  ): Promise<'again' | 'passed'> {
    let { note, decision } = before
    for (;;) {
      decision ??= await this.#decision(failed, note)
      switch (decision.kind) {
        case 'approve':
        case 'confirm':
        case 'reject':
        case 'retry':
          return this.#again(failed)
        case 'skip':
          return this.#pass(
            failed,
            'skipped',
            `skipped by ${decision.by}${decision.reason && `: ${decision.reason}`}`,
          )
        case 'abort':
          throw new Ended({ kind: 'aborted', failure: failed.failure, decision, tally: this.tally() })
        case 'rollback':
          note = await this.#rollBack(failed, decision)
          decision = undefined
      }
    }
  }

  /** What is futile to try alone is tried with all that it looked at. */
  #again(failed: Failed): 'again' {
    const call = isFutile(failed.step) ? this.#unchangedCall(failed) : undefined
    if (call === undefined) return 'again'
    this.#run.memory.forget(call)
    this.#all.reopened(call)
    throw new BegunAnew(call)
  }

  /** The outermost called runbook that has changed nothing, so that it can begin once more. */
  #unchangedCall({ place }: Failed): string | undefined {
    const tried = Object.keys(this.#run.memory.state().tried)
    return place.calls.find(
      (call) => this.#all.unchanged(call) && !tried.some((path) => isWithin(path, call)),
    )
  }

  #decision(failed: Failed, note: string | undefined): Promise<Decision> {
    this.#run.outline.mark(failed.place.path, { status: 'waiting', note: failed.failure.message })
    return this.#decided(this.#waiting(failed, note))
  }

  /** Asks until what is decided is something that was offered. */
  async #decided(waiting: Waiting): Promise<Decision> {
    const decision = await decided(this.#run, waiting, this.phase)
    return waiting.offers.includes(decision.kind) ? decision : this.#decided(waiting)
  }

  #waiting(failed: Failed, note: string | undefined): Waiting {
    const withheld = this.#withheld(failed)
    const anew = isFutile(failed.step) ? this.#unchangedCall(failed) : undefined
    const all: readonly DecisionKind[] = ['retry', 'skip', 'rollback', 'abort']
    return {
      ...this.#waitingSince(failed, withheld),
      offers: all.filter((kind) => withheld[kind] === undefined),
      ...(anew === undefined ? {} : { anew: this.#run.outline.summary(anew) }),
      ...(note === undefined ? {} : { note }),
    }
  }

  #waitingForApproval(failed: Failed, approval: Approval): Waiting {
    const rollback = this.#withheldRollback(failed)
    const withheld = {
      ...withheldWhileAsked(approval),
      ...(rollback === undefined ? {} : { rollback }),
      ...(this.#anythingChanged ? {} : { abort: 'nothing was changed yet; reject it, and the run ends' }),
    }
    const all: readonly DecisionKind[] = ['approve', 'confirm', 'reject', 'rollback', 'abort']
    const offers = all.filter((kind) => !Object.hasOwn(withheld, kind))
    return { ...this.#waitingSince(failed, withheld), approval, offers }
  }

  #waitingSince(failed: Failed, withheld: Waiting['withheld']): Omit<Waiting, 'offers'> {
    const undoings = withheld.rollback === undefined ? this.#undoings(failed) : []
    return {
      ask: this.#run.memory.nextAsk(),
      failure: failed.failure,
      withheld,
      sinceMs: this.#run.ports.now(),
      rollingBack: false,
      takesBack: this.#namesOf(undoings.map(({ place }) => place.path)),
    }
  }

  #withheld(failed: Failed): Readonly<Partial<Record<DecisionKind, string>>> {
    const rollback = this.#withheldRollback(failed)
    return {
      ...(isFutile(failed.step) && this.#unchangedCall(failed) === undefined ? { retry: futile } : {}),
      ...(failed.step.skippable ? {} : { skip: 'the runbook does not allow this step to be skipped' }),
      ...(rollback === undefined ? {} : { rollback }),
    }
  }

  #withheldRollback(failed: Failed): string | undefined {
    const { step, place } = failed
    if (
      step.noReturn &&
      isEffect(this.#run.program, step) &&
      this.#run.memory.tried(place.path) === 'unknown'
    ) {
      return `it is not known whether the step took effect, and once it has: ${this.#reason(step, place)}`
    }
    if (this.#undoings(failed).length > 0) return undefined
    return this.#all.barrier ?? 'nothing was done that could be taken back'
  }

  /** The runbook wants it as before, and it is: neither this step nor one before it left what could be taken back. */
  #nothingToTakeBack({ place }: Failed): boolean {
    if (this.#all.barrier !== undefined || this.#run.memory.tried(place.path) !== undefined) return false
    return place.calls.length === 0 || !this.#anythingChanged
  }

  #undoings({ step, place }: Failed): readonly Undoing[] {
    const halfDone = this.#run.memory.tried(place.path) !== undefined
    // In a branch it is known to stand in the middle of its work, as are those in others.
    const own = halfDone && !this.#beside ? { step, place } : undefined
    return this.#all.newestFirst(this.#run.memory.order(), own)
  }

  #namesOf(paths: readonly string[]): readonly string[] {
    return paths.map((path) => this.#run.outline.summary(path))
  }

  #reason(step: Step, place: Place): string {
    return step.noReturn ? textOf(step.noReturn, place.scope.values()) : ''
  }

  /** Returns why the rollback was withdrawn; throws `Ended` once all is taken back. */
  async #rollBack(failed: Failed, decision?: Decision): Promise<string> {
    const { memory, outline } = this.#run
    const undoings = this.#undoings(failed)
    memory.beginRollback(failed.failure, decision)
    outline.mark(failed.place.path, { status: 'failed', note: failed.failure.message })
    try {
      await this.#backward.takeBack(undoings, () => this.tally())
    } catch (error) {
      if (!(error instanceof Withdrawn)) throw error
      memory.withdrawRollback()
      return error.message
    }
    const { barrier } = this.#all
    throw new Ended({
      kind: 'rolledBack',
      failure: failed.failure,
      ...(decision ? { decision } : {}),
      ...(barrier === undefined ? {} : { barrier }),
      tally: this.tally(),
    })
  }
}

/** What rescues fails as what it rescues would, where it says nothing else. */
const onFailureOf = ({ step, place }: Failed): OnFailure =>
  step.onFailure === 'pause' ? (place.rescuing?.onFailure ?? 'pause') : step.onFailure

/** Results are kept: an assert or a call looks at the answers of the steps before it, and those do not change. */
const isFutile = ({ kind }: Step): boolean => kind === 'assert' || kind === 'call'
const futile = 'it would look at the same answers again; mend what it says, then start a new run'
