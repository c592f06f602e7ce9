import type { JsonSchema } from './action-spec.ts'
import { recordOf } from './check-shape.ts'

const expression = { type: 'string', pattern: '\\$\\{\\{' }

/**
 * A schema of values as one of what a runbook writes: wherever a value may stand within it, an expression may.
 * References are made to point into the definition it becomes.
 */
export function orExpression(schema: JsonSchema, definition: string): JsonSchema {
  return mapValues(schema, (value, key) => partOf(key, value, definition))
}

/** One value: itself, or an expression. Documentation and default stand outside, where editors look for them. */
export function valueOrExpression(schema: unknown, definition: string): unknown {
  if (typeof schema === 'boolean') return schema
  const { description, default: value, ...whole } = orExpression(recordOf(schema), definition)
  return {
    ...(description === undefined ? {} : { description }),
    ...(value === undefined ? {} : { default: value }),
    ...(takesAnyText(whole) ? whole : { anyOf: [whole, expression] }),
  }
}

/** What takes any text takes an expression, too. */
const takesAnyText = (schema: JsonSchema): boolean =>
  Object.keys(schema).length === 0 || (schema['type'] === 'string' && Object.keys(schema).length === 1)

function partOf(key: string, value: unknown, definition: string): unknown {
  if (key === '$ref' && typeof value === 'string') return value.replace(/^#/, `#/definitions/${definition}`)
  if (key === 'properties' || key === '$defs')
    return mapValues(recordOf(value), (part) => valueOrExpression(part, definition))
  if (key === 'items' || key === 'additionalProperties') return valueOrExpression(value, definition)
  if ((key === 'anyOf' || key === 'oneOf') && Array.isArray(value))
    return value.map((part) => orExpression(recordOf(part), definition))
  return value
}

function mapValues(map: JsonSchema, change: (value: unknown, key: string) => unknown): JsonSchema {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]))
}
