import { defineSignal, getExternalWorkflowHandle } from '@temporalio/workflow'
import type { RunPhase } from './ports.ts'

/** What a run of a fleet tells the fleet of itself, whenever it changes. */
export interface PhaseOfRun {
  /** Workflow id. */
  readonly run: string
  readonly phase: RunPhase
}

export const phaseOfRun = defineSignal<[PhaseOfRun]>('quorate.phase')

/** A fleet that is over, or was ended, need not hear it. */
export function tellFleet(fleet: string, said: PhaseOfRun): void {
  getExternalWorkflowHandle(fleet)
    .signal(phaseOfRun, said)
    .catch(() => undefined)
}
