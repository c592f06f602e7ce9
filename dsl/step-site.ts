import { compileTemplate } from './compile-template.ts'
import { complain, type Compiler, type Scope } from './compiler.ts'
import { parseDuration } from './duration.ts'
import type { Effect, InputSpec, Quorum, Step, Template } from './program.ts'
import type { Type } from './types.ts'
import { childOf, type YamlNode } from './yaml-node.ts'

export interface StepsContext {
  /** Goes before the keys of these steps: empty, or ends with `/`. */
  readonly prefix: string
  readonly undoing: boolean
  /** Of a runbook that is called from an `undo`: its own ways back are left out. */
  readonly called: boolean
  /** Where nothing may disrupt or destroy. */
  readonly calm?: 'always' | 'parallel'
  /** Variables that steps beside see too, and so cannot be set here. */
  readonly fixed?: ReadonlySet<string>
}

/** A runbook that is called, as far as its caller's compilation needs it. */
export interface Callee {
  readonly title: string
  readonly inputs: Readonly<Record<string, InputSpec>>
  readonly cluster: Template | undefined
  readonly quorum: Quorum
  readonly effect: Effect
  readonly steps: readonly Step[]
  readonly outputs: Readonly<Record<string, Template>>
  /** Of its outputs together. */
  readonly type: Type
}

export interface CompiledSteps {
  readonly steps: readonly Step[]
  /** What may be read after the last of them. */
  readonly scope: Scope
  /** Whether any of them has an effect. */
  readonly changes: boolean
}

/** Where one step is compiled. */
export interface Site {
  readonly compiler: Compiler
  readonly scope: Scope
  readonly context: StepsContext
  readonly node: YamlNode
  readonly index: number
  /** Compiles the steps inside this one; `first` is how many stand before them. */
  readonly inside: (
    scope: Scope,
    list: YamlNode | undefined,
    context: StepsContext,
    first?: number,
  ) => CompiledSteps
  /** Compiles a runbook to be called here; nothing when that cannot be, which has been said. */
  readonly callee: (
    compiler: Compiler,
    name: string,
    node: YamlNode,
    context: StepsContext,
  ) => Callee | undefined
}

/** What the kinds have of their own; the rest is the same for all. */
export interface Body {
  readonly own: OwnPart | undefined
  /** In scope after the step when it was done, and in its `undo`. */
  readonly scope: Scope
  readonly changes: boolean
}

export type OwnPart = Step extends infer Kind ? (Kind extends Step ? Omit<Kind, keyof Common> : never) : never
export type Common = Omit<Extract<Step, { readonly kind: 'steps' }>, 'kind' | 'steps'>

/** With what a step of this id gives. */
export function withOutputs(scope: Scope, id: string | undefined, type: Type): Scope {
  return id === undefined ? scope : { ...scope, steps: { ...scope.steps, [id]: type } }
}

export function optionalText<Key extends 'name' | 'noReturn' | 'else'>(
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

export function positive(
  compiler: Compiler,
  node: YamlNode | undefined,
  duration: string | undefined,
): number | undefined {
  const ms = duration === undefined ? undefined : parseDuration(duration)
  if (ms === undefined || ms >= 100 || node === undefined) return ms
  complain(compiler, node.range, { code: 'WRONG_VALUE', message: 'This must be 100ms at least.' })
  return undefined
}
