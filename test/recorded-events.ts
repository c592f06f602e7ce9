import { join } from 'node:path'
import type { AuditEvent, EventName } from '../audit/event.ts'
import { openSqliteStore } from '../audit/sqlite.ts'
import type { World } from './world.ts'

/** Of a world's worker. */
export const recordOf = ({ environment }: Pick<World, 'environment'>) => ({
  place: join(environment['QUORATE_STATE'] ?? '', 'audit', 'record.db'),
})

/** What the worker has put on record of a run, by its workflow's id, so far. */
export async function recordedEvents(
  { place }: { readonly place: string },
  workflow: string,
): Promise<readonly AuditEvent[]> {
  const store = openSqliteStore(place, { readOnly: true })
  try {
    const { runs } = await store.runs({ text: workflow })
    const events: AuditEvent[] = []
    for (const { run } of runs.filter((row) => row.workflow === workflow))
      for await (const { event } of store.events(run)) events.push(event)
    return events
  } finally {
    await store.close()
  }
}

export const ofName = <Name extends EventName>(
  events: readonly AuditEvent[],
  name: Name,
): readonly Extract<AuditEvent, { name: Name }>[] =>
  events.filter((event): event is Extract<AuditEvent, { name: Name }> => event.name === name)
