import type { ActionSpec } from './action-spec.ts'
import { findingsIn } from './check-with.ts'
import { compileBare, compileCondition } from './compile-expression.ts'
import { compileTemplate, type CompiledTemplate } from './compile-template.ts'
import { complain, outputType, pin, rootNames, type Compiler, type Scope } from './compiler.ts'
import { parseDuration } from './duration.ts'
import { suggest } from './near.ts'
import type { Expression, RetrySpec, Step, Template } from './program.ts'
import { childOf, entryOf, type YamlNode } from './read-yaml.ts'
import type { RetrySource, StepSource } from './runbook-schema.ts'
import { placeAt, type Range } from './source.ts'
import { readStep, type ReadStep } from './step-kind.ts'
import { dyn, sameType, typeText, type Type } from './types.ts'

type ListNode = Extract<YamlNode, { readonly kind: 'list' }>

export interface StepsContext {
  /** Goes before the keys of these steps: empty, or ends with `/`. */
  readonly prefix: string
  readonly undoing: boolean
}

export interface CompiledSteps {
  readonly steps: readonly Step[]
  /** What may be read after the last of them. */
  readonly scope: Scope
  /** Whether any of them has an effect. */
  readonly changes: boolean
}

/** Learns all ids of a list of steps and what is inside them; says which stand twice. */
export function collectIds(compiler: Compiler, list: YamlNode): void {
  if (list.kind !== 'list') return
  for (const step of list.items) {
    const id = childOf(step, 'id')
    if (id?.kind === 'scalar' && typeof id.value === 'string') collectId(compiler, id.value, id.range)
    for (const inner of ['steps', 'undo']) collectIds(compiler, childOf(step, inner) ?? step)
  }
}

function collectId({ ids, ...compiler }: Compiler, id: string, range: Range): void {
  const first = ids.get(id)
  if (first === undefined) {
    ids.set(id, range)
    return
  }
  const { line } = placeAt(compiler.source, first.start)
  complain({ ids, ...compiler }, range, {
    code: 'DUPLICATE_ID',
    message: `The id "${id}" is taken by the step in line ${line}.`,
  })
}

/** Compiles steps one after the other; each sees what those before it gave. */
export function compileSteps(
  compiler: Compiler,
  scope: Scope,
  list: ListNode,
  context: StepsContext,
): CompiledSteps {
  let after = scope
  let changes = false
  const steps = list.items.flatMap((node, index) => {
    const read = readStep(compiler, node)
    if (read === undefined) {
      after = withUnknown(after, node)
      return []
    }
    const compiled = compileStep({ compiler, scope: after, context, node, index }, read)
    after = compiled.scope
    changes ||= compiled.changes
    return compiled.step === undefined ? [] : [compiled.step]
  })
  return { steps, scope: after, changes }
}

/** A step that could not be read gives no further errors where its outputs are used. */
function withUnknown(scope: Scope, node: YamlNode): Scope {
  const id = childOf(node, 'id')
  if (id?.kind !== 'scalar' || typeof id.value !== 'string') return scope
  return { ...scope, steps: { ...scope.steps, [id.value]: dyn } }
}

interface Site {
  readonly compiler: Compiler
  readonly scope: Scope
  readonly context: StepsContext
  readonly node: YamlNode
  readonly index: number
}

interface CompiledStep {
  readonly step: Step | undefined
  readonly scope: Scope
  readonly changes: boolean
}

/** What the kinds have of their own; the rest is the same for all. */
interface Body {
  readonly own: OwnPart | undefined
  /** In scope after the step when it was done, and in its `undo`. */
  readonly scope: Scope
  readonly changes: boolean
}

type OwnPart = Step extends infer Kind ? (Kind extends Step ? Omit<Kind, keyof Common> : never) : never
type Common = Omit<Extract<Step, { readonly kind: 'steps' }>, 'kind' | 'steps'>

function compileStep(site: Site, read: ReadStep): CompiledStep {
  const { compiler, scope, context, node } = site
  const key = `${context.prefix}${read.source.id ?? `${read.kind}-${site.index + 1}`}`
  const condition = compiledIf(site)
  const body = compileBody(site, read, key)
  const undo = compileUndo(site, body, key)
  checkNoReturn(site)
  const common: Common = {
    key,
    at: placeAt(compiler.source, node.range.start),
    onFailure: read.source.onFailure,
    skippable: read.source.skippable,
    ...(read.source.id === undefined ? {} : { id: read.source.id }),
    ...optionalText(compiler, scope, node, 'name'),
    ...optionalText(compiler, scope, node, 'noReturn'),
    ...(condition === undefined ? {} : { if: condition }),
    ...timing(site, read),
    ...(undo === undefined ? {} : { undo }),
  }
  const step: Step | undefined = body.own === undefined ? undefined : { ...common, ...body.own }
  return { step, scope: scopeAfter(scope, body.scope, read), changes: body.changes }
}

function compiledIf({ compiler, scope, node }: Site): Expression | undefined {
  const condition = childOf(node, 'if')
  return condition === undefined ? undefined : compileCondition(compiler, scope, condition)
}

function optionalText<Key extends 'name' | 'noReturn' | 'else'>(
  compiler: Compiler,
  scope: Scope,
  node: YamlNode,
  key: Key,
): { readonly [Name in Key]?: Template } {
  const part = childOf(node, key)
  const entry: { [Name in Key]?: Template } = {}
  if (part !== undefined) entry[key] = compileTemplate(compiler, scope, part).template
  return entry
}

function timing(
  { compiler, node }: Site,
  read: ReadStep,
): { readonly timeoutMs?: number; readonly retry?: RetrySpec } {
  if (read.kind !== 'uses' && read.kind !== 'gate') return {}
  const { timeout, retry } = read.source
  const timeoutMs = positive(compiler, childOf(node, 'timeout'), timeout)
  return {
    ...(timeoutMs === undefined || read.kind === 'gate' ? {} : { timeoutMs }),
    ...(retry === undefined ? {} : { retry: retrySpec(retry) }),
  }
}

function retrySpec({ attempts, interval, backoff }: RetrySource): RetrySpec {
  return { attempts, intervalMs: parseDuration(interval) ?? 0, backoff }
}

function positive(
  compiler: Compiler,
  node: YamlNode | undefined,
  duration: string | undefined,
): number | undefined {
  const ms = duration === undefined ? undefined : parseDuration(duration)
  if (ms === undefined || ms >= 100 || node === undefined) return ms
  complain(compiler, node.range, { code: 'WRONG_VALUE', message: 'This must be 100ms at least.' })
  return undefined
}

function compileBody(site: Site, read: ReadStep, key: string): Body {
  switch (read.kind) {
    case 'uses':
      return usesBody(site, read.source)
    case 'gate':
      return gateBody(site, read.source)
    case 'assert':
      return assertBody(site)
    case 'forEach':
      return forEachBody(site, read.source, key)
    case 'steps':
      return groupBody(site, key)
    case 'set':
      return setBody(site)
  }
}

function usesBody({ compiler, scope, node }: Site, source: StepSource['uses']): Body {
  const action = actionNamed(compiler, childOf(node, 'uses') ?? node, source.uses)
  const inputs = compileWith(compiler, scope, node, 'uses', action)
  const after = withOutputs(scope, source.id, action === undefined ? dyn : outputType(compiler, action))
  const changes = action !== undefined && action.effect !== 'read'
  return {
    own: { kind: 'uses', uses: source.uses, with: inputs },
    scope: after,
    changes: changes || action === undefined,
  }
}

function actionNamed(compiler: Compiler, node: YamlNode, name: string): ActionSpec | undefined {
  const action = compiler.catalogue.get(name)
  if (action !== undefined) {
    pin(compiler, action)
    return action
  }
  const message = `"${name}" is not an action.`
  const near = suggest(name, compiler.catalogue.keys()) ?? ''
  const hint = `${near} \`quorate actions\` lists all ${compiler.catalogue.size}.`.trim()
  complain(compiler, node.range, { code: 'UNKNOWN_ACTION', message, hint })
  return undefined
}

function withOutputs(scope: Scope, id: string | undefined, type: Type): Scope {
  return id === undefined ? scope : { ...scope, steps: { ...scope.steps, [id]: type } }
}

function compileWith(
  compiler: Compiler,
  scope: Scope,
  node: YamlNode,
  kind: 'uses' | 'gate',
  action: ActionSpec | undefined,
): Readonly<Record<string, Template>> {
  const given = childOf(node, 'with')
  const head = entryOf(node, given === undefined ? kind : 'with')?.keyRange ?? node.range
  const map: YamlNode = given?.kind === 'map' ? given : { kind: 'map', range: head, entries: [] }
  const compiled = compileTemplate(compiler, scope, map)
  if (action !== undefined) {
    const placed: CompiledTemplate = { ...compiled, node: { ...map, range: head } }
    for (const { range, complaint } of findingsIn(placed, action.input)) complain(compiler, range, complaint)
  }
  const entries = [...(compiled.entries ?? [])].map(([key, { template }]) => [key, template] as const)
  return Object.fromEntries(entries)
}

const defaultGateTimeoutMs = 300_000

function gateBody({ compiler, scope, node }: Site, source: StepSource['gate']): Body {
  const name = childOf(node, 'gate') ?? node
  const action = actionNamed(compiler, name, source.gate)
  if (action !== undefined && action.effect !== 'read') {
    const message = `A gate asks again and again, but "${action.name}" may ${action.effect} something.`
    complain(compiler, name.range, {
      code: 'GATE_EFFECT',
      message,
      hint: 'Use it in a "uses" step, then gate on a read action.',
    })
  }
  const inputs = compileWith(compiler, scope, node, 'gate', action)
  const output = action === undefined ? dyn : outputType(compiler, action)
  const until = childOf(node, 'until')
  const asking: Scope = { ...scope, locals: { ...scope.locals, gate: output } }
  const condition = until === undefined ? undefined : compileCondition(compiler, asking, until)
  const gateTimeoutMs = positive(compiler, childOf(node, 'timeout'), source.timeout) ?? defaultGateTimeoutMs
  const stableMs = compileStable(compiler, scope, childOf(node, 'stable'), gateTimeoutMs)
  const everyMs = positive(compiler, childOf(node, 'every'), source.every) ?? 1000
  const after = withOutputs(scope, source.id, output)
  if (condition === undefined) return { own: undefined, scope: after, changes: false }
  const own: OwnPart = {
    kind: 'gate',
    gate: source.gate,
    with: inputs,
    until: condition,
    everyMs,
    stableMs,
    gateTimeoutMs,
    ...optionalText(compiler, scope, node, 'else'),
  }
  return { own, scope: after, changes: false }
}

/** A duration, or an expression that gives milliseconds. */
function compileStable(
  compiler: Compiler,
  scope: Scope,
  node: YamlNode | undefined,
  gateTimeoutMs: number,
): Template {
  const none: Template = { kind: 'literal', value: 0 }
  if (node?.kind !== 'scalar' || typeof node.value !== 'string') return none
  const ms = parseDuration(node.value)
  if (ms !== undefined && ms >= gateTimeoutMs) {
    const message = "It cannot hold for this long: the gate's time is up before."
    complain(compiler, node.range, { code: 'WRONG_VALUE', message, hint: 'Make "timeout" longer.' })
  }
  if (ms !== undefined) return { kind: 'literal', value: ms }
  const { template, type } = compileTemplate(compiler, scope, node)
  if (template.kind === 'literal' && type.kind === 'dyn') return none
  if (type.kind === 'int' || type.kind === 'dyn') return template
  const message = `"stable" must be a duration such as 10s, or an expression that gives one; this is ${typeText(type)}.`
  complain(compiler, node.range, { code: 'WRONG_TYPE', message })
  return none
}

function assertBody({ compiler, scope, node }: Site): Body {
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

function forEachBody(
  { compiler, scope, node, context }: Site,
  source: StepSource['forEach'],
  key: string,
): Body {
  const list = childOf(node, 'forEach') ?? node
  const typed = compileBare(compiler, scope, list, { text: 'a list', fits: ({ kind }) => kind === 'list' })
  checkLoopName(compiler, scope, node, source.as)
  const item = typed?.type.kind === 'list' ? typed.type.of : dyn
  const inside: Scope = { ...scope, locals: { ...scope.locals, [source.as]: item } }
  const inner = compileInner(compiler, inside, childOf(node, 'steps'), { ...context, prefix: `${key}/` })
  const after = leaving(
    scope,
    inner.scope,
    (what) => `${what} stands in a forEach; it can be read only inside it.`,
  )
  if (typed === undefined) return { own: undefined, scope: after, changes: inner.changes }
  const own: OwnPart = { kind: 'forEach', forEach: typed.expression, as: source.as, steps: inner.steps }
  return { own, scope: after, changes: inner.changes }
}

function checkLoopName(compiler: Compiler, scope: Scope, node: YamlNode, name: string): void {
  if (!rootNames.includes(name) && scope.locals[name] === undefined && !reservedWords.has(name)) return
  const at = childOf(node, 'as') ?? childOf(node, 'forEach') ?? node
  const message = `"${name}" already means something here.`
  complain(compiler, at.range, { code: 'NAME_TAKEN', message, hint: 'Choose another name with "as".' })
}

const reservedWords: ReadonlySet<string> = new Set([
  ...[
    'as',
    'break',
    'const',
    'continue',
    'else',
    'for',
    'function',
    'if',
    'import',
    'let',
    'loop',
    'package',
  ],
  ...['namespace', 'return', 'var', 'void', 'while', 'prototype', 'cel'],
  ...['string', 'bool', 'int', 'uint', 'double', 'map', 'list', 'bytes', 'type', 'dyn', 'optional'],
])

function compileInner(
  compiler: Compiler,
  scope: Scope,
  list: YamlNode | undefined,
  context: StepsContext,
): CompiledSteps {
  return list?.kind === 'list'
    ? compileSteps(compiler, scope, list, context)
    : { steps: [], scope, changes: false }
}

function groupBody({ compiler, scope, node, context }: Site, key: string): Body {
  const inner = compileInner(compiler, scope, childOf(node, 'steps'), { ...context, prefix: `${key}/` })
  return { own: { kind: 'steps', steps: inner.steps }, scope: inner.scope, changes: inner.changes }
}

function setBody({ compiler, scope, node }: Site): Body {
  const map = childOf(node, 'set')
  const entries = map?.kind === 'map' ? map.entries : []
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

function compileUndo(
  { compiler, node, context }: Site,
  body: Body,
  key: string,
): readonly Step[] | undefined {
  const undo = entryOf(node, 'undo')
  if (undo === undefined) return undefined
  if (context.undoing) {
    complain(compiler, undo.keyRange, {
      code: 'STEP_KEY',
      message: 'A step of an "undo" has no "undo" of its own.',
    })
  } else if (!body.changes) {
    complain(compiler, undo.keyRange, {
      code: 'NOTHING_TO_UNDO',
      message: 'This step changes nothing, so there is nothing to take back.',
    })
  }
  const inner = compileInner(compiler, body.scope, undo.value, { prefix: `${key}/undo/`, undoing: true })
  return inner.steps
}

function checkNoReturn({ compiler, node, context }: Site): void {
  const entry = entryOf(node, 'noReturn')
  if (entry === undefined) return
  if (context.undoing) {
    complain(compiler, entry.keyRange, {
      code: 'NO_RETURN',
      message: 'A step that takes something back cannot be a point of no return.',
    })
  } else if (entryOf(node, 'undo') !== undefined) {
    const message = 'A step after which nothing can be taken back cannot have an "undo" itself.'
    complain(compiler, entry.keyRange, { code: 'NO_RETURN', message })
  }
}

function scopeAfter(before: Scope, done: Scope, read: ReadStep): Scope {
  const reason = whyAbsent(read)
  return reason === undefined ? done : leaving(before, done, (what) => `${what} may not be there: ${reason}.`)
}

function whyAbsent({ kind, source }: ReadStep): string | undefined {
  const it = kind === 'steps' || kind === 'forEach' ? 'the group it stands in' : 'its step'
  if (source.if !== undefined) return `${it} runs only under an "if"`
  if (source.skippable) return `${it} may be skipped`
  return source.onFailure === 'continue' ? `${it} may fail and be passed over` : undefined
}

/** What was added inside is out of scope again, with the reason. Variables that were there before stay. */
function leaving(before: Scope, after: Scope, reason: (what: string) => string): Scope {
  const steps = Object.keys(after.steps).filter((id) => before.steps[id] === undefined)
  const vars = Object.keys(after.vars).filter((name) => before.vars[name] === undefined)
  const absent = [
    ...steps.map((id) => [`steps.${id}`, reason(`What step "${id}" gives`)] as const),
    ...vars.map((name) => [`vars.${name}`, reason(`vars.${name}`)] as const),
  ]
  return { ...before, absent: { ...before.absent, ...after.absent, ...Object.fromEntries(absent) } }
}
