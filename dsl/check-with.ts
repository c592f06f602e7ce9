import type { JsonSchema } from './action-spec.ts'
import { article, recordOf } from './check-shape.ts'
import type { CompiledTemplate } from './compile-template.ts'
import { listed, nearest } from './near.ts'
import type { Json } from './program.ts'
import { entryOf } from './yaml-node.ts'
import type { Complaint, Range } from './source.ts'
import { resolveReference, typeText, type Type } from './types.ts'

export interface Finding {
  readonly range: Range
  readonly complaint: Complaint
}

/**
 * What is wrong with a template for a place that a JSON Schema describes: literals are checked by value,
 * expressions by their type. What only the run can know (`dyn`, the text of a string) passes.
 */
export function findingsIn(
  compiled: CompiledTemplate,
  root: JsonSchema,
  schema: JsonSchema = root,
): readonly Finding[] {
  if (compiled.broken === true) return []
  const reference = schema['$ref']
  if (typeof reference === 'string') return findingsIn(compiled, root, resolveReference(root, reference))
  const options = schema['anyOf'] ?? schema['oneOf']
  if (Array.isArray(options))
    return bestOf(options.map((option) => findingsIn(compiled, root, recordOf(option))))
  if (compiled.entries !== undefined && compiled.template.kind !== 'expression')
    return inMap(compiled, root, schema)
  if (compiled.items !== undefined) return inList(compiled, root, schema)
  if (compiled.template.kind === 'literal') return inValue(compiled, schema, compiled.template.value)
  return assignable(compiled.type, root, schema) ? [] : [wrongType(compiled, schema)]
}

/** Of several ways to be right: none wrong if one is right, else what is wrong with the nearest. */
function bestOf(findings: readonly (readonly Finding[])[]): readonly Finding[] {
  const [first = [], ...others] = findings
  return others.reduce((best, next) => (next.length < best.length ? next : best), first)
}

function inMap(compiled: CompiledTemplate, root: JsonSchema, schema: JsonSchema): readonly Finding[] {
  const { entries = new Map<string, CompiledTemplate>() } = compiled
  if (!admits(schema, 'object')) return [wrongType(compiled, schema)]
  const properties = recordOf(schema['properties'])
  const others = schema['additionalProperties']
  const open = others !== undefined ? others !== false : Object.keys(properties).length === 0
  const inside = [...entries].flatMap(([key, entry]) => {
    const part = properties[key] ?? (open ? recordOf(others) : undefined)
    return part === undefined
      ? [unknownKey(compiled, key, Object.keys(properties))]
      : findingsIn(entry, root, recordOf(part))
  })
  return [...missingKeys(compiled, schema, entries), ...inside]
}

function unknownKey({ node }: CompiledTemplate, key: string, known: readonly string[]): Finding {
  const near = nearest(key, known)
  const takes = known.length === 0 ? 'It takes nothing.' : `It takes ${listed(known)}.`
  return {
    range: entryOf(node, key)?.keyRange ?? node.range,
    complaint: {
      code: 'UNKNOWN_INPUT',
      message: `There is no "${key}" to be given here.`,
      hint: near === undefined ? takes : `Did you mean "${near}"? ${takes}`,
    },
  }
}

function missingKeys(
  { node }: CompiledTemplate,
  schema: JsonSchema,
  entries: ReadonlyMap<string, unknown>,
): readonly Finding[] {
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : []
  const properties = recordOf(schema['properties'])
  return required
    .filter((key) => !entries.has(key))
    .map((key) => {
      const { description } = recordOf(properties[key])
      const hint = typeof description === 'string' ? `${key}: ${description}` : undefined
      return {
        range: headRange(node.range),
        complaint: { code: 'MISSING', message: `"${key}" is missing.`, hint },
      }
    })
}

function headRange({ start }: Range): Range {
  return { start, end: start + 1 }
}

function inList(compiled: CompiledTemplate, root: JsonSchema, schema: JsonSchema): readonly Finding[] {
  if (!admits(schema, 'array')) return [wrongType(compiled, schema)]
  const { items = [] } = compiled
  const { minItems, maxItems } = schema
  const inside = items.flatMap((item) => findingsIn(item, root, recordOf(schema['items'])))
  const bound = boundProblem(items.length, minItems, maxItems, 'items')
  return bound === undefined ? inside : [wrongValue(compiled, bound), ...inside]
}

/** A schema without `type` takes anything. */
function admits(schema: JsonSchema, type: string): boolean {
  const { type: declared } = schema
  if (Array.isArray(declared)) return declared.includes(type)
  return declared === undefined
    ? schema['enum'] === undefined && schema['const'] === undefined
    : declared === type
}

function wrongType({ node, type }: CompiledTemplate, schema: JsonSchema): Finding {
  const message = `This must be ${schemaText(schema)}, but it is ${typeText(type)}.`
  return { range: node.range, complaint: { code: 'WRONG_TYPE', message, hint: conversion(type, schema) } }
}

function conversion(type: Type, schema: JsonSchema): string | undefined {
  if (type.kind === 'nullable') return 'It may be null: write x == null ? … : x, or make the input required.'
  if (schema['type'] === 'string' && ['int', 'double', 'bool'].includes(type.kind))
    return 'Write string(…) around it.'
  return undefined
}

function schemaText(schema: JsonSchema): string {
  if (Array.isArray(schema['enum']))
    return `one of ${schema['enum'].map((value) => JSON.stringify(value)).join(', ')}`
  if (schema['const'] !== undefined) return JSON.stringify(schema['const'])
  const types = [schema['type'] ?? 'something else'].flat()
  return types.map((type) => article(shown(type))).join(' or ')
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function wrongValue({ node }: CompiledTemplate, message: string, hint?: string): Finding {
  return { range: node.range, complaint: { code: 'WRONG_VALUE', message, hint } }
}

function inValue(compiled: CompiledTemplate, schema: JsonSchema, value: Json): readonly Finding[] {
  const choices = schema['const'] !== undefined ? [schema['const']] : schema['enum']
  if (Array.isArray(choices)) {
    if (choices.includes(value)) return []
    const near = nearest(shown(value), choices.map(shown))
    return [wrongValue(compiled, `This must be ${schemaText(schema)}.`, near && `Did you mean "${near}"?`)]
  }
  if (!jsonTypes(value).some((type) => admits(schema, type))) return [wrongType(compiled, schema)]
  const problem = typeof value === 'string' ? textProblem(value, schema) : numberProblem(value, schema)
  return problem === undefined ? [] : [wrongValue(compiled, problem)]
}

function jsonTypes(value: Json): readonly string[] {
  if (value === null) return ['null']
  if (typeof value === 'number') return Number.isInteger(value) ? ['integer', 'number'] : ['number']
  if (typeof value === 'object') return [Array.isArray(value) ? 'array' : 'object']
  return [typeof value]
}

function textProblem(value: string, { pattern, minLength, maxLength }: JsonSchema): string | undefined {
  if (typeof pattern === 'string' && !new RegExp(pattern, 'u').test(value))
    return `This must match ${pattern}.`
  return boundProblem(value.length, minLength, maxLength, 'characters')
}

function numberProblem(value: Json, schema: JsonSchema): string | undefined {
  if (typeof value !== 'number') return undefined
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum)
    return `This must be more than ${exclusiveMinimum}.`
  if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum)
    return `This must be less than ${exclusiveMaximum}.`
  return boundProblem(value, minimum, maximum)
}

function boundProblem(value: number, least: unknown, most: unknown, unit?: string): string | undefined {
  const of = unit === undefined ? '' : ` ${unit}`
  if (typeof least === 'number' && value < least) return `This must be at least ${least}${of}.`
  if (typeof most === 'number' && value > most) return `This must be at most ${most}${of}.`
  return undefined
}

function assignable(type: Type, root: JsonSchema, schema: JsonSchema): boolean {
  const reference = schema['$ref']
  if (typeof reference === 'string') return assignable(type, root, resolveReference(root, reference))
  if (type.kind === 'dyn') return true
  const options = schema['anyOf'] ?? schema['oneOf']
  if (type.kind === 'nullable')
    return assignable({ kind: 'null' }, root, schema) && assignable(type.of, root, schema)
  if (Array.isArray(options)) return options.some((option) => assignable(type, root, recordOf(option)))
  if (Array.isArray(schema['enum']))
    return schema['enum'].some((value) => jsonTypes(value).includes(schemaTypeOf(type)))
  return assignableTo(type, root, schema)
}

function assignableTo(type: Type, root: JsonSchema, schema: JsonSchema): boolean {
  if (type.kind === 'int') return admits(schema, 'integer') || admits(schema, 'number')
  if (!admits(schema, schemaTypeOf(type))) return false
  if (type.kind === 'list')
    return schema['items'] === undefined || assignable(type.of, root, recordOf(schema['items']))
  if (type.kind === 'map') return mapAssignable(type.of, root, schema)
  return type.kind === 'object' ? fieldsAssignable(type.fields, root, schema) : true
}

function mapAssignable(of: Type, root: JsonSchema, schema: JsonSchema): boolean {
  const others = schema['additionalProperties']
  return others === undefined ? schema['properties'] === undefined : assignable(of, root, recordOf(others))
}

function fieldsAssignable(
  fields: Readonly<Record<string, Type>>,
  root: JsonSchema,
  schema: JsonSchema,
): boolean {
  const properties = recordOf(schema['properties'])
  const others = schema['additionalProperties']
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : []
  return (
    required.every((name) => fields[name] !== undefined) &&
    Object.entries(fields).every(([name, field]) => {
      const part = properties[name] ?? others
      return (
        part === undefined || part === true || (part !== false && assignable(field, root, recordOf(part)))
      )
    })
  )
}

function schemaTypeOf(type: Type): string {
  switch (type.kind) {
    case 'int':
      return 'integer'
    case 'double':
      return 'number'
    case 'bool':
      return 'boolean'
    case 'list':
      return 'array'
    case 'map':
    case 'object':
      return 'object'
    case 'string':
    case 'null':
    case 'dyn':
    case 'nullable':
    case 'other':
      return type.kind
  }
}
