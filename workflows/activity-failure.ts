import { type ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common'
import { StepFailure } from './failure.ts'
import type { FailureKind } from './ports.ts'

/** What an activity's failure means for its step. Silence about an effect is never taken for a failure of it. */
export function stepFailure({ cause }: ActivityFailure, isRead: boolean): StepFailure {
  if (cause instanceof ApplicationFailure) {
    return new StepFailure(kindOf(cause) ?? (isRead ? 'failed' : 'unknown'), cause.message, guardOf(cause))
  }
  const kind = isRead ? 'failed' : 'unknown'
  if (cause instanceof TimeoutFailure) {
    return new StepFailure(
      kind,
      `no worker said how it ended (${cause.timeoutType ?? 'timeout'} timeout, again and again); is a worker running?`,
    )
  }
  return new StepFailure(kind, cause?.message ?? 'the activity ended without a reason')
}

const kinds: Readonly<Record<string, FailureKind>> = {
  InputError: 'refused',
  RefusedError: 'refused',
  ActionError: 'failed',
  UnknownOutcomeError: 'unknown',
}

function guardOf({ details }: ApplicationFailure): string | undefined {
  const said: unknown = details?.[0]
  const guard = typeof said === 'object' && said !== null && 'guard' in said ? said.guard : undefined
  return typeof guard === 'string' ? guard : undefined
}

function kindOf({ details, type }: ApplicationFailure): FailureKind | undefined {
  const said: unknown = details?.[0]
  const kind = typeof said === 'object' && said !== null && 'kind' in said ? said.kind : undefined
  if (kind === 'failed' || kind === 'unknown' || kind === 'refused') return kind
  return typeof type === 'string' ? kinds[type] : undefined
}
