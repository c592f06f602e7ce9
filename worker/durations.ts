import type { Client, WorkflowHandle } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import type { Durations } from '../workflows/plan.ts'

/**
 * How long the steps of a runbook took in the last few runs that came to their end, from the histories Temporal
 * keeps: from the moment a step was due to that of its answer, all its tries together. A server that cannot tell
 * is no reason to have no plan: then there is no past run.
 */
export async function pastDurations(client: Client, runbook: string): Promise<Durations> {
  try {
    return medians(await pastRuns(client, runbook))
  } catch {
    return { runs: 0, byStep: {} }
  }
}

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>
type Event = NonNullable<History['events']>[number]

interface PastRun {
  /** Missing where the run went on as new: its history is only the end of it. */
  readonly totalMs?: number
  readonly steps: readonly (readonly [step: string, ms: number])[]
}

const mostRuns = 5

async function pastRuns(client: Client, runbook: string): Promise<readonly PastRun[]> {
  const query = `WorkflowType = "${runbook}" AND ExecutionStatus = "Completed"`
  const runs: PastRun[] = []
  for await (const { workflowId, runId, startTime, closeTime } of client.workflow.list({
    query,
    pageSize: mostRuns,
  })) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory()
    const begun = history.events?.[0]?.workflowExecutionStartedEventAttributes
    const whole = !begun?.continuedExecutionRunId && closeTime !== undefined
    runs.push({
      ...(whole ? { totalMs: closeTime.getTime() - startTime.getTime() } : {}),
      steps: stepsOf(history.events ?? []),
    })
    if (runs.length === mostRuns) break
  }
  return runs
}

/** By step with its iterations, the times of its tries added up. */
function stepsOf(events: readonly Event[]): PastRun['steps'] {
  const due = new Map<string, { readonly step: string; readonly ms: number }>()
  const took = new Map<string, number>()
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes
    if (scheduled) {
      const step = stepIn(scheduled.input?.payloads?.[0])
      if (step !== undefined) due.set(String(event.eventId), { step, ms: timeOf(event) })
    }
    const ended =
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskTimedOutEventAttributes
    const begun = ended && due.get(String(ended.scheduledEventId))
    if (begun) took.set(begun.step, (took.get(begun.step) ?? 0) + timeOf(event) - begun.ms)
  }
  return [...took]
}

type Payload = Parameters<typeof defaultPayloadConverter.fromPayload>[0]

/** Of an action that was done, not taken back. */
function stepIn(payload: Payload | undefined): string | undefined {
  const request: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined
  if (typeof request !== 'object' || request === null || !('step' in request)) return undefined
  if ('undo' in request && request.undo === true) return undefined
  return typeof request.step === 'string' ? request.step : undefined
}

function timeOf({ eventTime }: Event): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + Math.round((eventTime?.nanos ?? 0) / 1e6)
}

function medians(runs: readonly PastRun[]): Durations {
  const byStep = new Map<string, number[]>()
  const add = (step: string, ms: number): void => void byStep.set(step, [...(byStep.get(step) ?? []), ms])
  for (const { totalMs, steps } of runs) {
    if (totalMs !== undefined) add('', totalMs)
    for (const [step, ms] of steps) add(step.replace(/\[[^\]]*\]/g, ''), ms)
  }
  return {
    runs: runs.length,
    byStep: Object.fromEntries([...byStep].map(([step, all]) => [step, median(all)])),
  }
}

function median(all: readonly number[]): number {
  const sorted = all.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
