import { workflowInfo } from '@temporalio/workflow'
import { whyNotOverride } from '../dsl/guards.ts'
import type { PlanPin, RunMemo } from './doors.ts'
import { failure } from './end-failure.ts'
import type { OverrideAsked } from './override.ts'

/** What the start asked for; whatever has another type than it should is left out. */
export function memoOf(): RunMemo {
  const said = { ...empty, ...workflowInfo().memo }
  const { by, reason, wait, probe, watch, plan, override, continueAfterEvents, fleet, hash } = said
  return {
    ...(typeof by === 'string' && by !== '' ? { by } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof wait === 'boolean' ? { wait } : {}),
    ...(typeof probe === 'boolean' ? { probe } : {}),
    ...(typeof watch === 'boolean' ? { watch } : {}),
    ...(isPlanPin(plan) ? { plan } : {}),
    ...overrideIn(override),
    ...(typeof continueAfterEvents === 'number' ? { continueAfterEvents } : {}),
    ...(typeof fleet === 'string' ? { fleet } : {}),
    ...(typeof hash === 'string' ? { hash } : {}),
  }
}

/** Whatever else stands there is no name of a guard, and said to be none. */
function overrideIn(value: unknown): Pick<RunMemo, 'override'> {
  if (value === undefined || value === null) return {}
  const names: readonly unknown[] = typeof value === 'string' ? value.split(',') : [value].flat()
  const override = names
    .map((name) => (typeof name === 'string' ? name.trim() : JSON.stringify(name)))
    .filter((name) => name !== '')
  return override.length === 0 ? {} : { override }
}

/** The guards this run may override, with an approval each time. Throws what ends a run that cannot. */
export function overrideOf(): OverrideAsked | undefined {
  const { override, reason = '' } = memoOf()
  if (!Array.isArray(override)) return undefined
  const guards: readonly string[] = [...new Set<string>(override)]
  const why = whyNotOverride(guards, reason)
  if (why !== undefined) throw failure('InputError', `${why} Nothing was touched.`)
  return { guards, reason }
}

const empty: Readonly<Record<keyof RunMemo, unknown>> = {
  by: undefined,
  reason: undefined,
  wait: undefined,
  probe: undefined,
  watch: undefined,
  plan: undefined,
  override: undefined,
  continueAfterEvents: undefined,
  fleet: undefined,
  hash: undefined,
}

/** The fingerprint is the worker's own, and only compared. */
function isPlanPin(plan: unknown): plan is PlanPin {
  return typeof plan === 'object' && plan !== null && 'sha256' in plan && typeof plan.sha256 === 'string'
}
