import { join } from 'node:path'
import type { AuditEvent, EventName } from '../audit/event.ts'
import { openSqliteStore } from '../audit/sqlite.ts'
import type { World } from './world.ts'

/** Of a world's worker. */
export const stateOf = ({ environment }: Pick<World, 'environment'>) => ({
  stateDirectory: environment['QUORATE_STATE'] ?? '',
})

/** What the worker has put on record of a run, by its workflow's id, so far. */
export async function recordedEvents(
  { stateDirectory }: { readonly stateDirectory: string },
  workflow: string,
): Promise<readonly AuditEvent[]> {
  const store = openSqliteStore(join(stateDirectory, 'audit', 'record.db'), { readOnly: true })
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
