import type { JsonSchema } from './action-spec.ts'
import { recordOf } from './check-shape.ts'
import type { InputSpec, Json } from './program.ts'

/** What an expression knows of a value beforehand. `dyn` is anything; `nullable` may be null. */
export type Type =
  | { readonly kind: 'string' | 'int' | 'double' | 'bool' | 'null' | 'dyn' }
  /** A type of CEL's own that JSON cannot hold, such as a timestamp. */
  | { readonly kind: 'other'; readonly name: string }
  | { readonly kind: 'list'; readonly of: Type }
  | { readonly kind: 'map'; readonly of: Type }
  | { readonly kind: 'object'; readonly name: string; readonly fields: Readonly<Record<string, Type>> }
  | { readonly kind: 'nullable'; readonly of: Type }

export type ObjectType = Extract<Type, { readonly kind: 'object' }>

export const dyn: Type = { kind: 'dyn' }
export const text: Type = { kind: 'string' }
const int: Type = { kind: 'int' }
const bool: Type = { kind: 'bool' }

export function objectType(name: string, fields: Readonly<Record<string, Type>>): ObjectType {
  return { kind: 'object', name, fields }
}

/** What `inputs.NAME` is once the inputs are checked: durations and bytes are whole numbers by then. */
export function typeOfInput(spec: InputSpec): Type {
  const type = typeOfInputKind(spec.type)
  return spec.required || spec.default !== undefined ? type : { kind: 'nullable', of: type }
}

function typeOfInputKind(type: InputSpec['type']): Type {
  if (type === 'integer' || type === 'duration' || type === 'bytes') return int
  if (type === 'boolean') return bool
  if (type === 'list') return { kind: 'list', of: text }
  return text
}

export function typeOfJson(value: Json, name: string): Type {
  if (value === null) return { kind: 'null' }
  if (typeof value === 'string') return text
  if (typeof value === 'boolean') return bool
  if (typeof value === 'number') return Number.isInteger(value) ? int : { kind: 'double' }
  if (isJsonList(value)) return { kind: 'list', of: common(value.map((item) => typeOfJson(item, name))) }
  const fields = Object.entries(value).map(
    ([key, item]) => [key, typeOfJson(item, `${name}.${word(key)}`)] as const,
  )
  return objectType(name, Object.fromEntries(fields))
}

function isJsonList(value: readonly Json[] | { readonly [key: string]: Json }): value is readonly Json[] {
  return Array.isArray(value)
}

/** The one type all have, or `dyn`. Of nothing, `dyn`. */
export function common(types: readonly Type[]): Type {
  const [first, ...others] = types
  if (first === undefined) return dyn
  return others.every((other) => sameType(first, other)) ? first : dyn
}

export function sameType(a: Type, b: Type): boolean {
  if (a === b) return true
  switch (a.kind) {
    case 'list':
    case 'map':
    case 'nullable':
      return b.kind === a.kind && sameType(a.of, b.of)
    case 'object':
      return b.kind === 'object' && sameFields(a.fields, b.fields)
    case 'other':
      return b.kind === 'other' && a.name === b.name
    case 'string':
    case 'int':
    case 'double':
    case 'bool':
    case 'null':
    case 'dyn':
      return a.kind === b.kind
  }
}

function sameFields(a: ObjectType['fields'], b: ObjectType['fields']): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => sameType(a[name] ?? dyn, b[name] ?? { kind: 'null' }))
  )
}

/**
 * The type of what a JSON Schema (as `z.toJSONSchema` writes it) describes. `name` becomes the name of an
 * object's type, its parts' names follow it by dots; what cannot be known is `dyn`.
 */
export function typeOfSchema(schema: JsonSchema, name: string): Type {
  return schemaType({ root: schema, seen: [] }, schema, name)
}

interface Walk {
  readonly root: JsonSchema
  /** References on the way here: a type that contains itself is `dyn` where it does. */
  readonly seen: readonly string[]
}

function schemaType(walk: Walk, schema: JsonSchema, name: string): Type {
  const reference = schema['$ref']
  if (typeof reference === 'string') return referencedType(walk, reference, name)
  const options = schema['anyOf'] ?? schema['oneOf']
  if (Array.isArray(options))
    return unionType(
      options.map((option) => schemaType(walk, recordOf(option), name)),
      name,
    )
  if (Array.isArray(schema['enum'])) return unionType(schema['enum'].map(scalarType), name)
  if (schema['const'] !== undefined) return scalarType(schema['const'])
  if (!Array.isArray(schema['type'])) return namedType(walk, schema, name)
  const types = schema['type'].map((type: unknown) => namedType(walk, { ...schema, type }, name))
  return unionType(types, name)
}

function referencedType(walk: Walk, reference: string, name: string): Type {
  if (walk.seen.includes(reference)) return dyn
  return schemaType(
    { ...walk, seen: [...walk.seen, reference] },
    resolveReference(walk.root, reference),
    name,
  )
}

/** `#/$defs/Member` within a schema; an empty schema when it is not there. */
export function resolveReference(root: JsonSchema, reference: string): JsonSchema {
  if (!reference.startsWith('#')) return {}
  const keys = reference
    .slice(1)
    .split('/')
    .filter((key) => key !== '')
  return keys.reduce<JsonSchema>((at, key) => recordOf(at[key]), root)
}

function scalarType(value: unknown): Type {
  if (value === null) return { kind: 'null' }
  if (typeof value === 'string') return text
  if (typeof value === 'boolean') return bool
  return typeof value === 'number' ? { kind: Number.isInteger(value) ? 'int' : 'double' } : dyn
}

function namedType(walk: Walk, schema: JsonSchema, name: string): Type {
  switch (schema['type']) {
    case 'string':
      return text
    case 'integer':
      return int
    case 'number':
      return { kind: 'double' }
    case 'boolean':
      return bool
    case 'null':
      return { kind: 'null' }
    case 'array':
      return { kind: 'list', of: schemaType(walk, recordOf(schema['items']), name) }
    case 'object':
      return objectSchemaType(walk, schema, name)
    default:
      return dyn
  }
}

function objectSchemaType(walk: Walk, schema: JsonSchema, name: string): Type {
  const properties = Object.entries(recordOf(schema['properties']))
  const others = schema['additionalProperties']
  if (properties.length === 0 && others !== undefined && others !== false) {
    return { kind: 'map', of: schemaType(walk, recordOf(others), name) }
  }
  const fields = properties.map(
    ([key, part]) => [key, schemaType(walk, recordOf(part), `${name}.${word(key)}`)] as const,
  )
  return objectType(name, Object.fromEntries(fields))
}

/** Null beside one type is nullable; several objects are one with the fields of all; else anything. */
function unionType(types: readonly Type[], name: string): Type {
  const known = types.filter(({ kind }) => kind !== 'null')
  const one = unionOfKnown(known, name)
  return known.length === types.length || one.kind === 'dyn' ? one : { kind: 'nullable', of: one }
}

function unionOfKnown(types: readonly Type[], name: string): Type {
  const objects = types.filter((type) => type.kind === 'object')
  if (objects.length < 2 || objects.length < types.length) return common(types)
  const names = [...new Set(objects.flatMap(({ fields }) => Object.keys(fields)))]
  const merged = names.map((field): readonly [string, Type] => [
    field,
    common(objects.flatMap(({ fields }) => fields[field] ?? [])),
  ])
  return objectType(name, Object.fromEntries(merged))
}

function word(key: string): string {
  return key.replace(/\W/g, '_')
}

/** For people: `list of string`, `etcd.inspect.members`. */
export function typeText(type: Type): string {
  switch (type.kind) {
    case 'list':
      return `list of ${typeText(type.of)}`
    case 'map':
      return `map of ${typeText(type.of)}`
    case 'nullable':
      return `${typeText(type.of)} or null`
    case 'object':
      return `a map (${type.name})`
    case 'other':
      return type.name
    case 'dyn':
      return 'any value'
    case 'int':
      return 'whole number (int)'
    case 'double':
      return 'number (double)'
    case 'string':
    case 'bool':
    case 'null':
      return type.kind
  }
}

/** Paths (below `prefix`) of all parts whose type is a floating number, `*` for items of lists and maps. */
export function doublePaths(type: Type, prefix: string): readonly string[] {
  switch (type.kind) {
    case 'double':
      return [prefix]
    case 'list':
    case 'map':
      return doublePaths(type.of, `${prefix}.*`)
    case 'nullable':
      return doublePaths(type.of, prefix)
    case 'object':
      return Object.entries(type.fields).flatMap(([name, field]) => doublePaths(field, `${prefix}.${name}`))
    case 'string':
    case 'int':
    case 'bool':
    case 'null':
    case 'dyn':
    case 'other':
      return []
  }
}
