import type { ActionSpec, Catalogue } from './action-spec.ts'
import { typedEnvironment, type TypedEnvironment } from './cel-types.ts'
import type { Problem } from './problem.ts'
import type { PinnedAction } from './program.ts'
import { problemAt, type Complaint, type Range, type Source } from './source.ts'
import { objectType, text, typeOfSchema, type ObjectType, type Type } from './types.ts'

/** One file's compilation: what is known from the start and what is gathered on the way. */
export interface Compiler {
  readonly source: Source
  readonly catalogue: Catalogue
  readonly problems: Problem[]
  /** Every id of the file with where it stands, known before the steps are compiled. */
  readonly ids: Map<string, Range>
  readonly pinned: Map<string, PinnedAction>
  readonly environments: WeakMap<Scope, TypedEnvironment>
  readonly outputTypes: Map<ActionSpec, Type>
}

/** What expressions may read at one place. Never changed: a step's end makes a new one. */
export interface Scope {
  readonly inputs: ObjectType
  /** Outputs by the id of their step. */
  readonly steps: Readonly<Record<string, Type>>
  readonly vars: Readonly<Record<string, Type>>
  /** Loop variables, `gate`. */
  readonly locals: Readonly<Record<string, Type>>
  /** Steps and variables whose values may not be there, with the reason. */
  readonly absent: Readonly<Record<string, string>>
}

const runType = objectType('run', { id: text, runbook: text, startedAt: text })

export const rootNames: readonly string[] = ['inputs', 'vars', 'steps', 'run', 'gate']

export function compilerFor(source: Source, catalogue: Catalogue): Compiler {
  return {
    source,
    catalogue,
    problems: [],
    ids: new Map(),
    pinned: new Map(),
    environments: new WeakMap(),
    outputTypes: new Map(),
  }
}

export function complain(compiler: Compiler, range: Range, complaint: Complaint): void {
  compiler.problems.push(problemAt(compiler.source, range, complaint))
}

export function environmentOf({ environments }: Compiler, scope: Scope): TypedEnvironment {
  const known = environments.get(scope)
  if (known !== undefined) return known
  const fresh = typedEnvironment({
    inputs: scope.inputs,
    vars: objectType('vars', scope.vars),
    steps: objectType('steps', scope.steps),
    run: runType,
    ...scope.locals,
  })
  environments.set(scope, fresh)
  return fresh
}

export function outputType({ outputTypes }: Compiler, action: ActionSpec): Type {
  const known = outputTypes.get(action)
  if (known !== undefined) return known
  const fresh = typeOfSchema(action.output, action.name)
  outputTypes.set(action, fresh)
  return fresh
}

/** Records that the program needs an action. */
export function pin(
  { pinned }: Compiler,
  { name, title, effect, subject, timeoutMs, retry }: ActionSpec,
): void {
  pinned.set(name, { name, title, effect, subject, timeoutMs, retry })
}
