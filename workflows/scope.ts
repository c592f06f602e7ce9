import type { Json } from '../dsl/program.ts'

type Values = Readonly<Record<string, Json>>

/** What is known before the first step. */
export interface Given {
  readonly inputs: Values
  /** `run.id`, `run.runbook` and `run.startedAt`, as texts. */
  readonly run: Values
}

/**
 * What expressions see at one place of a run: `inputs`, `vars`, `steps` and the loop variables around it.
 * A loop's body gets a scope of its own: the outputs of its steps end with the iteration, variables do not.
 */
export class Scope {
  readonly #given: Given
  readonly #locals: Values
  readonly #variables: { current: Values }
  #outputs: Values

  private constructor(given: Given, locals: Values, variables: { current: Values }, outputs: Values) {
    this.#given = given
    this.#locals = locals
    this.#variables = variables
    this.#outputs = outputs
  }

  static of(given: Given): Scope {
    return new Scope(given, {}, { current: {} }, {})
  }

  within(name: string, value: Json): Scope {
    return new Scope(this.#given, { ...this.#locals, [name]: value }, this.#variables, this.#outputs)
  }

  /** What a runbook sees that is called: its inputs, whose run it is, and nothing else. */
  called(inputs: Values): Scope {
    return Scope.of({ inputs, run: this.#given.run })
  }

  /** As it is now: what happens later is not seen in it, and what happens in it is not seen here. */
  frozen(): Scope {
    return new Scope(this.#given, this.#locals, { current: this.#variables.current }, this.#outputs)
  }

  /** What the steps in a branch gave that began with all that was here. */
  take(branch: Scope): void {
    this.#outputs = { ...this.#outputs, ...branch.#outputs }
  }

  setOutput(id: string, output: Json): void {
    this.#outputs = { ...this.#outputs, [id]: output }
  }

  setVariables(values: Values): void {
    this.#variables.current = { ...this.#variables.current, ...values }
  }

  values(): Values {
    return { ...this.#given, vars: this.#variables.current, steps: this.#outputs, ...this.#locals }
  }
}
