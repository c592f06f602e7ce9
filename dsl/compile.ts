import type { Catalogue } from './action-spec.ts'
import { checkShape } from './check-shape.ts'
import { compileInputs } from './compile-inputs.ts'
import { collectIds, compileSteps } from './compile-steps.ts'
import { compileTemplate } from './compile-template.ts'
import {
  complain,
  compilerFor,
  fileName,
  type Compiler,
  type Library,
  type RunbookText,
  type Scope,
} from './compiler.ts'
import { suggest } from './near.ts'
import type { Checked, Problem } from './problem.ts'
import type { Effect, InputSpec, Program, Quorum, Template } from './program.ts'
import { readYaml } from './read-yaml.ts'
import { runbookSchema, type RunbookSource } from './runbook-schema.ts'
import { sortProblems, type Complaint } from './source.ts'
import type { Callee, Site, StepsContext } from './step-site.ts'
import { dyn, objectType, typeOfInput, typeText, type Type } from './types.ts'
import { childOf, entryOf, type YamlNode } from './yaml-node.ts'

export interface RunbookFile {
  /** Its path as problems name it. */
  readonly file: string
  readonly text: string
  readonly catalogue: Catalogue
  /** What it may call. */
  readonly library?: Library
}

/**
 * Compiles a runbook, and into it what it calls. All problems come at once, in the order they stand in their
 * files. Never throws.
 */
export function compileRunbook({
  file,
  text,
  catalogue,
  library = new Map(),
}: RunbookFile): Checked<Program> {
  const yaml = readYaml(file, text)
  if (!yaml.ok) return yaml
  const { source, root } = yaml.value
  const whole = { catalogue, library, calledSteps: 0 }
  const compiler = compilerFor(source, whole, { path: [nameIn(root) ?? ''], quorum: quorumIn(root) })
  const parts = compileParts(compiler, root, { prefix: '', undoing: false, called: false })
  if (parts !== undefined && compiler.problems.length === 0) {
    return { ok: true, value: programOf(compiler, parts) }
  }
  return { ok: false, problems: sortProblems(compiler.problems) }
}

/** The name a runbook's text says it has, as far as it can be read. */
export function runbookName(file: string, text: string): string | undefined {
  const yaml = readYaml(file, text)
  return yaml.ok ? nameIn(yaml.value.root) : undefined
}

function nameIn(root: YamlNode): string | undefined {
  const name = childOf(root, 'name')
  return name?.kind === 'scalar' && typeof name.value === 'string' ? name.value : undefined
}

function quorumIn(root: YamlNode): Quorum {
  const quorum = childOf(root, 'quorum')
  return quorum?.kind === 'scalar' && quorum.value === 'lost' ? 'lost' : 'kept'
}

interface Parts {
  readonly source: RunbookSource
  readonly inputs: Readonly<Record<string, InputSpec>>
  readonly cluster: Template | undefined
  readonly effect: Effect
  readonly steps: Program['steps']
  readonly outputs: Outputs
}

function compileParts(compiler: Compiler, root: YamlNode, context: StepsContext): Parts | undefined {
  const shaped = checkShape(compiler.source, root, runbookSchema, 'a runbook')
  if (!shaped.ok) compiler.problems.push(...shaped.problems)
  const inputs = compileInputs(compiler, root)
  const scope = firstScope(root, inputs)
  const steps = childOf(root, 'steps')
  if (steps !== undefined) collectIds(compiler, steps)
  const cluster = compileCluster(compiler, scope, root)
  const compiled =
    steps?.kind === 'list' ? compileSteps(compiler, scope, steps, context, compileCallee) : undefined
  const outputs = compileOutputs(compiler, compiled?.scope ?? scope, root)
  const effect = worstEffect(compiler)
  if (effect !== 'read' && entryOf(root, 'cluster') === undefined) complainNoCluster(compiler, root, effect)
  if (!shaped.ok || compiled === undefined) return undefined
  return { source: shaped.value, inputs, cluster, effect, steps: compiled.steps, outputs }
}

function firstScope(root: YamlNode, inputs: Readonly<Record<string, InputSpec>>): Scope {
  const declared = childOf(root, 'inputs')
  const names = declared?.kind === 'map' ? declared.entries.map(({ key }) => key) : []
  const types = names.map((name) => {
    const spec = inputs[name]
    return [name, spec === undefined ? dyn : typeOfInput(spec)] as const
  })
  return {
    inputs: objectType('inputs', Object.fromEntries(types)),
    steps: {},
    vars: {},
    locals: {},
    absent: {},
  }
}

function compileCluster(compiler: Compiler, scope: Scope, root: YamlNode): Template | undefined {
  const node = childOf(root, 'cluster')
  if (node === undefined) return undefined
  const { template, type } = compileTemplate(compiler, scope, node)
  if (type.kind !== 'string' && type.kind !== 'dyn') {
    const message = `The cluster must be a name, but this is ${typeText(type)}.`
    complain(compiler, node.range, { code: 'EXPRESSION_TYPE', message })
  }
  return template
}

interface Outputs {
  readonly templates: Readonly<Record<string, Template>>
  readonly types: Readonly<Record<string, Type>>
}

function compileOutputs(compiler: Compiler, scope: Scope, root: YamlNode): Outputs {
  const node = childOf(root, 'outputs')
  if (node?.kind !== 'map') return { templates: {}, types: {} }
  const compiled = node.entries.map(
    ({ key, value }) =>
      [key, compileTemplate(compiler, scope, value, `outputs.${key.replace(/\W/g, '_')}`)] as const,
  )
  return {
    templates: Object.fromEntries(compiled.map(([key, { template }]) => [key, template])),
    types: Object.fromEntries(compiled.map(([key, { type }]) => [key, type])),
  }
}

const harm: readonly Effect[] = ['read', 'change', 'disrupt', 'destroy']

function worstEffect({ pinned }: Compiler): Effect {
  const worst = Math.max(0, ...[...pinned.values()].map(({ effect }) => harm.indexOf(effect)))
  return harm[worst] ?? 'read'
}

function complainNoCluster(compiler: Compiler, root: YamlNode, effect: Effect): void {
  const range = entryOf(root, 'name')?.keyRange ?? root.range
  const message = `The runbook has a step that may ${effect} something, but does not say whose lock its run holds.`
  complain(compiler, range, { code: 'NO_CLUSTER', message, hint: 'Write "cluster: ${{ inputs.cluster }}".' })
}

function programOf(compiler: Compiler, { source, cluster, outputs, ...parts }: Parts): Program {
  const actions = [...compiler.pinned].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    format: 1,
    name: source.name,
    title: source.title,
    description: source.description,
    file: fileName(compiler.source.file),
    quorum: source.quorum,
    actions: Object.fromEntries(actions),
    ...parts,
    outputs: outputs.templates,
    ...(cluster === undefined ? {} : { cluster }),
  }
}

const deepestCall = 8
const mostCalledSteps = 2000

const compileCallee: Site['callee'] = (compiler, name, node, context) => {
  const text = calledText(compiler, name, node)
  const yaml = text === undefined ? undefined : readOnce(text)
  if (yaml === undefined) return undefined
  if (!yaml.ok) return broken(compiler, name, node, yaml.problems)
  const { source, root } = yaml.value
  const quorum = quorumIn(root)
  if (quorum === 'lost' && compiler.quorum === 'kept') {
    const message = `"${name}" is for a cluster that has lost its quorum, and this runbook is not.`
    const hint = 'Write "quorum: lost" at the top of this one.'
    complain(compiler, node.range, { code: 'CALL', message, hint })
    return undefined
  }
  const called = compilerFor(source, compiler.whole, { path: [...compiler.path, name], quorum })
  const parts = compileParts(called, root, context)
  if (parts === undefined || called.problems.length > 0) return broken(compiler, name, node, called.problems)
  for (const [action, pinned] of called.pinned) compiler.pinned.set(action, pinned)
  return calleeOf(name, parts)
}

const alreadyRead = new WeakMap<RunbookText, ReturnType<typeof readYaml>>()

/** What is called from many places is read once. */
function readOnce(text: RunbookText): ReturnType<typeof readYaml> {
  const known = alreadyRead.get(text) ?? readYaml(text.file, text.text)
  alreadyRead.set(text, known)
  return known
}

function broken(compiler: Compiler, name: string, node: YamlNode, problems: readonly Problem[]): undefined {
  compiler.problems.push(...problems)
  complain(compiler, node.range, { code: 'CALLED_BROKEN', message: `The runbook "${name}" has errors.` })
}

/** The source of a runbook that may be called here. */
function calledText(compiler: Compiler, name: string, node: YamlNode): RunbookText | undefined {
  const text = compiler.whole.library.get(name)
  const complaint = whyNotCall(compiler, name, text)
  if (complaint === undefined) return text
  complain(compiler, node.range, complaint)
  return undefined
}

function whyNotCall(
  { path, whole }: Compiler,
  name: string,
  text: RunbookText | undefined,
): Complaint | undefined {
  const code = 'CALL'
  if (path.includes(name)) {
    const circle = [...path.slice(path.indexOf(name)), name]
    return { code, message: `A runbook cannot call itself: ${circle.join(' → ')}.` }
  }
  if (text === undefined) {
    const hint = suggest(name, whole.library.keys())
    return { code: 'UNKNOWN_RUNBOOK', message: `There is no runbook "${name}".`, hint }
  }
  if (text.also !== undefined)
    return { code, message: `The runbook "${name}" is there twice: ${text.file} and ${text.also}.` }
  if (path.length > deepestCall)
    return { code, message: `Calls go ${deepestCall} deep at most: ${[...path, name].join(' → ')}.` }
  if (whole.calledSteps > mostCalledSteps)
    return { code, message: `All that is called may have ${mostCalledSteps} steps at most.` }
  return undefined
}

function calleeOf(name: string, { source, outputs, ...parts }: Parts): Callee {
  const type = objectType(`call.${name.replace(/\W/g, '_')}`, outputs.types)
  const { title, quorum } = source
  return { title, quorum, ...parts, outputs: outputs.templates, type }
}
