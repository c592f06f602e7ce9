import type { Json } from '../dsl/program.ts'
import type { PlanPin, RunMemo } from '../workflows/doors.ts'
import { type Door, requireWorker, taskQueue } from './door.ts'
import { newRunId } from './run-id.ts'

export interface StartRequest {
  readonly runbook: string
  /** As the runbook declares them; the worker checks them in any case. */
  readonly inputs: Readonly<Record<string, Json>>
  /** Whose lock the run will hold; only for its name. */
  readonly cluster?: string
  readonly by: string
  /** Queue when another run holds the cluster's lock. */
  readonly wait?: boolean
  readonly reason?: string
  /** Measure the cluster's availability meanwhile, or do not; else as the inventory says. */
  readonly probe?: boolean
  /** Watch the members meanwhile, for whoever watches the run. */
  readonly watch?: boolean
  /** sha256 of the program that is meant, hex: a runbook that has changed since is refused. */
  readonly hash?: string
  /** Carry out this plan, or nothing. */
  readonly plan?: PlanPin
  /** Guards that may be overridden in it, each time with an approval; takes a `reason`. */
  readonly override?: readonly string[]
}

/** Starts a run and returns its id. Throws `Unreachable` when no worker would take it; nothing was started then. */
export async function startRun(door: Door, request: StartRequest): Promise<string> {
  await requireWorker(door)
  const {
    runbook,
    inputs,
    cluster,
    by,
    wait = false,
    reason,
    probe,
    watch,
    hash,
    plan,
    override = [],
  } = request
  const memo: RunMemo = {
    by,
    wait,
    ...(reason === undefined ? {} : { reason }),
    ...(probe === undefined ? {} : { probe }),
    ...(watch === undefined ? {} : { watch }),
    ...(hash === undefined ? {} : { hash }),
    ...(plan === undefined ? {} : { plan }),
    ...(override.length === 0 ? {} : { override }),
  }
  const handle = await door.ask(() =>
    door.client.workflow.start(runbook, {
      taskQueue,
      workflowId: newRunId(runbook, cluster),
      args: [inputs],
      memo: { ...memo },
      staticSummary: cluster === undefined ? runbook : `${runbook} on ${cluster}`,
    }),
  )
  return handle.workflowId
}
