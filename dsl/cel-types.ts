import type { Environment } from '@marcbachmann/cel-js'
import { celEnvironment } from './cel.ts'
import { dyn, sameType, type ObjectType, type Type } from './types.ts'

/** A CEL environment that knows the variables of one scope by their types. */
export interface TypedEnvironment {
  readonly environment: Environment
  readonly variables: Readonly<Record<string, Type>>
  /** By the names that cel-js calls them by. */
  readonly objects: ReadonlyMap<string, ObjectType>
}

const orNull = '.orNull'

const base = celEnvironment()

export function typedEnvironment(variables: Readonly<Record<string, Type>>): TypedEnvironment {
  const environment = base.clone()
  const objects = new Map<string, ObjectType>()
  const registering: Registering = { environment, objects, names: new Map() }
  for (const [name, type] of Object.entries(variables))
    environment.registerVariable(name, celName(registering, type))
  return { environment, variables, objects }
}

interface Registering {
  readonly environment: Environment
  readonly objects: Map<string, ObjectType>
  /** Of those met already; those that may be null apart. */
  readonly names: Map<string, Map<ObjectType, string>>
}

/** What cel-js calls a type; object types are made known to it on the way. */
function celName(registering: Registering, type: Type): string {
  switch (type.kind) {
    case 'list':
      return `list<${celName(registering, type.of)}>`
    case 'map':
      return `map<string, ${celName(registering, type.of)}>`
    case 'object':
      return registerObject(registering, type, '')
    case 'nullable':
      return nullableName(registering, type.of)
    case 'other':
      return 'dyn'
    case 'string':
    case 'int':
    case 'double':
    case 'bool':
    case 'null':
    case 'dyn':
      return type.kind
  }
}

/** A nullable object is a type of its own that may be compared with null; cel-js has none such. */
function nullableName(registering: Registering, type: Type): string {
  if (type.kind === 'object') return registerObject(registering, type, orNull)
  const scalar =
    type.kind === 'string' || type.kind === 'int' || type.kind === 'double' || type.kind === 'bool'
  return scalar ? `dyn<${type.kind}>` : 'dyn'
}

function registerObject(registering: Registering, type: ObjectType, suffix: string): string {
  const names = registering.names.get(suffix) ?? new Map<ObjectType, string>()
  const known = names.get(type) ?? sameNamed(registering.objects, type, suffix)
  const name = known ?? registerNew(registering, type, suffix)
  registering.names.set(suffix, names.set(type, name))
  return name
}

function registerNew(registering: Registering, type: ObjectType, suffix: string): string {
  const { environment, objects } = registering
  const name = freeName(objects, type, suffix)
  objects.set(name, type)
  const fields = Object.entries(type.fields).map(
    ([key, field]) => [key, celName(registering, field)] as const,
  )
  environment.registerType(name, { fields: Object.fromEntries(fields) })
  if (suffix === orNull)
    environment.registerOperator(`${name} == null: bool`, (left: unknown) => left === null)
  return name
}

/** Types are the same when their fields are: what two actions say of a member can stand in one list. */
function sameNamed(
  objects: ReadonlyMap<string, ObjectType>,
  type: ObjectType,
  suffix: string,
): string | undefined {
  for (const [name, known] of objects) {
    const alike = name.endsWith(orNull) === (suffix === orNull) && isRoot(known) === isRoot(type)
    if (alike && !isRoot(type) && sameType(known, type)) return name
  }
  return undefined
}

/** Errors tell these apart by their names. */
const isRoot = ({ name }: ObjectType): boolean => /^(inputs|vars|steps|run)$/.test(name)

/** Two different types may have been given the same name: the second gets another. */
function freeName(objects: ReadonlyMap<string, ObjectType>, type: ObjectType, suffix: string): string {
  let name = `q.${type.name}${suffix}`
  for (let count = 2; objects.has(name); count++) name = `q.${type.name}${count}${suffix}`
  return name
}

/** Reads a type's name as cel-js writes it. */
export function typeNamed(objects: ReadonlyMap<string, ObjectType>, name: string): Type {
  const known = objects.get(name)
  if (known !== undefined) return name.endsWith(orNull) ? { kind: 'nullable', of: known } : known
  const [, outer, inner] = /^(list|map|dyn)<(.+)>$/.exec(name) ?? []
  if (outer === 'list') return { kind: 'list', of: typeNamed(objects, inner ?? '') }
  if (outer === 'dyn') return { kind: 'nullable', of: typeNamed(objects, inner ?? '') }
  if (outer === 'map') return mapNamed(objects, inner ?? '')
  return plainNamed(name)
}

function mapNamed(objects: ReadonlyMap<string, ObjectType>, inner: string): Type {
  const comma = inner.indexOf(', ')
  const key = inner.slice(0, comma)
  if (key !== 'string' && key !== 'dyn') return { kind: 'other', name: `map with ${key} keys` }
  return { kind: 'map', of: typeNamed(objects, inner.slice(comma + 2)) }
}

function plainNamed(name: string): Type {
  switch (name) {
    case 'string':
    case 'int':
    case 'double':
    case 'bool':
    case 'null':
      return { kind: name }
    case 'list':
      return { kind: 'list', of: dyn }
    case 'map':
      return { kind: 'map', of: dyn }
    case 'uint':
      return { kind: 'int' }
    case 'dyn':
      return dyn
    default:
      return /^[A-Z]$/.test(name) ? dyn : { kind: 'other', name: shortName(name) }
  }
}

function shortName(name: string): string {
  return name.replace(/^google\.protobuf\./, '').toLowerCase()
}

/** cel-js' type names inside its messages, as people are told them. */
export function readableNames(message: string): string {
  return message
    .replace(/\bq\.([\w.]+?)(?:\.orNull)?(?=[\s,>)']|$)/g, '$1')
    .replace(/\bdyn<([^<>]+)>/g, '$1 or null')
}
