import { ActivityFailure } from '@temporalio/common'
import { proxyActivities, scheduleActivity } from '@temporalio/workflow'
import type { Json } from '../dsl/program.ts'
import { stepFailure } from './activity-failure.ts'
import type { PlannedStep, PlanPorts, Preview, PreviewRequest } from './plan.ts'
import type { ActionCall, ActionRequest, RunIdentity } from './ports.ts'

interface Options {
  readonly identity: RunIdentity
  readonly heartbeatTimeoutMs: number
  readonly onProgress: (steps: readonly PlannedStep[]) => void
}

/** Looks and previews as Temporal activities, each under the step it is for. */
export function planPorts({ identity, heartbeatTimeoutMs, onProgress }: Options): PlanPorts {
  return {
    async read(call) {
      try {
        return await scheduleActivity<Json>(call.action, [requestOf(identity, call)], {
          summary: call.summary,
          startToCloseTimeout: call.timeoutMs + graceMs,
          heartbeatTimeout: heartbeatTimeoutMs,
          retry,
        })
      } catch (error) {
        if (error instanceof ActivityFailure) throw stepFailure(error, true)
        throw error
      }
    },
    async preview(call, model, unknown) {
      try {
        return await previewed(call, {
          ...{ action: call.action, request: requestOf(identity, call) },
          ...(model === undefined ? {} : { model }),
          ...(unknown.length === 0 ? {} : { unknown }),
        })
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error
        const { message } = stepFailure(error, true)
        return { changes: [], complete: false, stopped: { kind: 'failed', message } }
      }
    },
    report: onProgress,
  }
}

type PreviewActivity = { readonly 'quorate.preview': (request: PreviewRequest) => Promise<Preview> }

function previewed({ summary }: ActionCall, request: PreviewRequest): Promise<Preview> {
  const { 'quorate.preview': preview } = proxyActivities<PreviewActivity>({
    startToCloseTimeout: '2m',
    summary: `${summary} (preview)`,
    retry,
  })
  return preview(request)
}

function requestOf(run: RunIdentity, { step, with: inputs, quorum, timeoutMs }: ActionCall): ActionRequest {
  return { run, step, with: inputs, undo: false, quorum, timeoutMs }
}

const graceMs = 15_000

/** Nothing here changes anything, so whatever broke may be asked again. */
const retry = {
  initialInterval: 200,
  backoffCoefficient: 2,
  maximumAttempts: 3,
  nonRetryableErrorTypes: ['InputError', 'RefusedError', 'ActionError', 'UnknownOutcomeError'],
}
