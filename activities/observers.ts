import { createHash } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { constants } from 'node:os'
import type { Json } from '../dsl/program.ts'
import type { Action } from './action.ts'
import { asJson } from './as-json.ts'
import type { ChangeObserver } from './etcd/cluster.ts'
import { EtcdError } from './etcd/errors.ts'
import { digested, printed } from './printed.ts'
import type { Recorder } from './recorder.ts'
import { secrets } from './redact/secrets.ts'
import type { CommandObserver, CommandOutcome } from './ssh/hosts.ts'

/**
 * Every command that may change something is on record before it is sent; of one that only reads, what it saw is
 * afterwards. What a look runs is in what the look gives.
 */
export function commandObserver(record: Recorder, { effect }: Pick<Action, 'effect'>): CommandObserver {
  return async ({ kind, host, argv: whole, key, reads, prints }) => {
    if (effect === 'read' && kind === 'exec') return async () => undefined
    const place = record.place()
    const argv = secrets.argv(whole)
    const begun = { kind, argv, ...(key !== undefined && { key }) }
    if (reads !== true) await record.intent(place('command.begun', begun, { host }), 'effect')
    return async (outcome) => {
      const { code, error, ms } = outcome
      const told = prints === 'data' ? digested : printed
      const stdout = told(outcome.stdout, outcome.lost?.stdout)
      const stderr = printed(outcome.stderr, outcome.lost?.stderr)
      const signal = code === undefined ? undefined : signalOf(code)
      const ended = {
        ...{ ...begun, ms, stdout: stdout.output, stderr: stderr.output },
        ...(code !== undefined && { code }),
        ...(signal !== undefined && { signal }),
        ...(error !== undefined && { error }),
      }
      const blobs = [stdout, stderr].flatMap(({ blob }) => (blob ? [blob] : []))
      await record.outcome(place(endOf(outcome), ended, { host, blobs }))
    }
  }
}

function endOf({ code, unknown }: CommandOutcome): 'command.done' | 'command.failed' | 'command.unknown' {
  if (unknown) return 'command.unknown'
  return code === 0 ? 'command.done' : 'command.failed'
}

const signalNames = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name.slice(3)]),
)

/** As shells and we say it: 128 and its number. */
const signalOf = (code: number): string | undefined => signalNames.get(code - 128)

/** Every call that changes something is on record before it is sent. */
export function changeObserver(record: Recorder): ChangeObserver {
  return async ({ host, call, request }) => {
    const place = record.place()
    await record.intent(place('etcd.begun', { call, request: asJson(readable(request)) }, { host }), 'effect')
    return async ({ ms, error }) => {
      if (error === undefined) return record.outcome(place('etcd.done', { call, ms }, { host }))
      const message = error instanceof Error ? error.message : JSON.stringify(error)
      const open = !(error instanceof EtcdError) || error.ambiguous
      return record.outcome(place(open ? 'etcd.unknown' : 'etcd.failed', { call, ms, message }, { host }))
    }
  }
}

/** Keys and values as texts where they are some and short; else what they are known by. */
function readable(request: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(request).map(([field, value]: [string, unknown]) => [
      field,
      value instanceof Uint8Array ? bytesAsJson(value) : value,
    ]),
  )
}

function bytesAsJson(bytes: Uint8Array): Json {
  if (bytes.length <= 1024 && isUtf8(bytes)) return Buffer.from(bytes).toString()
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
