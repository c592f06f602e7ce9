import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import {
  CancellationScope,
  condition,
  type ChildWorkflowHandle,
  defineSignal,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow'
import type { HolderRequest, LockHolder, LockMemo } from './doors.ts'

export type LockWorkflow = (cluster: string) => Promise<void>
export type Lock = ChildWorkflowHandle<LockWorkflow>

export const releaseLock = defineSignal('release')

export const lockId = (cluster: string): string => `quorate-lock/${cluster}`

type HolderActivities = { readonly 'quorate.holder': (request: HolderRequest) => Promise<LockHolder | null> }

/** Short, and repeated until a worker answers: who holds a lock can always be asked again. */
const { 'quorate.holder': askHolder } = proxyActivities<HolderActivities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '300ms', maximumInterval: '5s' },
})

const { 'quorate.holder': awaitClosed } = proxyActivities<HolderActivities>({
  summary: 'wait for the lock',
  startToCloseTimeout: '1h',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '300ms', maximumInterval: '5s' },
})

const orphanCheckEvery = '5s'

/**
 * One cluster's lock: held for as long as this workflow runs, since Temporal runs one workflow an id.
 * Its parent is the run that holds it. The server asks to cancel it when that execution closes, which is
 * also what a continue-as-new does; so it looks whether the run itself is over before it ends. A run that
 * went on takes the lock over with `TERMINATE_IF_RUNNING`, in one transaction of the server.
 */
export async function quorateLock(cluster: string): Promise<void> {
  const asked = { release: false, cancel: false }
  setHandler(releaseLock, () => void (asked.release = true))
  CancellationScope.current().cancelRequested.catch(() => void (asked.cancel = true))
  await CancellationScope.nonCancellable(async () => {
    await condition(() => asked.release || asked.cancel)
    while (!asked.release && (await holderRuns(cluster)))
      await condition(() => asked.release, orphanCheckEvery)
  })
}

async function holderRuns(cluster: string): Promise<boolean> {
  const holder = await askHolder({ cluster, untilFree: false })
  return holder?.running === true
}

/** Throws `TakenError` when another run holds it. */
export async function acquireLock(cluster: string, memo: LockMemo): Promise<Lock> {
  for (let attempt = 1; ; attempt++) {
    const lock = await tryStart(cluster, memo, WorkflowIdReusePolicy.ALLOW_DUPLICATE)
    if (lock) return lock
    const holder = await askHolder({ cluster, untilFree: false })
    if (holder && (holder.running || attempt >= mostTries)) throw new TakenError(holder)
    await sleep(holder ? '500ms' : '50ms')
  }
}

/** After a continue-as-new: the lock is ours, but the child of the former execution. */
export async function takeOverLock(cluster: string, memo: LockMemo): Promise<Lock> {
  const holder = await askHolder({ cluster, untilFree: false })
  if (!holder) return acquireLock(cluster, memo)
  if (holder.key !== memo.key) throw new TakenError(holder)
  const lock = await tryStart(cluster, memo, WorkflowIdReusePolicy.TERMINATE_IF_RUNNING)
  return lock ?? acquireLock(cluster, memo)
}

/** Returns once the lock that was taken is closed; whoever is first then has it. */
export async function untilFree(cluster: string): Promise<void> {
  await awaitClosed({ cluster, untilFree: true })
}

export class TakenError extends Error {
  override readonly name = 'TakenError'
  readonly holder: LockHolder

  constructor(holder: LockHolder) {
    super(holder.run)
    this.holder = holder
  }
}

/** A run that was just terminated keeps its lock for as long as the server needs to tell it. */
const mostTries = 20

async function tryStart(
  cluster: string,
  memo: LockMemo,
  workflowIdReusePolicy: WorkflowIdReusePolicy,
): Promise<Lock | undefined> {
  try {
    return await startChild<LockWorkflow>('quorateLock', {
      workflowId: lockId(cluster),
      args: [cluster],
      memo: { ...memo },
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      workflowIdReusePolicy,
      staticSummary: `lock of ${cluster}, held by ${memo.run}`,
    })
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined
    throw error
  }
}
