import { setTimeout as sleep } from 'node:timers/promises'
import { ExpressionError, holds } from '../dsl/expression.ts'
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

/**
 * Asks again and again until the condition has held for `stableMs` without a break; the last output. What did
 * not hold, could not be asked or could not be worked out counts as not holding: only `true` opens a gate.
 * Throws `ActionError` with what was seen last when the time is up, and at once what asking again cannot cure.
 */
export async function pollGate(gate: GateCall, { look, signal, onProgress }: Polling): Promise<Json> {
  const endMs = Date.now() + gate.timeoutMs
  let heldSinceMs: number | undefined
  let before: Seen | undefined
  for (;;) {
    const askedMs = Date.now()
    const seen = await lookOnce(gate, look, endMs - askedMs)
    heldSinceMs = seen.held ? (heldSinceMs ?? askedMs) : undefined
    const heldMs = heldSinceMs === undefined ? 0 : Date.now() - heldSinceMs
    if (seen.held && heldMs >= gate.stableMs) return seen.output
    onProgress({ text: seen.held ? `holds for ${heldMs} of ${gate.stableMs} ms` : seen.why })
    // A last look that the gate's own end cut short has seen nothing: what was seen before says more.
    const cutShort = !seen.held && seen.unasked === true && Date.now() >= endMs
    if (Date.now() + gate.everyMs > endMs)
      throw new ActionError(closed(gate, cutShort ? (before ?? seen) : seen))
    before = seen
    await sleep(gate.everyMs, undefined, { signal }).catch(() => undefined)
    signal.throwIfAborted()
  }
}

type Seen =
  | { readonly held: true; readonly output: Json }
  /** `unasked`: there was no answer to judge. */
  | { readonly held: false; readonly why: string; readonly unasked?: true }

async function lookOnce(gate: GateCall, look: Polling['look'], leftMs: number): Promise<Seen> {
  try {
    const output = await look(leftMs)
    return holds(gate.until, { ...gate.scope, gate: output })
      ? { held: true, output }
      : { held: false, why: described(output) }
  } catch (error) {
    if (passing(error)) return { held: false, why: error.message, unasked: true }
    throw error
  }
}

function passing(error: unknown): error is Error {
  return [ActionError, UnknownOutcomeError, ExpressionError].some((kind) => error instanceof kind)
}

function closed({ until, timeoutMs, stableMs }: GateCall, seen: Seen): string {
  const waited = `"${until.source}" did not hold within ${timeoutMs / 1000} s`
  if (seen.held) return `${waited} for ${stableMs / 1000} s without a break; it held when asked last.`
  return `${waited}. Seen last: ${seen.why}`
}

/** What an output says of itself, for a person: its problems where it lists them. */
function described(output: Json): string {
  const problems = problemsOf(output)
  if (problems.length > 0) return problems.join(' ')
  const text = JSON.stringify(output)
  return text.length > 800 ? `${text.slice(0, 800)}…` : text
}

function problemsOf(output: Json): readonly string[] {
  if (typeof output !== 'object' || output === null || !('problems' in output)) return []
  const { problems } = output
  return Array.isArray(problems) ? problems.map(String) : []
}
