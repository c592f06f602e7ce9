import { z } from 'zod'
import type { Code } from './codes.ts'
import type { JsonSchema } from './action-spec.ts'
import { listed, nearest } from './near.ts'
import type { Problem } from './problem.ts'
import { entryOf, nodeAt, toJson, type Path, type YamlNode } from './yaml-node.ts'
import { problemAt, type Complaint, type Range, type Source } from './source.ts'

export type Shaped<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problems: readonly Problem[] }

/** Checks a node against a zod schema; every issue becomes a problem at its exact place. */
export function checkShape<Schema extends z.ZodType>(
  source: Source,
  node: YamlNode,
  schema: Schema,
  what: string,
): Shaped<z.output<Schema>> {
  const result = schema.safeParse(toJson(node))
  if (result.success) return { ok: true, value: result.data }
  const context: Context = { source, node, schema, what }
  return { ok: false, problems: result.error.issues.flatMap((issue) => problemsOf(context, issue)) }
}

/** The same after leaving out the keys at the top that are wrong, so that the rest can still be looked at. */
export function shapeOfRest<Schema extends z.ZodType>(
  node: YamlNode,
  schema: Schema,
): z.output<Schema> | undefined {
  const first = schema.safeParse(toJson(node))
  if (first.success) return first.data
  if (node.kind !== 'map') return undefined
  const wrong = new Set(first.error.issues.flatMap(topKeys))
  const rest = { ...node, entries: node.entries.filter(({ key }) => !wrong.has(key)) }
  const second = schema.safeParse(toJson(rest))
  return second.success ? second.data : undefined
}

function topKeys(issue: Issue): readonly string[] {
  const [top] = issue.path
  if (top !== undefined) return [String(top)]
  return issue.code === 'unrecognized_keys' ? issue.keys : []
}

interface Context {
  readonly source: Source
  readonly node: YamlNode
  readonly schema: z.ZodType
  readonly what: string
}

type Issue = z.core.$ZodIssue

/** Of one map; whoever has more has the wrong file. */
const mostUnknown = 50

function problemsOf(context: Context, issue: Issue): readonly Problem[] {
  const path = pathOf(issue.path)
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(context.schema, path)
    return issue.keys.slice(0, mostUnknown).map((key) => unknownKey(context, path, key, known))
  }
  if (issue.code === 'invalid_key') return [wrongKey(context, path, issue)]
  const missing = missingKey(context.node, path)
  const at = missing === undefined ? nodeAt(context.node, path).range : missing.range
  const complaint = missing === undefined ? complaintOf(issue, path) : missingComplaint(context, path, issue)
  return [problemAt(context.source, at, complaint)]
}

function pathOf(path: readonly PropertyKey[]): Path {
  return path.map((step) => (typeof step === 'number' ? step : String(step)))
}

/** Where the map begins that the last step of the path is missing from. */
function missingKey(root: YamlNode, path: Path): { readonly range: Range } | undefined {
  const key = path.at(-1)
  if (typeof key !== 'string') return undefined
  const parent = nodeAt(root, path.slice(0, -1))
  if (parent.kind !== 'map' || entryOf(parent, key) !== undefined) return undefined
  return { range: headOf(parent) }
}

/** What to underline of a map: its first key, or itself when it is empty. */
function headOf(node: YamlNode): Range {
  const first = node.kind === 'map' ? node.entries[0]?.keyRange : undefined
  return first ?? { start: node.range.start, end: node.range.start + 1 }
}

function missingComplaint({ schema, what }: Context, path: Path, issue: Issue): Complaint {
  const keys = keysAt(schema, path.slice(0, -1))
  const described = issue.code === 'invalid_type' ? ` It is ${article(issue.expected)}.` : ''
  const where = path.length === 1 ? what : `"${nameOf(path.slice(0, -1))}"`
  return {
    code: 'MISSING',
    message: `${capital(where)} needs "${path.at(-1)}".${described}`,
    hint: keys.length === 0 ? undefined : `It takes ${listed(keys)}.`,
  }
}

function unknownKey(
  { source, node, what }: Context,
  path: Path,
  key: string,
  known: readonly string[],
): Problem {
  const parent = nodeAt(node, path)
  const range = entryOf(parent, key)?.keyRange ?? parent.range
  const where = path.length === 0 ? what : `"${nameOf(path)}"`
  return problemAt(source, range, unknownKeyComplaint(where, key, known))
}

function unknownKeyComplaint(where: string, key: string, known: readonly string[]): Complaint {
  const near = nearest(key, known)
  return {
    code: 'UNKNOWN_KEY',
    message: `${capital(where)} has no key "${key}".`,
    hint: near === undefined ? `It takes ${listed(known)}.` : `Did you mean "${near}"?`,
  }
}

function wrongKey(
  { source, node }: Context,
  path: Path,
  issue: Extract<Issue, { readonly code: 'invalid_key' }>,
): Problem {
  const key = String(path.at(-1))
  const range = entryOf(nodeAt(node, path.slice(0, -1)), key)?.keyRange ?? node.range
  const reason = issue.issues[0]?.message ?? 'It cannot be a key here.'
  return problemAt(source, range, { code: 'WRONG_VALUE', message: `"${key}" cannot be a name: ${reason}` })
}

function nameOf(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '')
}

function complaintOf(issue: Issue, path: Path): Complaint {
  const subject = path.length === 0 ? 'This' : `"${nameOf(path)}"`
  if (issue.code === 'invalid_type') {
    return { code: 'WRONG_TYPE', message: `${subject} must be ${article(issue.expected)}.` }
  }
  if (issue.code === 'invalid_value') {
    return {
      code: 'WRONG_VALUE',
      message: `${subject} must be ${oneOf(issue.values)}.`,
      hint: nearValue(issue),
    }
  }
  const code: Code = issue.code === 'invalid_union' ? 'WRONG_TYPE' : 'WRONG_VALUE'
  return { code, message: issue.code === 'custom' ? issue.message : `${subject}: ${sentence(issue.message)}` }
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value))
  return texts.length < 2 ? texts.join('') : `one of ${texts.join(', ')}`
}

function nearValue(issue: {
  readonly values: readonly unknown[]
  readonly input?: unknown
}): string | undefined {
  const given = typeof issue.input === 'string' ? issue.input : undefined
  const near = given === undefined ? undefined : nearest(given, issue.values.map(String))
  return near === undefined ? undefined : `Did you mean "${near}"?`
}

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a map',
  record: 'a map',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'nothing',
}

export function article(type: string): string {
  return typeNames[type] ?? type
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The keys a schema knows at a path; none where any key may stand. */
export function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  let here: unknown = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' })
  const root = here
  for (const step of path) here = stepInto(root, here, step)
  return Object.keys(recordOf(recordOf(resolved(root, here))['properties']))
}

function stepInto(root: unknown, schema: unknown, step: string | number): unknown {
  const { properties, additionalProperties, items, anyOf } = recordOf(resolved(root, schema))
  if (typeof step === 'number') return items
  const known = recordOf(properties)[step] ?? additionalProperties
  if (known !== undefined || !Array.isArray(anyOf)) return known
  return anyOf.map((option) => stepInto(root, option, step)).find((option) => option !== undefined)
}

function resolved(root: unknown, schema: unknown): unknown {
  const reference = recordOf(schema)['$ref']
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return schema
  return reference
    .slice(2)
    .split('/')
    .reduce((at, key) => recordOf(at)[key], root)
}

export function recordOf(value: unknown): JsonSchema {
  return isRecord(value) ? value : {}
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
