import { scopeAfter } from './absent.ts'
import { compileAround } from './compile-around.ts'
import { gateBody, usesBody } from './compile-call.ts'
import { callBody } from './compile-callee.ts'
import { compileCondition } from './compile-expression.ts'
import { assertBody, forEachBody, groupBody, setBody } from './compile-plain.ts'
import { parallelBody } from './compile-parallel.ts'
import { approveBody, manualBody } from './compile-asking.ts'
import { notifyBody } from './compile-notify.ts'
import { waitBody } from './compile-wait.ts'
import { complain, originOf, type Compiler, type Scope } from './compiler.ts'
import { parseDuration } from './duration.ts'
import type { Expression, RetrySpec, Step } from './program.ts'
import { childOf, entryOf, type YamlNode } from './yaml-node.ts'
import type { RetrySource } from './runbook-schema.ts'
import { placeAt, type Range } from './source.ts'
import { readStep, type ReadStep } from './step-kind.ts'
import {
  optionalText,
  positive,
  type Body,
  type Common,
  type CompiledSteps,
  type Site,
  type StepsContext,
} from './step-site.ts'
import { dyn } from './types.ts'

/** Learns all ids of a list of steps and what is inside them; says which stand twice. */
export function collectIds(compiler: Compiler, list: YamlNode): void {
  if (list.kind !== 'list') return
  for (const step of list.items) {
    const id = childOf(step, 'id')
    if (id?.kind === 'scalar' && typeof id.value === 'string') collectId(compiler, id.value, id.range)
    for (const inner of ['steps', 'parallel', 'undo', 'rescue', 'always'])
      collectIds(compiler, childOf(step, inner) ?? step)
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
  list: YamlNode | undefined,
  context: StepsContext,
  callee: Site['callee'],
  first = 0,
): CompiledSteps {
  const inside: Site['inside'] = (within, inner, where, before) =>
    compileSteps(compiler, within, inner, where, callee, before)
  let after = scope
  let changes = false
  const items = list?.kind === 'list' ? list.items : []
  const steps = items.flatMap((node, index) => {
    const read = readStep(compiler, node)
    if (read === undefined) {
      after = withUnknown(after, node)
      return []
    }
    if (compiler.path.length > 1) compiler.whole.calledSteps++
    const site = { compiler, scope: after, context, node, index: first + index, inside, callee }
    const compiled = compileStep(site, read)
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

interface CompiledStep {
  readonly step: Step | undefined
  readonly scope: Scope
  readonly changes: boolean
}

function compileStep(site: Site, read: ReadStep): CompiledStep {
  const { compiler, scope, context, node } = site
  const key = `${context.prefix}${read.source.id ?? `${read.kind}-${site.index + 1}`}`
  const condition = compiledIf(site)
  const body = compileBody(site, read, key)
  const { changes: rescueChanges, ...around } = compileAround(site, body, key)
  const changes = body.changes || rescueChanges
  const undo = compileUndo(site, { ...body, changes }, key)
  checkNoReturn(site)
  const common: Common = {
    key,
    at: originOf(compiler, node.range.start),
    onFailure: read.source.onFailure,
    skippable: read.source.skippable,
    ...(read.source.id === undefined ? {} : { id: read.source.id }),
    ...optionalText(compiler, scope, node, 'name'),
    ...(context.called ? {} : optionalText(compiler, scope, node, 'noReturn')),
    ...(condition === undefined ? {} : { if: condition }),
    ...timing(site, read),
    ...(undo === undefined ? {} : { undo }),
    ...around,
  }
  const step: Step | undefined = body.own === undefined ? undefined : { ...common, ...body.own }
  return { step, scope: scopeAfter(scope, body.scope, read), changes }
}

function compiledIf({ compiler, scope, node }: Site): Expression | undefined {
  const condition = childOf(node, 'if')
  return condition === undefined ? undefined : compileCondition(compiler, scope, condition)
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
    case 'parallel':
      return parallelBody(site, key)
    case 'set':
      return setBody(site)
    case 'approve':
      return approveBody(site, read.source)
    case 'manual':
      return manualBody(site, read.source)
    case 'call':
      return callBody(site, read.source, key)
    case 'wait':
      return waitBody(site)
    case 'notify':
      return notifyBody(site)
  }
}

function compileUndo(
  { compiler, node, context, inside }: Site,
  body: Body,
  key: string,
): readonly Step[] | undefined {
  const undo = entryOf(node, 'undo')
  if (undo === undefined || context.called) return undefined
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
  return inside(body.scope, undo.value, { prefix: `${key}/undo/`, undoing: true, called: false }).steps
}

function checkNoReturn({ compiler, node, context }: Site): void {
  const entry = entryOf(node, 'noReturn')
  if (entry === undefined || context.called) return
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
