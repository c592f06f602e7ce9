import type { RunSnapshot } from '../client/run.ts'
import type { StepView } from '../workflows/ports.ts'
import { nobodyAnswers, renderView, stepLine, type ViewOptions } from './view.ts'

/**
 * A run as lines that are only ever appended, for logs: the head once, each step once it is over (or has been
 * going on for some seconds), and whatever it waits for or ended with. Each call gives the lines not yet said.
 */
export function lineWriter(): (run: RunSnapshot, options: ViewOptions) => readonly string[] {
  // What is never worth a line counts as said.
  const said = new Set<string>(['-'])
  const fresh = (key: string): boolean => !said.has(key) && said.add(key).size > 0
  return (run, options) => {
    const [head = '', ...frame] = renderView({ ...run, ...withoutSteps(run) }, options)
    const steps = run.status?.view.steps ?? []
    return [
      ...(fresh('head') ? [head] : []),
      ...steps
        .filter((step) => fresh(stateOf(step, options.now)))
        .toSorted(byTime)
        .map((step) => stepLine(step, '', options)),
      ...(fresh(situationOf(run, options)) ? frame.slice(1) : []),
    ]
  }
}

const LONG_MS = 3_000

/** As they came to their end; a group after what it consists of. */
function byTime(left: StepView, right: StepView): number {
  if (left.endedMs === undefined || right.endedMs === undefined) return 0
  return left.endedMs - right.endedMs || right.depth - left.depth
}

function withoutSteps({ status }: RunSnapshot): Partial<RunSnapshot> {
  return status === undefined ? {} : { status: { ...status, view: { ...status.view, steps: [] } } }
}

/** What is said of a step at most once; `-` for what is not worth a line yet. */
function stateOf({ step, status, startedMs, endedMs }: StepView, now: number): string {
  if (status === 'pending') return '-'
  const long = status === 'running' && startedMs !== undefined && now - startedMs > LONG_MS
  if (status === 'running') return long ? `${step} running` : '-'
  return `${step} ${status} ${endedMs ?? ''}`
}

function situationOf(run: RunSnapshot, { unreachableSinceMs }: ViewOptions): string {
  const { waiting } = run.status?.view ?? {}
  if (unreachableSinceMs !== undefined) return `unreachable ${unreachableSinceMs}`
  if (run.ending !== undefined) return 'ending'
  if (nobodyAnswers(run)) return 'no worker'
  if (waiting !== undefined) return `waiting ${waiting.sinceMs}`
  if (run.status?.paused !== undefined) return `paused ${run.status.paused.sinceMs}`
  if (run.status?.queuedBehind !== undefined) return `queued ${run.status.queuedBehind.run}`
  return '-'
}
