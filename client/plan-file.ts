import { createHash } from 'node:crypto'
import { z } from 'zod'
import { canonicalText } from '../dsl/canonical.ts'
import type { PlanPin } from '../workflows/doors.ts'
import type { Plan } from '../workflows/plan.ts'
import { Rejected } from './errors.ts'

/** A plan as it is written and printed: its JSON with its own sha256, so that no change of it goes unseen. */
export function planText(plan: Plan): string {
  const json = z.json().parse(JSON.parse(JSON.stringify(plan)))
  return JSON.stringify({ sha256: digest(json), ...plan }, null, 2)
}

export interface PlanFile {
  readonly plan: Plan
  readonly pin: PlanPin
}

/** Reads what `planText` wrote. Throws `Rejected` for what is no plan, was changed since, or is refused anyway. */
export function readPlan(text: string, file: string): PlanFile {
  const read = fileShape.safeParse(parsed(text))
  if (!read.success)
    throw new Rejected(`${file} is no plan: make one with \`quorate plan RUNBOOK … --out ${file}\`.`)
  const { sha256, ...rest } = read.data
  if (sha256 !== digest(z.json().parse(rest)))
    throw new Rejected(`${file} was changed after the plan was made. Nothing was started; make another plan.`)
  const plan = z.custom<Plan>().parse(rest)
  if (plan.verdict.kind === 'refused')
    throw new Rejected(
      `${file} is a plan of a run that would be refused: ${plan.verdict.why} Nothing was started.`,
    )
  const { fingerprint } = plan
  return { plan, pin: { sha256, ...(fingerprint === undefined ? {} : { fingerprint }) } }
}

const fileShape = z.looseObject({
  sha256: z.string(),
  format: z.literal(1),
  runbook: z.string(),
  hash: z.string(),
  given: z.record(z.string(), z.json()),
  verdict: z.looseObject({ kind: z.enum(['ready', 'refused']) }),
})

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const digest = (json: Parameters<typeof canonicalText>[0]): string =>
  createHash('sha256').update(canonicalText(json)).digest('hex')
