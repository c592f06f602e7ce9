import type { EventData } from '../audit/event.ts'
import type { Json } from '../dsl/program.ts'
import type { ActionRequest, FailureKind } from '../workflows/ports.ts'
import type { Action } from './action.ts'
import { asJson } from './as-json.ts'
import { ActionError, RefusedError, UnknownOutcomeError } from './failure.ts'
import { whyOf } from './record-error.ts'
import { type Entry, type Recorded, recorder, type Recorder } from './recorder.ts'

export interface Ended {
  readonly name: 'action.done' | 'action.found'
  readonly output: Json
}

/** One attempt at an action, on record from its beginning to its end. */
export interface RecordedCall {
  readonly recorder: Recorder
  /** Aborted when nothing more may be done, because it cannot be put on record. */
  readonly signal: AbortSignal
  /** Before an action that has an effect; throws when it cannot be put on record. */
  begun(): Promise<void>
  /** What a guard saw for the last time before the effect; throws as `begun`. */
  looked<Name extends 'guard.passed' | 'guard.overridden'>(name: Name, data: EventData[Name]): Promise<void>
  /** A gate was asked once more. */
  polled(): void
  /** Something is done that has no event of its own; throws when nothing more may be. */
  touched(): void
  /** Throws where what was done or seen could not be put on record. */
  ended(end: Ended): Promise<void>
  /** What it failed with because it could not go on record, whatever its own code made of that. */
  stopped(): ActionError | UnknownOutcomeError | undefined
  /** The same error, which also says so where it could not be put on record. */
  failed<Known extends Error>(kind: FailureKind, error: Known): Promise<Known>
  cancelled(message: string): Promise<void>
}

interface Call extends Recorded {
  readonly action: Pick<Action, 'name' | 'effect'>
  readonly request: ActionRequest
}

export function recordedCall(call: Call): RecordedCall {
  const { action, request } = call
  const record = recorder(call)
  const place = record.place()
  const began = new Date()
  const startMs = performance.now()
  const begun = place('action.begun', beginning(call), { at: began })
  let polls = 0
  let written = false
  let over = false
  const took = () => ({
    ms: Math.round(performance.now() - startMs),
    ...(request.gate && { polls }),
  })
  /** A look is on record as a whole once it has ended. */
  const finish = (end: Entry): Promise<unknown> => {
    over = true
    return record.last(written ? [end] : [begun, end])
  }
  const stopped = () => record.stopped && stoppedFailure(action.name, record.stopped)
  return {
    recorder: record,
    signal: record.signal,
    stopped,
    async begun() {
      if (action.effect === 'read') return
      await record.intent(begun)
      written = true
    },
    looked: (name, data) => record.intent(record.place()(name, data)),
    polled: () => void polls++,
    touched() {
      if (record.stopped) throw record.stopped
      record.touched()
    },
    async ended({ name, output }) {
      const failure = stopped()
      if (failure) throw failure
      const why = await finish(place(name, { output, ...took() }))
      if (why !== undefined) throw unrecordedEnd(action, name, whyOf(why))
    },
    async failed(kind, error) {
      // Its outcome may be what could not be put on record.
      if (over) return error
      // What was under way has an end as well, a moment later.
      await new Promise((resolve) => setImmediate(resolve))
      const guard = error instanceof RefusedError && error.guard !== undefined ? { guard: error.guard } : {}
      const why = await finish(place(`action.${kind}`, { message: error.message, ...took(), ...guard }))
      if (why !== undefined && !record.stopped)
        error.message += ` This could not be put on record: ${whyOf(why)}.`
      return error
    },
    async cancelled(message) {
      if (over) return
      await new Promise((resolve) => setImmediate(resolve))
      await finish(place('action.cancelled', { message, ...took() }))
    },
  }
}

function beginning({ action, request }: Call): EventData['action.begun'] {
  const { gate } = request
  return {
    effect: action.effect,
    with: asJson(request.with),
    undo: request.undo,
    ...(gate && { gate: gate.until.source }),
  }
}

const mend = 'Mend the store of the record, then retry'

function stoppedFailure(
  name: string,
  { message, touched }: NonNullable<Recorder['stopped']>,
): ActionError | UnknownOutcomeError {
  return touched
    ? new UnknownOutcomeError(
        `${name} was stopped half-way. ${message}, so nothing more was done; what was done before may have had its effect. ${mend}: it finds what is there.`,
      )
    : new ActionError(`${name} was not begun. ${message}, so nothing was done. ${mend}.`)
}

function unrecordedEnd(
  { name, effect }: Pick<Action, 'name' | 'effect'>,
  end: Ended['name'],
  why: string,
): ActionError | UnknownOutcomeError {
  const cannot = `could not be put on record: ${why}`
  if (effect === 'read') return new ActionError(`What ${name} saw ${cannot}. Nothing was changed. ${mend}.`)
  if (end === 'action.found')
    return new ActionError(
      `That the effect of ${name} was there already ${cannot}. Nothing was done. ${mend}.`,
    )
  return new UnknownOutcomeError(`${name} was done, but that ${cannot}. ${mend}: it finds what is there.`)
}
