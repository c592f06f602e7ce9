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

interface UiPlace {
  /** Address of the UI: `http://localhost:8233`. */
  readonly base: string
  readonly namespace: string
  readonly taskQueue: string
}

export function uiLinks({ base, namespace, taskQueue }: UiPlace): UiLinks {
  const workflows = `${base.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows`
  const start = (workflowType: string, workflowId: string): string =>
    `${workflows}/start-workflow?${new URLSearchParams({ workflowId, taskQueue, workflowType }).toString()}`
  return { run: (id) => `${workflows}/${encodeURIComponent(id)}`, start }
}

/** Where the UI of a server is, when that follows from its address: Temporal Cloud's. */
export function cloudUi(address: string): string | undefined {
  return /\.(tmprl\.cloud|api\.temporal\.io)(:\d+)?$/.test(address) ? 'https://cloud.temporal.io' : undefined
}
