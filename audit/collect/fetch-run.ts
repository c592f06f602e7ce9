import type { Client, WorkflowHandle } from '@temporalio/client'

export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>
export type HistoryEvent = NonNullable<History['events']>[number]

/** One execution of a run: a long run has several, one after another. */
export interface Execution {
  readonly runId: string
  readonly events: readonly HistoryEvent[]
}

export interface FetchedRun {
  readonly workflow: string
  /** The first execution's run id: what names the run in the record. */
  readonly key: string
  readonly runbook: string
  /** Oldest first. One that Temporal has forgotten already is missing. */
  readonly executions: readonly Execution[]
  /** How many were forgotten before they could be copied. */
  readonly forgotten: number
}

/** All that Temporal has of a closed run, from its last execution back to its first. */
export async function fetchRun(client: Client, workflow: string, lastRunId: string): Promise<FetchedRun> {
  const executions: Execution[] = []
  let key = lastRunId
  let runbook = ''
  let forgotten = 0
  for (let runId = lastRunId; runId !== '';) {
    const events = await eventsOf(client, workflow, runId)
    if (events === undefined) {
      forgotten++
      break
    }
    executions.unshift({ runId, events })
    const begun = events[0]?.workflowExecutionStartedEventAttributes
    key = begun?.firstExecutionRunId || runId
    runbook = begun?.workflowType?.name ?? runbook
    runId = begun?.continuedExecutionRunId ?? ''
  }
  return { workflow, key, runbook, executions, forgotten }
}

/** Which run an execution belongs to, by the first event of its history. */
export async function keyOf(
  client: Client,
  namespace: string,
  workflowId: string,
  runId: string,
): Promise<string> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  })
  return history?.events?.[0]?.workflowExecutionStartedEventAttributes?.firstExecutionRunId || runId
}

async function eventsOf(
  client: Client,
  workflow: string,
  runId: string,
): Promise<readonly HistoryEvent[] | undefined> {
  try {
    return (await client.workflow.getHandle(workflow, runId).fetchHistory()).events ?? []
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return undefined
    throw error
  }
}

/** When an event happened, milliseconds since 1970. */
export function timeOf({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + Math.round((eventTime?.nanos ?? 0) / 1e6)
}
