import type { RunSnapshot } from '../client/run.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** The exit code that says how a run stands. */
export function codeOf({ open, ending }: RunSnapshot): ExitCode {
  if (open) return exitCodes.waiting
  if (ending === undefined) return exitCodes.failed
  if (ending.phase === 'done') return exitCodes.done
  if (ending.type === 'InputError') return exitCodes.usage
  return ending.type === 'ClusterLocked' ? exitCodes.locked : exitCodes.failed
}

/** A run as `--json` prints it. Times are ISO UTC. */
export function runJson(run: RunSnapshot): object {
  const { id, runbook, phase, open, by, cluster, link, startedMs, endedMs, status, ending, progress } = run
  const { sight, availability } = run
  const time = (ms: number) => new Date(ms).toISOString()
  return {
    id,
    runbook,
    phase,
    open,
    by,
    cluster,
    link,
    started: time(startedMs),
    ended: endedMs === undefined ? undefined : time(endedMs),
    inputs: status?.inputs,
    steps: status?.view.steps,
    hash: status?.run.hash,
    waiting: status?.view.waiting,
    decisions: status?.decisions,
    paused: status?.paused,
    queuedBehind: status?.queuedBehind,
    progress: open ? progress : undefined,
    members: open ? sight?.members : undefined,
    availability,
    result: ending?.phase === 'done' ? ending.result : undefined,
    failure: ending === undefined || ending.phase === 'done' ? undefined : ending,
  }
}
