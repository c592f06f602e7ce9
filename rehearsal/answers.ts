import { asText } from '../dsl/expression.ts'
import type { Json } from '../dsl/program.ts'
import type { FailureKind } from '../workflows/ports.ts'
import { meansStep, precision } from './step-names.ts'
import { failureWords } from './test-schema.ts'

type Fields = Readonly<Record<string, Json>>

export type Answer =
  | { readonly kind: 'output'; readonly fields: Fields }
  | { readonly kind: FailureKind; readonly message: string }

/** What is given under one name. `always`: one map for every call, which other answers may be laid over. */
interface Given {
  readonly answers: readonly Answer[]
  readonly always: boolean
}

/** By action or step, as a test file writes it. */
export type GivenSource = Readonly<Record<string, unknown>>

/** Answers calls one after another from what a test file and one of its tests give. */
export class Answers {
  readonly #given: ReadonlyMap<string, Given>
  /** By the names that mean a call: a gate asks the same hundreds of times. */
  readonly #resolved = new Map<string, Given | undefined>()
  readonly #asked = new Map<string, number>()

  constructor(file: GivenSource, test: GivenSource) {
    const names = [...new Set([...Object.keys(file), ...Object.keys(test)])]
    this.#given = new Map(
      names.flatMap((name) => {
        const given = laidOver(givenOf(test[name]), givenOf(file[name]))
        return given === undefined ? [] : [[name, given] as const]
      }),
    )
  }

  /** The next for a call; a call that nothing is given for succeeds and says nothing. */
  next(action: string, path: string): Answer {
    const names = this.#namesFor(action, path)
    const given = this.#together(names)
    const last = names.at(-1)
    if (given === undefined || last === undefined) return silence
    const asked = this.#asked.get(last) ?? 0
    this.#asked.set(last, asked + 1)
    return given.answers[Math.min(asked, given.answers.length - 1)] ?? silence
  }

  #together(names: readonly string[]): Given | undefined {
    const key = names.join(' ')
    if (!this.#resolved.has(key)) {
      const given = names.reduce<Given | undefined>(
        (under, name) => laidOver(this.#given.get(name), under),
        undefined,
      )
      this.#resolved.set(key, given)
    }
    return this.#resolved.get(key)
  }

  /** The action's own first, then steps, the name that says most last. */
  #namesFor(action: string, path: string): readonly string[] {
    const steps = [...this.#given.keys()]
      .filter((name) => name !== action && meansStep(name, path))
      .toSorted((one, other) => precision(one) - precision(other))
    return this.#given.has(action) ? [action, ...steps] : steps
  }
}

const silence: Answer = { kind: 'output', fields: {} }

function laidOver(upper: Given | undefined, lower: Given | undefined): Given | undefined {
  if (upper === undefined) return lower
  const [under] = lower?.always === true ? lower.answers : []
  if (under?.kind !== 'output') return upper
  return { ...upper, answers: upper.answers.map((answer) => withFields(answer, under.fields)) }
}

const withFields = (answer: Answer, under: Fields): Answer =>
  answer.kind === 'output' ? { ...answer, fields: { ...under, ...answer.fields } } : answer

function givenOf(source: unknown): Given | undefined {
  if (source === undefined) return undefined
  return Array.isArray(source)
    ? { answers: source.map(answerOf), always: false }
    : { answers: [answerOf(source)], always: true }
}

function answerOf(source: unknown): Answer {
  const word = failureWord(source)
  const fields = isFields(source) ? source : {}
  if (word === undefined) return { kind: 'output', fields }
  return { kind: word === 'fails' ? 'failed' : word, message: asText(fields[word] ?? '') }
}

/** `fails`, `refused` or `unknown`, when that is all that the map says, with a message. */
export function failureWord(source: unknown): (typeof failureWords)[number] | undefined {
  const [[key, message] = ['', undefined], ...others] = isFields(source) ? Object.entries(source) : []
  if (others.length > 0 || typeof message !== 'string') return undefined
  return failureWords.find((word) => word === key)
}

const isFields = (source: unknown): source is Fields =>
  typeof source === 'object' && source !== null && !Array.isArray(source)
