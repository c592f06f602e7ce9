import { canonicalText } from '../dsl/canonical.ts'
import { asText, holds } from '../dsl/expression.ts'
import type {
  ApproveStep,
  AssertStep,
  GateStep,
  Json,
  ManualStep,
  NotifyStep,
  SetStep,
  Step,
  UsesStep,
  WaitStep,
} from '../dsl/program.ts'
import { StepFailure } from './failure.ts'
import type { Condition } from './plan.ts'
import {
  certaintyOf,
  type Doubt,
  doubtOf,
  type Foreseen,
  foreseenAll,
  foreseenExpression,
  foreseenTemplate,
} from './plan-knowledge.ts'
import { type Around, known, type PlanLines } from './plan-lines.ts'
import { conditionOf, markOf, saidBy } from './plan-said.ts'
import type { ActionCall } from './ports.ts'
import { textOf } from './summary.ts'

type Read = { readonly output: Json } | { readonly failure: StepFailure }

/** What a plan says of steps that change nothing themselves: looks are asked for real, the rest is worked out. */
export class PlanSteps {
  readonly #lines: PlanLines
  /** A plan is of one moment: what was asked once is not asked again. */
  readonly #reads = new Map<string, Read>()

  constructor(lines: PlanLines) {
    this.#lines = lines
  }

  async look(step: UsesStep, here: Around, condition: Condition | undefined): Promise<void> {
    const input = foreseenAll(step.with, known(here))
    if (input.kind === 'wrong')
      return this.#lines.fails(step, here, { kind: 'failed', message: input.message }, condition)
    if (input.kind === 'unknown') {
      this.#lines.give(step, here, null, { kind: 'unknown', because: input.because })
      return this.#lines.push(
        step,
        here,
        { action: step.uses, effect: 'read', ...certaintyOf(input) },
        condition,
      )
    }
    const answer = await this.#ask(step, step.uses, input.value, here)
    if ('failure' in answer)
      return this.#lines.fails(step, here, answer.failure, condition, { with: input.value })
    const doubt = doubtOf(input) ?? this.#lines.later()
    this.#lines.give(step, here, answer.output, doubt)
    const said = saidBy(answer.output)
    this.#lines.push(
      step,
      here,
      {
        ...{ action: step.uses, effect: 'read' as const, with: input.value, ...markOf(doubt) },
        ...(said === undefined ? {} : { said }),
      },
      condition,
    )
  }

  async gate(step: GateStep, here: Around, condition: Condition | undefined): Promise<void> {
    const input = foreseenAll(step.with, known(here))
    const stable = foreseenTemplate(step.stableMs, known(here))
    const waits = {
      source: step.until.source,
      timeoutMs: step.gateTimeoutMs,
      ...(stable.kind === 'value' && typeof stable.value === 'number' ? { stableMs: stable.value } : {}),
    }
    const about = { action: step.gate, effect: 'read' as const, ...this.#lines.back(step, here) }
    if (input.kind === 'wrong')
      return this.#lines.fails(step, here, { kind: 'failed', message: input.message }, condition, about)
    if (input.kind === 'unknown') {
      this.#lines.give(step, here, null, { kind: 'unknown', because: input.because })
      const mark = certaintyOf(input)
      return this.#lines.push(step, here, { ...about, ...mark, gate: { ...waits, ...mark } }, condition)
    }
    const answer = await this.#ask(step, step.gate, input.value, here)
    const doubt = doubtOf(input) ?? this.#lines.later()
    const seen = 'failure' in answer ? undefined : this.#seenAtGate(step, here, answer.output, doubt)
    const mark = seen === undefined ? markOf(doubt) : markOf(doubtOf(seen) ?? doubt)
    const held = seen?.kind === 'value' ? { holds: seen.value } : {}
    const said = 'failure' in answer ? answer.failure.message : saidBy(answer.output)
    const opened = seen?.kind === 'value' && seen.value && 'output' in answer
    this.#lines.give(
      step,
      here,
      opened ? answer.output : null,
      opened
        ? doubt
        : { kind: 'unknown', because: `“${this.#lines.summary(step, here)}” is waited for first` },
    )
    if (!opened && this.#lines.surely(here))
      this.#lines.notes.open(
        `“${this.#lines.summary(step, here)}” does not hold now; a run would wait for it.`,
      )
    this.#lines.push(
      step,
      here,
      {
        ...about,
        ...{ with: input.value, ...mark, gate: { ...waits, ...mark, ...held } },
        ...(said === undefined ? {} : { said }),
      },
      condition,
    )
  }

  #seenAtGate(step: GateStep, here: Around, gate: Json, doubt: Doubt | undefined): Foreseen<boolean> {
    const seen = foreseenExpression(step.until, known(here), (values) =>
      holds(step.until, { ...values, gate }),
    )
    if (seen.kind === 'wrong') return { kind: 'value', value: false, certainty: doubt ? 'now' : 'sure' }
    return seen
  }

  assert(step: AssertStep, here: Around, condition: Condition | undefined): void {
    const asserts = step.assert.map(({ that, else: otherwise }) => {
      const one = foreseenExpression(that, known(here), (values) => holds(that, values))
      const shown = conditionOf(that, one)
      if (one.kind === 'wrong') return { ...shown, holds: false, message: one.message }
      if (one.kind === 'unknown' || one.value) return shown
      return { ...shown, message: textOf(otherwise, known(here).values) }
    })
    const broken = asserts.find((one) => one.holds === false)
    const doubtful = asserts.find(({ certainty }) => certainty !== 'sure')
    const mark = {
      certainty: doubtful?.certainty ?? ('sure' as const),
      ...(doubtful?.because === undefined ? {} : { because: doubtful.because }),
    }
    if (broken !== undefined) {
      const failure = {
        kind: 'refused' as const,
        message: ('message' in broken ? broken.message : undefined) ?? broken.source,
      }
      return this.#lines.fails(step, here, failure, condition, { asserts }, broken.certainty === 'sure')
    }
    this.#lines.push(step, here, { ...mark, asserts }, condition)
  }

  set(step: SetStep, here: Around, condition: Condition | undefined): void {
    let mark: ReturnType<typeof certaintyOf> = { certainty: 'sure' }
    for (const [name, template] of Object.entries(step.set)) {
      const one = foreseenTemplate(template, known(here))
      if (one.kind === 'wrong')
        return this.#lines.fails(step, here, { kind: 'failed', message: one.message }, condition)
      if (one.kind === 'value') here.place.scope.setVariables({ [name]: one.value })
      here.doubts.set(`vars.${name}`, doubtOf(one))
      if (one.kind !== 'value' || one.certainty !== 'sure') mark = certaintyOf(one)
    }
    this.#lines.push(step, here, mark, condition)
  }

  approve(step: ApproveStep | ManualStep, here: Around, condition: Condition | undefined): void {
    const asks = textOf(step.message, known(here).values)
    const summary = this.#lines.summary(step, here)
    const people = step.kind === 'approve' ? step.people : undefined
    this.#lines.notes.approvals.push({
      ...{ step: here.place.path, summary, message: asks },
      ...(step.by === undefined ? {} : { by: step.by }),
      ...(people === undefined ? {} : { people }),
    })
    this.#lines.give(step, here, null, { kind: 'unknown', because: 'somebody has to answer first' })
    // What is done by hand may change whatever is looked at afterwards.
    if (step.kind === 'manual') this.#lines.changed(summary)
    this.#lines.push(step, here, { certainty: 'sure', asks, ...this.#lines.back(step, here) }, condition)
  }

  /** What passes without a change of the cluster: time, and news. */
  aside(step: WaitStep | NotifyStep, here: Around, condition: Condition | undefined): void {
    const one = foreseenTemplate(step.kind === 'wait' ? step.waitMs : step.message, known(here))
    this.#lines.give(step, here, null, {
      kind: 'unknown',
      because: `“${this.#lines.summary(step, here)}” comes first`,
    })
    const said =
      step.kind === 'wait' || one.kind !== 'value' ? {} : { said: `tells people: ${asText(one.value)}` }
    this.#lines.push(step, here, { ...certaintyOf(one), ...said }, condition)
  }

  /** A kind of step this planner knows nothing of: it is said to be there, and nothing more. */
  other(step: Step, here: Around, condition: Condition | undefined): void {
    const because = 'what it does is not known before the run'
    this.#lines.push(step, here, { certainty: 'unknown', because }, condition)
    this.#lines.notes.open(`“${this.#lines.summary(step, here)}”: ${because}.`)
    this.#lines.changedOnce(this.#lines.summary(step, here))
    if (step.id !== undefined) here.doubts.set(`steps.${step.id}`, { kind: 'unknown', because })
  }

  async #ask(
    step: UsesStep | GateStep,
    action: string,
    input: Readonly<Record<string, Json>>,
    here: Around,
  ): Promise<Read> {
    const key = `${action} ${canonicalText(input)}`
    const before = this.#reads.get(key)
    if (before !== undefined) return before
    const read = await this.#asked(this.#lines.callOf(step, action, input, here))
    this.#reads.set(key, read)
    return read
  }

  async #asked(call: ActionCall): Promise<Read> {
    try {
      return { output: await this.#lines.start.ports.read(call) }
    } catch (error) {
      if (error instanceof StepFailure) return { failure: error }
      throw error
    }
  }
}
