import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import type { HolderRequest, LockHolder, LockMemo } from '../workflows/doors.ts'

export interface Waiting {
  readonly signal: AbortSignal
  heartbeat(): void
}

const pollMs = 300

/** Asks the server who holds a cluster's lock, and whether that run still goes on. Null when nobody does. */
export async function holderOf(
  client: Client,
  request: HolderRequest,
  waiting: Waiting,
): Promise<LockHolder | null> {
  const first = await openLock(client, request.cluster)
  if (!first) return null
  for (let lock: OpenLock | undefined = first; request.untilFree && lock?.runId === first.runId;) {
    waiting.heartbeat()
    await sleep(pollMs, undefined, { signal: waiting.signal })
    lock = await openLock(client, request.cluster)
    if (!lock) return null
  }
  const { memo } = first
  return { ...memo, cluster: request.cluster, running: await isRunning(client, memo) }
}

/**
 * Why the workflow that asks for an activity does not hold that cluster's lock, as a sentence; `undefined` when it
 * does. A server that does not answer is asked again until the signal says that the time is up.
 */
export async function whyUnlocked(
  client: Client,
  { cluster, run }: { readonly cluster: string; readonly run: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const holder = await untilAnswered(() => openLock(client, cluster), signal)
  if (holder?.memo.run === run) return undefined
  const now = holder
    ? `${holder.memo.run}, started by ${holder.memo.by}, holds it`
    : 'nobody holds it: it was ended by hand, or never taken'
  return `${run || 'who asks'} does not hold the lock of ${cluster}; ${now}. Start a new run once that is settled.`
}

async function untilAnswered<Answer>(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (;;) {
    try {
      return await ask()
    } catch {
      await sleep(pollMs, undefined, { signal })
    }
  }
}

interface OpenLock {
  readonly runId: string
  readonly memo: LockMemo
}

async function openLock(client: Client, cluster: string): Promise<OpenLock | undefined> {
  const found = await describe(client, `quorate-lock/${cluster}`)
  if (found?.status.name !== 'RUNNING') return undefined
  const { run, key, runbook, by, sinceMs } = { ...nobody, ...found.memo }
  return { runId: found.runId, memo: { run, key, runbook, by, sinceMs } }
}

const nobody: LockMemo = { run: 'unknown', key: '', runbook: 'unknown', by: 'unknown', sinceMs: 0 }

/** The run as such, whatever number of executions it took. */
async function isRunning(client: Client, { run, key }: LockMemo): Promise<boolean> {
  const found = await describe(client, run)
  return found?.status.name === 'RUNNING' && found.raw.workflowExecutionInfo?.firstRunId === key
}

async function describe(client: Client, id: string) {
  try {
    return await client.workflow.getHandle(id).describe()
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined
    throw error
  }
}
