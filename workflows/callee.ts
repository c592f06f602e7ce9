import { render } from '../dsl/expression.ts'
import { checkInputs, inputProblemsText } from '../dsl/inputs.ts'
import type { CallStep, Json, Template } from '../dsl/program.ts'
import { StepFailure } from './failure.ts'
import type { Place } from './place.ts'

/** Where the steps of a called runbook are, before it is known what it is given: for people to read ahead. */
export function foreseenCallee(step: CallStep, place: Place): Place {
  return calleePlace(step, place, triedAll(step.with, place).values)
}

/** Where they are, what they are given checked. Throws `StepFailure` for what the runbook does not take. */
export function enteredCallee(step: CallStep, place: Place, locked: string | undefined): Place {
  const { values, problem } = triedAll(step.with, place)
  if (problem !== undefined) throw new StepFailure('failed', problem)
  const checked = checkInputs(step.inputs, values)
  if (!checked.ok) throw new StepFailure('refused', refusal(step, inputProblemsText(checked.problems)))
  const callee = calleePlace(step, place, checked.value)
  checkCluster(step, callee, locked)
  return callee
}

/** What it gives, as far as that can be worked out; the rest is left out and said. */
export function outputsOf(step: CallStep, callee: Place): { readonly output: Json; readonly note?: string } {
  const { values, problem } = triedAll(step.outputs, callee)
  return { output: values, ...(problem === undefined ? {} : { note: problem }) }
}

function calleePlace({ quorum }: CallStep, place: Place, inputs: Readonly<Record<string, Json>>): Place {
  return { ...place, scope: place.scope.called(inputs), quorum, calls: [...place.calls, place.path] }
}

/** Those values that can be worked out, and why the first of the others cannot. */
function triedAll(templates: Readonly<Record<string, Template>>, place: Place) {
  const scope = place.scope.values()
  const values: Record<string, Json> = {}
  let problem: string | undefined
  for (const [name, template] of Object.entries(templates)) {
    try {
      values[name] = render(template, scope)
    } catch (error) {
      problem ??= error instanceof Error ? error.message : String(error)
    }
  }
  return { values, problem }
}

const refusal = ({ call }: CallStep, problems: string): string =>
  `"${call}" was not begun, its inputs are wrong: ${problems.replaceAll('\n', ' ')}`

/** One run holds one lock; whatever changes another cluster has to be a run of its own. */
function checkCluster({ call, cluster }: CallStep, callee: Place, locked: string | undefined): void {
  if (cluster === undefined) return
  const { values, problem } = triedAll({ cluster }, callee)
  if (problem !== undefined) throw new StepFailure('failed', problem)
  if (values['cluster'] === locked) return
  throw new StepFailure(
    'refused',
    `"${call}" was not begun: it would change the cluster ${JSON.stringify(values['cluster'])}, and this run holds the lock of ${JSON.stringify(locked ?? 'none')}. Start it as a run of its own.`,
  )
}
