import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client'
import type { Waiting } from '../../workflows/ports.ts'
import { type Started, until } from '../world.ts'

const over: ReadonlySet<string> = new Set(['done', 'failed', 'rolledBack', 'aborted', 'cancelled'])

/** What a run waits for a person for; waits until it does. */
export async function waitingOf(run: Started, timeoutMs = 120_000): Promise<Waiting> {
  let waiting: Waiting | undefined
  await until(
    'the run to wait for a person',
    async () => {
      const { view } = await run.status()
      waiting = view.waiting
      if (over.has(view.phase)) throw new Error(`The run is over (${view.phase}) and never waited.`)
      return waiting !== undefined
    },
    timeoutMs,
    200,
  )
  if (waiting === undefined) throw new Error('The run waits no more.')
  return waiting
}

/** Waits until a step has begun; a step is named as in `status`: `members[etcd-1]/stop`, or the end of it. */
export async function begun(run: Started, step: string, timeoutMs = 120_000): Promise<void> {
  await until(
    `the step ${step} to begin`,
    async () => {
      const { view } = await run.status()
      if (view.waiting !== undefined)
        throw new Error(`The run waits before ${step}: ${view.waiting.failure.message}`)
      if (view.steps.some((each) => each.step.endsWith(step) && each.status !== 'pending')) return true
      if (over.has(view.phase)) throw new Error(`The run is over (${view.phase}) and never came to ${step}.`)
      return false
    },
    timeoutMs,
    50,
  )
}

/** Why a run failed, was rolled back or aborted. Throws when it ended well. */
export async function failureOf(run: Started): Promise<ApplicationFailure> {
  const error = await run.handle.result().then(
    () => new Error('The run ended well.'),
    (reason: unknown) => reason,
  )
  if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) return error.cause
  throw error
}

export function decide(
  run: Started,
  decision: 'retry' | 'rollback' | 'skip' | 'abort',
  reason = '',
): Promise<unknown> {
  return run.handle.executeUpdate(decision, { args: [{ by: 'ada', reason }] })
}
