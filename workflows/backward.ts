import type { Step } from '../dsl/program.ts'
import { notAnswered, rejected, withheldWhileAsked } from './approval.ts'
import { isEffect } from './effect.ts'
import { StepFailure } from './failure.ts'
import { type Place, undoPlace } from './place.ts'
import type { Approval, Decision, DecisionKind, Failure, StepResult, Waiting } from './ports.ts'
import { Ended, type Tally } from './run-end.ts'
import type { Undoing } from './undo-stack.ts'
import { decided, type Direction, type Run } from './run.ts'
import { Walker } from './walker.ts'

/** The rollback was given up before it changed anything: the run is where it was. */
export class Withdrawn extends Error {
  override readonly name = 'Withdrawn'
}

/** The way back: undo steps in the order they are written, of the newest step first. */
export class Backward implements Direction {
  readonly undo = true
  readonly phase = 'rollingBack'
  readonly steadfast = false
  readonly #run: Run
  #tally: () => Tally = () => ({ done: [], unsure: [], undone: [] })
  #changed = false
  #gaps = false
  readonly #undone = new Set<string>()
  readonly #incomplete = new Set<string>()

  constructor(run: Run) {
    this.#run = run
  }

  /** Paths of the steps that were taken back so far. */
  get undone(): ReadonlySet<string> {
    return this.#undone
  }

  /** Paths of the steps whose undo steps were not all done. */
  get incomplete(): ReadonlySet<string> {
    return this.#incomplete
  }

  /** Throws `Withdrawn` when the first of it fails and nothing was changed yet. */
  async takeBack(undoings: readonly Undoing[], tally: () => Tally): Promise<void> {
    this.#tally = tally
    this.#changed = false
    for (const undoing of undoings) await this.#one(undoing)
  }

  known(path: string): StepResult | undefined {
    return this.#run.memory.undone(path)
  }

  keep(path: string, result: StepResult): void {
    this.#run.memory.keepUndone(path, result)
  }

  leftAt(): Failure | undefined {
    return undefined
  }

  next(): Promise<void> {
    return this.#run.ports.boundary(this.#run.memory.state(), 'step')
  }

  /** One thing after another is taken back. */
  fork(): undefined {
    return undefined
  }

  entered(): void {}

  over(step: Step, place: Place, status: StepResult['status']): void {
    if (isEffect(this.#run.program, step) && (status === 'done' || this.#tried(place))) this.#changed = true
    if (status === 'skipped' || status === 'failed') this.#gaps = true
  }

  async settle(step: Step, place: Place, failure: Failure): Promise<'again' | 'passed'> {
    if (step.onFailure === 'continue') return this.#pass(step, place, 'failed', failure.message)
    if (!this.#changed && !this.#tried(place)) throw new Withdrawn(withdrawal(failure))
    const decision = await this.#decision(step, place, failure)
    switch (decision.kind) {
      case 'skip':
        return this.#pass(
          step,
          place,
          'skipped',
          `skipped by ${decision.by}${decision.reason && `: ${decision.reason}`}`,
        )
      case 'abort':
        throw new Ended({ kind: 'aborted', failure, decision, tally: this.#tally() })
      case 'approve':
      case 'confirm':
      case 'reject':
      case 'retry':
      case 'rollback':
        return 'again'
    }
  }

  /** What was done by hand is taken back by hand; a rollback asks for no approvals. */
  async ask(step: Step, place: Place, summary: string, approval: Approval): Promise<Decision> {
    const failure: Failure = { ...notAnswered(approval), step: place.path, summary }
    if (!approval.manual) throw new StepFailure('failed', 'a rollback asks for no approvals')
    this.#run.outline.mark(place.path, { status: 'asking', note: '' })
    const waiting: Waiting = {
      ...this.#waiting(step, failure),
      approval,
      offers: ['confirm', 'reject', 'abort'],
      withheld: { ...withheldWhileAsked(approval), rollback: rollingBack },
    }
    const decision = await decided(this.#run, waiting, this.phase)
    if (decision.kind === 'confirm') return decision
    if (decision.kind === 'abort')
      throw new Ended({ kind: 'aborted', failure, decision, tally: this.#tally() })
    throw rejected(approval, decision)
  }

  /** No compiled program comes here. */
  always(): Direction {
    return this
  }

  async #one({ place, steps, owner }: Undoing): Promise<void> {
    const around = undoPlace(owner, { ...place, scope: place.scope.frozen() })
    this.#gaps = false
    this.#run.outline.hang(place.path, steps, around)
    await this.#unlessWithdrawn(new Walker(this.#run, this).walk(steps, around), () =>
      this.#run.outline.unhang(place.path, steps, around),
    )
    if (this.#gaps) this.#incomplete.add(place.path)
    else this.#undone.add(place.path)
    this.#run.outline.mark(place.path, { status: this.#gaps ? 'failed' : 'undone' })
    this.#run.report(this.phase)
  }

  async #unlessWithdrawn(work: Promise<void>, clean: () => void): Promise<void> {
    try {
      await work
    } catch (error) {
      if (error instanceof Withdrawn) clean()
      throw error
    }
  }

  #tried(place: Place): boolean {
    return this.#run.memory.tried(place.path) !== undefined
  }

  #pass(step: Step, place: Place, status: 'skipped' | 'failed', note: string): 'passed' {
    const atMs = this.#run.ports.now()
    const result: StepResult = { status, note, startedMs: atMs, endedMs: atMs }
    this.keep(place.path, result)
    this.#run.outline.mark(place.path, result)
    this.over(step, place, status)
    return 'passed'
  }

  async #decision(step: Step, place: Place, failure: Failure): Promise<Decision> {
    const waiting = this.#waiting(step, failure)
    this.#run.outline.mark(place.path, { status: 'waiting', note: failure.message })
    const decision = await decided(this.#run, waiting, this.phase)
    return waiting.offers.includes(decision.kind) ? decision : this.#decision(step, place, failure)
  }

  #waiting(step: Step, failure: Failure): Waiting {
    const offers: readonly DecisionKind[] = step.skippable ? ['retry', 'skip', 'abort'] : ['retry', 'abort']
    return {
      ask: this.#run.memory.nextAsk(),
      failure,
      offers,
      withheld: {
        ...(step.skippable ? {} : { skip: 'the runbook does not allow this step to be skipped' }),
        rollback: rollingBack,
      },
      sinceMs: this.#run.ports.now(),
      rollingBack: true,
      takesBack: [],
    }
  }
}

const rollingBack = 'the run is already rolling back'

const withdrawal = ({ summary, message }: Failure): string =>
  `The rollback was withdrawn before it changed anything: "${summary}" failed: ${message}`
