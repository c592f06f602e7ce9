import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Client } from '@temporalio/client'
import type { NewEvent } from '../event.ts'
import { programText, runBegan, saidEvent } from '../from-run.ts'
import type { Store } from '../store.ts'
import { type FetchedRun, fetchRun } from './fetch-run.ts'
import { historyJson } from './history-json.ts'
import { type ReadHistory, readHistory } from './read-history.ts'

/** Takes out what must not be on record, should it stand in Temporal's history. */
export interface Clean {
  json<Value extends object>(value: Value): Value
  known(text: string): string
}

const asItIs: Clean = { json: (value) => value, known: (text) => text }

/**
 * Puts on record what Temporal knows of a closed run: its histories, and of its beginning, its decisions and its
 * end whatever its worker did not write itself. May be repeated. Returns the run's key, or nothing when the run is
 * still open. Throws `StoreError`, and what the Temporal client throws.
 */
export async function collectRun(
  client: Client,
  store: Store,
  workflow: string,
  lastRunId: string,
  clean: Clean = asItIs,
): Promise<string | undefined> {
  const fetched = await fetchRun(client, workflow, lastRunId)
  const read = readHistory(fetched.executions)
  if (read === undefined) return undefined
  const events = [
    ...(await began(store, fetched, read)),
    ...read.said.map((entry) => saidEvent(whoseOf(fetched), entry)),
    await copied(store, fetched, read, clean),
    ended(fetched, read),
  ]
  await store.append(events.map((event) => clean.json(event)))
  return fetched.key
}

const whoseOf = ({ workflow, key }: FetchedRun) => ({ id: workflow, key })

async function began(
  store: Store,
  fetched: FetchedRun,
  { startedMs, loaded, asked }: ReadHistory,
): Promise<readonly NewEvent[]> {
  if (loaded === undefined) return [refused(fetched, startedMs, asked)]
  const { reason } = asked
  const program = await store.putBlob(programText(loaded.run))
  return [
    runBegan({
      ...{ whose: whoseOf(fetched), loaded: loaded.run, program, at: iso(loaded.atMs) },
      ...(reason === undefined ? {} : { reason }),
    }),
  ]
}

function refused(
  { workflow, key, runbook }: FetchedRun,
  startedMs: number,
  asked: ReadHistory['asked'],
): NewEvent {
  return {
    ...{ run: key, workflow, id: 'run.refused', at: iso(startedMs), name: 'run.refused' },
    data: { runbook, ...asked },
  }
}

const zip = promisify(gzip)

async function copied(
  store: Store,
  { workflow, key, executions }: FetchedRun,
  { status, ended: { endedMs } }: ReadHistory,
  clean: Clean,
): Promise<NewEvent> {
  const copies = []
  for (const { runId, events } of executions) {
    const text = clean.known(JSON.stringify(historyJson({ events: [...events] })))
    copies.push({ runId, events: events.length, blob: await store.putBlob(await zip(text)) })
  }
  return {
    ...{ run: key, workflow, id: 'history.copied', at: iso(endedMs), name: 'history.copied' },
    data: { status, executions: copies },
  }
}

function ended({ workflow, key }: FetchedRun, { ended: data }: ReadHistory): NewEvent {
  return { run: key, workflow, id: 'run.ended', at: iso(data.endedMs), name: 'run.ended', data }
}

const iso = (ms: number): string => new Date(ms).toISOString()
