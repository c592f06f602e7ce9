import type { ActionSpec } from './action-spec.ts'
import { notHere } from './compile-around.ts'
import { findingsIn } from './check-with.ts'
import { compileCondition } from './compile-expression.ts'
import { compileDuration } from './compile-wait.ts'
import { compileTemplate, type CompiledTemplate } from './compile-template.ts'
import { complain, outputType, pin, type Compiler, type Scope } from './compiler.ts'
import { parseDuration } from './duration.ts'
import { suggest } from './near.ts'
import type { Template } from './program.ts'
import { childOf, entryOf, type YamlNode } from './yaml-node.ts'
import type { StepSource } from './runbook-schema.ts'
import { optionalText, positive, withOutputs, type Body, type OwnPart, type Site } from './step-site.ts'
import { dyn } from './types.ts'

/** The kinds of step that perform an action: `uses` once, `gate` again and again. */

export function usesBody(site: Site, source: StepSource['uses']): Body {
  const { compiler, scope, node } = site
  const name = childOf(node, 'uses') ?? node
  const action = actionNamed(compiler, name, source.uses)
  const forbidden = action && notHere(site, action.name, action.effect)
  if (forbidden !== undefined) complain(compiler, name.range, { code: 'EFFECT_HERE', message: forbidden })
  const inputs = compileWith(compiler, scope, node, 'uses', action)
  const after = withOutputs(scope, source.id, action === undefined ? dyn : outputType(compiler, action))
  const changes = action !== undefined && action.effect !== 'read'
  return {
    own: { kind: 'uses', uses: source.uses, with: inputs },
    scope: after,
    changes: changes || action === undefined,
  }
}

const defaultGateTimeoutMs = 300_000

export function gateBody({ compiler, scope, node }: Site, source: StepSource['gate']): Body {
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
  return compileDuration(compiler, scope, node, 'stable') ?? none
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

/** What stands under `with:`, to be checked; where nothing stands, at the key of the kind. */
export function givenTo(
  compiler: Compiler,
  scope: Scope,
  node: YamlNode,
  kind: 'uses' | 'gate' | 'call',
): CompiledTemplate {
  const given = childOf(node, 'with')
  const head = entryOf(node, given === undefined ? kind : 'with')?.keyRange ?? node.range
  const map: YamlNode = given?.kind === 'map' ? given : { kind: 'map', range: head, entries: [] }
  return { ...compileTemplate(compiler, scope, map), node: { ...map, range: head } }
}

export function templatesOf({ entries = new Map() }: CompiledTemplate): Readonly<Record<string, Template>> {
  return Object.fromEntries([...entries].map(([key, { template }]) => [key, template]))
}

function compileWith(
  compiler: Compiler,
  scope: Scope,
  node: YamlNode,
  kind: 'uses' | 'gate',
  action: ActionSpec | undefined,
): Readonly<Record<string, Template>> {
  const given = givenTo(compiler, scope, node, kind)
  if (action !== undefined) {
    for (const { range, complaint } of findingsIn(given, action.input)) complain(compiler, range, complaint)
  }
  return templatesOf(given)
}
