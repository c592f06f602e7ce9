import type { WorkflowHandle } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import type { EndType, FailureDetails, RunResult } from '../workflows/doors.ts'
import type { RunPhase } from '../workflows/ports.ts'

/** How a run ended, as far as Temporal tells. */
export type RunEnding =
  | { readonly phase: 'done'; readonly result: RunResult }
  | {
      readonly phase: Exclude<RunPhase, 'done'>
      /** What the run said of itself, or what was done to it from outside. */
      readonly type: EndType | 'Cancelled' | 'Terminated' | 'TimedOut'
      readonly message: string
      readonly details?: FailureDetails
    }

/** Waits until the run is closed. Throws only what says that the server does not answer. */
export async function readEnding(handle: WorkflowHandle): Promise<RunEnding> {
  try {
    const result: RunResult = await handle.result()
    return { phase: 'done', result }
  } catch (error) {
    const ending = endingOf(error)
    if (ending === undefined) throw error
    if (ending.phase !== 'cancelled') return ending
    const { memo } = await handle.describe()
    const outcome = memo?.['outcome']
    return typeof outcome === 'string' ? { ...ending, message: outcome } : ending
  }
}

const phases: Readonly<Record<EndType, Exclude<RunPhase, 'done'>>> = {
  InputError: 'failed',
  ClusterLocked: 'failed',
  RunFailed: 'failed',
  RunAborted: 'aborted',
  RunRolledBack: 'rolledBack',
  InternalError: 'failed',
}

function endingOf(error: unknown): RunEnding | undefined {
  if (!(error instanceof Error) || error.name !== 'WorkflowFailedError') return undefined
  const { cause } = error
  if (!(cause instanceof Error)) return { phase: 'failed', type: 'InternalError', message: error.message }
  switch (cause.name) {
    case 'CancelledFailure':
      return { phase: 'cancelled', type: 'Cancelled', message: 'Cancelled.' }
    case 'TerminatedFailure':
      return { phase: 'failed', type: 'Terminated', message: terminated(cause.message) }
    case 'TimeoutFailure':
      return { phase: 'failed', type: 'TimedOut', message: `Temporal ended the run: ${cause.message}.` }
    default:
      return applicationEnding(cause)
  }
}

function applicationEnding(cause: Error): RunEnding {
  const { type, details } = cause instanceof ApplicationFailure ? cause : { type: undefined, details: [] }
  const known = isEndType(type) ? type : 'InternalError'
  const first: unknown = details?.[0]
  return {
    phase: phases[known],
    type: known,
    message: cause.message,
    ...(typeof first === 'object' && first !== null ? { details: first } : {}),
  }
}

const isEndType = (type: unknown): type is EndType => typeof type === 'string' && Object.hasOwn(phases, type)

const terminated = (reason: string): string =>
  `Terminated from outside${reason === '' || reason === 'Workflow execution terminated' ? '' : ` (${reason})`}: what it was doing at that moment may be half done.`
