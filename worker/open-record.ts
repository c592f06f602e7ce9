import { join } from 'node:path'
import type { RecordPort } from '../activities/record.ts'
import type { Archive } from '../audit/archive.ts'
import { openStore } from '../audit/open.ts'
import type { Configuration } from './configuration.ts'
import { heldBack } from './held-back.ts'

export interface OpenRecord {
  /** For what activities write. */
  readonly port: RecordPort
  /** The store itself; throws `StoreError` while it cannot be opened. */
  archive(): Promise<Archive>
  close(): Promise<void>
}

/**
 * Opens the record that a worker writes. Throws `StoreError` when that cannot be done, unless the settings say that
 * work goes on without it: then it is opened as soon as it can be.
 */
export async function openRecord(
  { audit, stateDirectory, breakGlass }: Configuration,
  say: (line: string) => void,
): Promise<OpenRecord> {
  let open: Archive | undefined
  const archive = async (): Promise<Archive> => (open ??= await openStore(audit))
  if (breakGlass === undefined) await archive()
  const port = await heldBack({
    store: {
      append: async (events) => (await archive()).append(events),
      putBlob: async (content) => (await archive()).putBlob(content),
    },
    directory: join(stateDirectory, 'audit'),
    ...(breakGlass === undefined ? {} : { breakGlass }),
    say,
  })
  return {
    port,
    archive,
    async close() {
      await port.close()
      await open?.close()
    },
  }
}
