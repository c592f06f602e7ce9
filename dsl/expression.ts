import type { ParseResult } from '@marcbachmann/cel-js'
import { loopDepth, readsOf } from './cel-tree.ts'
import { budgetFor, childTree, doubleTree, fromCel, toCel, type DoubleTree } from './cel-values.ts'
import { celEnvironment, parseCel } from './cel.ts'
import type { Expression, Json, Place, Template } from './program.ts'

/** The values of the variables by name: `inputs`, `vars`, `steps`, `run`, loop variables, `gate`. */
export type Scope = Readonly<Record<string, Json>>

/** An expression could not be worked out: the step it stands in fails. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError'
  readonly source: string
  /** Where the expression stands in the runbook's file. */
  readonly at: Place

  constructor({ source, at }: Expression, reason: string) {
    super(`The expression "${source}" (${placeText(at)}) could not be worked out: ${reason}.`)
    this.source = source
    this.at = at
  }
}

function placeText({ file, line, column }: Place): string {
  return `${file === undefined ? '' : `${file}, `}line ${line}, column ${column}`
}

/**
 * Works out an expression. Pure and deterministic: the same source and scope give the same JSON.
 * Throws `ExpressionError` for everything that goes wrong, a name that has no value included.
 */
export function evaluate(expression: Expression, scope: Scope): Json {
  return attempt(expression, () => fromCel(run(expression, scope)))
}

/** Whether a condition holds: only `true` itself does; what is no bool is an `ExpressionError`. */
export function holds(expression: Expression, scope: Scope): boolean {
  const value = attempt(expression, () => run(expression, scope))
  if (typeof value !== 'boolean') throw new ExpressionError(expression, 'a condition must be true or false')
  return value
}

/** Fills a template. An expression alone keeps its type; within a text it is written as `asText` does. */
export function render(template: Template, scope: Scope): Json {
  switch (template.kind) {
    case 'literal':
      return template.value
    case 'expression':
      return evaluate(template.expression, scope)
    case 'text':
      return template.parts
        .map((part) => (typeof part === 'string' ? part : asText(evaluate(part, scope))))
        .join('')
    case 'list':
      return template.items.map((item) => render(item, scope))
    case 'map':
      return Object.fromEntries(
        Object.entries(template.entries).map(([key, item]) => [key, render(item, scope)]),
      )
  }
}

/** Text as it is, all else as JSON. */
export function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The part of a scope that an expression reads, to send no more than that somewhere else. */
export function narrow(expression: Expression, scope: Scope): Scope {
  const { reads } = attempt(expression, () => prepared(expression))
  return Object.fromEntries([...reads].flatMap(([root, names]) => narrowRoot(scope, root, names)))
}

/**
 * The names an expression reads: `steps.ID`, `vars.NAME`, `inputs.NAME`, and other variables by themselves.
 * `steps.*` and the like where it reads all of them.
 */
export function readsBy(expression: Expression): readonly string[] {
  const { reads } = attempt(expression, () => prepared(expression))
  return [...reads].flatMap(([root, names]) => {
    if (names !== 'all') return [...names].map((name) => `${root}.${name}`)
    return isByParts(root) ? [`${root}.*`] : [root]
  })
}

/** Those of all expressions in a template. */
export function readsByTemplate(template: Template): readonly string[] {
  switch (template.kind) {
    case 'literal':
      return []
    case 'expression':
      return readsBy(template.expression)
    case 'text':
      return template.parts.flatMap((part) => (typeof part === 'string' ? [] : readsBy(part)))
    case 'list':
      return template.items.flatMap(readsByTemplate)
    case 'map':
      return Object.values(template.entries).flatMap(readsByTemplate)
  }
}

type Reads = ReadonlyMap<string, ReadonlySet<string> | 'all'>

interface Prepared {
  readonly run: ParseResult
  readonly reads: Reads
  readonly doubles: DoubleTree
  readonly loops: number
}

function attempt<Value>(expression: Expression, work: () => Value): Value {
  try {
    return work()
  } catch (error) {
    if (error instanceof ExpressionError) throw error
    throw new ExpressionError(expression, reasonOf(error))
  }
}

/** cel-js' errors have a `summary`; their message goes on with a drawing of the place. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const text = 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '')
}

function run(expression: Expression, scope: Scope): unknown {
  const { run: evaluateCel, doubles, loops } = prepared(expression)
  const budget = budgetFor(loops)
  const variables = Object.entries(narrow(expression, scope)).map(([name, value]): [string, unknown] => [
    name,
    toCel(value, childTree(doubles, name), budget),
  ])
  return evaluateCel(Object.fromEntries(variables))
}

function narrowRoot(
  scope: Scope,
  root: string,
  names: ReadonlySet<string> | 'all',
): readonly [string, Json][] {
  const value = Object.hasOwn(scope, root) ? scope[root] : undefined
  if (value === undefined) return []
  if (names === 'all' || !isMap(value)) return [[root, value]]
  return [[root, Object.fromEntries(Object.entries(value).filter(([name]) => names.has(name)))]]
}

function isMap(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const environment = celEnvironment({ unlistedVariablesAreDyn: true })
const mostKept = 2000
/** Parsing is pure, so what is kept changes only how long it takes. */
const kept = new Map<string, Prepared>()

function prepared(expression: Expression): Prepared {
  const key = JSON.stringify([expression.source, expression.doubles ?? []])
  const known = kept.get(key)
  if (known !== undefined) return known
  const parsed = parseCel(environment, expression.source)
  const fresh = {
    run: parsed,
    reads: readsByRoot(readsOf(parsed.ast)),
    doubles: doubleTree(expression.doubles ?? []),
    loops: loopDepth(parsed.ast),
  }
  if (kept.size >= mostKept) kept.clear()
  kept.set(key, fresh)
  return fresh
}

/** Only `inputs`, `vars` and `steps` are read by parts; other roots go as a whole. */
function readsByRoot(paths: readonly (readonly string[])[]): Reads {
  const reads = new Map<string, Set<string> | 'all'>()
  for (const [root = '', name] of paths) {
    const before = reads.get(root) ?? new Set()
    if (before === 'all' || !isByParts(root) || name === undefined) reads.set(root, 'all')
    else reads.set(root, before.add(name))
  }
  return reads
}

const isByParts = (root: string): boolean => root === 'inputs' || root === 'vars' || root === 'steps'
