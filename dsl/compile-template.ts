import { compileSource } from './compile-expression.ts'
import { complain, type Compiler, type Scope } from './compiler.ts'
import type { Expression, Json, Template } from './program.ts'
import { toJson, type YamlNode } from './yaml-node.ts'
import { rangeInside, type ScalarNode } from './scalar-positions.ts'
import type { Range } from './source.ts'
import { cutTemplate, type Piece } from './template-text.ts'
import { common, dyn, objectType, text, typeOfJson, type Type } from './types.ts'

/** A template with its type and its parts, so that each part can be checked at its own place. */
export interface CompiledTemplate {
  readonly node: YamlNode
  readonly template: Template
  readonly type: Type
  /** Something in it is wrong and has been said; it is not looked at again. */
  readonly broken?: true
  readonly items?: readonly CompiledTemplate[]
  readonly entries?: ReadonlyMap<string, CompiledTemplate>
}

/** What is wrong is complained about; such a part becomes the literal null of type `dyn`. */
export function compileTemplate(
  compiler: Compiler,
  scope: Scope,
  node: YamlNode,
  name = 'value',
): CompiledTemplate {
  if (node.kind === 'list') return listTemplate(compiler, scope, node, name)
  if (node.kind === 'map') return mapTemplate(compiler, scope, node, name)
  if (typeof node.value === 'string') return textTemplate(compiler, scope, node, node.value)
  return literal(node, node.value)
}

/** What stands in a file where nothing is filled in. */
export function literalTemplate(node: YamlNode): CompiledTemplate {
  const whole = literal(node, toJson(node))
  if (node.kind === 'list') return { ...whole, items: node.items.map(literalTemplate) }
  if (node.kind === 'scalar') return whole
  return { ...whole, entries: new Map(node.entries.map(({ key, value }) => [key, literalTemplate(value)])) }
}

function literal(node: YamlNode, value: Json): CompiledTemplate {
  return { node, template: { kind: 'literal', value }, type: typeOfJson(value, 'value') }
}

function broken(node: YamlNode): CompiledTemplate {
  return { node, template: { kind: 'literal', value: null }, type: dyn, broken: true }
}

type ListNode = Extract<YamlNode, { readonly kind: 'list' }>
type MapNode = Extract<YamlNode, { readonly kind: 'map' }>

function listTemplate(compiler: Compiler, scope: Scope, node: ListNode, name: string): CompiledTemplate {
  const items = node.items.map((item) => compileTemplate(compiler, scope, item, name))
  const values = items.map(({ template }) => template)
  const type: Type = { kind: 'list', of: common(items.map((item) => item.type)) }
  const template: Template = values.every(isLiteral)
    ? { kind: 'literal', value: values.map(({ value }) => value) }
    : { kind: 'list', items: values }
  return { node, template, type, items }
}

function mapTemplate(compiler: Compiler, scope: Scope, node: MapNode, name: string): CompiledTemplate {
  for (const { key, keyRange } of node.entries) if (key.includes('${{')) complainKey(compiler, keyRange)
  const entries = node.entries.map(
    ({ key, value }) =>
      [key, compileTemplate(compiler, scope, value, `${name}.${key.replace(/\W/g, '_')}`)] as const,
  )
  const values = entries.map(([key, { template }]) => [key, template] as const)
  const type = objectType(name, Object.fromEntries(entries.map(([key, entry]) => [key, entry.type])))
  const literals = values.flatMap(([key, value]) => (isLiteral(value) ? [[key, value.value] as const] : []))
  const template: Template =
    literals.length === values.length
      ? { kind: 'literal', value: Object.fromEntries(literals) }
      : { kind: 'map', entries: Object.fromEntries(values) }
  return { node, template, type, entries: new Map(entries) }
}

function complainKey(compiler: Compiler, range: Range): void {
  const hint = 'Make the whole map an expression: ${{ {inputs.name: inputs.value} }}.'
  complain(compiler, range, {
    code: 'TEMPLATE',
    message: 'A key is taken as it is; "${{ }}" is not filled in.',
    hint,
  })
}

function isLiteral(template: Template): template is Extract<Template, { readonly kind: 'literal' }> {
  return template.kind === 'literal'
}

function textTemplate(compiler: Compiler, scope: Scope, node: ScalarNode, value: string): CompiledTemplate {
  const cut = cutTemplate(value)
  if (!cut.ok) {
    complain(compiler, rangeInside(compiler.source, node, cut.range), {
      code: 'TEMPLATE',
      message: cut.message,
    })
    return broken(node)
  }
  const [only, ...others] = cut.pieces
  if (only?.kind === 'text' && others.length === 0) return literal(node, only.text)
  if (only?.kind === 'expression' && others.length === 0) return alone(compiler, scope, node, only)
  return mixed(compiler, scope, node, cut.pieces)
}

type ExpressionPiece = Extract<Piece, { readonly kind: 'expression' }>

function alone(compiler: Compiler, scope: Scope, node: ScalarNode, piece: ExpressionPiece): CompiledTemplate {
  const typed = compileSource(compiler, scope, node, piece.source, piece.range)
  if (typed === undefined) return broken(node)
  return { node, template: { kind: 'expression', expression: typed.expression }, type: typed.type }
}

function mixed(
  compiler: Compiler,
  scope: Scope,
  node: ScalarNode,
  pieces: readonly Piece[],
): CompiledTemplate {
  const parts: (string | Expression)[] = []
  let whole = true
  for (const piece of pieces) {
    const part =
      piece.kind === 'text'
        ? piece.text
        : compileSource(compiler, scope, node, piece.source, piece.range)?.expression
    if (part === undefined) whole = false
    else parts.push(part)
  }
  return whole ? { node, template: { kind: 'text', parts }, type: text } : { ...broken(node), type: text }
}
