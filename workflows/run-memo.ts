import { workflowInfo } from '@temporalio/workflow'
import type { RunMemo } from './doors.ts'

/** What the start asked for; whatever has another type than it should is left out. */
export function memoOf(): RunMemo {
  const { by, reason, wait, continueAfterEvents, fleet, hash } = { ...empty, ...workflowInfo().memo }
  return {
    ...(typeof by === 'string' && by !== '' ? { by } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof wait === 'boolean' ? { wait } : {}),
    ...(typeof continueAfterEvents === 'number' ? { continueAfterEvents } : {}),
    ...(typeof fleet === 'string' ? { fleet } : {}),
    ...(typeof hash === 'string' ? { hash } : {}),
  }
}

const empty: Readonly<Record<keyof RunMemo, unknown>> = {
  by: undefined,
  reason: undefined,
  wait: undefined,
  continueAfterEvents: undefined,
  fleet: undefined,
  hash: undefined,
}
