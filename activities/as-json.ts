import { z } from 'zod'
import type { Json } from '../dsl/program.ts'

/** A value as the record and histories keep it. */
export function asJson(value: unknown): Json {
  const text = JSON.stringify(value)
  return text === undefined ? null : z.json().parse(JSON.parse(text))
}
