import type { CallStep, ForEachStep, GroupStep, ParallelStep, Program, Step } from '../dsl/program.ts'
import type { Memory } from './memory.ts'
import type { Outline } from './outline.ts'
import type { OverrideAsked } from './override.ts'
import type { Place } from './place.ts'
import type { Approval, Decision, Failure, Ports, RunPhase, StepResult, Waiting } from './ports.ts'

/** What all parts of the interpreter share while it runs one program. */
export interface Run {
  readonly program: Program
  readonly ports: Ports
  readonly memory: Memory
  readonly outline: Outline
  /** The cluster whose lock the run holds. */
  readonly locked: string | undefined
  readonly override: OverrideAsked | undefined
  report(phase: RunPhase, waiting?: Waiting): void
}

/** Does branches, so many at a time, each in a direction of its own. */
export type Fork = (
  most: number,
  one: (direction: Direction, index: number) => Promise<void>,
) => Promise<void>

/** Whether steps are done or taken back: where their results lie and what becomes of a step that fails. */
export interface Direction {
  readonly undo: boolean
  readonly phase: RunPhase
  /** A cancel does not call it off. */
  readonly steadfast: boolean
  known(path: string): StepResult | undefined
  keep(path: string, result: StepResult): void
  /** The failure at which a former execution of this run left the way forward. */
  leftAt(path: string): Failure | undefined
  /** Returns once a step may begin; throws what ends the run, or leaves what the step stands in. */
  next(step: Step, place: Place): Promise<void>
  /** For steps to be done at the same time in the step at a path; nothing where one is done after the other. */
  fork(path: string, count: number): Fork | undefined
  entered(step: Step, place: Place): void
  /** The step is over: now, or known from before. */
  over(step: Step, place: Place, status: StepResult['status']): void
  /** Returns once it is clear how to go on; throws what ends the run. */
  settle(step: Step, place: Place, failure: Failure): Promise<'again' | 'passed'>
  /** Returns who approved or confirmed; throws `StepFailure` when it was rejected, or nobody answered in time. */
  ask(step: Step, place: Place, summary: string, asked: Approval): Promise<Decision>
  /** For what is always done after a step; `ending` when the run is over but for that. */
  always(ending: boolean): Direction
}

/** Shows what a person is asked for as long as they are. */
export async function decided({ ports, report }: Run, waiting: Waiting, phase: RunPhase): Promise<Decision> {
  report('waiting', waiting)
  try {
    return await ports.decide(waiting)
  } finally {
    report(phase)
  }
}

export type StepWithBody = ForEachStep | GroupStep | ParallelStep | CallStep

export const hasBody = (step: Step): step is StepWithBody =>
  step.kind === 'forEach' || step.kind === 'steps' || step.kind === 'parallel' || step.kind === 'call'
