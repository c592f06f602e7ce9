import { CancelledFailure } from '@temporalio/common'
import type { LockMemo } from './doors.ts'
import { failure } from './end-failure.ts'
import { interruptible } from './interruptible.ts'
import { acquireLock, type Lock, takeOverLock, TakenError, untilFree } from './lock.ts'
import { memoOf } from './run-memo.ts'
import { RunCancelled } from './failure.ts'
import type { RunSession } from './run-session.ts'

export interface LockRequest {
  readonly session: RunSession
  readonly cluster: string
  readonly by: string
  /** A former execution of this run held it. */
  readonly continued: boolean
}

/** Holds the cluster's lock from here on; queues for it where the memo says so. */
export async function holdLock({ session, cluster, by, continued }: LockRequest): Promise<Lock> {
  const { id, key, runbook } = session.identity
  const memo: LockMemo = { run: id, key, runbook, by, sinceMs: session.startedMs }
  if (!continued) return firstLock(session, cluster, memo)
  try {
    return await takeOverLock(cluster, memo)
  } catch (error) {
    throw error instanceof TakenError
      ? locked(error, 'This run had the lock and lost it; it stopped between two steps.')
      : error
  }
}

async function firstLock(session: RunSession, cluster: string, memo: LockMemo): Promise<Lock> {
  for (;;) {
    if (session.cancelRequested) {
      throw new CancelledFailure('Cancelled while it waited for the lock. Nothing was touched.')
    }
    try {
      const lock = await acquireLock(cluster, memo)
      session.queued(undefined)
      return lock
    } catch (error) {
      if (!(error instanceof TakenError)) throw error
      if (memoOf().wait !== true) throw locked(error, advice)
      session.queued(error.holder)
      await queue(session, cluster)
    }
  }
}

async function queue(session: RunSession, cluster: string): Promise<void> {
  try {
    await interruptible(session, () => untilFree(cluster))
  } catch (error) {
    if (!(error instanceof RunCancelled)) throw error
  }
}

const advice =
  'Nothing was touched. Wait for its end, or queue for the lock: `quorate run --wait`, elsewhere the memo "wait": true.'

function locked({ holder }: TakenError, consequence: string): Error {
  const since = new Date(holder.sinceMs).toISOString()
  const who = `the run ${holder.run} (${holder.runbook}), started by ${holder.by} at ${since}`
  return failure('ClusterLocked', `${holder.cluster} is locked by ${who}. ${consequence}`, { holder })
}
