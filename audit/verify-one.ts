import type { Source } from './archive.ts'
import { blobsOf } from './columns.ts'
import type { Store, Verification } from './store.ts'
import { verify, type VerifyOptions } from './verify.ts'

/**
 * Verifies one run of a store as if it lay in a bundle: its chain, its blobs, and the checkpoints about it. What only
 * the whole store can tell (a checkpoint of another run that is missing, the columns beside the texts) is left to
 * `verify`. With `anchors`, of those only the ones about this run count. Throws `StoreError`.
 */
export function verifyRun(store: Store, run: string, options: VerifyOptions = {}): Promise<Verification> {
  return verify(sourceOf(store, run), options)
}

function sourceOf(store: Store, run: string): Source {
  return {
    whole: false,
    async *keys() {
      yield run
    },
    async *eventRows() {
      for await (const { text, hash } of store.events(run)) yield { text, hash }
    },
    async *checkpointRows(after = 0) {
      for await (const { checkpoint, text, hash, signature, publicKey } of store.checkpoints(run))
        if (checkpoint.n > after) yield { text, hash, signature, public_key: publicKey }
    },
    async *blobRows() {
      const seen = new Set<string>()
      for await (const { event } of store.events(run))
        for (const digest of blobsOf(event)) {
          if (seen.has(digest)) continue
          seen.add(digest)
          const content = await store.blob(digest)
          if (content !== undefined) yield { sha256: digest, gzip: 0, content: Buffer.from(content) }
        }
    },
  }
}
