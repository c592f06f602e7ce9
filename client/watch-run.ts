import { setTimeout as sleep } from 'node:timers/promises'
import { type Door, isUnreachable } from './door.ts'
import { describeRun, type RunSnapshot } from './run.ts'

export type Sight =
  | { readonly kind: 'seen'; readonly run: RunSnapshot }
  /** Temporal does not answer; the run goes on when it is back. */
  | { readonly kind: 'unreachable'; readonly sinceMs: number; readonly message: string }

/**
 * How a run stands, again and again, until it is closed or `signal` aborts; the last sight is the closed run.
 * A server that restarts and a worker that is gone for a while only show: throws no `Unreachable` at all,
 * but `Rejected` for an unknown id.
 */
export async function* watchRun(
  door: Door,
  id: string,
  options: { readonly everyMs?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Sight, void> {
  const { everyMs = 250, signal } = options
  let sinceMs: number | undefined
  for (;;) {
    if (signal?.aborted === true) return
    const askedMs = Date.now()
    try {
      const run = await describeRun(door, id)
      sinceMs = undefined
      yield { kind: 'seen', run }
      if (!run.open) return
    } catch (error) {
      if (!isUnreachable(error)) throw error
      sinceMs ??= askedMs
      yield { kind: 'unreachable', sinceMs, message: error instanceof Error ? error.message : String(error) }
    }
    await sleep(
      Math.max(0, askedMs + everyMs - Date.now()),
      undefined,
      signal === undefined ? {} : { signal },
    ).catch(() => undefined)
  }
}
