import type { Client } from '@temporalio/client'
import { durationText } from '../../dsl/duration.ts'
import type { Store } from '../store.ts'
import { endedRuns, isSealed } from './collector.ts'
import { keyOf } from './fetch-run.ts'

export interface RetentionOptions {
  readonly client: Client
  readonly namespace: string
  readonly taskQueue: string
  readonly store: Store
  readonly nowMs?: number
}

/** How near Temporal is to forgetting a run that is not on record. */
export interface RetentionSight {
  /** How long the namespace keeps a run that has ended. */
  readonly retentionMs: number
  /** Runs of which less than a quarter of that time is left, and which are not on record. */
  readonly endangered: number
  /** The first of them that will be forgotten, and when. */
  readonly first?: { readonly workflow: string; readonly forgottenMs: number }
  /** A sentence for whoever must act, where somebody must. */
  readonly warning?: string
}

/** Throws when Temporal or the store cannot be asked. */
export async function retentionSight(options: RetentionOptions): Promise<RetentionSight> {
  const { client, namespace, taskQueue, store, nowMs = Date.now() } = options
  const retentionMs = await retentionOf(client, namespace)
  const before = new Date(nowMs - retentionMs * (1 - leftShare)).toISOString()
  const query = `${endedRuns(taskQueue)} AND CloseTime <= "${before}"`
  let endangered = 0
  let first: RetentionSight['first']
  for await (const { workflowId, runId, closeTime } of client.workflow.list({ query })) {
    if (await isSealed(store, await keyOf(client, namespace, workflowId, runId))) continue
    endangered++
    const forgottenMs = (closeTime?.getTime() ?? 0) + retentionMs
    if (first === undefined || forgottenMs < first.forgottenMs) first = { workflow: workflowId, forgottenMs }
  }
  return {
    ...{ retentionMs, endangered },
    ...(first === undefined ? {} : { first, warning: warningOf(endangered, first, retentionMs, nowMs) }),
  }
}

const leftShare = 1 / 4

function warningOf(
  endangered: number,
  { workflow, forgottenMs }: NonNullable<RetentionSight['first']>,
  retentionMs: number,
  nowMs: number,
): string {
  const left = Math.max(0, forgottenMs - nowMs)
  const others = endangered === 1 ? '' : `, and ${endangered - 1} more after it`
  return `Temporal keeps what has ended for ${durationText(retentionMs)}, and forgets ${workflow} in ${durationText(left)}${others}: not on record yet. Start a worker that reaches the store, or run \`quorate audit collect\`.`
}

async function retentionOf(client: Client, namespace: string): Promise<number> {
  const { config } = await client.workflowService.describeNamespace({ namespace })
  return Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) * 1000
}
