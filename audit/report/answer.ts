import type { Availability } from '../../dsl/availability.ts'
import { compact, entriesOf } from './lines.ts'
import type { Json } from '../../dsl/program.ts'
import type { EventData, RunBegan, RunEnded } from '../event.ts'
import type { Answer, StepReport } from './model.ts'

/** What the events say of the run as a whole. */
export interface Ends {
  readonly run: string
  readonly workflow: string
  readonly firstMs: number
  lastMs: number
  began?: RunBegan | EventData['run.refused']
  ended?: RunEnded
  cancelAsked: boolean
  plan?: string
  measured?: Json
}

export function answerOf(
  { run, workflow, began, ended, firstMs, lastMs, cancelAsked, plan }: Ends,
  steps: readonly StepReport[],
  availability: Availability | undefined,
): Answer {
  return {
    run,
    workflow,
    ...began,
    startedMs: ended?.startedMs ?? firstMs,
    endedMs: ended?.endedMs ?? lastMs,
    outcome: ended?.outcome ?? 'open',
    message: ended?.message ?? '',
    ...(ended === undefined ? {} : { outputs: ended.outputs }),
    lost: lostIn(ended?.outputs, steps),
    ...(availability === undefined ? {} : { availability }),
    cancelAsked,
    ...(plan === undefined ? {} : { plan }),
  }
}

function lostIn(outputs: Json | undefined, steps: readonly StepReport[]): readonly string[] {
  return [
    ...lostOutputs(outputs),
    ...steps
      .filter(({ effect, status }) => effect === 'destroy' && status === 'done')
      .map(
        ({ step, summary, action }) => `${summary ?? step} (${action}) has destroyed what it was asked to.`,
      ),
    ...steps
      .filter(({ effect, status }) => effect !== 'read' && (status === 'unknown' || status === 'unfinished'))
      .map(
        ({ step, summary, action }) => `It is not known whether ${summary ?? step} (${action}) took effect.`,
      ),
  ]
}

/** What a runbook says of it: outputs named `lost` or `lostRevisions`, unless they say that it is nothing. */
const lostOutputs = (outputs: Json | undefined): readonly string[] =>
  entriesOf(outputs)
    .filter(([name, value]) => /^lost([A-Z]|$)/.test(name) && !nothing.has(value))
    .map(([name, value]) => (name === 'lost' ? compact(value) : `${name}: ${compact(value)}`))

const nothing = new Set<Json>(['', '0', 0, false, null])
