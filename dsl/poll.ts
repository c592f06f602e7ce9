import { ExpressionError, holds } from './expression.ts'
import type { Expression, Json } from './program.ts'

/** What a gate waits for. */
export interface Polled {
  readonly until: Expression
  /** The variables that `until` reads, but for `gate` itself. */
  readonly scope: Readonly<Record<string, Json>>
  readonly everyMs: number
  readonly stableMs: number
  readonly timeoutMs: number
}

/** Where it is asked, and by which clock. */
export interface Asking {
  /** Asks the action once, in no more than so many milliseconds. */
  readonly look: (ms: number) => Promise<Json>
  readonly now: () => number
  /** Waits until it may be asked again; throws to end it. */
  readonly pause: (ms: number) => Promise<void>
  /** Whether what `look` threw may pass by itself. */
  readonly passing: (error: unknown) => error is Error
  readonly onProgress: (text: string) => void
  /** What to throw when the time is up. */
  readonly closed: (message: string) => Error
}

/**
 * Asks again and again until the condition has held for `stableMs` without a break; the last output. What did
 * not hold, could not be asked or could not be worked out counts as not holding: only `true` opens a gate.
 * Throws `closed` with what was seen last when the time is up, and at once what asking again cannot cure.
 */
export async function poll(gate: Polled, asking: Asking): Promise<Json> {
  const { now, pause, onProgress, closed } = asking
  const endMs = now() + gate.timeoutMs
  let heldSinceMs: number | undefined
  let before: Seen | undefined
  for (;;) {
    const askedMs = now()
    const seen = await lookOnce(gate, asking, endMs - askedMs)
    heldSinceMs = seen.held ? (heldSinceMs ?? askedMs) : undefined
    const heldMs = heldSinceMs === undefined ? 0 : now() - heldSinceMs
    if (seen.held && heldMs >= gate.stableMs) return seen.output
    onProgress(seen.held ? `holds for ${heldMs} of ${gate.stableMs} ms` : seen.why)
    // A last look that the gate's own end cut short has seen nothing: what was seen before says more.
    const cutShort = !seen.held && seen.unasked === true && now() >= endMs
    if (now() + gate.everyMs > endMs) throw closed(whyClosed(gate, cutShort ? (before ?? seen) : seen))
    before = seen
    await pause(gate.everyMs)
  }
}

type Seen =
  | { readonly held: true; readonly output: Json }
  /** `unasked`: there was no answer to judge. */
  | { readonly held: false; readonly why: string; readonly unasked?: true }

async function lookOnce(gate: Polled, { look, passing }: Asking, leftMs: number): Promise<Seen> {
  try {
    const output = await look(leftMs)
    return holds(gate.until, { ...gate.scope, gate: output })
      ? { held: true, output }
      : { held: false, why: described(output) }
  } catch (error) {
    if (error instanceof ExpressionError || passing(error))
      return { held: false, why: error.message, unasked: true }
    throw error
  }
}

function whyClosed({ until, timeoutMs, stableMs }: Polled, seen: Seen): string {
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
