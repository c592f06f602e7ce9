/** A stretch of time, milliseconds since 1970. */
export interface Stretch {
  readonly fromMs: number
  readonly toMs: number
}

/** From moments to places on a line, in percent. */
export interface Scale {
  readonly place: (ms: number) => number
  /** Stretches that are drawn shorter than they were, because nothing was done in them. */
  readonly breaks: readonly Stretch[]
  /** How much is drawn to scale. */
  readonly keptMs: number
}

/**
 * True to scale, but for stretches in which nothing was done (a person was waited for over night), where they would
 * leave no room for the rest: each of those is drawn as a break of one width.
 */
export function scaleOf(whole: Stretch, busy: readonly Stretch[]): Scale {
  const breaks: Stretch[] = []
  let kept = Math.max(1, whole.toMs - whole.fromMs)
  for (const gap of idleIn(whole, busy).toSorted((a, b) => lengthOf(b) - lengthOf(a))) {
    if (lengthOf(gap) < breakFromMs || lengthOf(gap) < breakFromShare * kept || breaks.length === mostBreaks)
      break
    breaks.push(gap)
    kept = Math.max(1, kept - lengthOf(gap))
  }
  breaks.sort((a, b) => a.fromMs - b.fromMs)
  const room = 100 - breaks.length * breakWidth
  return {
    breaks,
    keptMs: kept,
    place(ms) {
      const at = Math.min(Math.max(ms, whole.fromMs), whole.toMs)
      let percent = ((at - whole.fromMs) / kept) * room
      for (const gap of breaks) {
        if (gap.fromMs >= at) break
        const into = Math.min(at, gap.toMs) - gap.fromMs
        percent += (into / lengthOf(gap)) * breakWidth - (into / kept) * room
      }
      return Math.min(100, Math.max(0, percent))
    },
  }
}

const breakFromMs = 20_000
/** Of what is left to draw. */
const breakFromShare = 0.25
const mostBreaks = 8
const breakWidth = 6

const lengthOf = ({ fromMs, toMs }: Stretch): number => toMs - fromMs

function idleIn({ fromMs, toMs }: Stretch, busy: readonly Stretch[]): readonly Stretch[] {
  const idle: Stretch[] = []
  let at = fromMs
  for (const stretch of busy.toSorted((a, b) => a.fromMs - b.fromMs)) {
    if (stretch.fromMs > at) idle.push({ fromMs: at, toMs: Math.min(stretch.fromMs, toMs) })
    at = Math.max(at, stretch.toMs)
  }
  return at < toMs ? [...idle, { fromMs: at, toMs }] : idle
}

/** Round moments to write under a line: about so many, at steps people count in. */
export function ticksOf({ fromMs, toMs }: Stretch, about: number): readonly number[] {
  const least = Math.max(1, (toMs - fromMs) / about)
  const step = tickSteps.find((one) => one >= least) ?? Math.ceil(least / 86_400_000) * 86_400_000
  const first = Math.ceil(fromMs / step) * step
  const count = Math.max(0, Math.floor((toMs - first) / step) + 1)
  return Array.from({ length: count }, (_, at) => first + at * step)
}

const tickSteps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3_600_000),
  ...[1, 2, 7, 30].map((days) => days * 86_400_000),
]
