import { ApplicationFailure } from '@temporalio/common'
import type { Json } from '../dsl/program.ts'
import type { RunMemo } from '../workflows/doors.ts'
import type { Plan, PlanRequest, PlanWorkflow } from '../workflows/plan.ts'
import { type Door, requireWorker, taskQueue } from './door.ts'
import { Rejected } from './errors.ts'
import { newRunId } from './run-id.ts'

export interface PlanAsked {
  readonly runbook: string
  /** As the runbook declares them; the worker checks them. */
  readonly inputs: Readonly<Record<string, Json>>
  readonly cluster?: string
  readonly by: string
}

/**
 * Has a worker make a plan and waits for it: only workers reach the hosts. Throws `Rejected` for inputs that are
 * wrong, `Unreachable` when no worker takes it.
 */
export async function planRun(door: Door, { runbook, inputs, cluster, by }: PlanAsked): Promise<Plan> {
  await requireWorker(door)
  const type: PlanWorkflow = 'quoratePlan'
  const request: PlanRequest = { runbook, inputs }
  const memo: RunMemo = { by }
  const handle = await door.ask(() =>
    door.client.workflow.start(type, {
      taskQueue,
      workflowId: newRunId(`plan-${runbook}`, cluster),
      args: [request],
      memo: { ...memo },
      staticSummary: `plan of ${runbook}${cluster === undefined ? '' : ` on ${cluster}`}`,
      workflowExecutionTimeout: '15m',
    }),
  )
  try {
    return await handle.result()
  } catch (error) {
    throw explained(error)
  }
}

function explained(error: unknown): unknown {
  const cause: unknown =
    error instanceof Error && error.name === 'WorkflowFailedError' ? error.cause : undefined
  if (cause instanceof ApplicationFailure && cause.type === 'InputError') return new Rejected(cause.message)
  return cause instanceof Error ? new Error(`There is no plan: ${cause.message}`, { cause }) : error
}
