import { readsBy, readsByTemplate, render, type Scope } from '../dsl/expression.ts'
import type { Expression, Json, Template } from '../dsl/program.ts'
import type { Certainty } from './plan.ts'

/** Why a name cannot be relied on before the run. */
export interface Doubt {
  /**
   * `unknown`: it has no value yet. `partly`: some of it has none. `now`: it has the value of now, and something
   * that is done before may change it.
   */
  readonly kind: 'unknown' | 'partly' | 'now'
  /** A clause: `"stop etcd" runs first`. */
  readonly because: string
}

/** What is worked out ahead of time: a value and how sure it is, or why there is none. */
export type Foreseen<Value> =
  | {
      readonly kind: 'value'
      readonly value: Value
      readonly certainty: 'sure' | 'now'
      readonly because?: string
    }
  | { readonly kind: 'unknown'; readonly because: string }
  /** It would fail in the run as well. */
  | { readonly kind: 'wrong'; readonly message: string }

/** The doubts of one runbook, by the names expressions use: `steps.ID`, `vars.NAME`, `inputs.NAME`, loop variables. */
export class Doubts {
  readonly #byName = new Map<string, Doubt>()

  set(name: string, doubt: Doubt | undefined): void {
    if (doubt === undefined) this.#byName.delete(name)
    else this.#byName.set(name, doubt)
  }

  get(name: string): Doubt | undefined {
    return this.#byName.get(name)
  }

  /** Of what is read; `steps.*` stands for all steps. */
  of(reads: readonly string[]): readonly Doubt[] {
    return [...this.#byName].flatMap(([name, doubt]) =>
      reads.includes(name) || reads.includes(`${name.split('.')[0]}.*`) ? [doubt] : [],
    )
  }

  /** Values without those that are not known: an old one must not be taken for it. */
  without(values: Scope): Scope {
    const hidden = [...this.#byName].flatMap(([name, { kind }]) => (kind === 'unknown' ? [name] : []))
    return hidden.reduce(withoutName, values)
  }
}

function withoutName(values: Scope, name: string): Scope {
  const [root = '', field] = name.split('.')
  if (field === undefined) return omit(values, root)
  const map = values[root]
  return isMap(map) ? { ...values, [root]: omit(map, field) } : values
}

/** Works something out that reads such names. */
export function foreseen<Value>(
  { reads, text = '' }: { readonly reads: readonly string[]; readonly text?: string },
  { doubts, values }: { readonly doubts: Doubts; readonly values: Scope },
  work: (values: Scope) => Value,
): Foreseen<Value> {
  const touched = doubts.of(reads)
  const gap = touched.find(({ kind }) => kind !== 'now')
  // What only asks whether something is there has an answer even where nothing is known of it.
  if (gap !== undefined && text.includes('has(')) return { kind: 'unknown', because: gap.because }
  try {
    const value = work(doubts.without(values))
    const later = touched.find(({ kind }) => kind === 'now')
    return later === undefined
      ? { kind: 'value', value, certainty: 'sure' }
      : { kind: 'value', value, certainty: 'now', because: later.because }
  } catch (error) {
    if (gap !== undefined) return { kind: 'unknown', because: gap.because }
    return { kind: 'wrong', message: error instanceof Error ? error.message : String(error) }
  }
}

export const foreseenExpression = <Value>(
  expression: Expression,
  known: Parameters<typeof foreseen>[1],
  work: (values: Scope) => Value,
): Foreseen<Value> => foreseen({ reads: readsBy(expression), text: expression.source }, known, work)

export const foreseenTemplate = (template: Template, known: Parameters<typeof foreseen>[1]): Foreseen<Json> =>
  foreseen({ reads: readsByTemplate(template), text: JSON.stringify(template) }, known, (values) =>
    render(template, values),
  )

/** All or nothing: an action is not asked with half of its input. */
export function foreseenAll(
  templates: Readonly<Record<string, Template>>,
  known: Parameters<typeof foreseen>[1],
): Foreseen<Readonly<Record<string, Json>>> {
  const each = Object.entries(templates).map(
    ([name, template]) => [name, foreseenTemplate(template, known)] as const,
  )
  const wrong = each.find(([, one]) => one.kind === 'wrong')?.[1]
  if (wrong?.kind === 'wrong') return wrong
  const gap = each.find(([, one]) => one.kind === 'unknown')?.[1]
  if (gap?.kind === 'unknown') return gap
  const value = Object.fromEntries(
    each.flatMap(([name, one]) => (one.kind === 'value' ? [[name, one.value]] : [])),
  )
  const later = each.map(([, one]) => one).find((one) => one.kind === 'value' && one.certainty === 'now')
  return later?.kind === 'value' && later.because !== undefined
    ? { kind: 'value', value, certainty: 'now', because: later.because }
    : { kind: 'value', value, certainty: 'sure' }
}

/** The doubt that is left on what was worked out. */
export function doubtOf(one: Foreseen<unknown>): Doubt | undefined {
  if (one.kind === 'unknown') return { kind: 'unknown', because: one.because }
  if (one.kind === 'wrong') return { kind: 'unknown', because: one.message }
  return one.because === undefined ? undefined : { kind: 'now', because: one.because }
}

export function certaintyOf(one: Foreseen<unknown>): {
  readonly certainty: Certainty
  readonly because?: string
} {
  if (one.kind === 'unknown') return { certainty: 'unknown', because: one.because }
  if (one.kind === 'wrong') return { certainty: 'sure' }
  return { certainty: one.certainty, ...(one.because === undefined ? {} : { because: one.because }) }
}

const omit = (map: Readonly<Record<string, Json>>, name: string): Readonly<Record<string, Json>> =>
  Object.fromEntries(Object.entries(map).filter(([key]) => key !== name))

const isMap = (value: Json | undefined): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
