import type { Catalogue } from './action-spec.ts'
import { checkShape } from './check-shape.ts'
import { collectIds, compileSteps } from './compile-steps.ts'
import { compileInputs } from './compile-inputs.ts'
import { compileTemplate } from './compile-template.ts'
import { complain, compilerFor, type Compiler, type Scope } from './compiler.ts'
import type { Checked } from './problem.ts'
import type { Effect, InputSpec, Program, Template } from './program.ts'
import { readYaml } from './read-yaml.ts'
import { childOf, entryOf, type YamlNode } from './yaml-node.ts'
import { runbookSchema, type RunbookSource } from './runbook-schema.ts'
import { sortProblems } from './source.ts'
import { dyn, objectType, typeOfInput, typeText } from './types.ts'

export interface RunbookFile {
  /** Its path as problems name it. */
  readonly file: string
  readonly text: string
  readonly catalogue: Catalogue
}

/** Compiles a runbook. All problems of the file come at once, in the order they stand in it. Never throws. */
export function compileRunbook({ file, text, catalogue }: RunbookFile): Checked<Program> {
  const yaml = readYaml(file, text)
  if (!yaml.ok) return yaml
  const compiler = compilerFor(yaml.value.source, catalogue)
  const program = compileRoot(compiler, yaml.value.root)
  if (program !== undefined && compiler.problems.length === 0) return { ok: true, value: program }
  return { ok: false, problems: sortProblems(compiler.problems) }
}

function compileRoot(compiler: Compiler, root: YamlNode): Program | undefined {
  const shaped = checkShape(compiler.source, root, runbookSchema, 'a runbook')
  if (!shaped.ok) compiler.problems.push(...shaped.problems)
  const inputs = compileInputs(compiler, root)
  const scope = firstScope(root, inputs)
  const steps = childOf(root, 'steps')
  if (steps !== undefined) collectIds(compiler, steps)
  const cluster = compileCluster(compiler, scope, root)
  const compiled =
    steps?.kind === 'list' ? compileSteps(compiler, scope, steps, { prefix: '', undoing: false }) : undefined
  const outputs = compileOutputs(compiler, compiled?.scope ?? scope, root)
  const effect = worstEffect(compiler)
  if (effect !== 'read' && entryOf(root, 'cluster') === undefined) complainNoCluster(compiler, root, effect)
  if (!shaped.ok || compiled === undefined) return undefined
  return programOf(compiler, shaped.value, { inputs, cluster, effect, steps: compiled.steps, outputs })
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

function compileOutputs(
  compiler: Compiler,
  scope: Scope,
  root: YamlNode,
): Readonly<Record<string, Template>> {
  const node = childOf(root, 'outputs')
  if (node?.kind !== 'map') return {}
  const entries = node.entries.map(
    ({ key, value }) => [key, compileTemplate(compiler, scope, value).template] as const,
  )
  return Object.fromEntries(entries)
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

type Parts = Pick<Program, 'inputs' | 'effect' | 'steps' | 'outputs'> & {
  readonly cluster: Template | undefined
}

function programOf(compiler: Compiler, source: RunbookSource, { cluster, ...parts }: Parts): Program {
  const actions = [...compiler.pinned].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    format: 1,
    name: source.name,
    title: source.title,
    description: source.description,
    file: compiler.source.file.replace(/^.*[/\\]/, ''),
    quorum: source.quorum,
    actions: Object.fromEntries(actions),
    ...parts,
    ...(cluster === undefined ? {} : { cluster }),
  }
}
