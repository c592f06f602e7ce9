import { setTimeout as sleep } from 'node:timers/promises'
import { poll } from '../dsl/poll.ts'
import type { Json } from '../dsl/program.ts'
import type { GateCall } from '../workflows/ports.ts'
import type { Progress } from './action.ts'
import { ActionError, UnknownOutcomeError } from './failure.ts'

interface Polling {
  /** Asks the action once, in no more than so many milliseconds. */
  readonly look: (ms: number) => Promise<Json>
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
}

/** Polls a gate by this machine's clock. Throws `ActionError` with what was seen last when the time is up. */
export function pollGate(gate: GateCall, { look, signal, onProgress }: Polling): Promise<Json> {
  return poll(gate, {
    look,
    now: () => Date.now(),
    passing,
    onProgress: (text) => onProgress({ text }),
    closed: (message) => new ActionError(message),
    pause: async (ms) => {
      await sleep(ms, undefined, { signal }).catch(() => undefined)
      signal.throwIfAborted()
    },
  })
}

const passing = (error: unknown): error is Error =>
  error instanceof ActionError || error instanceof UnknownOutcomeError
