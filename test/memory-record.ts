import { createHash } from 'node:crypto'
import type { RecordPort } from '../activities/record.ts'
import type { EventName, NewEvent } from '../audit/event.ts'

/** A record that is read while it is written, and that can be made to fail. */
export interface MemoryRecord extends RecordPort {
  readonly events: NewEvent[]
  readonly blobs: Map<string, Uint8Array>
  /** Of one name, in order. */
  named<Name extends EventName>(name: Name): readonly Extract<NewEvent, { name: Name }>[]
  /** Asked before each writing; what it throws is what the store fails with. */
  before: (events: readonly NewEvent[]) => void | Promise<void>
}

export function memoryRecord(): MemoryRecord {
  const events: NewEvent[] = []
  const blobs = new Map<string, Uint8Array>()
  const record: MemoryRecord = {
    ...{ events, blobs },
    before: () => undefined,
    named: <Name extends EventName>(name: Name) =>
      events.filter((event): event is Extract<NewEvent, { name: Name }> => event.name === name),
    async append(more) {
      await record.before(more)
      for (const event of more)
        if (!events.some(({ run, id }) => run === event.run && id === event.id)) events.push(event)
    },
    async putBlob(content) {
      await record.before([])
      const sha256 = createHash('sha256').update(content).digest('hex')
      blobs.set(sha256, content)
      return sha256
    },
  }
  return record
}
