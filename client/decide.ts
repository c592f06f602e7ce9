import { WorkflowUpdateFailedError } from '@temporalio/client'
import type { RunStatus, UpdateAnswer, UpdateArgument, UpdateName } from '../workflows/doors.ts'
import { type Door, isUnreachable } from './door.ts'
import { Rejected, Unreachable } from './errors.ts'

/**
 * Tells a run what a person decided; returns what the run answers. Throws `Rejected` with the run's own
 * reason when that is not offered now, `Unreachable` when no worker takes it (it then counts as not decided,
 * but may still be taken later: look before deciding anew).
 */
export async function decide(
  door: Door,
  id: string,
  decision: UpdateName,
  argument: UpdateArgument,
): Promise<UpdateAnswer> {
  const handle = door.client.workflow.getHandle(id)
  try {
    return await door.ask(
      () => handle.executeUpdate<UpdateAnswer, [UpdateArgument]>(decision, { args: [argument] }),
      DECISION_TIMEOUT_MS,
    )
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw new Rejected(error.cause?.message ?? error.message)
    if (isNotFound(error)) throw new Rejected(`${id} is over: nothing can be decided any more.`)
    if (isTimeout(error)) {
      throw new Unreachable(
        `No worker took the decision for ${id} within ${DECISION_TIMEOUT_MS / 1000} s. It may still be taken once one runs (\`quorate worker\`): look with \`quorate show ${id}\` before deciding anew.`,
      )
    }
    throw error
  }
}

/** What a decision is bound to: the very asking and program a person looked at when they decided. */
export function boundTo(status: RunStatus | undefined): Pick<UpdateArgument, 'step' | 'ask' | 'hash'> {
  if (status === undefined) return {}
  const { run, view } = status
  const { ask, failure } = view.waiting ?? {}
  return {
    ...(failure === undefined ? {} : { step: failure.step }),
    ...(ask === undefined ? {} : { ask }),
    ...(run.hash === '' ? {} : { hash: run.hash }),
  }
}

/** Asks a run to end at its next step boundary; what it did stays. Safe to repeat. */
export async function cancelRun(door: Door, id: string): Promise<void> {
  try {
    await door.ask(() => door.client.workflow.getHandle(id).cancel())
  } catch (error) {
    if (isNotFound(error)) throw new Rejected(`${id} is over: there is nothing to cancel.`)
    throw error
  }
}

const DECISION_TIMEOUT_MS = 10_000

const isNotFound = (error: unknown): boolean =>
  error instanceof Error && error.name === 'WorkflowNotFoundError'

const isTimeout = (error: unknown): boolean =>
  isUnreachable(error) ||
  (error instanceof Error && error.name === 'WorkflowUpdateRPCTimeoutOrCancelledError')
