import type { Client } from '@temporalio/client'
import type { Store } from '../store.ts'
import { type Clean, collectRun } from './collect-run.ts'
import { keyOf } from './fetch-run.ts'

export interface CollectorOptions {
  readonly client: Client
  readonly namespace: string
  readonly taskQueue: string
  readonly store: Store
  /** Signs the end of a run; does nothing where that is done. */
  readonly seal: (run: string) => Promise<void>
  readonly clean?: Clean
}

/** What one pass did. */
export interface Collected {
  /** Workflow ids of runs that were put on record and sealed now. */
  readonly runs: readonly string[]
  /** Runs that could not be, each with the reason. */
  readonly failed: readonly { readonly workflow: string; readonly why: string }[]
}

export interface Collector {
  /**
   * Looks which runs have ended since the last pass (the first one: all that Temporal still has), and puts on
   * record what is not. A run that ended any way is found: done, crashed, terminated by hand, or while the store
   * was away. May go on in several processes at once. Throws when Temporal cannot be asked.
   */
  pass(signal?: AbortSignal): Promise<Collected>
}

export function createCollector(options: CollectorOptions): Collector {
  const { client, taskQueue, seal } = options
  /** Closed executions that are on record, by their run id. */
  const settled = new Map<string, { readonly run: string; readonly closedMs: number }>()
  let sinceMs = 0
  return {
    async pass(signal) {
      const runs: string[] = []
      const failed: { workflow: string; why: string }[] = []
      let newestMs = sinceMs
      let oldestFailedMs = Infinity
      for await (const info of client.workflow.list({ query: endedSince(taskQueue, sinceMs) })) {
        signal?.throwIfAborted()
        const { workflowId, runId } = info
        const closedMs = info.closeTime?.getTime() ?? 0
        newestMs = Math.max(newestMs, closedMs)
        const known = settled.get(runId)
        try {
          // What its worker writes after the end (it was terminated in the middle of a step) is sealed as well.
          if (known) await seal(known.run)
          else {
            const { run, collected } = await settle(options, workflowId, runId)
            settled.set(runId, { run, closedMs })
            if (collected) runs.push(workflowId)
          }
        } catch (error) {
          failed.push({ workflow: workflowId, why: messageOf(error) })
          oldestFailedMs = Math.min(oldestFailedMs, closedMs)
        }
      }
      sinceMs = Math.max(0, Math.min(newestMs, oldestFailedMs) - overlapMs)
      for (const [runId, { closedMs }] of settled) if (closedMs < sinceMs) settled.delete(runId)
      return { runs, failed }
    },
  }
}

/** What the list shows comes late, and not in order. */
const overlapMs = 5 * 60_000

const endedSince = (taskQueue: string, sinceMs: number): string =>
  `${endedRuns(taskQueue)}${sinceMs === 0 ? '' : ` AND CloseTime >= "${new Date(sinceMs).toISOString()}"`}`

/** A query for runs that have ended: not locks, not plans, and not what only went on as new. */
export const endedRuns = (taskQueue: string): string =>
  `TaskQueue = "${taskQueue}" AND WorkflowType != "quorateLock" AND WorkflowType != "quoratePlan" AND ExecutionStatus != "Running" AND ExecutionStatus != "ContinuedAsNew"`

async function settle(
  { client, namespace, store, seal, clean }: CollectorOptions,
  workflow: string,
  runId: string,
): Promise<{ readonly run: string; readonly collected: boolean }> {
  const run = await keyOf(client, namespace, workflow, runId)
  const collected = !(await isSealed(store, run))
  if (collected) await collectRun(client, store, workflow, runId, clean)
  await seal(run)
  return { run, collected }
}

/** Whether a run came to its end on record, or was removed after that: nothing is sealed before its history was copied. */
export async function isSealed(store: Store, run: string): Promise<boolean> {
  for await (const { checkpoint } of store.checkpoints(run))
    if (checkpoint.kind === 'sealed' || checkpoint.kind === 'removed') return true
  return false
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
