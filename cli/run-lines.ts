import type { RunSnapshot } from '../client/run.ts'
import type { StepView } from '../workflows/ports.ts'
import { rateMeter } from './rates.ts'

/**
 * A run as one JSON object a line, for machines: each says what has changed since the one before, with `at`, `id` and
 * `phase` always and `steps` only those that changed. `null` means that there is none any more. How the
 * run ended is not said here: the whole of it is the last line (`runJson`).
 */
export function jsonLineWriter(): (run: RunSnapshot, now: number) => object | undefined {
  const rates = rateMeter()
  const steps = new Map<string, string>()
  const said = new Map<string, string>()
  return (run, now) => {
    const changed = (run.status?.view.steps ?? []).filter((step) => isNew(steps, step.step, step))
    const parts: Readonly<Record<string, unknown>> = {
      waiting: run.status?.view.waiting,
      paused: run.status?.paused,
      queuedBehind: run.status?.queuedBehind,
      cancelRequested: run.status?.cancelRequested === true ? true : undefined,
      progress: run.open && run.progress.length > 0 ? rates(run.progress, now) : undefined,
      members: run.sight?.members.map(({ lag: _lag, ...member }) => member),
      availability: run.open ? withoutTime(run.availability) : undefined,
    }
    const news = Object.entries(parts).filter(([name, part]) => isNew(said, name, part ?? null))
    const phase = isNew(said, 'phase', run.phase ?? null)
    if (!phase && changed.length === 0 && news.length === 0) return undefined
    return {
      at: new Date(now).toISOString(),
      id: run.id,
      phase: run.phase,
      ...(changed.length === 0 ? {} : { steps: changed.map(stepJson) }),
      ...Object.fromEntries(news.map(([name, part]) => [name, part ?? null])),
    }
  }
}

/** Whether it is another than what was said before; nothing is said of what was never there. */
function isNew(said: Map<string, string>, name: string, part: unknown): boolean {
  const text = JSON.stringify(part)
  if ((said.get(name) ?? 'null') === text) return false
  said.set(name, text)
  return true
}

/** Its counters and its end change with every look; what is of interest are gaps and failures. */
function withoutTime(availability: RunSnapshot['availability']): unknown {
  if (availability === undefined) return undefined
  const { untilMs: _until, writes, reads, ...rest } = availability
  const part = ({ acknowledged: _acknowledged, ...others }: typeof writes) => others
  return { ...rest, writes: part(writes), reads: part(reads) }
}

const stepJson = ({ step, summary, status, note, startedMs, endedMs }: StepView): object => ({
  step,
  summary,
  status,
  ...(note === undefined || note === '' ? {} : { note }),
  ...(startedMs === undefined ? {} : { startedMs }),
  ...(endedMs === undefined ? {} : { endedMs }),
})
