import { readFileSync } from 'node:fs'
import type { PlanFile } from '../client/plan-file.ts'
import type { Json } from '../dsl/program.ts'
import type { PlanPin } from '../workflows/doors.ts'
import { type Invocation, UsageError } from './command.ts'
import { readInputs } from './read-inputs.ts'

interface Asked {
  readonly runbook: string
  readonly inputs: Readonly<Record<string, Json>>
  readonly hash?: string
  readonly plan?: PlanPin
}

/** A runbook with inputs, or those of a plan. Throws `UsageError`; `check` is asked about inputs typed by hand. */
export async function whatToRun(
  { positionals, flags, environment }: Invocation,
  check: (runbook: string, inputs: Asked['inputs'], environment: NodeJS.ProcessEnv) => Promise<void>,
): Promise<Asked> {
  const [runbook] = positionals
  const file = flags.text('plan')
  const inputs = readInputs(flags.texts('input'), flags.text('cluster'))
  if (file === undefined) {
    if (runbook === undefined) throw new UsageError('Say which runbook, or give a plan with --plan FILE.')
    await check(runbook, inputs, environment)
    return { runbook, inputs }
  }
  if (Object.keys(inputs).length > 0)
    throw new UsageError('The inputs are those of the plan: leave out --input and --cluster beside --plan.')
  const { plan, pin } = await planIn(file)
  if (runbook !== undefined && runbook !== plan.runbook)
    throw new UsageError(`${file} is a plan of ${plan.runbook}, not of ${runbook}.`)
  return { runbook: plan.runbook, inputs: plan.given, hash: plan.hash, plan: pin }
}

async function planIn(file: string): Promise<PlanFile> {
  const { readPlan } = await import('../client/plan-file.ts')
  try {
    return readPlan(readFileSync(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      throw new UsageError(`${file} cannot be read: ${error.message}.`, { cause: error })
    throw error
  }
}
