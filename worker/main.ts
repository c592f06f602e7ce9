import { fileURLToPath } from 'node:url'
import { InputError } from '../activities/failure.ts'
import { secrets } from '../activities/redact/secrets.ts'
import { StoreError } from '../audit/store.ts'
import {
  type Configuration,
  ConfigurationError,
  type Environment,
  readConfiguration,
} from './configuration.ts'
import { learnSettings } from './known-secrets.ts'
import { workerLogger } from './log.ts'
import { type RunningWorker, startWorker, UnreachableError } from './start-worker.ts'

/**
 * Runs a worker until SIGINT or SIGTERM. Returns the exit code: 0 when it was asked to end, 2 for wrong
 * settings, or an inventory or a record that cannot be used, 4 when Temporal cannot be reached, 1 when it broke down.
 */
export async function runWorker(environment: Environment = process.env): Promise<number> {
  try {
    const configuration = readConfiguration(environment)
    learnSettings(environment, configuration)
    if (configuration.breakGlass !== undefined) say(bypassing(configuration.breakGlass))
    const worker = await startWorker(configuration, workerLogger(say), say)
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
  if (error instanceof ConfigurationError || error instanceof InputError || error instanceof StoreError)
    return 2
  return error instanceof UnreachableError ? 4 : 1
}

const say = (line: string): void => void process.stderr.write(`${secrets.text(line)}\n`)

const bypassing = (reason: string): string =>
  `QUORATE_AUDIT_BREAK_GLASS IS SET (${reason}): while the record cannot be written, runs go on WITHOUT it. What happens is held back, and is put on record with that reason. Take the setting away as soon as the record can be written.`

// All is closed by then; the socket to a host that lost its power would hold the process up for minutes.
if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await runWorker())
