import { setTimeout as sleep } from 'node:timers/promises'
import { membersIn } from '../dsl/member-sight.ts'
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
  let sight: Pick<Progress, 'members' | 'atMs'> = {}
  return poll(gate, {
    async look(ms) {
      const output = await look(ms)
      const members = membersIn(output)
      if (members) sight = { members, atMs: Date.now() }
      return output
    },
    now: () => Date.now(),
    passing,
    onProgress: (text) => onProgress({ text, ...sight }),
    closed: (message) => new ActionError(message),
    pause: async (ms) => {
      await sleep(ms, undefined, { signal }).catch(() => undefined)
      signal.throwIfAborted()
    },
  })
}

const passing = (error: unknown): error is Error =>
  error instanceof ActionError || error instanceof UnknownOutcomeError
