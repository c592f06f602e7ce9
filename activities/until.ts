import { setTimeout as sleep } from 'node:timers/promises'

interface Waiting {
  readonly timeoutMs: number
  readonly everyMs?: number
  readonly signal: AbortSignal
  /** What to throw when the time is up; it should say what was waited for. */
  readonly overdue: () => Error
}

/** Asks until there is an answer. What `ask` throws ends it. */
export async function until<Value>(ask: () => Promise<Value | undefined>, waiting: Waiting): Promise<Value> {
  const endMs = Date.now() + waiting.timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > endMs) throw waiting.overdue()
    await sleep(waiting.everyMs ?? 200, undefined, { signal: waiting.signal })
  }
}
