import type { JsonSchema } from '../dsl/action-spec.ts'
import { recordOf } from '../dsl/check-shape.ts'

/** The same schema with nothing required, at any depth: a test says what matters to it. */
export function partial(schema: JsonSchema): JsonSchema {
  const kept = Object.entries(schema).filter(([keyword]) => keyword !== 'required' && keyword !== '$schema')
  return Object.fromEntries(kept.map(([keyword, value]) => [keyword, partOf(keyword, value)]))
}

function partOf(keyword: string, value: unknown): unknown {
  if (keyword === 'properties' || keyword === '$defs') {
    const parts = Object.entries(recordOf(value)).map(
      ([name, part]) => [name, partial(recordOf(part))] as const,
    )
    return Object.fromEntries(parts)
  }
  if ((keyword === 'items' || keyword === 'additionalProperties') && typeof value === 'object')
    return partial(recordOf(value))
  if ((keyword === 'anyOf' || keyword === 'oneOf' || keyword === 'allOf') && Array.isArray(value))
    return value.map((part) => partial(recordOf(part)))
  return value
}
