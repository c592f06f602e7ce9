import { checkValue } from './inputs.ts'
import { checkShape } from './check-shape.ts'
import { patternProblem } from './cel.ts'
import { complain, type Compiler } from './compiler.ts'
import type { InputSpec, Json } from './program.ts'
import { childOf, entryOf, toJson, type YamlEntry, type YamlNode } from './yaml-node.ts'
import { amountOf, inputSchema, type InputSource } from './runbook-schema.ts'
import type { Code } from './codes.ts'

/** The declared inputs that are sound; what is wrong with the others is complained about. */
export function compileInputs(compiler: Compiler, root: YamlNode): Readonly<Record<string, InputSpec>> {
  const inputs = childOf(root, 'inputs')
  if (inputs?.kind !== 'map') return {}
  const specs = inputs.entries.flatMap((entry) => {
    const spec = compileInput(compiler, entry)
    return spec === undefined ? [] : [[entry.key, spec] as const]
  })
  return Object.fromEntries(specs)
}

function compileInput(compiler: Compiler, { key, value: node }: YamlEntry): InputSpec | undefined {
  const shaped = checkShape(compiler.source, node, inputSchema, `input "${key}"`)
  if (!shaped.ok) {
    compiler.problems.push(...shaped.problems)
    return undefined
  }
  return specFrom(compiler, node, shaped.value)
}

function specFrom(compiler: Compiler, node: YamlNode, source: InputSource): InputSpec {
  const { type, description, pattern, values } = source
  const fallback = childOf(node, 'default')
  checkFit(compiler, node, source)
  const spec: InputSpec = {
    type,
    description,
    required: source.required ?? fallback === undefined,
    ...(pattern === undefined ? {} : { pattern }),
    ...bound(compiler, node, type, 'min'),
    ...bound(compiler, node, type, 'max'),
    ...(values === undefined ? {} : { values }),
  }
  return fallback === undefined ? spec : withDefault(compiler, fallback, spec)
}

/** Keys that mean nothing for the type, or that it needs. */
function checkFit(compiler: Compiler, node: YamlNode, source: InputSource): void {
  const at = (key: string) => entryOf(node, key)?.keyRange ?? node.range
  const wrong = (key: string, message: string, code: Code = 'WRONG_VALUE') =>
    complain(compiler, at(key), { code, message })
  if (source.type === 'enum' && source.values === undefined)
    wrong('type', 'An enum needs "values".', 'MISSING')
  if (source.type !== 'enum' && source.values !== undefined) wrong('values', 'Only an enum has "values".')
  if (source.pattern !== undefined && source.type !== 'string')
    wrong('pattern', 'Only a string has a "pattern".')
  if (source.required === true && source.default !== undefined) {
    wrong('required', 'An input with a default need not be given; drop "required" or "default".')
  }
  if (source.type === 'secret' && source.default !== undefined) wrong('default', 'A secret has no default.')
  const problem = source.pattern === undefined ? undefined : patternProblem(source.pattern)
  if (problem !== undefined)
    complain(compiler, childOf(node, 'pattern')?.range ?? node.range, { code: 'PATTERN', message: problem })
}

const unbounded: ReadonlySet<InputSpec['type']> = new Set([
  'boolean',
  'enum',
  'cluster',
  'member',
  'host',
  'snapshot',
  'secret',
])

function bound(
  compiler: Compiler,
  node: YamlNode,
  type: InputSpec['type'],
  key: 'min' | 'max',
): { readonly min?: number } | { readonly max?: number } {
  const entry = entryOf(node, key)
  if (entry === undefined) return {}
  const amount = amountOf(type, toJson(entry.value))
  if (unbounded.has(type)) {
    complain(compiler, entry.keyRange, { code: 'WRONG_VALUE', message: `A ${type} has no "${key}".` })
  } else if (amount === undefined) {
    const unit =
      type === 'duration' ? 'a duration such as 10s' : type === 'bytes' ? 'a size such as 64MiB' : 'a number'
    complain(compiler, entry.value.range, { code: 'WRONG_VALUE', message: `"${key}" must be ${unit}.` })
  }
  return amount === undefined ? {} : { [key]: amount }
}

function withDefault(compiler: Compiler, node: YamlNode, spec: InputSpec): InputSpec {
  const value: Json = toJson(node)
  const checked = checkValue(spec, value)
  if (checked.ok) return { ...spec, default: checked.value }
  complain(compiler, node.range, { code: 'WRONG_VALUE', message: `The default ${checked.message}.` })
  return { ...spec, required: true }
}
