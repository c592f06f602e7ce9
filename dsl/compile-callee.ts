import { checkValue } from './inputs.ts'
import { givenTo, templatesOf } from './compile-call.ts'
import type { CompiledTemplate } from './compile-template.ts'
import { complain, type Compiler } from './compiler.ts'
import { listed, nearest } from './near.ts'
import type { InputSpec } from './program.ts'
import type { StepSource } from './runbook-schema.ts'
import type { Complaint } from './source.ts'
import { withOutputs, type Body, type Callee, type Site } from './step-site.ts'
import { dyn, typeText, type Type } from './types.ts'
import { childOf, entryOf } from './yaml-node.ts'

/** A step that performs another runbook, which is compiled in at its place. */
export function callBody(
  { compiler, scope, node, context, callee: compileCallee }: Site,
  source: StepSource['call'],
  key: string,
): Body {
  const name = childOf(node, 'call') ?? node
  const callee = compileCallee(compiler, source.call, name, {
    prefix: `${key}/`,
    undoing: context.undoing,
    called: context.undoing || context.calm === 'always',
    ...(context.calm === undefined ? {} : { calm: context.calm }),
  })
  const given = givenTo(compiler, scope, node, 'call')
  const after = withOutputs(scope, source.id, callee?.type ?? dyn)
  if (callee === undefined) return { own: undefined, scope: after, changes: true }
  checkGiven(compiler, given, callee)
  const { title, inputs, quorum, effect, steps, outputs, cluster } = callee
  const changes = effect !== 'read'
  return {
    own: {
      kind: 'call',
      ...{ call: source.call, title, with: templatesOf(given), inputs, quorum, steps, outputs },
      ...(cluster === undefined || !changes ? {} : { cluster }),
    },
    scope: after,
    changes,
  }
}

function checkGiven(compiler: Compiler, given: CompiledTemplate, { inputs }: Callee): void {
  const entries = given.entries ?? new Map<string, CompiledTemplate>()
  for (const [name, entry] of entries) {
    const spec = Object.hasOwn(inputs, name) ? inputs[name] : undefined
    const at = spec === undefined ? entryOf(given.node, name)?.keyRange : entry.node.range
    const complaint = spec === undefined ? unknownInput(name, inputs) : wrongInput(name, spec, entry)
    if (complaint !== undefined) complain(compiler, at ?? given.node.range, complaint)
  }
  for (const [name, spec] of Object.entries(inputs)) {
    if (!spec.required || entries.has(name)) continue
    const hint = spec.description === '' ? undefined : `${name}: ${spec.description}`
    complain(compiler, given.node.range, { code: 'MISSING', message: `"${name}" is missing.`, hint })
  }
}

function unknownInput(name: string, inputs: Callee['inputs']): Complaint {
  const known = Object.keys(inputs)
  const near = nearest(name, known)
  const takes = known.length === 0 ? 'It takes nothing.' : `It takes ${listed(known)}.`
  return {
    code: 'UNKNOWN_INPUT',
    message: `The runbook has no input "${name}".`,
    hint: near === undefined ? takes : `Did you mean "${near}"? ${takes}`,
  }
}

/** Literals by their value, all else by its type. */
function wrongInput(name: string, spec: InputSpec, entry: CompiledTemplate): Complaint | undefined {
  const { template, type } = entry
  if (entry.broken === true) return undefined
  if (template.kind !== 'literal') return wrongType(name, spec, type)
  if (template.value === null) return spec.required ? missing(name) : undefined
  const checked = checkValue(spec, template.value)
  return checked.ok ? undefined : { code: 'WRONG_VALUE', message: `"${name}" ${checked.message}.` }
}

function missing(name: string): Complaint {
  return { code: 'WRONG_VALUE', message: `"${name}" is needed; it cannot be null.` }
}

function wrongType(name: string, spec: InputSpec, type: Type): Complaint | undefined {
  const code = 'WRONG_TYPE'
  if (type.kind === 'nullable' && spec.required) {
    const hint = 'It may be null: write x == null ? … : x, or make the input not required.'
    return { code, message: `"${name}" is needed, but this is ${typeText(type)}.`, hint }
  }
  if (fits(spec, type.kind === 'nullable' ? type.of : type)) return undefined
  return { code, message: `"${name}" takes ${taken[spec.type]}, but this is ${typeText(type)}.` }
}

function fits({ type: wanted, required }: InputSpec, type: Type): boolean {
  if (type.kind === 'dyn') return true
  if (type.kind === 'null') return !required
  switch (wanted) {
    case 'integer':
      return type.kind === 'int'
    case 'boolean':
      return type.kind === 'bool'
    case 'duration':
    case 'bytes':
      return type.kind === 'int' || type.kind === 'string'
    case 'list':
      return type.kind === 'list' && (type.of.kind === 'string' || type.of.kind === 'dyn')
    case 'string':
    case 'enum':
    case 'cluster':
    case 'member':
    case 'host':
    case 'snapshot':
    case 'secret':
      return type.kind === 'string'
  }
}

const taken: Readonly<Record<InputSpec['type'], string>> = {
  integer: 'a whole number',
  boolean: 'true or false',
  duration: 'a duration',
  bytes: 'a size in bytes',
  list: 'a list of texts',
  string: 'a text',
  enum: 'one of its values',
  cluster: 'the name of a cluster',
  member: 'the name of a member',
  host: 'the name of a host',
  snapshot: 'the name of a snapshot',
  secret: 'a reference to a secret',
}
