import { ParseError, TypeError as CelTypeError, type ASTNode } from '@marcbachmann/cel-js'
import { everyNode, readsOf } from './cel-tree.ts'
import { readableNames, typeNamed, type TypedEnvironment } from './cel-types.ts'
import { functionNames, parseCel, RestrictedCall, TooLong, writtenName } from './cel.ts'
import { nearest, suggest } from './near.ts'
import type { Complaint, Range } from './source.ts'
import { doublePaths, dyn, type Type } from './types.ts'

export type CheckedExpression =
  | {
      readonly ok: true
      readonly type: Type
      readonly roots: readonly string[]
      readonly doubles: readonly string[]
    }
  /** The range is within the expression's source. */
  | { readonly ok: false; readonly range: Range; readonly complaint: Complaint }

/** Says more about a name that is not there; nothing when it has nothing to add. */
export type Explain = (owner: Type | undefined, name: string) => Complaint | undefined

/** Parses an expression and works out its type from those of the variables. Never throws. */
export function checkExpression(
  source: string,
  typed: TypedEnvironment,
  explain: Explain,
): CheckedExpression {
  try {
    return typeOf(source, typed, explain)
  } catch (error) {
    return { ok: false, range: rangeOfError(error, source), complaint: syntaxComplaint(error) }
  }
}

function typeOf(source: string, typed: TypedEnvironment, explain: Explain): CheckedExpression {
  const parsed = parseCel(typed.environment, source)
  for (const node of everyNode(parsed.ast)) checkArgumentOfHas(node)
  const { valid, type, error } = parsed.check()
  if (!valid || type === undefined) {
    return { ok: false, range: rangeOfError(error, source), complaint: typeComplaint(error, typed, explain) }
  }
  const reads = readsOf(parsed.ast).filter(([root = '']) => Object.hasOwn(typed.variables, root))
  return {
    ok: true,
    type: typeNamed(typed.objects, type),
    roots: [...new Set(reads.flatMap(([root]) => root ?? []))].toSorted(),
    doubles: [...new Set(reads.flatMap((path) => doublesUnder(typed, path)))].toSorted(),
  }
}

/** cel-js looks only at the variable inside `has(a.b.c)`; a misspelt field would be false for ever. */
function checkArgumentOfHas(node: ASTNode): void {
  if (node.op !== 'call' || node.args[0] !== 'has') return
  const macro: unknown = 'meta' in node ? Reflect.get(Object(node.meta), 'macro') : undefined
  if (!isMacro(macro)) return
  const original = macro.typeCheck
  macro.typeCheck = (checker, self, context) => {
    const argument = self.args[0]
    const type = original(checker, self, context)
    if (argument !== undefined) checker.check(argument, context)
    return type
  }
}

interface Macro {
  readonly args: readonly ASTNode[]
  typeCheck: (checker: MacroChecker, macro: Macro, context: unknown) => unknown
}

interface MacroChecker {
  check(node: ASTNode, context: unknown): unknown
}

function isMacro(value: unknown): value is Macro {
  return typeof value === 'object' && value !== null && 'typeCheck' in value && 'args' in value
}

/** As far as the path is written with dots, to say no more than what the expression can reach. */
function doublesUnder(
  { variables }: TypedEnvironment,
  [root = '', ...names]: readonly string[],
): readonly string[] {
  let type = variables[root] ?? dyn
  let path = root
  for (const name of names) {
    const object = type.kind === 'nullable' ? type.of : type
    const field = object.kind === 'object' ? object.fields[name] : undefined
    if (field === undefined) break
    type = field
    path += `.${name}`
  }
  return doublePaths(type, path)
}

function rangeOfError(error: unknown, source: string): Range {
  const range = rangeWithin(error)
  const start = Math.max(0, Math.min(range?.start ?? 0, source.length - 1))
  const end = Math.min(range?.end ?? source.length, source.length)
  return { start, end: Math.max(end, start + 1) }
}

function rangeWithin(error: unknown): Range | undefined {
  if (error instanceof RestrictedCall) return error.node.range
  return error instanceof ParseError || error instanceof CelTypeError ? error.range : undefined
}

function syntaxComplaint(error: unknown): Complaint {
  if (error instanceof TooLong) return { code: 'EXPRESSION_LIMIT', message: error.message }
  if (error instanceof RestrictedCall) {
    const pattern = error.message.includes('attern') || error.message.includes('regular expression')
    return { code: pattern ? 'PATTERN' : 'EXPRESSION_LIMIT', message: error.message }
  }
  if (!(error instanceof ParseError))
    return { code: 'EXPRESSION_SYNTAX', message: `This cannot be read: ${String(error)}.` }
  if (error.code === 'limit_exceeded') {
    return { code: 'EXPRESSION_LIMIT', message: `This expression is too large: ${lower(error.summary)}.` }
  }
  return {
    code: 'EXPRESSION_SYNTAX',
    message: `This is not an expression: ${lower(withSymbols(error.summary))}.`,
  }
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

const symbols: Readonly<Record<string, string>> = {
  EOF: 'the end',
  NUMBER: 'a number',
  STRING: 'a text',
  IDENTIFIER: 'a name',
  PLUS: '"+"',
  MINUS: '"-"',
  MULTIPLY: '"*"',
  DIVIDE: '"/"',
  MODULO: '"%"',
  EQ: '"=="',
  NE: '"!="',
  LT: '"<"',
  LE: '"<="',
  GT: '">"',
  GE: '">="',
  AND: '"&&"',
  OR: '"||"',
  NOT: '"!"',
  IN: '"in"',
  LPAREN: '"("',
  RPAREN: '")"',
  LBRACKET: '"["',
  RBRACKET: '"]"',
  LBRACE: '"{"',
  RBRACE: '"}"',
  DOT: '"."',
  COMMA: '","',
  COLON: '":"',
  QUESTION: '"?"',
}

function withSymbols(text: string): string {
  return text.replace(/\b[A-Z]{2,}\b/g, (token) => symbols[token] ?? token)
}

function typeComplaint(error: unknown, typed: TypedEnvironment, explain: Explain): Complaint {
  if (!(error instanceof CelTypeError)) return syntaxComplaint(error)
  const known = error.node
  switch (error.code) {
    case 'unknown_variable':
      return unknownVariable(known?.op === 'id' ? known.args : '', typed, explain)
    case 'no_such_key':
      return unknownField(known, typed, explain)
    case 'no_matching_overload':
      return unknownCall(known, error.summary, typed)
    case 'no_such_overload':
      return { code: 'EXPRESSION_TYPE', ...operatorComplaint(readableNames(error.summary)) }
    default:
      return { code: 'EXPRESSION_TYPE', message: `${readableNames(error.summary).replace(/\.$/, '')}.` }
  }
}

function unknownVariable(name: string, { variables }: TypedEnvironment, explain: Explain): Complaint {
  const explained = explain(undefined, name)
  if (explained !== undefined) return explained
  return {
    code: 'UNKNOWN_NAME',
    message: `There is no "${name}" here.`,
    hint: suggest(name, Object.keys(variables)),
  }
}

function unknownField(node: ASTNode | undefined, typed: TypedEnvironment, explain: Explain): Complaint {
  const [left, field] = node?.op === '.' || node?.op === '[]' ? node.args : []
  const name = typeof field === 'string' ? field : literalText(field)
  const owner = left === undefined ? undefined : ownerType(left, typed)
  const explained = explain(owner, name)
  if (explained !== undefined) return explained
  const fields = owner?.kind === 'object' ? Object.keys(owner.fields) : []
  const where = left === undefined ? 'here' : `in "${sourceOfNode(left)}"`
  const hint = fields.length === 0 ? 'There is nothing in it.' : suggest(name, fields)
  return { code: 'UNKNOWN_NAME', message: `There is no "${name}" ${where}.`, hint }
}

function literalText(node: ASTNode | undefined): string {
  return node?.op === 'value' && typeof node.args === 'string' ? node.args : ''
}

function sourceOfNode(node: ASTNode): string {
  return node.input.slice(node.start, node.end)
}

/** cel-js keeps the type on the node (8.0.0; not in its types). */
function ownerType(node: ASTNode, { objects }: TypedEnvironment): Type | undefined {
  const type: unknown = 'checkedType' in node ? node.checkedType : undefined
  if (typeof type !== 'object' || type === null || !('name' in type)) return undefined
  const named = typeNamed(objects, String(type.name))
  return named.kind === 'nullable' ? named.of : named
}

function unknownCall(
  node: ASTNode | undefined,
  summary: string,
  { environment }: TypedEnvironment,
): Complaint {
  const name = node?.op === 'call' || node?.op === 'rcall' ? writtenName(node.args[0]) : ''
  const names = functionNames(environment)
  const call = writtenName(/'(.*)'/.exec(readableNames(summary))?.[1] ?? name)
  if (names.includes(name)) {
    return { code: 'EXPRESSION_TYPE', message: `There is a function "${name}", but not ${call}.` }
  }
  const near = nearest(name, names)
  const hint = near === undefined ? 'docs/language.md lists the functions.' : `Did you mean "${near}"?`
  return { code: 'UNKNOWN_NAME', message: `There is no function "${name}".`, hint }
}

function operatorComplaint(summary: string): { readonly message: string; readonly hint?: string } {
  const [, left, operator, right] =
    /^no such overload: (.+?) (==|!=|<=|>=|<|>|\+|-|\*|\/|%|in) (.+)$/.exec(summary) ?? []
  if (left === undefined || right === undefined) return { message: `The types do not fit: ${summary}.` }
  const message = `"${operator}" does not take ${left} on its left and ${right} on its right.`
  const kinds = [left, right].toSorted().join()
  if (left === 'null') return { message, hint: 'Write the null on the right: x == null.' }
  if (kinds === 'double,int') return { message, hint: 'Write double(…) around the int, or 2.0 for 2.' }
  if (operator === '+' && kinds.includes('string'))
    return { message, hint: 'Write string(…) around the other side.' }
  return { message }
}
