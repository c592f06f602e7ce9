import { isUtf8 } from 'node:buffer'
import type { NewEvent } from '../audit/event.ts'
import { secrets } from './redact/secrets.ts'

/** Where what a run does is put on record, before and after it is done. The store of the record is one. */
export interface RecordPort {
  /**
   * Resolves once all of them are durable, in this order; one that is there already is left as it is. Throws when
   * it cannot be told that they are; the same call may then be made again.
   */
  append(events: readonly NewEvent[]): Promise<void>
  /** Returns its sha256, hex. Throws as `append` does. */
  putBlob(content: Uint8Array): Promise<string>
}

/** For looks that are no part of a run: nothing is kept. */
export const unrecorded: RecordPort = {
  append: async () => undefined,
  putBlob: async () => '',
}

/** The same record, with no secret in it. */
export function redactedRecord(record: RecordPort): RecordPort {
  return {
    append: (events) =>
      record.append(
        events.map((event) => {
          const { run, workflow, at, name } = event
          return Object.assign(secrets.json(event, 'keys'), { run, workflow, at, name })
        }),
      ),
    putBlob: (content) =>
      record.putBlob(isUtf8(content) ? Buffer.from(secrets.known(Buffer.from(content).toString())) : content),
  }
}
