import { CancellationScope, condition, isCancellation } from '@temporalio/workflow'
import { RunCancelled } from './failure.ts'

/** A run as a whole stands in a scope that cannot be cancelled; what may be interrupted is done in here. */
export async function interruptible<Value>(
  run: { readonly cancelRequested: boolean },
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await CancellationScope.cancellable(() => cancelledWith(run, work))
  } catch (error) {
    if (isCancellation(error) && run.cancelRequested) throw new RunCancelled()
    throw error
  }
}

async function cancelledWith<Value>(
  run: { readonly cancelRequested: boolean },
  work: () => Promise<Value>,
): Promise<Value> {
  const scope = CancellationScope.current()
  let over = false
  condition(() => over || run.cancelRequested).then(
    () => over || scope.cancel(),
    () => undefined,
  )
  try {
    return await work()
  } finally {
    over = true
  }
}
