import type { Step } from '../dsl/program.ts'
import { ToRescue } from './failure.ts'
import type { Place } from './place.ts'
import type { Failure, StepResult } from './ports.ts'
import type { Direction, Run } from './run.ts'

interface Rescued {
  readonly run: Run
  readonly direction: Direction
  readonly step: Step
  readonly place: Place
  /** Does the step itself. */
  readonly work: (place: Place) => Promise<void>
  readonly walk: (steps: readonly Step[], around: Place) => Promise<void>
  readonly finish: (result: StepResult) => void
  /** What rescued it failed too, and is rescued further out. */
  readonly left: () => void
}

/** Does a step, and what rescues it once it (or what is in it) has failed for good. */
export async function rescued({
  run,
  direction,
  step,
  place,
  work,
  walk,
  finish,
  left,
}: Rescued): Promise<void> {
  if (!step.rescue) return work(place)
  const known = direction.known(place.path)
  const startedMs = known?.startedMs ?? run.ports.now()
  try {
    return await work({ ...place, rescuer: place.path })
  } catch (error) {
    if (!(error instanceof ToRescue) || error.path !== place.path) throw error
  }
  const failure = run.memory.rescued(place.path)
  if (!failure) throw new Error(`It is not known why ${place.path} is to be rescued.`)
  const around = rescuePlace(step, place, failure)
  run.outline.mark(place.path, { status: 'running', note: `failed, is rescued: ${failure.message}` })
  run.outline.hangBelow(place.path, 'rescue', step.rescue, around)
  run.report(direction.phase)
  try {
    await walk(step.rescue, around)
  } catch (error) {
    if (!(error instanceof ToRescue)) throw error
    run.outline.mark(around.path, { status: 'failed' })
    left()
    throw error
  }
  run.outline.mark(around.path, { status: 'done' })
  const note = `rescued: ${failure.message}`
  finish(known ?? { status: 'rescued', note, startedMs, endedMs: run.ports.now() })
}

function rescuePlace(step: Step, place: Place, failure: Failure): Place {
  const { message, step: path, summary, kind } = failure
  return {
    ...place,
    path: `${place.path}/rescue`,
    key: `${step.key}/rescue`,
    scope: place.scope.within('failure', { message, step: path, summary, kind }),
    rescuing: { onFailure: step.onFailure, failure },
  }
}

/** What is said of a step that fails while it rescues another: both failures. */
export function withCause(failure: Failure, { rescuing }: Place): Failure {
  if (!rescuing) return failure
  const { summary, message } = rescuing.failure
  return {
    ...failure,
    message: `${failure.message} (It was to rescue “${summary}”, which had failed: ${message})`,
  }
}
