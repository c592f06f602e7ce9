import { checkExpression, type Explain } from './check-expression.ts'
import { complain, environmentOf, originOf, type Compiler, type Scope } from './compiler.ts'
import type { Expression } from './program.ts'
import type { YamlNode } from './yaml-node.ts'
import { rangeInside, type ScalarNode } from './scalar-positions.ts'
import type { Range } from './source.ts'
import { cutTemplate } from './template-text.ts'
import { typeText, type Type } from './types.ts'

export interface Typed {
  readonly expression: Expression
  readonly type: Type
}

/** A bare expression, with or without `${{ }}` around it, of a type that `fits`. Nothing when it is wrong. */
export function compileBare(
  compiler: Compiler,
  scope: Scope,
  node: YamlNode,
  wanted: { readonly text: string; readonly fits: (type: Type) => boolean },
): Typed | undefined {
  const bare = bareSource(compiler, node)
  if (bare === undefined) return undefined
  const typed = compileSource(compiler, scope, bare.node, bare.source, bare.range)
  if (typed === undefined || typed.type.kind === 'dyn' || wanted.fits(typed.type)) return typed
  complain(compiler, rangeInside(compiler.source, bare.node, bare.range), {
    code: 'EXPRESSION_TYPE',
    message: `This must be ${wanted.text}, but it is ${typeText(typed.type)}.`,
  })
  return undefined
}

export function compileCondition(compiler: Compiler, scope: Scope, node: YamlNode): Expression | undefined {
  const typed = compileBare(compiler, scope, node, {
    text: 'a condition (bool)',
    fits: ({ kind }) => kind === 'bool',
  })
  if (typed === undefined || typed.type.kind !== 'dyn') return typed?.expression
  // What is not known because of an error elsewhere has been said there.
  if (compiler.problems.length > 0) return undefined
  const hint = 'Compare it with something: x == true.'
  complain(compiler, node.range, {
    code: 'EXPRESSION_TYPE',
    message: 'This could be anything; a condition must be a bool.',
    hint,
  })
  return undefined
}

/** An expression that stands in `range` of a scalar's value. */
export function compileSource(
  compiler: Compiler,
  scope: Scope,
  node: ScalarNode,
  source: string,
  range: Range,
): Typed | undefined {
  const checked = checkExpression(source, environmentOf(compiler, scope), explainFor(compiler, scope))
  if (!checked.ok) {
    const { start, end } = checked.range
    const inside = { start: range.start + start, end: range.start + end }
    complain(compiler, rangeInside(compiler.source, node, inside), checked.complaint)
    return undefined
  }
  const { type, roots, doubles } = checked
  if (!isJson(type)) {
    const message = `The value would be ${typeText(type)}, which cannot be passed on.`
    complain(compiler, rangeInside(compiler.source, node, range), {
      code: 'EXPRESSION_TYPE',
      message,
      hint: 'Write string(…) around it.',
    })
    return undefined
  }
  const at = originOf(compiler, rangeInside(compiler.source, node, range).start)
  return { expression: { source, at, roots, ...(doubles.length === 0 ? {} : { doubles }) }, type }
}

function isJson(type: Type): boolean {
  if (type.kind === 'list' || type.kind === 'map' || type.kind === 'nullable') return isJson(type.of)
  return type.kind !== 'other'
}

interface Bare {
  readonly node: ScalarNode
  readonly source: string
  readonly range: Range
}

function bareSource(compiler: Compiler, node: YamlNode): Bare | undefined {
  if (node.kind === 'scalar' && typeof node.value === 'boolean') {
    return { node, source: String(node.value), range: { start: 0, end: 1 } }
  }
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    complain(compiler, node.range, { code: 'WRONG_TYPE', message: 'This must be an expression.' })
    return undefined
  }
  return bareText(compiler, node, node.value)
}

function bareText(compiler: Compiler, node: ScalarNode, value: string): Bare | undefined {
  const cut = value.includes('${{') ? cutTemplate(value) : undefined
  const pieces =
    cut?.ok === true
      ? cut.pieces.filter((piece) => piece.kind === 'expression' || piece.text.trim() !== '')
      : []
  const [only, ...others] = pieces
  if (only?.kind === 'expression' && others.length === 0)
    return { node, source: only.source, range: only.range }
  if (cut !== undefined) {
    const message = cut.ok ? 'This is one expression; text beside "${{ }}" has no meaning here.' : cut.message
    complain(compiler, node.range, {
      code: 'TEMPLATE',
      message,
      hint: 'Write the expression without "${{ }}".',
    })
    return undefined
  }
  const source = value.trim()
  if (source === '') {
    complain(compiler, node.range, { code: 'WRONG_VALUE', message: 'An expression is missing here.' })
    return undefined
  }
  const start = value.indexOf(source)
  return { node, source, range: { start, end: start + source.length } }
}

function explainFor({ ids }: Compiler, scope: Scope): Explain {
  return (owner, name) => {
    if (owner?.kind !== 'object' || (owner.name !== 'steps' && owner.name !== 'vars')) return undefined
    const absent = scope.absent[`${owner.name}.${name}`]
    if (absent !== undefined) return { code: 'MAY_BE_ABSENT', message: absent }
    if (owner.name !== 'steps' || !ids.has(name)) return undefined
    const message = `The outputs of step "${name}" cannot be read here.`
    const hint =
      'Only uses and gate steps have outputs, and only steps that stand before this one are in scope.'
    return { code: 'UNKNOWN_NAME', message, hint }
  }
}
