import { runPage, runsPage, type UiNamespace } from '../dsl/run-page.ts'

/** Pages of the Temporal UI (2.54), which is where most people meet a run. */
export interface UiLinks {
  /** The run: its timeline, its checklist under "User Metadata", its updates under "More Actions". */
  run(id: string): string
  /**
   * The Start form with id, type and task queue filled in. With the id of a run that was, its input is filled in, too;
   * else that is left to the person.
   */
  start(runbook: string, id: string): string
}

interface UiPlace extends UiNamespace {
  readonly taskQueue: string
}

export function uiLinks({ taskQueue, ...ui }: UiPlace): UiLinks {
  const start = (workflowType: string, workflowId: string): string =>
    `${runsPage(ui)}/start-workflow?${new URLSearchParams({ workflowId, taskQueue, workflowType }).toString()}`
  return { run: (id) => runPage(ui, id), start }
}
