import type { Json, OnFailure, Quorum, Step } from '../dsl/program.ts'
import type { Failure } from './ports.ts'
import type { Scope } from './scope.ts'

/** Where the interpreter is: the step's path in this run (iterations included) and what it sees there. */
export interface Place {
  /** As in `ActionCall.step`. */
  readonly path: string
  /** The program's key of the step whose body this is, and so the prefix of its steps' keys. */
  readonly key: string
  readonly scope: Scope
  /** Of the innermost runbook it stands in. */
  readonly quorum: Quorum
  /** Paths of the calls it stands in, the outermost first. */
  readonly calls: readonly string[]
  /** Path of the innermost step around it that has a `rescue`. */
  readonly rescuer?: string
  /** In a `rescue`: what had failed, and what becomes of a failure here where nothing else is said. */
  readonly rescuing?: { readonly onFailure: OnFailure; readonly failure: Failure }
}

export const top = (scope: Scope, quorum: Quorum): Place => ({
  path: '',
  key: '',
  scope,
  quorum,
  calls: [],
})

export function placeOf(step: Step, around: Place): Place {
  return { ...around, path: join(around.path, below(around.key, step.key)), key: step.key }
}

/** Where the undo steps of a step are: paths of their own, so that no job or result is taken for the step's. */
export function undoPlace(step: Step, place: Place): Place {
  return { ...place, path: `${place.path}/undo`, key: `${step.key}/undo` }
}

export interface Iteration extends Place {
  readonly label: string
}

/** One place an iteration; labels are readable where the items have names, and never equal. */
export function iterations(
  items: readonly Json[],
  as: string,
  place: Place,
  scopeOf: () => Scope = () => place.scope,
): readonly Iteration[] {
  const taken = new Set<string>()
  return items.map((item, index) => {
    const label = unique(labelOf(item, index), taken)
    return { ...place, path: `${place.path}[${label}]`, scope: scopeOf().within(as, item), label }
  })
}

/** Whether a path is that of a step or of something in it. */
export const isWithin = (path: string, outer: string): boolean =>
  path === outer || path.startsWith(`${outer}/`) || path.startsWith(`${outer}[`)

const join = (path: string, name: string): string => (path === '' ? name : `${path}/${name}`)

const below = (key: string, child: string): string =>
  key !== '' && child.startsWith(`${key}/`) ? child.slice(key.length + 1) : child

const longestLabel = 60

function labelOf(item: Json, index: number): string {
  const text = nameOf(item)
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .slice(0, longestLabel)
  return text === '' ? String(index + 1) : text
}

function nameOf(item: Json): string {
  if (item === null || typeof item !== 'object') return String(item)
  if (isList(item)) return ''
  const { name, host, id, key } = item
  return [name, host, id, key].find((value) => typeof value === 'string') ?? ''
}

const isList = (item: Json): item is readonly Json[] => Array.isArray(item)

function unique(label: string, taken: Set<string>): string {
  let candidate = label
  for (let number = 2; taken.has(candidate); number++) candidate = `${label}.${number}`
  taken.add(candidate)
  return candidate
}
