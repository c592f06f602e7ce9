import type { FleetRequest, RunMemo } from '../workflows/doors.ts'
import { type Door, requireWorker, taskQueue } from './door.ts'
import { newRunId } from './run-id.ts'

/** Starts a fleet and returns its id; it is watched, paused and cancelled as a run is. Throws `Unreachable`. */
export async function startFleet(door: Door, request: FleetRequest, memo: RunMemo): Promise<string> {
  await requireWorker(door)
  const { runbook, clusters } = request
  const handle = await door.ask(() =>
    door.client.workflow.start('quorateFleet', {
      taskQueue,
      workflowId: newRunId(`${runbook}-fleet`, undefined),
      args: [request],
      memo: { ...memo },
      staticSummary: `${runbook} on ${[clusters].flat().join(', ')}`,
    }),
  )
  return handle.workflowId
}
