import type { z } from 'zod'
import { checkShape, shapeOfRest } from './check-shape.ts'
import { complain, type Compiler } from './compiler.ts'
import { listed, nearest } from './near.ts'
import type { YamlEntry, YamlNode } from './yaml-node.ts'
import { stepKinds, stepSchemas, type StepKind, type StepSource } from './runbook-schema.ts'

export type ReadStep = {
  readonly [Kind in StepKind]: { readonly kind: Kind; readonly source: StepSource[Kind] }
}[StepKind]

type MapNode = Extract<YamlNode, { readonly kind: 'map' }>

/** Reads one step: exactly one kind, only keys of that kind. Nothing when too much is wrong to go on with it. */
export function readStep(compiler: Compiler, node: YamlNode): ReadStep | undefined {
  if (node.kind !== 'map') {
    const message = `A step is a map with one of ${listed(stepKinds)}.`
    complain(compiler, node.range, { code: 'WRONG_TYPE', message })
    return undefined
  }
  const kind = kindOf(compiler, node)
  return kind === undefined ? undefined : shaped(compiler, withoutForeign(compiler, node, kind), kind)
}

function kindOf(compiler: Compiler, node: MapNode): StepKind | undefined {
  const kinds = stepKinds.filter((kind) => node.entries.some(({ key }) => key === kind))
  const own = kinds.includes('forEach') ? kinds.filter((kind) => kind !== 'steps') : kinds
  const [kind, second] = own
  if (kind === undefined) {
    complainNoKind(compiler, node)
    return undefined
  }
  if (second === undefined) return kind
  const range = node.entries.find(({ key }) => key === second)?.keyRange ?? node.range
  const message = `A step is one thing, but this has ${listed(own.map((name) => `"${name}"`))}.`
  complain(compiler, range, { code: 'STEP_KIND', message, hint: 'Make it several steps.' })
  return undefined
}

function complainNoKind(compiler: Compiler, node: MapNode): void {
  const entries = node.entries.map((entry) => ({
    entry,
    near: nearest(entry.key, stepKinds),
  }))
  const unknown = entries.find(({ near, entry }) => near !== undefined && !isStepKey(entry.key))
  const first = node.entries[0]?.keyRange
  complain(compiler, unknown?.entry.keyRange ?? first ?? node.range, {
    code: 'STEP_KIND',
    message: `This step does nothing: it has none of ${listed(stepKinds)}.`,
    hint: unknown?.near === undefined ? undefined : `Did you mean "${unknown.near}"?`,
  })
}

function isStepKey(key: string): boolean {
  return stepKinds.some((kind) => Object.hasOwn(stepSchemas[kind].shape, key))
}

/** Keys that other kinds have: said more clearly than "unknown". */
function withoutForeign(compiler: Compiler, node: MapNode, kind: StepKind): MapNode {
  const isForeign = ({ key }: YamlEntry) => isStepKey(key) && !Object.hasOwn(stepSchemas[kind].shape, key)
  for (const { key, keyRange } of node.entries.filter(isForeign)) {
    const owners = stepKinds.filter((other) => Object.hasOwn(stepSchemas[other].shape, key))
    const message = `"${key}" stands on ${listed(owners)} steps, not on ${kind === 'steps' ? 'a group' : kind}.`
    complain(compiler, keyRange, { code: 'STEP_KEY', message })
  }
  return { ...node, entries: node.entries.filter((entry) => !isForeign(entry)) }
}

const names: Readonly<Record<StepKind, string>> = {
  uses: 'a uses step',
  gate: 'a gate',
  assert: 'an assert step',
  forEach: 'a forEach',
  steps: 'a group of steps',
  parallel: 'a parallel step',
  set: 'a set step',
  call: 'a call',
  approve: 'an approve step',
  wait: 'a wait step',
  notify: 'a notify step',
  manual: 'a manual step',
}

function shaped(compiler: Compiler, node: MapNode, kind: StepKind): ReadStep | undefined {
  switch (kind) {
    case 'uses':
      return as(kind, shape(compiler, node, kind, stepSchemas.uses))
    case 'gate':
      return as(kind, shape(compiler, node, kind, stepSchemas.gate))
    case 'assert':
      return as(kind, shape(compiler, node, kind, stepSchemas.assert))
    case 'forEach':
      return as(kind, shape(compiler, node, kind, stepSchemas.forEach))
    case 'steps':
      return as(kind, shape(compiler, node, kind, stepSchemas.steps))
    case 'parallel':
      return as(kind, shape(compiler, node, kind, stepSchemas.parallel))
    case 'set':
      return as(kind, shape(compiler, node, kind, stepSchemas.set))
    case 'call':
      return as(kind, shape(compiler, node, kind, stepSchemas.call))
    case 'approve':
      return as(kind, shape(compiler, node, kind, stepSchemas.approve))
    case 'wait':
      return as(kind, shape(compiler, node, kind, stepSchemas.wait))
    case 'notify':
      return as(kind, shape(compiler, node, kind, stepSchemas.notify))
    case 'manual':
      return as(kind, shape(compiler, node, kind, stepSchemas.manual))
  }
}

function shape<Schema extends z.ZodType>(
  compiler: Compiler,
  node: MapNode,
  kind: StepKind,
  schema: Schema,
): z.output<Schema> | undefined {
  const checked = checkShape(compiler.source, node, schema, names[kind])
  if (checked.ok) return checked.value
  compiler.problems.push(...checked.problems)
  return shapeOfRest(node, schema)
}

function as<Kind extends StepKind, Source>(
  kind: Kind,
  source: Source | undefined,
): { readonly kind: Kind; readonly source: Source } | undefined {
  return source === undefined ? undefined : { kind, source }
}
