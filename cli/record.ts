import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Archive } from '../audit/archive.ts'
import type { RunRow } from '../audit/store.ts'
import { parseDuration } from '../dsl/duration.ts'
import { type FlagSpec, type Invocation, UsageError } from './command.ts'
import { homeDirectory, readUp } from './home.ts'

/** Every command that reads the record has it. */
export const recordFlag: Readonly<Record<string, FlagSpec>> = {
  record: {
    type: 'string',
    value: 'PLACE',
    help: 'the record: a file, or postgres://… (default: that of the worker here)',
  },
}

/** Opens the record for one command: for reading only, unless it is to be written. */
export async function withRecord<Answer>(
  { flags, environment }: Pick<Invocation, 'flags' | 'environment'>,
  use: (store: Archive) => Promise<Answer>,
  { write = false } = {},
): Promise<Answer> {
  const place = recordPlace(flags.text('record'), environment)
  if (!isDatabase(place) && !existsSync(place))
    throw new UsageError(
      `There is no record at ${place}: a worker makes it when it begins. Name another place with --record or QUORATE_AUDIT.`,
    )
  const { openStore } = await import('../audit/open.ts')
  const store = await openStore(place, { readOnly: !write })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

const isDatabase = (place: string): boolean => /^postgres(ql)?:/.test(place)

/** `--record`, `$QUORATE_AUDIT`, that of the `quorate up` that runs here, else that of a worker with our settings. */
export function recordPlace(given: string | undefined, environment: NodeJS.ProcessEnv): string {
  const { QUORATE_AUDIT: set, QUORATE_STATE: state } = environment
  const named = given ?? (set === '' ? undefined : set)
  if (named !== undefined) return isDatabase(named) ? named : resolve(named)
  const home = homeDirectory(environment)
  const directory = readUp(home)?.state ?? (state === undefined || state === '' ? home : state)
  return join(directory, 'audit', 'record.db')
}

/** The key that seals this record: `$QUORATE_AUDIT_KEY`, else beside the record, or with the state where that is no file. */
export function sealKeyFile({ flags, environment }: Pick<Invocation, 'flags' | 'environment'>): string {
  const { QUORATE_AUDIT_KEY: set } = environment
  if (set !== undefined && set !== '') return resolve(set)
  const place = recordPlace(flags.text('record'), environment)
  const beside = isDatabase(place) ? recordPlace(undefined, { ...environment, QUORATE_AUDIT: '' }) : place
  return join(dirname(beside), 'seal.pem')
}

/** The run that `text` means: its key, its workflow id (the newest with it), or a part that only one id has. */
export async function findRecorded(store: Archive, text: string): Promise<RunRow> {
  const [byKey] = (await store.runs({ run: text, limit: 1 })).runs
  if (byKey) return byKey
  const { runs, total } = await store.runs({ text, limit: mostAlike })
  const exact = runs.find(({ workflow }) => workflow === text)
  if (exact) return exact
  const alike = runs.filter(({ workflow }) => workflow.includes(text))
  const [only] = alike
  if (only && alike.every(({ workflow }) => workflow === only.workflow) && total <= mostAlike) return only
  if (alike.length === 0)
    throw new UsageError(`There is no run "${text}" on record: \`quorate audit list\` shows them.`)
  const some = [...new Set(alike.map(({ workflow }) => workflow))].slice(0, 5).join(', ')
  throw new UsageError(`"${text}" may mean ${some}${alike.length > 5 ? ', …' : ''}: say which.`)
}

const mostAlike = 200

/** A moment as people write it: `2026-11-22`, `2026-11-22T03:00Z`, or how long ago, `30d`. Milliseconds since 1970. */
export function momentOf(flag: string, text: string | undefined, nowMs = Date.now()): number | undefined {
  if (text === undefined) return undefined
  const ago = parseDuration(text)
  if (ago !== undefined) return nowMs - ago
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN
  if (Number.isFinite(at)) return at
  throw new UsageError(
    `--${flag} is "${text}": write a day (2026-11-22), a time in UTC or how long ago (30d).`,
  )
}
