import { setTimeout as sleep } from 'node:timers/promises'
import type { EventData, EventName, NewEvent } from '../audit/event.ts'
import type { ActionRequest } from '../workflows/ports.ts'
import type { Action } from './action.ts'
import type { Environment } from './environment.ts'
import { RecordError } from './record-error.ts'
import { turns } from './turns.ts'

/** Whose events these are. */
export interface Recorded {
  readonly action: Pick<Action, 'name' | 'effect'>
  readonly request: Pick<ActionRequest, 'run' | 'step' | 'summary'>
  readonly environment: Pick<Environment, 'record' | 'recordWaitMs'>
  readonly attempt: { readonly id: string; readonly number: number; readonly signal: AbortSignal }
}

/** Puts on record what one attempt at an action does. */
export interface Recorder {
  /** A place in the order of what the attempt does, for the events about one thing. */
  place(): Place
  /**
   * Resolves once it is durable, together with all that came before. Else it throws, and so does every further
   * call: nothing more may be done in this attempt. With `effect` something is done once it resolves.
   */
  intent(entry: Entry, effect?: 'effect'): Promise<void>
  /** Written now if that can be, else with what comes next. Never throws. */
  outcome(entry: Entry): Promise<void>
  /** Writes all there is, for as long as that may take; why it could not, if so. */
  last(entries: readonly Entry[]): Promise<unknown>
  /** Something is done that has no event of its own. */
  touched(): void
  /** Why nothing more may be done. */
  readonly stopped: RecordError | undefined
  /** Aborted as soon as that is so. */
  readonly signal: AbortSignal
}

export type Place = <Name extends EventName>(
  name: Name,
  data: EventData[Name],
  more?: { readonly host?: string; readonly blobs?: readonly Uint8Array[]; readonly at?: Date },
) => Entry

export interface Entry {
  readonly event: NewEvent
  /** What its digests stand for. */
  readonly blobs: readonly Uint8Array[]
}

export function recorder({ action, request, environment, attempt }: Recorded): Recorder {
  const { record, recordWaitMs = defaultWaitMs } = environment
  const { run, step, summary } = request
  const over = new AbortController()
  const waiting: Entry[] = []
  let ordinal = 0
  // What a worker that died had begun may be done.
  let touched = attempt.number > 1 && action.effect !== 'read'
  let stopped: RecordError | undefined
  const inTurn = turns()

  const write = async (more: readonly Entry[]): Promise<void> => {
    const entries = [...waiting, ...more]
    for (const { blobs } of entries) for (const blob of blobs) await record.putBlob(blob)
    await record.append(entries.map(({ event }) => event))
    waiting.length = 0
  }
  const patiently = async (more: readonly Entry[]): Promise<void> => {
    const endMs = performance.now() + (attempt.signal.aborted ? 0 : recordWaitMs)
    for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, 1000)) {
      try {
        return await write(more)
      } catch (error) {
        if (performance.now() + pauseMs > endMs) throw error
        await sleep(pauseMs)
      }
    }
  }
  return {
    place: () => {
      const at = ++ordinal
      return (name, data, { host, blobs = [], at: when = new Date() } = {}) => ({
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the signature ties the data to the name
        event: {
          ...{ run: run.key, workflow: run.id },
          id: `${step}/${attempt.id}.${attempt.number}/${at}/${name}`,
          ...{ at: when.toISOString(), name, step, action: action.name, attempt: attempt.number },
          ...(host !== undefined && { host }),
          ...(summary !== undefined && name.startsWith('action.') && { summary }),
          data,
        } as unknown as NewEvent,
        blobs,
      })
    },
    intent: (entry, effect) =>
      inTurn(async () => {
        if (stopped) throw stopped
        try {
          await (touched ? patiently([entry]) : write([entry]))
        } catch (error) {
          stopped = new RecordError(error, touched)
          over.abort(stopped)
          throw stopped
        }
        if (effect) touched = true
      }),
    outcome: (entry) =>
      inTurn(async () => {
        await write([entry]).catch(() => waiting.push(entry))
      }),
    last: (entries) =>
      inTurn(async () => {
        try {
          await (stopped ? write(entries) : patiently(entries))
          return undefined
        } catch (error) {
          return error
        }
      }),
    touched: () => {
      touched = true
    },
    get stopped() {
      return stopped
    },
    signal: over.signal,
  }
}

const defaultWaitMs = 10_000
