import { defaultPayloadConverter } from '@temporalio/common'
import type { Json } from '../../dsl/program.ts'
import type {
  EvidenceRequest,
  FailureDetails,
  FleetLoaded,
  LoadedRun,
  RunResult,
} from '../../workflows/doors.ts'
import type { EvidenceEntry } from '../../workflows/evidence-entry.ts'
import type { RunEnded, RunOutcome } from '../event.ts'
import { type Execution, type HistoryEvent, timeOf } from './fetch-run.ts'

/** What a run's histories say of it. Those of this project's own workflows; of others they say little. */
export interface ReadHistory {
  readonly startedMs: number
  /** What the run was loaded with, and when; missing where it never came to that. */
  readonly loaded?: { readonly run: LoadedRun; readonly atMs: number }
  /** As it was asked for. */
  readonly asked: { readonly inputs: Json; readonly by: string; readonly reason?: string }
  readonly said: readonly EvidenceEntry[]
  /** How Temporal says it ended, as the last part of its event's name: `COMPLETED`. */
  readonly status: string
  readonly ended: RunEnded
}

type Payload = Parameters<typeof defaultPayloadConverter.fromPayload>[0]
type Payloads = { readonly payloads?: readonly Payload[] | null } | null | undefined

/** Undefined while the run is still open. */
export function readHistory(executions: readonly Execution[]): ReadHistory | undefined {
  const events = executions.flatMap((execution) => execution.events)
  const first = events[0]
  const last = events.at(-1)
  const closing = last && closingOf(last)
  if (first === undefined || last === undefined || closing === undefined) return undefined
  const scheduled = scheduledActivities(events)
  const loaded = loadedIn(events, scheduled)
  const startedMs = timeOf(first)
  const outcome: unknown = lastMemo(events, 'outcome')
  return {
    startedMs,
    ...(loaded === undefined ? {} : { loaded }),
    asked: askedIn(first),
    said: scheduled.flatMap(({ name, input }) => (name === 'quorate.evidence' ? entriesIn(input) : [])),
    status: closing.status,
    ended: {
      ...closing.ended,
      ...(closing.ended.outcome === 'cancelled' && typeof outcome === 'string' ? { message: outcome } : {}),
      ...{ startedMs, endedMs: timeOf(last) },
    },
  }
}

function askedIn({ workflowExecutionStartedEventAttributes: started }: HistoryEvent): ReadHistory['asked'] {
  const fields = started?.memo?.fields
  const by: unknown = fields?.['by'] && read(fields['by'])
  const reason: unknown = fields?.['reason'] && read(fields['reason'])
  return {
    inputs: asJson(firstOf(started?.input) ?? {}),
    by: typeof by === 'string' && by !== '' ? by : started?.identity || 'someone',
    ...(typeof reason === 'string' && reason !== '' ? { reason } : {}),
  }
}

interface Scheduled {
  readonly eventId: string
  readonly name: string
  readonly input: unknown
}

function scheduledActivities(events: readonly HistoryEvent[]): readonly Scheduled[] {
  return events.flatMap(({ eventId, activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled?.activityType?.name?.startsWith('quorate.')
      ? [{ eventId: String(eventId), name: scheduled.activityType.name, input: firstOf(scheduled.input) }]
      : [],
  )
}

function loadedIn(
  events: readonly HistoryEvent[],
  scheduled: readonly Scheduled[],
): ReadHistory['loaded'] | undefined {
  for (const event of events) {
    const completed = event.activityTaskCompletedEventAttributes
    const begun = completed && scheduled.find(({ eventId }) => eventId === String(completed.scheduledEventId))
    if (begun?.name === 'quorate.load') {
      const run = firstOf(completed?.result)
      if (isLoaded(run)) return { run, atMs: timeOf(event) }
    }
    if (begun?.name === 'quorate.fleet') {
      const fleet = firstOf(completed?.result)
      if (isFleet(fleet)) return { run: fleet.loaded, atMs: timeOf(event) }
    }
  }
  return undefined
}

const isLoaded = (value: unknown): value is LoadedRun =>
  typeof value === 'object' && value !== null && 'program' in value && 'hash' in value && 'by' in value

const isFleet = (value: unknown): value is FleetLoaded =>
  typeof value === 'object' && value !== null && 'loaded' in value && isLoaded(value.loaded)

function entriesIn(input: unknown): readonly EvidenceEntry[] {
  return isRequest(input) ? input.entries : []
}

const isRequest = (value: unknown): value is EvidenceRequest =>
  typeof value === 'object' && value !== null && 'entries' in value && Array.isArray(value.entries)

type Closing = { readonly status: string; readonly ended: Omit<RunEnded, 'startedMs' | 'endedMs'> }

function closingOf(event: HistoryEvent): Closing | undefined {
  const completed = event.workflowExecutionCompletedEventAttributes
  if (completed) return { status: 'COMPLETED', ended: doneWith(firstOf(completed.result)) }
  const failed = event.workflowExecutionFailedEventAttributes
  if (failed) return { status: 'FAILED', ended: failedWith(failed.failure) }
  if (event.workflowExecutionCanceledEventAttributes)
    return { status: 'CANCELED', ended: plainly('cancelled', 'Cancelled.') }
  const terminated = event.workflowExecutionTerminatedEventAttributes
  if (terminated) return { status: 'TERMINATED', ended: plainly('terminated', whoTerminated(terminated)) }
  if (event.workflowExecutionTimedOutEventAttributes)
    return { status: 'TIMED_OUT', ended: plainly('timedOut', 'Temporal ended the run: its time was up.') }
  return undefined
}

type Terminated = NonNullable<HistoryEvent['workflowExecutionTerminatedEventAttributes']>

function whoTerminated({ reason, identity }: Terminated): string {
  const why = reason === undefined || reason === null || reason === '' ? '' : ` (${reason})`
  return `Terminated in Temporal by ${identity || 'somebody'}${why}: what it was doing at that moment may be half done.`
}

const plainly = (outcome: RunOutcome, message: string): Closing['ended'] => ({
  outcome,
  message,
  outputs: {},
})

function doneWith(result: unknown): Closing['ended'] {
  if (!isResult(result)) return plainly('done', '')
  const { outputs, availability } = result
  return {
    ...{ outcome: 'done', message: '', outputs },
    ...(availability === undefined ? {} : { availability: asJson(availability) }),
  }
}

const isResult = (value: unknown): value is RunResult =>
  typeof value === 'object' && value !== null && 'outputs' in value

type Failure = NonNullable<HistoryEvent['workflowExecutionFailedEventAttributes']>['failure']

function failedWith(failure: Failure): Closing['ended'] {
  const { type, details } = failure?.applicationFailureInfo ?? {}
  const first = firstOf(details)
  const said: FailureDetails = typeof first === 'object' && first !== null ? first : {}
  return {
    outcome: type === 'RunAborted' ? 'aborted' : type === 'RunRolledBack' ? 'rolledBack' : 'failed',
    message: failure?.message ?? '',
    outputs: {},
    ...(said.availability === undefined ? {} : { availability: asJson(said.availability) }),
  }
}

/** What the run set last: a cancelled one says there what is now true. */
function lastMemo(events: readonly HistoryEvent[], name: string): unknown {
  const set = events.flatMap(
    ({ workflowPropertiesModifiedEventAttributes: modified }) => modified?.upsertedMemo?.fields?.[name] ?? [],
  )
  const last = set.at(-1)
  return last && read(last)
}

const firstOf = (payloads: Payloads): unknown => {
  const first = payloads?.payloads?.[0]
  return first ? read(first) : undefined
}

/** What is in another encoding (a codec of the user's) stays as it is: the history is kept all the same. */
function read(payload: Payload): unknown {
  try {
    return defaultPayloadConverter.fromPayload(payload)
  } catch {
    return undefined
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it came as JSON
const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json
