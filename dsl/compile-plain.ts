import { compileBare, compileCondition } from './compile-expression.ts'
import { compileTemplate } from './compile-template.ts'
import { besideOthers, checkNotFixed } from './compile-parallel.ts'
import { complain, rootNames, type Compiler, type Scope } from './compiler.ts'
import { childOf, entryOf, type YamlNode } from './yaml-node.ts'
import type { StepSource } from './runbook-schema.ts'
import { leaving } from './absent.ts'
import { type Body, type OwnPart, type Site } from './step-site.ts'
import { dyn, sameType, typeText, type Type } from './types.ts'

/** The kinds of step that perform nothing themselves. */

export function assertBody({ compiler, scope, node }: Site): Body {
  const list = childOf(node, 'assert')
  const items = list?.kind === 'list' ? list.items : []
  const conditions = items.flatMap((item) => {
    const that = childOf(item, 'that')
    const otherwise = childOf(item, 'else')
    if (that === undefined || otherwise === undefined) return []
    const condition = compileCondition(compiler, scope, that)
    const { template } = compileTemplate(compiler, scope, otherwise)
    return condition === undefined ? [] : [{ that: condition, else: template }]
  })
  return { own: { kind: 'assert', assert: conditions }, scope, changes: false }
}

export function forEachBody(
  { compiler, scope, node, context, inside }: Site,
  source: StepSource['forEach'],
  key: string,
): Body {
  const list = childOf(node, 'forEach') ?? node
  const typed = compileBare(compiler, scope, list, { text: 'a list', fits: ({ kind }) => kind === 'list' })
  checkLoopName(compiler, scope, node, source.as)
  const item = typed?.type.kind === 'list' ? typed.type.of : dyn
  const within: Scope = { ...scope, locals: { ...scope.locals, [source.as]: item } }
  const several = (source.maxParallel ?? 1) > 1
  const prefix = `${key}/`
  const where = several ? besideOthers(context, scope, prefix) : { ...context, prefix }
  const inner = inside(within, childOf(node, 'steps'), where)
  const after = leaving(
    scope,
    inner.scope,
    (what) => `${what} stands in a forEach; it can be read only inside it.`,
  )
  if (typed === undefined) return { own: undefined, scope: after, changes: inner.changes }
  const own: OwnPart = {
    kind: 'forEach',
    ...{ forEach: typed.expression, as: source.as, steps: inner.steps },
    ...(several ? { maxParallel: source.maxParallel } : {}),
  }
  return { own, scope: after, changes: inner.changes }
}

function checkLoopName(compiler: Compiler, scope: Scope, node: YamlNode, name: string): void {
  if (!rootNames.includes(name) && scope.locals[name] === undefined && !reservedWords.has(name)) return
  const at = childOf(node, 'as') ?? childOf(node, 'forEach') ?? node
  const message = `"${name}" already means something here.`
  complain(compiler, at.range, { code: 'NAME_TAKEN', message, hint: 'Choose another name with "as".' })
}

const reservedWords: ReadonlySet<string> = new Set(
  (
    'as break const continue else for function if import let loop package namespace return var void while ' +
    'prototype cel string bool int uint double map list bytes type dyn optional'
  ).split(' '),
)

export function groupBody({ scope, node, context, inside }: Site, key: string): Body {
  const inner = inside(scope, childOf(node, 'steps'), { ...context, prefix: `${key}/` })
  return { own: { kind: 'steps', steps: inner.steps }, scope: inner.scope, changes: inner.changes }
}

export function setBody({ compiler, scope, node, context }: Site): Body {
  const map = childOf(node, 'set')
  const entries = map?.kind === 'map' ? map.entries : []
  checkNotFixed(compiler, context, entries)
  const compiled = entries.map(
    ({ key, value }) => [key, compileTemplate(compiler, scope, value, `vars.${key}`)] as const,
  )
  for (const [key, { type }] of compiled) checkSameType(compiler, scope, map, key, type)
  const types = compiled.map(([key, { type }]) => [key, type] as const)
  const templates = compiled.map(([key, { template }]) => [key, template] as const)
  const after: Scope = { ...scope, vars: { ...scope.vars, ...Object.fromEntries(types) } }
  return { own: { kind: 'set', set: Object.fromEntries(templates) }, scope: after, changes: false }
}

function checkSameType(
  compiler: Compiler,
  scope: Scope,
  map: YamlNode | undefined,
  key: string,
  type: Type,
): void {
  const before = scope.vars[key]
  if (before === undefined || before.kind === 'dyn' || type.kind === 'dyn' || sameType(before, type)) return
  const entry = entryOf(map, key)
  if (entry === undefined) return
  const message = `vars.${key} is ${typeText(before)} before; it cannot become ${typeText(type)}.`
  complain(compiler, entry.value.range, { code: 'EXPRESSION_TYPE', message, hint: 'Use another name.' })
}
