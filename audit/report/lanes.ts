import { commandLine } from './lines.ts'
import type { Call, DecisionReport, Report, StepReport, Try } from './model.ts'
import { type Scale, scaleOf, type Stretch } from './scale.ts'

/** One line of the timeline: a host, the steps that name none, or people who were waited for. */
export interface Lane {
  readonly name: string
  readonly kind: 'steps' | 'host' | 'people'
  /** Rows below each other, so that nothing covers what went on at the same time. */
  readonly rows: readonly (readonly Bar[])[]
}

export interface Bar extends Stretch {
  /** A person's decision, a whole step, or a command or call within one. */
  readonly kind: 'waiting' | 'step' | 'call'
  readonly status: Try['status'] | Call['status'] | 'waiting'
  readonly effect?: string
  readonly label: string
}

export interface Timeline {
  readonly whole: Stretch
  readonly scale: Scale
  readonly lanes: readonly Lane[]
}

export function timelineOf({ answer, steps, decisions }: Report): Timeline {
  const bars = { steps: steps.flatMap(stepBars), calls: callBars(steps) }
  const waits = decisions.flatMap((one) => waitBars(one, answer.endedMs))
  const all = [...bars.steps, ...[...bars.calls.values()].flat()]
  const ends = [...all, ...waits].flatMap(({ fromMs, toMs }) => [fromMs, toMs])
  const whole = {
    fromMs: ends.reduce((least, ms) => Math.min(least, ms), answer.startedMs),
    toMs: ends.reduce((most, ms) => Math.max(most, ms), answer.endedMs),
  }
  const hosts = [...bars.calls.keys()].toSorted(byName.compare)
  return {
    whole,
    scale: scaleOf(whole, all),
    lanes: [
      { name: 'steps', kind: 'steps' as const, rows: rowsOf(bars.steps) },
      ...hosts.map((name) => ({ name, kind: 'host' as const, rows: rowsOf(bars.calls.get(name) ?? []) })),
      { name: 'people', kind: 'people' as const, rows: rowsOf(waits) },
    ].filter(({ rows }) => rows.length > 0),
  }
}

const byName = new Intl.Collator('en', { numeric: true })

const stepBars = ({ step, summary, action, effect, tries }: StepReport): readonly Bar[] =>
  tries.map(({ startedMs, endedMs, status }) => ({
    ...{
      kind: 'step',
      fromMs: startedMs,
      toMs: endedMs ?? startedMs,
      status,
      label: summary ?? `${step}: ${action}`,
    },
    ...(effect === undefined ? {} : { effect }),
  }))

/** A look that ends with 1 because something is not there is no failure of a try that went well. */
const statusOf = (call: Call, tried: Try['status']): Bar['status'] =>
  call.status === 'failed' && (tried === 'done' || tried === 'found') ? 'done' : call.status

/** By host: what was run or asked there. What has no end on record is drawn as far as its try went on. */
function callBars(steps: readonly StepReport[]): ReadonlyMap<string, readonly Bar[]> {
  const lanes = new Map<string, Bar[]>()
  for (const { step, effect, tries } of steps) {
    for (const [at, { endedMs, status, calls }] of tries.entries()) {
      const leftMs = endedMs ?? tries[at + 1]?.startedMs
      for (const call of calls) {
        if (call.host === undefined) continue
        const lane = lanes.get(call.host) ?? []
        lanes.set(call.host, lane)
        lane.push({
          ...{ kind: 'call', fromMs: call.startedMs, status: statusOf(call, status) },
          toMs: call.endedMs ?? leftMs ?? call.startedMs,
          label: `${step}: ${commandLine(call)}`,
          ...(effect === undefined ? {} : { effect }),
        })
      }
    }
  }
  return lanes
}

function waitBars(
  { askedMs, settledMs, what, step, summary }: DecisionReport,
  endedMs: number,
): readonly Bar[] {
  if (askedMs === undefined) return []
  const label = `${what === 'approval' || what === 'manual' ? what : 'decision'}: ${summary ?? step ?? ''}`
  return [{ kind: 'waiting', status: 'waiting', fromMs: askedMs, toMs: settledMs ?? endedMs, label }]
}

const mostRows = 6

/** Each into the first row that is free by then; what finds none in the last row, on top of others. */
function rowsOf(bars: readonly Bar[]): readonly (readonly Bar[])[] {
  const rows: Bar[][] = []
  for (const bar of bars.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const free = rows.find((row) => (row.at(-1)?.toMs ?? 0) <= bar.fromMs)
    if (free !== undefined) free.push(bar)
    else if (rows.length < mostRows) rows.push([bar])
    else rows.at(-1)?.push(bar)
  }
  return rows
}
