import { setTimeout as sleep } from 'node:timers/promises'
import { createEtcdClient, type EtcdClient, type EtcdTls } from './etcd-client.ts'

export interface WriterOptions {
  /** `HOST:PORT` of everything that is or may become a member's client port. */
  readonly endpoints: readonly string[]
  /** Each has one request under way at a time. Default 4. */
  readonly workers?: number
  /** Between two writes of a worker. Default 5 ms: steady, and easy on a small machine. */
  readonly pauseMs?: number
  /** How long a request may take before the worker turns to the next endpoint. Default 1000. */
  readonly timeoutMs?: number
  /** What its keys begin with; nobody else may write there. Default `writer/`. */
  readonly prefix?: string
  /** For members that speak TLS. */
  readonly tls?: EtcdTls
}

export interface WriterFigures {
  readonly acknowledged: number
  /** Refused, timed out or cut off; each was followed by another write through the next endpoint. */
  readonly failed: number
  /** The longest time without any acknowledgement, the beginning and the end of the writing included. */
  readonly longestGapMs: number
  /** When that gap began, in milliseconds since 1970. */
  readonly longestGapAtMs: number
  readonly durationMs: number
}

export interface Verification {
  readonly acknowledged: number
  /** Acknowledged, but not there any more, or not as the revision that was acknowledged. */
  readonly lost: readonly string[]
}

/** A client that never stops writing, and remembers every write that was acknowledged. */
export interface Writer {
  figures(): WriterFigures
  /** Lets the requests under way end. Safe to repeat. */
  stop(): Promise<WriterFigures>
  /** The revision each key was acknowledged at. */
  acknowledged(): ReadonlyMap<string, number>
  /** Reads every acknowledged key back, through `endpoint`, as of one revision. Throws when that member does not answer. */
  verify(endpoint: string): Promise<Verification>
}

export function startWriter(options: WriterOptions): Writer {
  const { endpoints, workers = 4, pauseMs = 5, timeoutMs = 1000, prefix = 'writer/', tls } = options
  const acknowledged = new Map<string, number>()
  const gaps = createGapMeter(Date.now())
  const now = { failed: 0, writing: true }

  const work = async (worker: number): Promise<void> => {
    const clients = endpoints.map((endpoint) => createEtcdClient(endpoint, tls))
    let turn = worker
    for (let number = 0; now.writing; number++) {
      const client = clients[turn % clients.length]
      if (client === undefined) break
      // A key of its own for every try: one whose outcome is unknown can never pass for an acknowledged one.
      const key = `${prefix}${worker}/${String(number).padStart(9, '0')}`
      const outcome = await client.put(key, `written at ${new Date().toISOString()}`, timeoutMs)
      if (outcome.kind === 'acknowledged') {
        acknowledged.set(key, outcome.revision)
        gaps.seen(Date.now())
      } else {
        now.failed++
        turn++
      }
      await sleep(pauseMs)
    }
    for (const client of clients) client.close()
  }
  const all = Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)))
  const figures = (): WriterFigures => ({
    acknowledged: acknowledged.size,
    failed: now.failed,
    ...gaps.figures(Date.now()),
  })
  let final: WriterFigures | undefined

  return {
    figures: () => final ?? figures(),
    acknowledged: () => acknowledged,
    async stop() {
      if (now.writing) {
        now.writing = false
        final = figures()
        await all
        // The last acknowledgements came after the figures were taken; a gap that only ends here is none.
        final = { ...final, acknowledged: acknowledged.size, failed: now.failed }
      }
      return final ?? figures()
    },
    async verify(endpoint) {
      const client = createEtcdClient(endpoint, tls)
      try {
        const found = await readAll(client, prefix)
        const lost = [...acknowledged].filter(([key, revision]) => found.get(key) !== revision)
        return { acknowledged: acknowledged.size, lost: lost.map(([key]) => key) }
      } finally {
        client.close()
      }
    },
  }
}

export interface GapMeter {
  seen(atMs: number): void
  /** As if the watching ended at `atMs`: a silence that still lasts counts. */
  figures(atMs: number): Pick<WriterFigures, 'longestGapMs' | 'longestGapAtMs' | 'durationMs'>
}

export function createGapMeter(startMs: number): GapMeter {
  let last = startMs
  let longest = { gapMs: 0, atMs: startMs }
  const longer = (atMs: number) =>
    atMs - last > longest.gapMs ? { gapMs: atMs - last, atMs: last } : longest
  return {
    seen(atMs) {
      longest = longer(atMs)
      last = atMs
    },
    figures(atMs) {
      const { gapMs, atMs: at } = longer(atMs)
      return { longestGapMs: gapMs, longestGapAtMs: at, durationMs: atMs - startMs }
    },
  }
}

/**
 * Writes `count` keys through `endpoints`, fast: transactions of 100, several at a time. A transaction that an
 * election swallows is written again: it puts the same keys and values. Throws when one does not succeed for 30 s.
 */
export async function fill(
  endpoints: readonly string[],
  count: number,
  prefix = 'fill/',
  tls?: EtcdTls,
): Promise<void> {
  const value = 'x'.repeat(FILL_VALUE_BYTES)
  let next = 0
  const work = async (endpoint: string): Promise<void> => {
    const client = createEtcdClient(endpoint, tls)
    try {
      while (next < count) {
        const from = next
        next = Math.min(count, from + FILL_BATCH)
        const entries = Array.from(
          { length: next - from },
          (_, i) => [`${prefix}${String(from + i).padStart(9, '0')}`, value] as const,
        )
        await putAllOnce(client, entries, Date.now() + FILL_BATCH_MS)
      }
    } finally {
      client.close()
    }
  }
  await Promise.all(endpoints.flatMap((endpoint) => [work(endpoint), work(endpoint)]))
}

async function putAllOnce(
  client: EtcdClient,
  entries: readonly (readonly [string, string])[],
  deadline: number,
): Promise<void> {
  for (;;) {
    try {
      await client.putAll(entries)
      return
    } catch (error) {
      // What is handed to a leader that has just died is answered by nobody, whoever is elected next.
      if (Date.now() > deadline) throw error
      await sleep(FILL_AGAIN_MS)
    }
  }
}

const FILL_BATCH = 100
const FILL_BATCH_MS = 30_000
const FILL_AGAIN_MS = 100
const FILL_VALUE_BYTES = 100
const PAGE = 10_000

async function readAll(client: EtcdClient, prefix: string): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  let from = prefix
  let revision = 0
  for (;;) {
    const page = await client.keys(from, PAGE, revision)
    if (revision === 0) revision = page.revision
    for (const { key, revision } of page.keys) found.set(key, revision)
    const last = page.keys.at(-1)?.key
    if (page.keys.length < PAGE || last === undefined || !last.startsWith(prefix)) return found
    from = `${last}\0`
  }
}
