import type { Effect, RetrySpec } from './program.ts'

/** JSON Schema (draft 2020-12) as zod 4 writes it with `z.toJSONSchema`. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** What the language knows of an action: all that the catalogue says, nothing that runs. */
export interface ActionSpec {
  /** `etcd.member.update`: family first, verb last. */
  readonly name: string
  /** Imperative and lower case: "stop etcd". A step's summary is `SUBJECT: TITLE`. */
  readonly title: string
  /** One paragraph for the reference. */
  readonly doc: string
  readonly effect: Effect
  /** Input fields that name what it acts on, the most telling first: `['member', 'host']`. */
  readonly subject: readonly string[]
  /** An object schema; its properties are the keys of `with:`. */
  readonly input: JsonSchema
  /** An object schema; types `steps.ID` (and `gate`) in expressions. */
  readonly output: JsonSchema
  /** The longest one attempt may take. */
  readonly timeoutMs: number
  readonly retry: RetrySpec
}

export type Catalogue = ReadonlyMap<string, ActionSpec>
