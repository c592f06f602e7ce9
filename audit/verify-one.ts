import type { Source } from './archive.ts'
import { blobsOf } from './columns.ts'
import type { Row } from './sql.ts'
import type { Store, Verification } from './store.ts'
import { verify, type VerifyOptions } from './verify.ts'

/**
 * Verifies one run of a store as if it lay in a bundle: its chain, its blobs, and the checkpoints about it. What only
 * the whole store can tell (a checkpoint of another run that is missing, the columns beside the texts) is left to
 * `verify`. With `anchors`, of those only the ones about this run count. Throws `StoreError`.
 */
export function verifyRun(
  store: Store & Partial<Pick<Source, 'eventRows' | 'uses'>>,
  run: string,
  options: VerifyOptions = {},
): Promise<Verification> {
  return verify(sourceOf(store, run), options)
}

type Kept = Parameters<typeof verifyRun>[0]

function sourceOf(store: Kept, run: string): Source {
  return {
    whole: false,
    async *keys() {
      yield run
    },
    eventRows: () => rowsOf(store, run),
    async *checkpointRows(after = 0) {
      for await (const { checkpoint, text, hash, signature, publicKey } of store.checkpoints(run))
        if (checkpoint.n > after) yield { text, hash, signature, public_key: publicKey }
    },
    async *blobRows() {
      for (const digest of await digestsOf(store, run)) {
        const content = await store.blob(digest)
        if (content !== undefined) yield { sha256: digest, gzip: 0, content: Buffer.from(content) }
      }
    },
  }
}

/** As they lie there, where the store can give them so: an event that cannot be read is a finding, no failure. */
async function* rowsOf(store: Kept, run: string): AsyncGenerator<Row> {
  if (store.eventRows !== undefined) yield* store.eventRows(run)
  else for await (const { text, hash } of store.events(run)) yield { text, hash }
}

/** Where the store keeps no list of them, the events are read once more. */
async function digestsOf(store: Kept, run: string): Promise<ReadonlySet<string>> {
  const digests = new Set(await store.uses?.(run))
  if (store.uses === undefined)
    for await (const { event } of store.events(run)) for (const digest of blobsOf(event)) digests.add(digest)
  return digests
}
