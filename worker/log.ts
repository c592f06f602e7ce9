import { DefaultLogger, type LogEntry, type Logger } from '@temporalio/worker'

/** What a worker has to say, a line each, without stack traces: what went wrong is kept in the run. */
export function workerLogger(write: (line: string) => void, level: 'INFO' | 'WARN' = 'WARN'): Logger {
  return new DefaultLogger(level, (entry) => write(lineOf(entry)))
}

type Meta = { readonly workflowId?: unknown; readonly activityType?: unknown; readonly error?: unknown }

function lineOf({ level, timestampNanos, message, meta }: LogEntry): string {
  const at = new Date(Number(timestampNanos / 1_000_000n)).toISOString()
  const { workflowId, activityType, error }: Meta = { ...meta }
  const about = [workflowId, activityType].filter((part) => typeof part === 'string').join(' ')
  const reason = error instanceof Error ? `: ${error.message}` : ''
  return `${at} ${level} ${message}${about === '' ? '' : ` (${about})`}${reason}`.replace(/\s*\n\s*/g, ' ')
}
