/** What a probe measured of a cluster while a run went on. All times in milliseconds, moments since 1970. */
export interface Availability {
  /** "" when there was none to measure. */
  readonly cluster: string
  readonly sinceMs: number
  readonly untilMs: number
  /** Within that, when nobody measured: no worker ran, or it was held up itself. */
  readonly notMeasuredMs: number
  readonly writes: Answered
  readonly reads: Answered
  /** Why it gave up before the run was over, as a sentence. */
  readonly stopped?: string
}

/** Requests of one kind. Those before the first that was acknowledged are not counted, and are no gap. */
export interface Answered {
  readonly acknowledged: number
  /** By what became of them: `unreachable`, `noAnswerInTime`, `noLeader`. Others went through other members meanwhile. */
  readonly failed: Readonly<Record<string, number>>
  /** Missing while none was acknowledged. */
  readonly firstMs?: number
  /** The longest time that a request waited for any acknowledgement, through whichever member. */
  readonly longestGapMs: number
  readonly longestGapAtMs?: number
  /** The step that was going on when it began. */
  readonly longestGapDuring?: string
  /** All gaps longer than a second, added up. */
  readonly unavailableMs: number
  /** What was said last while nothing was acknowledged yet. */
  readonly refusal?: string
}

/** What a heartbeat holds, if it holds that. */
export function availabilityIn(details: unknown): Availability | undefined {
  if (typeof details !== 'object' || details === null || !('availability' in details)) return undefined
  const { availability } = details
  return isAvailability(availability) ? availability : undefined
}

/** As far as is needed to tell it from anything else: it comes from our own workers. */
function isAvailability(value: unknown): value is Availability {
  if (typeof value !== 'object' || value === null) return false
  return 'cluster' in value && 'sinceMs' in value && 'writes' in value && 'reads' in value
}

/** From here on a gap counts as time without service: what a client's request may take. */
export const unavailableFromMs = 1000

export const failedOf = ({ failed }: Answered): number =>
  Object.values(failed).reduce((sum, count) => sum + count, 0)

/** For a person: a line for the writes, one for the reads, and one for whatever could not be measured. */
export function availabilityLines(measured: Availability): readonly string[] {
  const { cluster, notMeasuredMs, stopped, writes, reads } = measured
  if (cluster === '' && stopped !== undefined) return [`nothing was measured: ${stopped}`]
  return [
    line('writes', writes, measured),
    line('reads', reads, measured),
    ...(notMeasuredMs >= 100 ? [`not measured: ${seconds(notMeasuredMs)} in which no worker could`] : []),
    ...(stopped === undefined ? [] : [`measured no further: ${stopped}`]),
  ]
}

function line(kind: string, answered: Answered, { sinceMs }: Availability): string {
  const { acknowledged, firstMs, unavailableMs, refusal } = answered
  if (firstMs === undefined)
    return `${kind}: none was acknowledged${refusal === undefined ? '' : `: ${refusal}`}`
  const lead = firstMs - sinceMs
  return [
    `${kind}: longest gap ${gap(answered)}`,
    `unavailable ${unavailableMs === 0 ? 'never' : seconds(unavailableMs)}`,
    `${number(acknowledged)} acknowledged`,
    failures(answered),
    ...(lead > unavailableFromMs ? [`the first after ${seconds(lead)}`] : []),
  ].join(', ')
}

function gap({ longestGapMs, longestGapAtMs, longestGapDuring }: Answered): string {
  if (longestGapMs < noteworthyMs || longestGapAtMs === undefined) return milliseconds(longestGapMs)
  const at = `${new Date(longestGapAtMs).toISOString().slice(11, 19)} UTC`
  const during = longestGapDuring === undefined ? '' : `, during “${longestGapDuring}”`
  return `${milliseconds(longestGapMs)} (at ${at}${during})`
}

/** What is shorter is how long requests take. */
const noteworthyMs = 100

function failures(answered: Answered): string {
  const all = failedOf(answered)
  if (all === 0) return 'none failed'
  const reasons = Object.entries(answered.failed).toSorted(([, a], [, b]) => b - a)
  return `${number(all)} failed (${reasons.map(([reason, count]) => `${number(count)} ${words(reason)}`).join(', ')})`
}

/** `noAnswerInTime` as `no answer in time`. */
const words = (code: string): string => code.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

const milliseconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : seconds(ms))
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
const number = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',')
