import type { UsesStep } from '../dsl/program.ts'
import type { Condition } from './plan.ts'
import { certaintyOf, doubtOf, foreseenAll, foreseenTemplate } from './plan-knowledge.ts'
import { type Around, known, type PlanLines, type Said } from './plan-lines.ts'
import { markOf, refusalOf, shown } from './plan-said.ts'

/** What a plan says of steps with an effect: they are previewed. */
export class PlanChanges {
  readonly #lines: PlanLines

  constructor(lines: PlanLines) {
    this.#lines = lines
  }

  async change(step: UsesStep, here: Around, condition: Condition | undefined): Promise<void> {
    const effect = this.#lines.start.program.actions[step.uses]?.effect
    const about = {
      action: step.uses,
      ...(effect === undefined ? {} : { effect }),
      ...this.#lines.back(step, here),
    }
    const input = foreseenAll(step.with, known(here))
    const summary = this.#lines.summary(step, here)
    if (input.kind === 'wrong')
      return this.#lines.fails(step, here, { kind: 'failed', message: input.message }, condition, about)
    if (input.kind === 'unknown')
      return this.#partlyKnown(step, here, condition, { ...about, ...certaintyOf(input) })
    const preview = await this.#lines.start.ports.preview(
      this.#lines.callOf(step, step.uses, input.value, here),
      this.#lines.notes.model,
      [],
    )
    const doubt = doubtOf(input) ?? this.#lines.later()
    const refusal = refusalOf(preview)
    if (refusal !== undefined && this.#lines.surely(here) && input.certainty === 'sure') {
      return this.#lines.fails(step, here, refusal, condition, {
        ...about,
        with: input.value,
        preview: shown(preview),
      })
    }
    if (refusal !== undefined) this.#lines.notes.beginsLater(summary)
    const there = preview.there
    this.#lines.give(
      step,
      here,
      there ?? null,
      there === undefined ? { kind: 'unknown', because: `“${summary}” runs first` } : doubt,
    )
    const standing = this.#lines.notes.follow(preview.model, here.place.path, summary)
    if (there === undefined || doubt !== undefined) this.#lines.done(step, here, summary)
    this.#lines.push(
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
    const summary = this.#lines.summary(step, here)
    const each = Object.entries(step.with).map(
      ([name, template]) => [name, foreseenTemplate(template, known(here))] as const,
    )
    const input = Object.fromEntries(
      each.flatMap(([name, one]) => (one.kind === 'value' ? [[name, one.value]] : [])),
    )
    const unknown = each.flatMap(([name, one]) => (one.kind === 'value' ? [] : [name]))
    const call = this.#lines.callOf(step, step.uses, input, here)
    const { model } = await this.#lines.start.ports.preview(call, this.#lines.notes.model, unknown)
    const standing = this.#lines.notes.follow(model, here.place.path, summary)
    this.#lines.notes.open(`The commands of “${summary}”: ${about.because ?? 'its input is not known'}.`)
    if (unknown.some((name) => telling.has(name)))
      this.#lines.notes.unsure(`what “${summary}” acts on is not known yet`)
    this.#lines.give(step, here, null, { kind: 'unknown', because: `“${summary}” runs first` })
    this.#lines.done(step, here, summary)
    this.#lines.push(step, here, { ...about, ...(standing === undefined ? {} : { standing }) }, condition)
  }
}

/** Inputs that say whom an action is about. */
const telling: ReadonlySet<string> = new Set(['cluster', 'member', 'host', 'hosts', 'from', 'to'])
