import { ActivityFailure } from '@temporalio/common'
import {
  defineQuery,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow'
import { render } from '../dsl/expression.ts'
import type { HolderRequest, LoadedRun, LoadRequest, LockHolder } from './doors.ts'
import { asEndFailure, failure } from './end-failure.ts'
import type {
  ClusterRequest,
  ClusterSight,
  Durations,
  DurationsRequest,
  Plan,
  PlannedStep,
  PlanRequest,
} from './plan.ts'
import { planDetails, planningDetails } from './plan-details.ts'
import { planPorts } from './plan-ports.ts'
import { makePlan } from './planner.ts'
import { memoOf } from './run-memo.ts'

type Activities = {
  readonly 'quorate.load': (request: LoadRequest) => Promise<LoadedRun>
  readonly 'quorate.holder': (request: HolderRequest) => Promise<LockHolder | null>
  readonly 'quorate.cluster': (request: ClusterRequest) => Promise<ClusterSight>
  readonly 'quorate.durations': (request: DurationsRequest) => Promise<Durations>
}

const ask = proxyActivities<Activities>({
  startToCloseTimeout: '1m',
  retry: { initialInterval: '500ms', maximumAttempts: 4, nonRetryableErrorTypes: ['InputError'] },
})

/**
 * Makes a plan: what a run of a runbook with these inputs would do now. Reads for real, changes nothing, holds no
 * lock. Input: `{"runbook": "etcd-migrate-node", "inputs": {"cluster": "demo", …}}`.
 */
export async function quoratePlan(request?: PlanRequest): Promise<Plan> {
  const progress: { steps: readonly PlannedStep[]; plan?: Plan } = { steps: [] }
  setHandler(defineQuery<Plan | readonly PlannedStep[]>('plan'), () => progress.plan ?? progress.steps, {
    description: 'The plan; until it is made, its steps so far.',
  })
  try {
    progress.plan = await planned(request, (title, steps) => {
      progress.steps = [...steps]
      setCurrentDetails(planningDetails(title, steps))
    })
    setCurrentDetails(planDetails(progress.plan))
    return progress.plan
  } catch (error) {
    throw asEndFailure(error)
  }
}

async function planned(
  request: PlanRequest | undefined,
  show: (title: string, steps: readonly PlannedStep[]) => void,
): Promise<Plan> {
  const { runbook, inputs: given = {} } = checked(request)
  const { workflowId: id, firstExecutionRunId: key } = workflowInfo()
  const { by } = memoOf()
  const loaded = await ask['quorate.load']({
    ...{ runbook, inputs: given, run: { id, key } },
    ...(by === undefined ? {} : { by }),
  })
  const { program, inputs, hash, heartbeatTimeoutMs } = loaded
  const madeMs = Date.now()
  const cluster = clusterOf(loaded)
  const [sight, holder, durations] = await Promise.all([
    cluster === undefined ? undefined : sightOf(cluster),
    cluster === undefined || program.effect === 'read'
      ? null
      : ask['quorate.holder']({ cluster, untilFree: false }),
    ask['quorate.durations']({ runbook }),
  ])
  const identity = { id, key, runbook, hash, ...(cluster === undefined ? {} : { cluster }) }
  const made = await makePlan({
    program,
    given: { inputs, run: { id, runbook, startedAt: new Date(madeMs).toISOString() } },
    ports: planPorts({ identity, heartbeatTimeoutMs, onProgress: (steps) => show(program.title, steps) }),
    ...(sight === undefined ? {} : { model: sight.model }),
    ...(cluster === undefined ? {} : { locked: cluster }),
  })
  return {
    ...{ format: 1, runbook, title: program.title, hash, given, inputs },
    ...{ effect: program.effect, by: loaded.by, madeMs, durations, ...made },
    steps: made.steps.map((step) => ({ ...step, ...expected(step, durations) })),
    ...(cluster === undefined ? {} : { cluster }),
    ...(holder === null ? {} : { lockedBy: holder }),
    ...(sight === undefined ? {} : { fingerprint: sight.fingerprint }),
  }
}

function checked(request: PlanRequest | undefined): PlanRequest {
  const { runbook, inputs = {}, ...others } = { ...nothing, ...request }
  const [other] = Object.keys(others)
  if (typeof runbook === 'string' && runbook !== '' && other === undefined) return { runbook, inputs }
  const found = other === undefined || typeof request !== 'object' ? '' : `, and "${other}" is none of these`
  throw failure(
    'InputError',
    `A plan is asked for with {"runbook": "NAME", "inputs": {…}}${found}. Nothing was looked at.`,
  )
}

const nothing: { readonly runbook: unknown } = { runbook: undefined }

function clusterOf({ program, inputs }: LoadedRun): string | undefined {
  const name = program.cluster && render(program.cluster, { inputs, vars: {}, steps: {} })
  return typeof name === 'string' && name !== '' ? name : undefined
}

/** A cluster that cannot be looked at has a plan all the same: its steps say why. */
async function sightOf(cluster: string): Promise<ClusterSight | undefined> {
  try {
    return await ask['quorate.cluster']({ cluster })
  } catch (error) {
    if (error instanceof ActivityFailure) return undefined
    throw error
  }
}

function expected({ step }: PlannedStep, { byStep }: Durations): { readonly expectedMs?: number } {
  const ms = byStep[step.replace(/\[[^\]]*\]/g, '')]
  return ms === undefined ? {} : { expectedMs: ms }
}
