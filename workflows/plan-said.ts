import type { Expression, Json, Step } from '../dsl/program.ts'
import type { Condition, PlannedStep, Preview } from './plan.ts'
import { certaintyOf, type Doubt, type Foreseen } from './plan-knowledge.ts'
import type { FailureKind } from './ports.ts'

export function conditionOf({ source }: Expression, one: Foreseen<boolean>): Condition {
  return { source, ...certaintyOf(one), ...(one.kind === 'value' ? { holds: one.value } : {}) }
}

export const markOf = (doubt: Doubt | undefined): Pick<PlannedStep, 'certainty' | 'because'> =>
  doubt === undefined
    ? { certainty: 'sure' }
    : { certainty: doubt.kind === 'now' ? 'now' : 'unknown', because: doubt.because }

export function refusalOf({
  guard,
  stopped,
}: Preview): { readonly kind: FailureKind; readonly message: string } | undefined {
  if (guard?.passes === false) return { kind: 'refused', message: guard.why }
  return stopped
}

export const shown = ({
  model: _model,
  there,
  ...preview
}: Preview): NonNullable<PlannedStep['preview']> => ({
  ...preview,
  there: there !== undefined,
})

/** What an answer says of itself: its problems where it lists them. */
export function saidBy(output: Json): string | undefined {
  if (typeof output !== 'object' || output === null || !('problems' in output)) return undefined
  const { problems } = output
  if (!Array.isArray(problems) || problems.length === 0) return undefined
  return problems.map(String).join(' ')
}

/** The variables that are set in it. */
export function variablesIn(step: Step): readonly string[] {
  if (step.kind === 'set') return Object.keys(step.set).map((name) => `vars.${name}`)
  return 'steps' in step && step.kind !== 'call' ? step.steps.flatMap(variablesIn) : []
}
