import { setTimeout as sleep } from 'node:timers/promises'
import type { Collected, Collector } from '../audit/collect/collector.ts'
import type { RetentionSight } from '../audit/collect/retention.ts'

export interface CollectingOptions {
  readonly collector: Pick<Collector, 'pass'>
  /** Hands on what was sealed; a sentence for each place that does not take it. */
  readonly publish: () => Promise<readonly string[]>
  /** How near Temporal is to forgetting something. */
  readonly retention: () => Promise<RetentionSight>
  /** From the end of one pass to the next; far longer while nothing can be asked. */
  readonly everyMs: number
  /** Told what a person should know: each thing once, until it is over. */
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/**
 * Puts runs on record as they end, until the signal. Never throws: a store or a server that is away is asked again,
 * and what ended meanwhile is found then.
 */
export async function keepCollecting(options: CollectingOptions): Promise<void> {
  const { collector, everyMs, signal } = options
  const once = sayingOnce(options.say)
  let failures = 0
  let retentionSeenMs = 0
  while (!signal.aborted) {
    try {
      const collected = await collector.pass(signal)
      once('pass', failuresOf(collected))
      const problems = await options.publish()
      once('anchors', problems.length === 0 ? undefined : problems.join('\n'))
      if (Date.now() - retentionSeenMs > retentionEveryMs) {
        once('retention', (await options.retention()).warning)
        retentionSeenMs = Date.now()
      }
      failures = 0
    } catch (error) {
      if (isAborted(signal)) return
      failures++
      if (failures >= tellAfter)
        once('pass', `Runs that have ended cannot be put on record: ${messageOf(error)}. Trying on.`)
    }
    await sleep(Math.min(everyMs * 2 ** failures, longestMs), undefined, { signal }).catch(() => undefined)
  }
}

/** A server that restarts is not worth a line. */
const tellAfter = 3
const longestMs = 60_000
const retentionEveryMs = 10 * 60_000

const isAborted = (signal: AbortSignal): boolean => signal.aborted

function failuresOf({ failed }: Collected): string | undefined {
  const [first] = failed
  if (first === undefined) return undefined
  const more = failed.length === 1 ? '' : ` (and ${failed.length - 1} more)`
  return `${first.workflow} has ended and cannot be put on record${more}: ${first.why} Trying on.`
}

function sayingOnce(say: (line: string) => void): (about: string, line: string | undefined) => void {
  const said = new Map<string, string>()
  return (about, line) => {
    if (line === undefined) said.delete(about)
    else if (said.get(about) !== line) {
      said.set(about, line)
      say(line)
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
