import { fileURLToPath } from 'node:url'
import { InputError } from '../activities/failure.ts'
import {
  type Configuration,
  ConfigurationError,
  type Environment,
  readConfiguration,
} from './configuration.ts'
import { workerLogger } from './log.ts'
import { type RunningWorker, startWorker, UnreachableError } from './start-worker.ts'

/**
 * Runs a worker until SIGINT or SIGTERM. Returns the exit code: 0 when it was asked to end, 2 for wrong
 * settings or an inventory that cannot be used, 4 when Temporal cannot be reached, 1 when it broke down.
 */
export async function runWorker(environment: Environment = process.env): Promise<number> {
  try {
    const configuration = readConfiguration(environment)
    const worker = await startWorker(configuration, workerLogger(say))
    await untilAsked(worker, configuration)
    return 0
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    return exitCodeOf(error)
  }
}

async function untilAsked(
  worker: RunningWorker,
  { temporal, taskQueue, inventory }: Configuration,
): Promise<void> {
  const stop = (): void => void worker.stop().catch(() => undefined)
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  if (worker.advice !== undefined) say(worker.advice)
  say(
    `Ready: takes runs from the task queue "${taskQueue}" of ${temporal.address} (${temporal.namespace}), inventory ${inventory}.`,
  )
  try {
    await worker.ended
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigurationError || error instanceof InputError) return 2
  return error instanceof UnreachableError ? 4 : 1
}

const say = (line: string): void => void process.stderr.write(`${line}\n`)

// All is closed by then; the socket to a host that lost its power would hold the process up for minutes.
if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await runWorker())
