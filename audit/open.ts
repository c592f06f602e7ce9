import type { Archive } from './archive.ts'
import { openPostgresStore } from './postgres.ts'
import { openSqliteStore } from './sqlite.ts'

/** The record at a place as settings name it: `postgres://…`, or the path of a SQLite file. Throws `StoreError`. */
export async function openStore(
  place: string,
  options: { readonly readOnly?: boolean } = {},
): Promise<Archive> {
  return /^postgres(ql)?:/.test(place) ? openPostgresStore(place, options) : openSqliteStore(place, options)
}
