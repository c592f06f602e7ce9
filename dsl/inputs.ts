import { parseBytes, parseDuration } from './duration.ts'
import { unknownNames, type KnownNames } from './input-names.ts'
import { listed, nearest } from './near.ts'
import type { InputSpec, Json } from './program.ts'

export type InputSpecs = Readonly<Record<string, InputSpec>>

export interface InputProblem {
  readonly input: string
  /** A sentence that begins with the input's name. */
  readonly message: string
}

export type CheckedInputs =
  | { readonly ok: true; readonly value: Readonly<Record<string, Json>> }
  | { readonly ok: false; readonly problems: readonly InputProblem[] }

/**
 * Checks what a run was given and turns it into what expressions see: durations as milliseconds, bytes as
 * numbers, texts from a command line as numbers and booleans where declared so, defaults filled in, null for
 * what is not given and need not be. All that is wrong is said at once. With an inventory, names of clusters,
 * members (of the cluster that is given as an input) and hosts are looked up in it.
 */
export function checkInputs(specs: InputSpecs, raw: unknown, inventory?: KnownNames): CheckedInputs {
  if (!isRecord(raw)) {
    const message = `inputs must be one JSON object with ${listed(Object.keys(specs)) || 'nothing in it'}`
    return { ok: false, problems: [{ input: '', message }] }
  }
  const checked = Object.entries(specs).map(([name, spec]) => checkOne(name, spec, raw))
  const unknown = Object.keys(raw).filter((name) => !Object.hasOwn(specs, name))
  const value = Object.fromEntries(checked.flatMap((one) => ('value' in one ? [[one.name, one.value]] : [])))
  const problems = [
    ...checked.flatMap((one) => ('message' in one ? [{ input: one.name, message: one.message }] : [])),
    ...unknown.map((name) => unknownInput(name, Object.keys(specs))),
    ...(inventory === undefined ? [] : unknownNames(specs, value, inventory)),
  ]
  return problems.length === 0 ? { ok: true, value } : { ok: false, problems }
}

/** All of it as one sentence a line, for an error's text. */
export function inputProblemsText(problems: readonly InputProblem[]): string {
  return problems.map(({ message }) => (message.endsWith('?') ? message : `${message}.`)).join('\n')
}

export type CheckedValue =
  | { readonly ok: true; readonly value: Json }
  /** Goes on after the input's name: "must be …, not …". */
  | { readonly ok: false; readonly message: string }

/** One value against its declaration, the inventory apart. */
export function checkValue(spec: InputSpec, raw: unknown): CheckedValue {
  const converted = convert(spec, raw)
  if (converted === undefined) return { ok: false, message: `must be ${wanted(spec)}${butIs(spec, raw)}` }
  const outside = boundsProblem(spec, converted)
  return outside === undefined ? { ok: true, value: converted } : { ok: false, message: outside }
}

type Outcome = { readonly name: string } & ({ readonly value: Json } | { readonly message: string })

function checkOne(name: string, spec: InputSpec, raw: Readonly<Record<string, unknown>>): Outcome {
  const given = Object.hasOwn(raw, name) ? raw[name] : undefined
  if (given === undefined || given === null) {
    if (spec.default !== undefined) return { name, value: spec.default }
    return spec.required ? { name, message: missing(name, spec) } : { name, value: null }
  }
  const checked = checkValue(spec, given)
  return checked.ok ? { name, value: checked.value } : { name, message: `${name} ${checked.message}` }
}

function missing(name: string, spec: InputSpec): string {
  const about = spec.description === '' ? '' : ` (${spec.description})`
  return `${name} is missing: ${wanted(spec)}${about}`
}

function unknownInput(name: string, known: readonly string[]): InputProblem {
  const near = nearest(name, known)
  const hint = near === undefined ? `there is ${listed(known) || 'none'}` : `did you mean "${near}"?`
  return { input: name, message: `${name} is no input of this runbook; ${hint}` }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const secretReference = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/

function convert(spec: InputSpec, raw: unknown): Json | undefined {
  switch (spec.type) {
    case 'integer':
      return wholeNumber(raw)
    case 'boolean':
      return typeof raw === 'boolean' ? raw : raw === 'true' ? true : raw === 'false' ? false : undefined
    case 'duration':
      return typeof raw === 'string' ? parseDuration(raw) : atLeastZero(raw)
    case 'bytes':
      return typeof raw === 'string' ? (parseBytes(raw) ?? atLeastZero(raw)) : atLeastZero(raw)
    case 'enum':
      return typeof raw === 'string' && spec.values?.includes(raw) === true ? raw : undefined
    case 'list':
      return listOf(raw)
    case 'secret':
      return typeof raw === 'string' && secretReference.test(raw) ? raw : undefined
    case 'string':
      return typeof raw === 'string' ? raw : undefined
    case 'cluster':
    case 'member':
    case 'host':
    case 'snapshot':
      return typeof raw === 'string' && raw !== '' ? raw : undefined
  }
}

function wholeNumber(raw: unknown): number | undefined {
  const number = typeof raw === 'string' && /^-?\d{1,16}$/.test(raw) ? Number(raw) : raw
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
}

function atLeastZero(raw: unknown): number | undefined {
  const number = wholeNumber(raw)
  return number === undefined || number < 0 ? undefined : number
}

/** A list of texts, or one text with commas as a command line gives it. */
function listOf(raw: unknown): readonly string[] | undefined {
  if (typeof raw === 'string') return raw === '' ? [] : raw.split(',').map((item) => item.trim())
  if (!Array.isArray(raw)) return undefined
  const texts = raw.filter((item) => typeof item === 'string')
  return texts.length === raw.length ? texts : undefined
}

const wording: Readonly<Record<InputSpec['type'], string>> = {
  string: 'a text',
  integer: 'a whole number',
  boolean: 'true or false',
  duration: 'a duration such as 10s or 1m30s (or whole milliseconds)',
  bytes: 'a size such as 64MiB or 10GB (or whole bytes)',
  enum: 'one of its values',
  list: 'a list of texts',
  cluster: 'the name of a cluster',
  member: 'the name of a member',
  host: 'the name of a host',
  snapshot: 'the name of a snapshot',
  secret: 'a reference to a secret (env:NAME or file:PATH), never the secret itself',
}

function wanted(spec: InputSpec): string {
  return spec.type === 'enum' ? `one of ${listed(spec.values ?? [])}` : wording[spec.type]
}

/** A secret typed in by mistake must not come back in an error. */
function butIs({ type }: InputSpec, raw: unknown): string {
  return type === 'secret' ? '' : `, not ${shown(raw)}`
}

function shown(raw: unknown): string {
  if (typeof raw === 'number' || typeof raw === 'boolean') return String(raw)
  if (typeof raw === 'string') return raw.length > 60 ? 'this text' : `"${raw}"`
  return Array.isArray(raw) ? 'a list' : 'an object'
}

function boundsProblem(spec: InputSpec, value: Json): string | undefined {
  const { pattern, min, max } = spec
  if (pattern !== undefined && typeof value === 'string' && !matchesAll(pattern, value))
    return `must match ${pattern}`
  const size = typeof value === 'number' ? value : sizeOf(value)
  if (size === undefined) return undefined
  const unit = typeof value === 'number' ? '' : Array.isArray(value) ? ' items' : ' characters'
  if (min !== undefined && size < min) return `must be at least ${amount(spec, min)}${unit}`
  return max !== undefined && size > max ? `must be at most ${amount(spec, max)}${unit}` : undefined
}

function sizeOf(value: Json): number | undefined {
  return typeof value === 'string' || Array.isArray(value) ? value.length : undefined
}

function amount({ type }: InputSpec, value: number): string {
  return type === 'duration' ? `${value} ms` : type === 'bytes' ? `${value} bytes` : String(value)
}

const longestMatched = 1000

function matchesAll(pattern: string, value: string): boolean {
  return value.length <= longestMatched && new RegExp(`^(?:${pattern})$`).test(value)
}
