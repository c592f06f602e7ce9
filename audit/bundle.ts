import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { blobsOf } from './columns.ts'
import { messageOf } from './failure.ts'
import { type Store, StoreError } from './store.ts'

/**
 * Writes all that is on record of a run into one file, which verifies by itself: gzipped lines of JSON, see
 * `BundleLine`. Other runs are not in it. Throws `StoreError`, also when there is no such run or the file exists.
 */
export async function writeBundle(store: Store, run: string, path: string): Promise<void> {
  const bundle = await bundleStream(store, run)
  try {
    await pipeline(bundle, createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }))
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError(`The bundle ${path} cannot be written: ${messageOf(error)}.`, { cause: error })
  }
}

/** The same as a stream of bytes. Throws when there is no such run; what fails later, the stream says. */
export async function bundleStream(store: Store, run: string): Promise<Readable> {
  const lines = bundleLines(store, run)
  const first = await lines.next()
  if (first.done === true) throw new StoreError(`There is no run ${run} on record.`)
  const packed = createGzip()
  pipeline(Readable.from(asText(first.value, lines)), packed).catch((error: unknown) =>
    packed.destroy(error instanceof Error ? error : undefined),
  )
  return packed
}

/** In this order: the header, the checkpoints, each blob before the first event that refers to it, the end. */
export type BundleLine =
  | { readonly kind: 'quorate-audit-bundle'; readonly v: 1; readonly run: string }
  | {
      readonly kind: 'checkpoint'
      readonly text: string
      readonly hash: string
      readonly signature: string
      readonly publicKey: string
    }
  | { readonly kind: 'blob'; readonly sha256: string; readonly base64: string }
  | { readonly kind: 'event'; readonly text: string; readonly hash: string }
  /** How many lines came before it: a file that was cut short is known by its absence. */
  | { readonly kind: 'end'; readonly lines: number }

async function* bundleLines(store: Store, run: string): AsyncGenerator<BundleLine> {
  let lines = 0
  const there = new Set<string>()
  for await (const line of contents()) {
    lines++
    yield line
  }
  if (lines > 0) yield { kind: 'end', lines }

  async function* contents(): AsyncGenerator<BundleLine> {
    const header = { kind: 'quorate-audit-bundle', v: 1, run } as const
    let begun = false
    for await (const { text, hash, signature, publicKey } of store.checkpoints(run)) {
      if (!begun) yield header
      begun = true
      yield { kind: 'checkpoint', text, hash, signature, publicKey }
    }
    for await (const { event, text, hash } of store.events(run)) {
      if (!begun) yield header
      begun = true
      for (const digest of blobsOf(event)) {
        if (there.has(digest)) continue
        there.add(digest)
        const content = await store.blob(digest)
        if (content === undefined)
          throw new StoreError(
            `The blob ${digest}, which event ${event.seq} refers to, is missing: verify the record.`,
          )
        yield { kind: 'blob', sha256: digest, base64: Buffer.from(content).toString('base64') }
      }
      yield { kind: 'event', text, hash }
    }
  }
}

async function* asText(first: BundleLine, more: AsyncIterable<BundleLine>): AsyncGenerator<string> {
  yield `${JSON.stringify(first)}\n`
  for await (const line of more) yield `${JSON.stringify(line)}\n`
}
