import type { ActionSpec, Catalogue } from './action-spec.ts'
import { typedEnvironment, type TypedEnvironment } from './cel-types.ts'
import type { Problem } from './problem.ts'
import type { PinnedAction, Place, Quorum } from './program.ts'
import { placeAt, problemAt, type Complaint, type Range, type Source } from './source.ts'
import { objectType, text, typeOfSchema, type ObjectType, type Type } from './types.ts'

/** A runbook's source, to be called by others. */
export interface RunbookText {
  /** Its path as problems name it. */
  readonly file: string
  readonly text: string
  /** Another file that says the same name, so that it is not clear which is meant. */
  readonly also?: string
}

/** What a runbook may call, by name. */
export type Library = ReadonlyMap<string, RunbookText>

/** What is the same for a runbook and all that it calls. */
export interface Whole {
  readonly catalogue: Catalogue
  readonly library: Library
  /** Steps compiled so far in runbooks that are called. */
  calledSteps: number
}

/** One file's compilation: what is known from the start and what is gathered on the way. */
export interface Compiler {
  readonly source: Source
  readonly whole: Whole
  readonly catalogue: Catalogue
  /** Names of runbooks: the one that is compiled first, whom it calls, and so on to this one. */
  readonly path: readonly string[]
  readonly quorum: Quorum
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

export const rootNames: readonly string[] = ['inputs', 'vars', 'steps', 'run', 'gate', 'failure', 'outcome']

export function compilerFor(
  source: Source,
  whole: Whole,
  { path, quorum }: Pick<Compiler, 'path' | 'quorum'>,
): Compiler {
  return {
    source,
    whole,
    catalogue: whole.catalogue,
    path,
    quorum,
    problems: [],
    ids: new Map(),
    pinned: new Map(),
    environments: new WeakMap(),
    outputTypes: new Map(),
  }
}

/** Where a program's part comes from; names the file in a runbook that is called. */
export function originOf({ source, path }: Compiler, offset: number): Place {
  const at = placeAt(source, offset)
  return path.length > 1 ? { ...at, file: fileName(source.file) } : at
}

/** Without its directories. */
export function fileName(file: string): string {
  return file.replace(/^.*[/\\]/, '')
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
