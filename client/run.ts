import { defaultPayloadConverter, defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import type { WorkflowExecutionDescription, WorkflowExecutionInfo } from '@temporalio/client'
import { type Availability, availabilityIn } from '../dsl/availability.ts'
import { type Sight, sightOf } from '../dsl/member-sight.ts'
import type { RunPhase } from '../workflows/ports.ts'
import type { RunStatus } from '../workflows/doors.ts'
import { type Door, isUnreachable, taskQueue } from './door.ts'
import { Rejected } from './errors.ts'
import { pickRun } from './run-id.ts'
import { type RunEnding, readEnding } from './run-ending.ts'

/** A run as a list shows it: what the server knows without asking a worker. */
export interface RunSummary {
  readonly id: string
  readonly runbook: string
  readonly open: boolean
  readonly startedMs: number
  readonly endedMs?: number
  readonly by?: string
  /** While it is open, what its worker said last, if the server keeps that; else how it ended. */
  readonly phase?: RunPhase
  readonly cluster?: string
  /** The run in the Temporal UI, where that is known. */
  readonly link?: string
}

/** A run in full, as far as it could be asked. */
export interface RunSnapshot extends RunSummary {
  /** Missing while no worker answers. */
  readonly status?: RunStatus
  /** What long actions say of themselves, newest attempt each: `1.2 GiB of 3 GiB`. */
  readonly progress: readonly ActionProgress[]
  /** The members as they were seen last, by a step, a gate or what watches them. */
  readonly sight?: Sight
  /** What was measured of the cluster so far, where that was asked for. */
  readonly availability?: Availability
  /** Once it is closed. */
  readonly ending?: RunEnding
}

export interface ActionProgress {
  readonly action: string
  readonly attempt: number
  readonly text?: string
  readonly done?: number
  readonly total?: number
  readonly unit?: string
  /** Why the last attempt failed, as a sentence. */
  readonly lastFailure?: string
  /** Units a second, and what that leaves: worked out by whoever looks again and again. */
  readonly perSecond?: number
  readonly leftMs?: number
}

/** Newest first; `limit` at most. */
export async function listRuns(
  door: Door,
  options: { readonly open?: boolean; readonly limit?: number } = {},
): Promise<readonly RunSummary[]> {
  const { open, limit = 50 } = options
  const state = open === undefined ? '' : ` AND ExecutionStatus ${open ? '=' : '!='} "Running"`
  const query = `TaskQueue = "${taskQueue}" AND WorkflowType != "quorateLock" AND WorkflowType != "quoratePlan"${state}`
  return door.ask(async () => {
    const runs = new Map<string, RunSummary>()
    for await (const info of door.client.workflow.list({ query, pageSize: limit })) {
      // A run that went on as new is listed once for each of its parts, the newest first.
      if (!runs.has(info.workflowId) && info.status.name !== 'CONTINUED_AS_NEW')
        runs.set(info.workflowId, summaryOf(info))
      if (runs.size >= limit) break
    }
    return [...runs.values()].toSorted((left, right) => right.startedMs - left.startedMs)
  })
}

/** The id of the run that `text` means, see `pickRun`. An exact id is found even when the list does not show it yet. */
export async function findRun(door: Door, text?: string): Promise<string> {
  if (text !== undefined && (await exists(door, text))) return text
  return pickRun(text, await listRuns(door, { limit: 200 }))
}

/** Asks the server, and the worker for `status`. Throws `Rejected` for an unknown id, `Unreachable` when the server does not answer. */
export async function describeRun(door: Door, id: string): Promise<RunSnapshot> {
  const handle = door.client.workflow.getHandle(id)
  const description = await door.ask(() => handle.describe().catch(unknownRun(id)))
  const summary = summaryOf(description)
  const [status, ending] = await Promise.all([
    askStatus(door, id),
    summary.open ? undefined : door.ask(() => readEnding(handle)),
  ])
  return {
    ...summary,
    ...(door.ui === undefined ? {} : { link: door.ui.run(id) }),
    ...(status === undefined ? {} : { status, phase: status.view.phase, by: status.by }),
    ...(status?.run.cluster === undefined ? {} : { cluster: status.run.cluster }),
    ...(ending === undefined ? {} : { ending, phase: ending.phase }),
    ...besideOf(description, status),
    progress: progressOf(description),
  }
}

/** Newest first: what goes on beside the steps and what polls says it with its heartbeat, a step once it is over. */
function besideOf(
  { raw }: WorkflowExecutionDescription,
  status: RunStatus | undefined,
): Pick<RunSnapshot, 'sight' | 'availability'> {
  const said = (raw.pendingActivities ?? []).map(heartbeatOf)
  const sights = [status?.sight, ...said.map(sightOf)].filter((sight) => sight !== undefined)
  const sight = sights.toSorted((left, right) => right.atMs - left.atMs)[0]
  const availability = status?.availability ?? said.map(availabilityIn).find((known) => known !== undefined)
  return {
    ...(sight === undefined ? {} : { sight }),
    ...(availability === undefined ? {} : { availability }),
  }
}

const STATUS_TIMEOUT_MS = 3_000

/** Nothing when no worker answers: that is for the person to see, not an error. */
async function askStatus(door: Door, id: string): Promise<RunStatus | undefined> {
  try {
    return await door.ask(
      () => door.client.workflow.getHandle(id).query<RunStatus>('status'),
      STATUS_TIMEOUT_MS,
    )
  } catch (error) {
    // A run that has not begun has no query handler yet; one whose server is down is told by `describe`.
    if (isUnreachable(error) || isNotAnswering(error)) return undefined
    throw error
  }
}

/** QueryNotRegistered, query rejected, or a worker that fails to replay: the run itself is not concerned. */
function isNotAnswering(error: unknown): boolean {
  return error instanceof Error && /Query|query/.test(`${error.name} ${error.message}`)
}

async function exists(door: Door, id: string): Promise<boolean> {
  try {
    await door.ask(() => door.client.workflow.getHandle(id).describe())
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

function unknownRun(id: string): (error: unknown) => never {
  return (error) => {
    if (isNotFound(error)) throw new Rejected(`There is no run "${id}": \`quorate runs\` lists them.`)
    throw error
  }
}

const isNotFound = (error: unknown): boolean =>
  error instanceof Error && error.name === 'WorkflowNotFoundError'

function summaryOf(info: WorkflowExecutionInfo | WorkflowExecutionDescription): RunSummary {
  const { workflowId, type, status, startTime, closeTime, memo, typedSearchAttributes } = info
  const said = phaseNamed(typedSearchAttributes.get(attributes.state))
  const open = status.name === 'RUNNING' || status.name === 'PAUSED'
  // A run that ended before its first step (locked out, terminated) had no time to say so itself.
  const phase = open || (said !== undefined && ends.has(said)) ? said : phases[status.name]
  const cluster = typedSearchAttributes.get(attributes.cluster)
  const by = typedSearchAttributes.get(attributes.by) ?? memo?.['by']
  return {
    id: workflowId,
    runbook: type,
    open,
    startedMs: startTime.getTime(),
    ...(closeTime === undefined ? {} : { endedMs: closeTime.getTime() }),
    ...(typeof by === 'string' ? { by } : {}),
    ...(cluster === undefined ? {} : { cluster }),
    ...(phase === undefined ? {} : { phase }),
  }
}

/** Set by the runs, where the server knows them. */
const attributes = {
  cluster: defineSearchAttributeKey('QuorateCluster', SearchAttributeType.KEYWORD),
  state: defineSearchAttributeKey('QuorateState', SearchAttributeType.KEYWORD),
  by: defineSearchAttributeKey('QuorateBy', SearchAttributeType.KEYWORD),
}

const ends: ReadonlySet<RunPhase> = new Set(['done', 'rolledBack', 'aborted', 'cancelled', 'failed'])

const phases: Readonly<Record<string, RunPhase>> = {
  COMPLETED: 'done',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'failed',
  TIMED_OUT: 'failed',
}

const everyPhase: readonly RunPhase[] = [
  'starting',
  'queued',
  'running',
  'paused',
  'waiting',
  'rollingBack',
  'done',
  'rolledBack',
  'aborted',
  'cancelled',
  'failed',
]

const phaseNamed = (name: string | undefined): RunPhase | undefined =>
  everyPhase.find((phase) => phase === name)

function progressOf({ raw }: WorkflowExecutionDescription): readonly ActionProgress[] {
  const ofSteps = (raw.pendingActivities ?? []).filter(
    ({ activityType }) => !besideSteps.has(activityType?.name ?? ''),
  )
  return ofSteps.map((pending) => {
    const said = {
      action: pending.activityType?.name ?? '',
      attempt: pending.attempt ?? 1,
      ...pickProgress(heartbeatOf(pending)),
    }
    const lastFailure = pending.lastFailure?.message
    return lastFailure ? Object.assign(said, { lastFailure }) : said
  })
}

const besideSteps: ReadonlySet<string> = new Set(['quorate.probe', 'quorate.watch', 'quorate.evidence'])

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number]

function heartbeatOf({ heartbeatDetails }: PendingActivity): unknown {
  const payload = heartbeatDetails?.payloads?.[0]
  return payload ? defaultPayloadConverter.fromPayload(payload) : undefined
}

function pickProgress(details: unknown): Partial<ActionProgress> {
  if (typeof details !== 'object' || details === null) return {}
  const { text, done, total, unit }: { text?: unknown; done?: unknown; total?: unknown; unit?: unknown } =
    details
  return {
    ...(typeof text === 'string' ? { text } : {}),
    ...(typeof done === 'number' ? { done } : {}),
    ...(typeof total === 'number' ? { total } : {}),
    ...(typeof unit === 'string' ? { unit } : {}),
  }
}
