import type { Json, Program } from './program.ts'

/** One text for equal programs whatever the order of their keys: what is hashed and signed. */
export function canonicalText(value: Json | Program): string {
  return JSON.stringify(value, (_key, part: unknown) => (isMap(part) ? sorted(part) : part))
}

function isMap(part: unknown): part is Readonly<Record<string, unknown>> {
  return typeof part === 'object' && part !== null && !Array.isArray(part)
}

function sorted(map: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
