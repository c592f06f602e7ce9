import { evaluate, holds } from '../dsl/expression.ts'
import { checkInputs } from '../dsl/inputs.ts'
import type { CallStep, Expression, ForEachStep, Json, Step } from '../dsl/program.ts'
import { enteredCallee, foreseenCallee } from './callee.ts'
import { StepFailure } from './failure.ts'
import { iterations, placeOf, top } from './place.ts'
import type { Condition, Plan, Verdict } from './plan.ts'
import { certaintyOf, doubtOf, Doubts, foreseenExpression, foreseenTemplate } from './plan-knowledge.ts'
import { PlanNotes } from './plan-notes.ts'
import { conditionOf, variablesIn } from './plan-said.ts'
import { PlanChanges } from './plan-changes.ts'
import { type Around, known, PlanLines, type PlanStart, WouldEnd } from './plan-lines.ts'
import { PlanSteps } from './plan-steps.ts'
import { Scope } from './scope.ts'

type Planned = Pick<Plan, 'verdict' | 'steps' | 'approvals' | 'noReturn' | 'open' | 'membership'>

/**
 * Goes through a program as a run would, but performs only what reads. What an effect would do is asked of its
 * preview; what only the run can know is said to be so, and why. Ends where a run would surely be refused.
 */
export async function makePlan(start: PlanStart): Promise<Planned> {
  return new Planner(start).plan()
}

class Planner {
  readonly #start: PlanStart
  readonly #notes: PlanNotes
  readonly #lines: PlanLines
  readonly #steps: PlanSteps
  readonly #changes: PlanChanges

  constructor(start: PlanStart) {
    this.#start = start
    this.#notes = new PlanNotes(start.model, (steps) => start.ports.report(steps))
    this.#lines = new PlanLines(start, this.#notes)
    this.#steps = new PlanSteps(this.#lines)
    this.#changes = new PlanChanges(this.#lines)
  }

  async plan(): Promise<Planned> {
    const { program, given } = this.#start
    const place = top(Scope.of(given), program.quorum)
    let verdict: Verdict = { kind: 'ready' }
    try {
      await this.#walk(program.steps, { place, doubts: new Doubts(), depth: 0, happens: 'yes' })
    } catch (error) {
      if (!(error instanceof WouldEnd)) throw error
      verdict = error.verdict
    }
    return { verdict, ...this.#notes.all() }
  }

  async #walk(steps: readonly Step[], around: Around): Promise<void> {
    for (const step of steps) await this.#step(step, { ...around, place: placeOf(step, around.place) })
  }

  async #step(step: Step, here: Around): Promise<void> {
    const condition = step.if && foreseenExpression(step.if, known(here), (values) => isTrue(step.if, values))
    if (condition === undefined || step.if === undefined) return this.#withAround(step, here, undefined)
    const shown = conditionOf(step.if, condition)
    if (condition.kind === 'wrong')
      return this.#lines.fails(step, here, { kind: 'failed', message: condition.message })
    if (condition.kind === 'value' && !condition.value) return this.#notNeeded(step, here, shown)
    const before = this.#notes.model
    const happens = condition.kind === 'unknown' ? 'perhaps' : here.happens
    if (condition.kind === 'unknown')
      this.#notes.open(`Whether “${this.#lines.summary(step, here)}” is needed: ${condition.because}.`)
    await this.#withAround(step, { ...here, happens }, shown)
    if (happens === 'perhaps') this.#notes.mayDiffer(before, this.#lines.summary(step, here))
  }

  #notNeeded(step: Step, here: Around, shown: Condition): void {
    this.#lines.push(step, { ...here, happens: 'yes' }, { certainty: shown.certainty }, shown, 'no')
    if (shown.certainty !== 'now') return
    this.#notes.open(
      `“${this.#lines.summary(step, here)}” is not needed as things are now; that is looked at again, because ${shown.because}.`,
    )
    for (const name of variablesIn(step))
      here.doubts.set(name, { kind: 'now', because: shown.because ?? 'it is looked at again' })
  }

  /** With what rescues it, of which only a run knows whether it is needed, and what is always done after it. */
  async #withAround(step: Step, here: Around, condition: Condition | undefined): Promise<void> {
    await this.#needed(step, step.rescue ? { ...here, rescued: true } : here, condition)
    const summary = this.#lines.summary(step, here)
    if (step.rescue) this.#rescue(step.rescue, here, summary)
    if (!step.always) return
    const around = this.#below(here, 'always')
    this.#header('always', around, 'always', { certainty: 'sure' })
    around.doubts.set('outcome', { kind: 'unknown', because: `“${summary}” ends first` })
    await this.#walk(step.always, inside(around))
    around.doubts.set('outcome', here.doubts.get('outcome'))
  }

  #rescue(steps: readonly Step[], here: Around, summary: string): void {
    const around = { ...this.#below(here, 'rescue'), happens: 'perhaps' as const }
    const mark = { certainty: 'unknown' as const, because: `it is done only if “${summary}” fails` }
    this.#header('rescue', around, 'if it fails', mark)
    for (const step of steps)
      this.#lines.push(step, { ...inside(around), place: placeOf(step, around.place) }, mark, undefined)
  }

  #below(here: Around, name: 'rescue' | 'always'): Around {
    const { place } = here
    const below = { ...place, path: `${place.path}/${name}`, key: `${place.key}/${name}` }
    return { ...inside(here), place: below }
  }

  #header(
    kind: 'rescue' | 'always',
    { place, depth, happens }: Around,
    summary: string,
    mark: ReturnType<typeof certaintyOf>,
  ): void {
    this.#notes.add({ ...{ step: place.path, kind, summary, depth, happens }, ...mark })
  }

  async #needed(step: Step, here: Around, condition: Condition | undefined): Promise<void> {
    switch (step.kind) {
      case 'uses':
        return this.#lines.isRead(step.uses)
          ? this.#steps.look(step, here, condition)
          : this.#changes.change(step, here, condition)
      case 'gate':
        return this.#steps.gate(step, here, condition)
      case 'assert':
        return this.#steps.assert(step, here, condition)
      case 'set':
        return this.#steps.set(step, here, condition)
      case 'wait':
      case 'notify':
        return this.#steps.aside(step, here, condition)
      case 'approve':
      case 'manual':
        return this.#steps.approve(step, here, condition)
      case 'steps':
        this.#lines.push(step, here, { certainty: 'sure', ...this.#lines.back(step, here) }, condition)
        return this.#walk(step.steps, inside(here))
      case 'parallel':
        this.#lines.push(step, here, { certainty: 'sure', ...this.#lines.back(step, here) }, condition)
        return this.#walk(step.steps, inside(here))
      case 'forEach':
        return this.#each(step, here, condition)
      case 'call':
        return this.#call(step, here, condition)
      default:
        return this.#steps.other(step, here, condition)
    }
  }

  async #each(step: ForEachStep, here: Around, condition: Condition | undefined): Promise<void> {
    const list = foreseenExpression(step.forEach, known(here), (values) => listOf(step.forEach, values))
    if (list.kind === 'wrong')
      return this.#lines.fails(step, here, { kind: 'failed', message: list.message }, condition)
    const { doubts } = here
    const shadowed = doubts.get(step.as)
    doubts.set(step.as, doubtOf(list))
    if (list.kind === 'unknown') {
      this.#notes.open(`Over what “${this.#lines.summary(step, here)}” goes: ${list.because}.`)
      this.#lines.push(step, here, certaintyOf(list), condition)
      const before = this.#notes.model
      await this.#walk(step.steps, inside({ ...here, happens: 'perhaps' }))
      this.#notes.mayDiffer(before, this.#lines.summary(step, here))
    } else {
      const said = list.value.length === 0 ? { said: 'nothing to go through' } : {}
      this.#lines.push(
        step,
        here,
        { ...certaintyOf(list), ...said, ...this.#lines.back(step, here) },
        condition,
      )
      for (const body of iterations(list.value, step.as, here.place)) {
        const depth = here.depth + 1
        this.#notes.add({
          ...{ step: body.path, kind: 'iteration', summary: body.label, depth, happens: here.happens },
          ...certaintyOf(list),
        })
        await this.#walk(step.steps, { ...here, place: body, depth: depth + 1 })
      }
    }
    doubts.set(step.as, shadowed)
  }

  async #call(step: CallStep, here: Around, condition: Condition | undefined): Promise<void> {
    const given = Object.entries(step.with).map(
      ([name, template]) => [name, foreseenTemplate(template, known(here))] as const,
    )
    const gap = given.find(([, one]) => one.kind !== 'value')?.[1]
    let callee: Around
    try {
      callee = gap === undefined ? this.#entered(step, here) : this.#partly(step, here)
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error
      return this.#lines.fails(step, here, error, condition)
    }
    for (const [name, one] of given) callee.doubts.set(`inputs.${name}`, doubtOf(one))
    const mark = gap === undefined ? { certainty: 'sure' as const } : certaintyOf(gap)
    this.#lines.push(step, here, { ...mark, ...this.#lines.back(step, here) }, condition)
    await this.#walk(step.steps, callee)
    const outputs = Object.entries(step.outputs).map(
      ([name, template]) => [name, foreseenTemplate(template, known(callee))] as const,
    )
    const output = Object.fromEntries(
      outputs.flatMap(([name, one]) => (one.kind === 'value' ? [[name, one.value]] : [])),
    )
    const missing = outputs.map(([, one]) => doubtOf(one)).find((doubt) => doubt?.kind === 'unknown')
    const later = outputs.map(([, one]) => doubtOf(one)).find((doubt) => doubt !== undefined)
    this.#lines.give(step, here, output, missing ? { kind: 'partly', because: missing.because } : later)
  }

  #entered(step: CallStep, here: Around): Around {
    const place = enteredCallee(step, { ...here.place, scope: here.place.scope }, this.#start.locked)
    return { ...inside(here), place, doubts: new Doubts() }
  }

  /** With what is known of its inputs; what is not stays open in it. */
  #partly(step: CallStep, here: Around): Around {
    const values: Record<string, Json> = {}
    for (const [name, spec] of Object.entries(step.inputs)) {
      const template = step.with[name]
      const one = template && foreseenTemplate(template, known(here))
      if (one !== undefined && one.kind !== 'value') continue
      const checked = checkInputs({ [name]: spec }, one === undefined ? {} : { [name]: one.value })
      if (!checked.ok)
        throw new StepFailure('refused', checked.problems.map(({ message }) => message).join('; '))
      Object.assign(values, checked.value)
    }
    const place = { ...foreseenCallee(step, here.place), scope: here.place.scope.called(values) }
    return { ...inside(here), place, doubts: new Doubts() }
  }
}

const inside = (here: Around): Around => ({ ...here, depth: here.depth + 1 })

const isTrue = (expression: Expression | undefined, values: Readonly<Record<string, Json>>): boolean =>
  expression !== undefined && holds(expression, values)

function listOf(expression: Expression, values: Readonly<Record<string, Json>>): readonly Json[] {
  const items = evaluate(expression, values)
  if (Array.isArray(items)) return items
  throw new StepFailure('failed', `forEach needs a list, but ${expression.source} is none`)
}
