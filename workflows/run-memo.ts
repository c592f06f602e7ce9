import { workflowInfo } from '@temporalio/workflow'
import type { PlanPin, RunMemo } from './doors.ts'

/** What the start asked for; whatever has another type than it should is left out. */
export function memoOf(): RunMemo {
  const said = { ...empty, ...workflowInfo().memo }
  const { by, reason, wait, probe, watch, plan, continueAfterEvents, fleet, hash } = said
  return {
    ...(typeof by === 'string' && by !== '' ? { by } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof wait === 'boolean' ? { wait } : {}),
    ...(typeof probe === 'boolean' ? { probe } : {}),
    ...(typeof watch === 'boolean' ? { watch } : {}),
    ...(isPlanPin(plan) ? { plan } : {}),
    ...(typeof continueAfterEvents === 'number' ? { continueAfterEvents } : {}),
    ...(typeof fleet === 'string' ? { fleet } : {}),
    ...(typeof hash === 'string' ? { hash } : {}),
  }
}

const empty: Readonly<Record<keyof RunMemo, unknown>> = {
  by: undefined,
  reason: undefined,
  wait: undefined,
  probe: undefined,
  watch: undefined,
  plan: undefined,
  continueAfterEvents: undefined,
  fleet: undefined,
  hash: undefined,
}

/** The fingerprint is the worker's own, and only compared. */
function isPlanPin(plan: unknown): plan is PlanPin {
  return typeof plan === 'object' && plan !== null && 'sha256' in plan && typeof plan.sha256 === 'string'
}
