import type { Archive, Place } from './archive.ts'
import { checkpointAt } from './seal.ts'
import type { SealKey } from './seal-key.ts'
import { type Checkpoint, type RunRow, type StoredCheckpoint, StoreError } from './store.ts'

/** Why something is done to the record, and who wants it. Both go into a signed checkpoint. */
export interface Wish {
  readonly reason: string
  readonly by: string
}

/** Keeps a run from being removed until it is released. Throws `StoreError`, also when it is held already. */
export async function hold(
  archive: Archive,
  run: string,
  key: SealKey,
  wish: Wish,
): Promise<StoredCheckpoint> {
  return decree(archive, run, key, { ...wish, kind: 'held' }, ({ head, before }) => {
    const holding = holdOf(before)
    if (head === undefined) return `There is no run ${run} on record.`
    return holding && `The run ${run} is held already: ${holding.reason ?? ''}.`
  })
}

/** Ends a hold. Throws `StoreError`, also when there is none. */
export async function release(
  archive: Archive,
  run: string,
  key: SealKey,
  wish: Wish,
): Promise<StoredCheckpoint> {
  return decree(archive, run, key, { ...wish, kind: 'released' }, ({ before }) =>
    holdOf(before) === undefined ? `The run ${run} is not held.` : undefined,
  )
}

async function decree(
  archive: Archive,
  run: string,
  key: SealKey,
  what: Wish & Pick<Checkpoint, 'kind'>,
  whyNot: (place: Place) => string | undefined,
): Promise<StoredCheckpoint> {
  const made = await archive.addCheckpoint(run, (place) => {
    const refusal = whyNot(place)
    if (refusal !== undefined) throw new StoreError(refusal)
    return checkpointAt(place, run, key, what)
  })
  if (made === undefined) throw new StoreError(`There is no run ${run} on record.`)
  return made
}

function holdOf(before: readonly Checkpoint[]): Checkpoint | undefined {
  const last = before.findLast(({ kind }) => kind === 'held' || kind === 'released')
  return last?.kind === 'held' ? last : undefined
}

export interface Removal extends Wish {
  /** Runs that ended longer ago, or these, by their keys. */
  readonly what: { readonly olderThanMs: number } | { readonly runs: readonly string[] }
  /** Only says what would be removed. */
  readonly dryRun: boolean
}

export interface Removed {
  readonly removed: readonly RunRow[]
  /** What was asked for and stays, with the reason. */
  readonly kept: readonly { readonly run: string; readonly workflow?: string; readonly why: string }[]
}

/**
 * Takes whole runs out of the record, each after a signed checkpoint that says so: those that have ended and that
 * nobody holds. Throws `StoreError`; what it removed before that stays removed.
 */
export async function removeRuns(archive: Archive, key: SealKey, removal: Removal): Promise<Removed> {
  const { reason, by, dryRun } = removal
  const removed: RunRow[] = []
  const kept: Removed['kept'][number][] = []
  for await (const candidate of candidates(archive, removal.what)) {
    if ('why' in candidate) {
      kept.push(candidate)
      continue
    }
    const { run, workflow } = candidate
    const why = whyKept(candidate)
    if (why !== undefined) {
      kept.push({ run, workflow, why })
      continue
    }
    if (!dryRun)
      await decree(archive, run, key, { reason, by, kind: 'removed' }, ({ head, before }) => {
        if (head === undefined) return `The run ${run} was removed by somebody else meanwhile.`
        return holdOf(before) && `The run ${run} was held meanwhile.`
      })
    removed.push(candidate)
  }
  return { removed, kept }
}

function whyKept({ ended, hold }: RunRow): string | undefined {
  if (hold !== undefined) return `It is held: ${hold}.`
  return ended === undefined ? 'It has not ended, or its end is not on record yet.' : undefined
}

async function* candidates(
  archive: Archive,
  what: Removal['what'],
): AsyncGenerator<RunRow | { readonly run: string; readonly why: string }> {
  if ('runs' in what) {
    for (const run of what.runs) {
      const { runs } = await archive.runs({ run })
      const found = runs.find((row) => row.run === run)
      yield found ?? { run, why: 'There is no such run on record.' }
    }
    return
  }
  const untilMs = Date.now() - what.olderThanMs
  // Known before the first is removed, so that the pages stay what they were.
  const old: RunRow[] = []
  let after: string | undefined
  do {
    const page = await archive.runs({ untilMs, limit: 200, ...(after === undefined ? {} : { after }) })
    old.push(...page.runs.filter(({ ended }) => ended === undefined || ended.endedMs < untilMs))
    after = page.next
  } while (after !== undefined)
  yield* old
}
