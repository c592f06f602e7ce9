import type { ActionProgress } from '../client/run.ts'

interface Sample {
  readonly atMs: number
  readonly done: number
}

/** Fast enough to follow a link that slows down, slow enough not to flicker. */
const windowMs = 10_000
const shortestMs = 900

/**
 * How fast long actions get on, from one look to the next: each call adds to what it was given the pace of the
 * last ten seconds and the time that is left at that pace, once they are known.
 */
export function rateMeter(): (progress: readonly ActionProgress[], now: number) => readonly ActionProgress[] {
  const seen = new Map<string, readonly Sample[]>()
  return (progress, now) => {
    const keys = new Set(progress.map(keyOf))
    for (const key of seen.keys()) if (!keys.has(key)) seen.delete(key)
    return progress.map((current) => {
      const { done } = current
      if (done === undefined) return current
      const key = keyOf(current)
      const samples = withNew(seen.get(key) ?? [], { atMs: now, done })
      seen.set(key, samples)
      return { ...current, ...paceOf(samples, current) }
    })
  }
}

/** What has another name or another size is another work. */
const keyOf = ({ action, attempt, text, total }: ActionProgress): string =>
  JSON.stringify([action, attempt, text, total])

/** One sample a change: how far it is comes with a heartbeat, once a second, and is asked for more often. */
function withNew(samples: readonly Sample[], next: Sample): readonly Sample[] {
  const last = samples.at(-1)
  if (last !== undefined && next.done < last.done) return [next]
  const all = last?.done === next.done ? samples : [...samples, next]
  const young = all.filter(({ atMs }) => next.atMs - atMs <= windowMs)
  return young.length > 1 ? young : all.slice(-2)
}

function paceOf(samples: readonly Sample[], { done = 0, total }: ActionProgress): Partial<ActionProgress> {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || last.atMs - first.atMs < shortestMs) return {}
  const perSecond = ((last.done - first.done) * 1000) / (last.atMs - first.atMs)
  if (perSecond <= 0) return {}
  const left = total === undefined || total < done ? {} : { leftMs: ((total - done) * 1000) / perSecond }
  return { perSecond, ...left }
}
