import type { Program, Step } from '../dsl/program.ts'

/** Whether performing it may change something. */
export const isEffect = (program: Program, step: Step): boolean =>
  step.kind === 'manual' || (step.kind === 'uses' && program.actions[step.uses]?.effect !== 'read')
