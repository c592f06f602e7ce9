import { ActivityFailure, ApplicationFailure } from '@temporalio/common'
import { ContinueAsNew, isCancellation } from '@temporalio/workflow'
import type { EndType, FailureDetails } from './doors.ts'

/** What a run ends with, so that its type tells a client what happened and its message tells a person. */
export function failure(type: EndType, message: string, details: FailureDetails = {}): ApplicationFailure {
  return ApplicationFailure.create({ message, type, nonRetryable: true, details: [details] })
}

/**
 * Anything else than Temporal's own failures fails the workflow *task*, which is then tried for ever, and
 * nobody is told. So whatever comes unexpected ends the run, with the cluster as it is.
 */
export function asEndFailure(error: unknown): unknown {
  if (error instanceof ContinueAsNew || error instanceof ApplicationFailure || isCancellation(error))
    return error
  if (error instanceof Error && error.name === 'DeterminismViolationError') return error
  if (error instanceof ActivityFailure) return ofActivity(error)
  const message = error instanceof Error ? error.message : String(error)
  return failure(
    'InternalError',
    `Quorate itself failed: ${message}. Nothing more is done; please report this.`,
  )
}

function ofActivity({ cause, activityType }: ActivityFailure): ApplicationFailure {
  const message = cause?.message ?? 'no reason was given'
  if (cause instanceof ApplicationFailure && cause.type === 'InputError')
    return failure('InputError', message)
  return failure('InternalError', `${activityType} failed: ${message}.`)
}
