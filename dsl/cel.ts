import { Environment, type ASTNode, type EnvironmentOptions, type ParseResult } from '@marcbachmann/cel-js'
import { everyNode, loopDepth } from './cel-tree.ts'
import { makeStrict } from './cel-strict.ts'
import { bytesText, durationText } from './duration.ts'

/** Loops inside one another; with the bound on what lists hold together it bounds an evaluation's work. */
export const mostLoops = 3

const limits = {
  maxAstNodes: 400,
  maxDepth: 40,
  maxListElements: 100,
  maxMapEntries: 100,
  maxCallArguments: 8,
}

/** CEL with the language's own functions: the same when checking and when evaluating. */
export function celEnvironment(
  options: Pick<EnvironmentOptions, 'unlistedVariablesAreDyn'> = {},
): Environment {
  const environment = new Environment({ ...options, limits })
  const sync = { async: false }
  environment
    .registerOperator('int == double', (left: bigint, right: number) => Number(left) === right)
    .registerFunction('asDuration(int): string', (ms: bigint) => durationText(Number(ms)), sync)
    .registerFunction('asBytes(int): string', (bytes: bigint) => bytesText(Number(bytes)), sync)
    .registerFunction(`string.${boundedMatch}(string): bool`, matchesWhole, sync)
    .registerFunction('list.sortedBy(ast, ast): list<dyn>', sortedBy)
  return environment
}

/** Not parsed as one: `${message}` says what is wrong with a call of a function that is restricted. */
export class RestrictedCall extends Error {
  override readonly name = 'RestrictedCall'
  readonly node: ASTNode

  constructor(node: ASTNode, message: string) {
    super(message)
    this.node = node
  }
}

const longestSource = 4096

export class TooLong extends Error {
  override readonly name = 'TooLong'

  constructor() {
    super(`An expression may have ${longestSource} characters.`)
  }
}

/** Parses under the language's own limits; throws cel-js' ParseError, `TooLong` or `RestrictedCall`. */
export function parseCel(environment: Environment, source: string): ParseResult {
  if (source.length > longestSource) throw new TooLong()
  const parsed = environment.parse(source)
  for (const node of everyNode(parsed.ast)) {
    restrict(node)
    makeStrict(node)
  }
  if (loopDepth(parsed.ast) > mostLoops) {
    throw new RestrictedCall(
      parsed.ast,
      `More than ${mostLoops} loops (filter, map, all, …) stand inside one another.`,
    )
  }
  return parsed
}

/** What `matches` becomes while parsing, because cel-js' own runs any pattern on any text. */
const boundedMatch = 'matchesBounded'
const longestMatched = 1000

function restrict(node: ASTNode): void {
  if (node.op !== 'rcall') return
  const [name, receiver, args] = node.args
  if (receiver.op === 'id' && receiver.args === 'cel')
    throw new RestrictedCall(node, '"cel.bind" is not available.')
  if (/^get[A-Z]/.test(name) && (args.length > 0 || name === 'getDayOfYear')) {
    throw new RestrictedCall(node, `"${name}" with a time zone is not available: it depends on the machine.`)
  }
  if (name !== 'matches') return
  const pattern = args[0]
  if (pattern?.op !== 'value' || typeof pattern.args !== 'string') {
    throw new RestrictedCall(pattern ?? node, 'The pattern of "matches" must be written out as text.')
  }
  const wrong = patternProblem(pattern.args)
  if (wrong !== undefined) throw new RestrictedCall(pattern, wrong)
  node.args[0] = boundedMatch
}

/** A function's name as the author wrote it. */
export function writtenName(call: string): string {
  return call.replace(boundedMatch, 'matches')
}

function matchesWhole(text: string, pattern: string): boolean {
  if (text.length > longestMatched) throw new Error(`"matches" looks at ${longestMatched} characters at most`)
  return new RegExp(pattern).test(text)
}

const mostRepetitions = 3

/**
 * Why a pattern could take for ever, or nothing. Conservative: no groups that are repeated and repeat or
 * choose inside, no look-around, no back-references, three unbounded repetitions at most.
 */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.length > 200) return 'A pattern may have 200 characters.'
  const invalid = syntaxProblem(pattern)
  if (invalid !== undefined) return invalid
  const bare = pattern.replace(/\\[^1-9k]/g, 'x').replace(/\[(?:\\.|[^\]\\])*\]/g, 'x')
  if (/\\[1-9k]/.test(bare)) return 'A pattern may not refer back to a group.'
  if (/\(\?(?!:)/.test(bare)) return 'A pattern may not look around or name groups.'
  if (repeatsARepetition(bare)) return 'A pattern may not repeat a group that repeats or chooses inside.'
  const unbounded = bare.match(/[*+]|\{\d+,\}/g)?.length ?? 0
  if (unbounded > mostRepetitions)
    return `A pattern may have ${mostRepetitions} unbounded repetitions (*, +, {n,}).`
  const bounds = [...bare.matchAll(/\{(\d+)(?:,(\d+))?\}/g)].map(([, least, most]) => Number(most ?? least))
  return bounds.some((bound) => bound > 200) ? 'A pattern may repeat 200 times at most.' : undefined
}

function syntaxProblem(pattern: string): string | undefined {
  try {
    return RegExp(pattern) ? undefined : 'This is no regular expression.'
  } catch (error) {
    return `This is no regular expression: ${error instanceof Error ? error.message : String(error)}.`
  }
}

function repeatsARepetition(bare: string): boolean {
  const open: boolean[] = []
  for (let at = 0; at < bare.length; at++) {
    const character = bare[at] ?? ''
    if (character === '(') open.push(false)
    else if (character === ')') {
      const risky = open.pop() === true
      const repeated = /^[*+{]/.test(bare.slice(at + 1))
      if (risky && repeated) return true
      if (risky || repeated) mark(open)
    } else if ('*+{|'.includes(character)) mark(open)
  }
  return false
}

function mark(open: boolean[]): void {
  if (open.length > 0) open[open.length - 1] = true
}

interface MacroCall {
  readonly args: readonly ASTNode[]
  readonly receiver: ASTNode
}

/** The parts of cel-js' checker and evaluator that a macro is given (8.0.0; not in its types). */
interface MacroContext {
  forkWithVariable(name: string, type: unknown): MacroContext
  reuse(parent: MacroContext): MacroContext
  setIterValue(value: unknown, evaluator: unknown): MacroContext
}
interface Checker {
  check(node: ASTNode, context: MacroContext): { readonly kind: string; readonly valueType?: unknown }
  createError(code: string, message: string, node: ASTNode): Error
}
interface Evaluator {
  run(node: ASTNode, context: MacroContext): unknown
}

/** `list.sortedBy(m, m.name)`: ascending by a text, number or bool (false first); equal keys stay in order. */
function sortedBy({ args, receiver }: MacroCall) {
  const [item, key] = args
  let inner: MacroContext | undefined
  return {
    typeCheck(checker: Checker, _macro: unknown, context: MacroContext) {
      const list = checker.check(receiver, context)
      if (item?.op !== 'id' || key === undefined) {
        throw checker.createError(
          'invalid_macro_argument',
          'sortedBy(name, key) needs a name first',
          item ?? receiver,
        )
      }
      if (list.kind !== 'list' && list.kind !== 'dyn') {
        throw checker.createError('invalid_comprehension_range', 'sortedBy needs a list', receiver)
      }
      inner = context.forkWithVariable(item.args, list.kind === 'list' ? list.valueType : list)
      checker.check(key, inner)
      return list
    },
    evaluate(evaluator: Evaluator, _macro: unknown, context: MacroContext) {
      const list = evaluator.run(receiver, context)
      if (!Array.isArray(list) || inner === undefined || key === undefined)
        throw new Error('sortedBy needs a list')
      const scope = inner.reuse(context)
      const keyed = list.map((value: unknown) => ({
        value,
        key: evaluator.run(key, scope.setIterValue(value, evaluator)),
      }))
      return keyed.toSorted((a, b) => compareKeys(a.key, b.key)).map(({ value }) => value)
    },
  }
}

function compareKeys(a: unknown, b: unknown): number {
  if (isOrdered(a) && isOrdered(b) && isText(a) === isText(b)) return a < b ? -1 : a > b ? 1 : 0
  throw new Error('sortedBy needs keys that are all texts, all numbers or all bools')
}

type Ordered = string | number | bigint | boolean

function isOrdered(value: unknown): value is Ordered {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}

function isText(value: Ordered): boolean {
  return typeof value === 'string'
}

/** Every name an expression may call, for suggestions. */
export function functionNames(environment: Environment): readonly string[] {
  const names = environment.getDefinitions().functions.map(({ name }) => name)
  return [...new Set(names.filter((name) => name !== boundedMatch && name !== 'bind')), 'matches']
}
