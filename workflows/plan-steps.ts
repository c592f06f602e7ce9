import type { ClusterModel } from '../dsl/cluster-model.ts'
import { canonicalText } from '../dsl/canonical.ts'
import { asText, holds } from '../dsl/expression.ts'
import type {
  ApproveStep,
  AssertStep,
  GateStep,
  Json,
  ManualStep,
  NotifyStep,
  Program,
  SetStep,
  Step,
  UsesStep,
  WaitStep,
} from '../dsl/program.ts'
import { StepFailure } from './failure.ts'
import { type Place, undoPlace } from './place.ts'
import type { Condition, PlannedStep, PlanPorts, Verdict } from './plan.ts'
import {
  certaintyOf,
  type Doubt,
  doubtOf,
  type Doubts,
  type Foreseen,
  foreseenAll,
  foreseenExpression,
  foreseenTemplate,
} from './plan-knowledge.ts'
import type { PlanNotes } from './plan-notes.ts'
import { conditionOf, markOf, refusalOf, saidBy, shown } from './plan-said.ts'
import type { ActionCall, FailureKind } from './ports.ts'
import type { Given } from './scope.ts'
import { summaryOf, textOf } from './summary.ts'

export interface PlanStart {
  readonly program: Program
  readonly given: Given
  readonly ports: PlanPorts
  /** What the cluster is like now, where it could be asked. */
  readonly model?: ClusterModel
  /** The cluster whose lock a run would hold. */
  readonly locked?: string
}

/** Where the planner is, and what is doubtful there. */
export interface Around {
  readonly place: Place
  readonly doubts: Doubts
  readonly depth: number
  readonly happens: 'yes' | 'perhaps'
}

/** The run would go no further. */
export class WouldEnd extends Error {
  readonly verdict: Verdict

  constructor(verdict: Verdict) {
    super(verdict.kind)
    this.verdict = verdict
  }
}

type Said = Omit<PlannedStep, 'step' | 'kind' | 'summary' | 'depth' | 'happens' | 'if'>
type Read = { readonly output: Json } | { readonly failure: StepFailure }

/** What a plan says of single steps: looks are asked for real, effects previewed, the rest worked out. */
export class PlanSteps {
  readonly #start: PlanStart
  readonly #notes: PlanNotes
  /** A plan is of one moment: what was asked once is not asked again. */
  readonly #reads = new Map<string, Read>()
  /** Summary of the last effect that a run would have had by now. */
  #effect: string | undefined

  constructor(start: PlanStart, notes: PlanNotes) {
    this.#start = start
    this.#notes = notes
  }

  async look(step: UsesStep, here: Around, condition: Condition | undefined): Promise<void> {
    const input = foreseenAll(step.with, known(here))
    if (input.kind === 'wrong')
      return this.fails(step, here, { kind: 'failed', message: input.message }, condition)
    if (input.kind === 'unknown') {
      this.give(step, here, null, { kind: 'unknown', because: input.because })
      return this.push(step, here, { action: step.uses, effect: 'read', ...certaintyOf(input) }, condition)
    }
    const answer = await this.#ask(step, step.uses, input.value, here)
    if ('failure' in answer) return this.fails(step, here, answer.failure, condition, { with: input.value })
    const doubt = doubtOf(input) ?? this.#later()
    this.give(step, here, answer.output, doubt)
    const said = saidBy(answer.output)
    this.push(
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
    const about = { action: step.gate, effect: 'read' as const, ...this.back(step, here) }
    if (input.kind === 'wrong')
      return this.fails(step, here, { kind: 'failed', message: input.message }, condition, about)
    if (input.kind === 'unknown') {
      this.give(step, here, null, { kind: 'unknown', because: input.because })
      const mark = certaintyOf(input)
      return this.push(step, here, { ...about, ...mark, gate: { ...waits, ...mark } }, condition)
    }
    const answer = await this.#ask(step, step.gate, input.value, here)
    const doubt = doubtOf(input) ?? this.#later()
    const seen = 'failure' in answer ? undefined : this.#seenAtGate(step, here, answer.output, doubt)
    const mark = seen === undefined ? markOf(doubt) : markOf(doubtOf(seen) ?? doubt)
    const held = seen?.kind === 'value' ? { holds: seen.value } : {}
    const said = 'failure' in answer ? answer.failure.message : saidBy(answer.output)
    const opened = seen?.kind === 'value' && seen.value && 'output' in answer
    this.give(
      step,
      here,
      opened ? answer.output : null,
      opened ? doubt : { kind: 'unknown', because: `“${this.summary(step, here)}” is waited for first` },
    )
    if (!opened && this.#surely(here))
      this.#notes.open(`“${this.summary(step, here)}” does not hold now; a run would wait for it.`)
    this.push(
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
      return this.fails(step, here, failure, condition, { asserts }, broken.certainty === 'sure')
    }
    this.push(step, here, { ...mark, asserts }, condition)
  }

  set(step: SetStep, here: Around, condition: Condition | undefined): void {
    let mark: ReturnType<typeof certaintyOf> = { certainty: 'sure' }
    for (const [name, template] of Object.entries(step.set)) {
      const one = foreseenTemplate(template, known(here))
      if (one.kind === 'wrong')
        return this.fails(step, here, { kind: 'failed', message: one.message }, condition)
      if (one.kind === 'value') here.place.scope.setVariables({ [name]: one.value })
      here.doubts.set(`vars.${name}`, doubtOf(one))
      if (one.kind !== 'value' || one.certainty !== 'sure') mark = certaintyOf(one)
    }
    this.push(step, here, mark, condition)
  }

  approve(step: ApproveStep | ManualStep, here: Around, condition: Condition | undefined): void {
    const asks = textOf(step.message, known(here).values)
    const summary = this.summary(step, here)
    const people = step.kind === 'approve' ? step.people : undefined
    this.#notes.approvals.push({
      ...{ step: here.place.path, summary, message: asks },
      ...(step.by === undefined ? {} : { by: step.by }),
      ...(people === undefined ? {} : { people }),
    })
    this.give(step, here, null, { kind: 'unknown', because: 'somebody has to answer first' })
    // What is done by hand may change whatever is looked at afterwards.
    if (step.kind === 'manual') this.#effect = summary
    this.push(step, here, { certainty: 'sure', asks, ...this.back(step, here) }, condition)
  }

  /** What passes without a change of the cluster: time, and news. */
  aside(step: WaitStep | NotifyStep, here: Around, condition: Condition | undefined): void {
    const one = foreseenTemplate(step.kind === 'wait' ? step.waitMs : step.message, known(here))
    this.give(step, here, null, { kind: 'unknown', because: `“${this.summary(step, here)}” comes first` })
    const said =
      step.kind === 'wait' || one.kind !== 'value' ? {} : { said: `tells people: ${asText(one.value)}` }
    this.push(step, here, { ...certaintyOf(one), ...said }, condition)
  }

  /** A kind of step this planner knows nothing of: it is said to be there, and nothing more. */
  other(step: Step, here: Around, condition: Condition | undefined): void {
    const because = 'what it does is not known before the run'
    this.push(step, here, { certainty: 'unknown', because }, condition)
    this.#notes.open(`“${this.summary(step, here)}”: ${because}.`)
    this.#effect ??= this.summary(step, here)
    if (step.id !== undefined) here.doubts.set(`steps.${step.id}`, { kind: 'unknown', because })
  }

  async change(step: UsesStep, here: Around, condition: Condition | undefined): Promise<void> {
    const effect = this.#start.program.actions[step.uses]?.effect
    const about = {
      action: step.uses,
      ...(effect === undefined ? {} : { effect }),
      ...this.back(step, here),
    }
    const input = foreseenAll(step.with, known(here))
    const summary = this.summary(step, here)
    if (input.kind === 'wrong')
      return this.fails(step, here, { kind: 'failed', message: input.message }, condition, about)
    if (input.kind === 'unknown')
      return this.#partlyKnown(step, here, condition, { ...about, ...certaintyOf(input) })
    const preview = await this.#start.ports.preview(
      this.#callOf(step, step.uses, input.value, here),
      this.#notes.model,
      [],
    )
    const doubt = doubtOf(input) ?? this.#later()
    const refusal = refusalOf(preview)
    if (refusal !== undefined && this.#surely(here) && input.certainty === 'sure') {
      return this.fails(step, here, refusal, condition, {
        ...about,
        with: input.value,
        preview: shown(preview),
      })
    }
    if (refusal !== undefined) this.#notes.beginsLater(summary)
    const there = preview.there
    this.give(
      step,
      here,
      there ?? null,
      there === undefined ? { kind: 'unknown', because: `“${summary}” runs first` } : doubt,
    )
    const standing = this.#notes.follow(preview.model, here.place.path, summary)
    if (there === undefined || doubt !== undefined) this.#done(step, here, summary)
    this.push(
      step,
      here,
      {
        ...{ ...about, with: input.value, ...markOf(doubt), preview: shown(preview) },
        ...(standing === undefined ? {} : { standing }),
      },
      condition,
    )
  }

  /** With what is not known of its input, it cannot be asked what it would run; what becomes of the cluster, mostly. */
  async #partlyKnown(
    step: UsesStep,
    here: Around,
    condition: Condition | undefined,
    about: Said,
  ): Promise<void> {
    const summary = this.summary(step, here)
    const each = Object.entries(step.with).map(
      ([name, template]) => [name, foreseenTemplate(template, known(here))] as const,
    )
    const input = Object.fromEntries(
      each.flatMap(([name, one]) => (one.kind === 'value' ? [[name, one.value]] : [])),
    )
    const unknown = each.flatMap(([name, one]) => (one.kind === 'value' ? [] : [name]))
    const call = this.#callOf(step, step.uses, input, here)
    const { model } = await this.#start.ports.preview(call, this.#notes.model, unknown)
    const standing = this.#notes.follow(model, here.place.path, summary)
    this.#notes.open(`The commands of “${summary}”: ${about.because ?? 'its input is not known'}.`)
    if (unknown.some((name) => telling.has(name)))
      this.#notes.unsure(`what “${summary}” acts on is not known yet`)
    this.give(step, here, null, { kind: 'unknown', because: `“${summary}” runs first` })
    this.#done(step, here, summary)
    this.push(step, here, { ...about, ...(standing === undefined ? {} : { standing }) }, condition)
  }

  /** The step would not succeed. Before anything is changed that is the end; later it may come otherwise. */
  fails(
    step: Step,
    here: Around,
    { kind, message }: { readonly kind: FailureKind; readonly message: string },
    condition?: Condition,
    about: Partial<Said> = {},
    certain = true,
  ): void {
    const summary = this.summary(step, here)
    const ends = certain && this.#surely(here) && step.onFailure !== 'continue'
    const doubt = ends ? undefined : this.#later()
    this.push(step, here, { ...about, ...markOf(doubt), said: message }, condition)
    this.give(step, here, null, {
      kind: 'unknown',
      because: `“${summary}” does not succeed as things are now`,
    })
    if (ends) {
      throw new WouldEnd({ kind: 'refused', step: here.place.path, summary, why: message })
    }
    if (step.onFailure !== 'continue' && kind !== 'unknown')
      this.#notes.open(
        `Whether “${summary}” succeeds then: as things are now it does not (${message.replace(/\.$/, '')}).`,
      )
  }

  push(
    step: Step,
    here: Around,
    said: Said,
    condition: Condition | undefined,
    happens: PlannedStep['happens'] = here.happens,
  ): void {
    this.#notes.add({
      ...{
        step: here.place.path,
        kind: step.kind,
        summary: this.summary(step, here),
        depth: here.depth,
        happens,
      },
      ...(condition === undefined ? {} : { if: condition }),
      ...said,
    })
  }

  give(step: Step, { place, doubts }: Around, output: Json, doubt: Doubt | undefined): void {
    if (step.id === undefined) return
    if (doubt?.kind !== 'unknown') place.scope.setOutput(step.id, output)
    doubts.set(`steps.${step.id}`, doubt)
  }

  summary(step: Step, here: Around): string {
    return summaryOf(step, this.#start.program.actions, known(here).values)
  }

  isRead(action: string): boolean {
    return this.#start.program.actions[action]?.effect === 'read'
  }

  /** How it is taken back, or why it cannot be any more. */
  back(step: Step, here: Around): Pick<PlannedStep, 'undo' | 'noReturn'> {
    const { values } = known(here)
    const { actions } = this.#start.program
    if (step.noReturn !== undefined && step.kind !== 'uses') {
      const why = textOf(step.noReturn, values)
      this.#notes.noReturn.push({ step: here.place.path, summary: this.summary(step, here), why })
    }
    return {
      ...(step.undo === undefined
        ? {}
        : {
            undo: step.undo
              .filter(({ kind }) => kind !== 'assert' && kind !== 'set')
              .map((one) =>
                summaryOf(one, actions, {
                  ...values,
                  ...undoPlace(step, here.place).scope.values(),
                  ...values,
                }),
              ),
          }),
      ...(step.noReturn === undefined ? {} : { noReturn: textOf(step.noReturn, values) }),
    }
  }

  #done(step: Step, here: Around, summary: string): void {
    this.#effect = summary
    if (step.noReturn === undefined) return
    const why = textOf(step.noReturn, known(here).values)
    this.#notes.noReturn.push({ step: here.place.path, summary, why })
  }

  /** Whether a run would surely come here with nothing changed. */
  #surely({ happens }: Around): boolean {
    return happens === 'yes' && this.#effect === undefined
  }

  #later(): Doubt | undefined {
    return this.#effect === undefined
      ? undefined
      : { kind: 'now', because: `“${this.#effect}” is done before` }
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
    const read = await this.#asked(this.#callOf(step, action, input, here))
    this.#reads.set(key, read)
    return read
  }

  async #asked(call: ActionCall): Promise<Read> {
    try {
      return { output: await this.#start.ports.read(call) }
    } catch (error) {
      if (error instanceof StepFailure) return { failure: error }
      throw error
    }
  }

  #callOf(
    step: UsesStep | GateStep,
    action: string,
    input: Readonly<Record<string, Json>>,
    here: Around,
  ): ActionCall {
    return {
      ...{ action, summary: this.summary(step, here), step: here.place.path, with: input },
      ...{ timeoutMs: step.timeoutMs ?? this.#start.program.actions[action]?.timeoutMs ?? 60_000 },
      ...{ undo: false, quorum: here.place.quorum },
    }
  }
}

/** Inputs that say whom an action is about. */
const telling: ReadonlySet<string> = new Set(['cluster', 'member', 'host', 'hosts', 'from', 'to'])

/** What expressions see there, without what is not known. */
export const known = ({ place, doubts }: Around) => ({ doubts, values: doubts.without(place.scope.values()) })
