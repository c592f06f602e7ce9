import type { Client } from '@temporalio/client'
import { secrets } from '../activities/redact/secrets.ts'
import { openAnchors } from '../audit/anchor.ts'
import type { Archive } from '../audit/archive.ts'
import { type Collector, createCollector } from '../audit/collect/collector.ts'
import { retentionSight } from '../audit/collect/retention.ts'
import { createSealing, type Sealing } from '../audit/collect/sealing.ts'
import { openSealKey, type SealKey } from '../audit/seal-key.ts'
import type { Configuration } from './configuration.ts'
import { keepCollecting } from './keep-collecting.ts'

export interface Collecting {
  /** Lets the pass under way come to its end. */
  close(): Promise<void>
}

/**
 * Puts runs on record as they end, beside all else that a worker does. Throws `StoreError` for a key or anchors that
 * cannot be used, the key only unless work is to go on without the record. `archive` may throw while that is away.
 */
export function startCollecting(
  { temporal: { namespace }, taskQueue, auditKey, anchors, breakGlass }: Configuration,
  client: Client,
  archive: () => Promise<Archive>,
  say: (line: string) => void,
): Collecting {
  let opened: SealKey | undefined
  const key = (): SealKey => (opened ??= openSealKey(auditKey))
  if (breakGlass === undefined) key()
  const places = openAnchors(anchors)
  let begun: { readonly collector: Collector; readonly sealing: Sealing } | undefined
  const parts = async () => {
    const store = await archive()
    if (begun) return begun
    const sealing = createSealing(store, key(), places)
    const { seal } = sealing
    begun = {
      sealing,
      collector: createCollector({ client, namespace, taskQueue, store, seal, clean: secrets }),
    }
    return begun
  }
  const stop = new AbortController()
  const ended = keepCollecting({
    collector: { pass: async (signal) => (await parts()).collector.pass(signal) },
    publish: async () => (await parts()).sealing.publish(),
    retention: async () => retentionSight({ client, namespace, taskQueue, store: await archive() }),
    everyMs: EVERY_MS,
    say,
    signal: stop.signal,
  })
  return {
    close() {
      stop.abort()
      return ended
    },
  }
}

/** From the end of a run until it is sealed, about. */
const EVERY_MS = 3000
