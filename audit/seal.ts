import type { Archive, Place } from './archive.ts'
import { signed } from './chain.ts'
import type { SealKey } from './seal-key.ts'
import type { Checkpoint, StoredCheckpoint } from './store.ts'

/**
 * Signs what is on record of a run up to now, as the next checkpoint of the chain over all runs. Nothing, when that
 * is sealed already or there is no such run; what comes later is sealed by calling it again. Throws `StoreError`.
 */
export function seal(archive: Archive, run: string, key: SealKey): Promise<StoredCheckpoint | undefined> {
  return archive.addCheckpoint(run, (place) => {
    const last = place.before.findLast(({ kind }) => kind === 'sealed')
    if (place.head === undefined || last?.head === place.head.hash) return undefined
    return checkpointAt(place, run, key, { kind: 'sealed' })
  })
}

/** The next checkpoint, about a run as it is now or, where nothing is left of it, as it was. */
export function checkpointAt(
  { n, prev, head, before }: Place,
  run: string,
  key: SealKey,
  what: Pick<Checkpoint, 'kind' | 'reason' | 'by'>,
): StoredCheckpoint | undefined {
  const last = before.at(-1)
  const covered =
    head === undefined
      ? last && { workflow: last.workflow, seq: last.seq, head: last.head }
      : { workflow: head.workflow, seq: head.seq, head: head.hash }
  if (covered === undefined) return undefined
  return signed({ v: 1, n, at: new Date().toISOString(), prev, run, ...covered, ...what }, key.sign)
}
