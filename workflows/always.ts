import type { Json, Step } from '../dsl/program.ts'
import { isEffect } from './effect.ts'
import { GivenUp, RunCancelled, StepFailure, ToRescue } from './failure.ts'
import { type Place, placeOf } from './place.ts'
import type { Decision, Failure, StepResult } from './ports.ts'
import { Ended } from './run-end.ts'
import type { UndoStack } from './undo-stack.ts'
import type { Direction, Run } from './run.ts'

interface Closed {
  readonly run: Run
  readonly direction: Direction
  readonly step: Step
  readonly place: Place
  /** Does the step itself. */
  readonly work: () => Promise<void>
  readonly walk: (direction: Direction, step: Step, around: Place) => Promise<void>
}

/**
 * Does a step and, once it has begun, what is always done after it: however it ended, also when that ends the
 * run, and although the run was asked to cancel.
 */
export async function closed({ run, direction, step, place, work, walk }: Closed): Promise<void> {
  let thrown: { readonly error: unknown } | undefined
  try {
    await work()
  } catch (error) {
    if (!(error instanceof Ended || error instanceof RunCancelled || error instanceof ToRescue)) throw error
    thrown = { error }
  }
  if (step.always && run.memory.hasBegun(place.path)) {
    const ending = thrown !== undefined && !(thrown.error instanceof ToRescue)
    const around = alwaysPlace(step, place, thrown ? outcomeOf(thrown.error) : statusOf(direction, place))
    run.outline.hangBelow(place.path, 'always', step.always, around)
    await each(run, direction.always(ending), step.always, around, walk)
    run.outline.mark(around.path, { status: 'done' })
  }
  if (thrown) throw thrown.error
}

async function each(
  run: Run,
  direction: Direction,
  steps: readonly Step[],
  around: Place,
  walk: Closed['walk'],
): Promise<void> {
  for (const step of steps) {
    try {
      await walk(direction, step, around)
    } catch (error) {
      if (!(error instanceof GivenUp)) throw error
      const { path } = placeOf(step, around)
      run.outline.mark(path, { status: 'failed', note: error.message, endedMs: run.ports.now() })
      run.report(direction.phase)
    }
  }
}

const statusOf = (direction: Direction, { path }: Place): Json => direction.known(path)?.status ?? 'done'

function outcomeOf(error: unknown): Json {
  if (error instanceof Ended) return error.end.kind
  return error instanceof RunCancelled ? 'cancelled' : 'failed'
}

const alwaysPlace = (step: Step, place: Place, outcome: Json): Place => ({
  ...place,
  path: `${place.path}/always`,
  key: `${step.key}/always`,
  scope: place.scope.within('outcome', outcome),
})

/** What is always done: nobody is asked, nothing calls it off, and its effects are not taken back. */
export class Always implements Direction {
  readonly undo = false
  readonly phase = 'running'
  readonly steadfast = true
  readonly #run: Run
  readonly #stack: UndoStack
  readonly #ending: boolean

  constructor(run: Run, stack: UndoStack, ending: boolean) {
    this.#run = run
    this.#stack = stack
    this.#ending = ending
  }

  next(): Promise<void> {
    const { ports, memory } = this.#run
    return ports.boundary(memory.state(), this.#ending ? 'ending' : 'always')
  }

  /** What is always done is done one after the other. */
  fork(): undefined {
    return undefined
  }

  known(path: string): StepResult | undefined {
    return this.#run.memory.result(path)
  }

  keep(path: string, result: StepResult): void {
    this.#run.memory.keep(path, result)
  }

  leftAt(path: string): Failure | undefined {
    return this.#run.memory.leftFor(path)?.[1]
  }

  entered(): void {}

  over(step: Step, place: Place, status: StepResult['status']): void {
    const did = status === 'done' || this.#run.memory.tried(place.path) !== undefined
    if (did && isEffect(this.#run.program, step)) this.#stack.performedAfter(place.path)
  }

  settle(step: Step, place: Place, failure: Failure): Promise<'again' | 'passed'> {
    this.#run.outline.mark(place.path, { status: 'failed', note: failure.message })
    this.over(step, place, 'failed')
    if (step.onFailure !== 'continue') {
      this.#run.memory.giveUp(place.path, failure)
      return Promise.reject(new GivenUp(failure.message))
    }
    const atMs = this.#run.ports.now()
    this.keep(place.path, { status: 'failed', note: failure.message, startedMs: atMs, endedMs: atMs })
    return Promise.resolve('passed')
  }

  /** No compiled program comes here. */
  ask(): Promise<Decision> {
    return Promise.reject(new StepFailure('failed', 'what is always done asks nobody'))
  }

  always(): Direction {
    return this
  }
}
