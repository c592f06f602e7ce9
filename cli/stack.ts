import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BinaryFinder, createBinaryFinder, type EtcdMinor } from '../lab/binaries.ts'
import { createProcessLab, type Lab } from '../lab/process.ts'
import { startTemporal, type TemporalServer } from '../lab/temporal.ts'
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts'

export interface StackOptions {
  /** Everything lies below it; one stack at a time. */
  readonly directory: string
  readonly etcd: EtcdMinor
  /** How many clusters: the first of three members, the others of one. Default 1. */
  readonly clusters?: number
  readonly environment: NodeJS.ProcessEnv
  readonly say: (line: string) => void
  readonly signal: AbortSignal
  readonly finder?: BinaryFinder
}

/** A lab, a Temporal dev server and a worker between them, all on this machine. */
export interface Stack {
  readonly lab: Lab
  readonly temporal: TemporalServer
  readonly etcdVersion: string
  /** The record that the worker writes. */
  readonly record: string
  /** Where the lab, the logs, the database and the record are. */
  readonly directory: string
  /** Ends everything and proves it. Safe to repeat. */
  stop(): Promise<void>
}

/**
 * Brings everything up; ends whatever it had started when it fails or is interrupted. What a former stack in
 * the same directory left behind, processes and data, is removed first; its record is kept.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { directory, etcd, clusters = 1, environment, say, signal } = options
  const finder = options.finder ?? createBinaryFinder({ onProgress: say })
  const [binaries, temporalBinary] = await interruptible(
    Promise.all([finder.etcd(etcd), finder.temporal()]),
    signal,
  )
  const { etcd: server, etcdctl, etcdutl, version } = binaries
  const lab = await createProcessLab({
    directory: join(directory, 'lab'),
    programs: { etcd: server, etcdctl, etcdutl },
    singles: Array.from({ length: clusters - 1 }, (_, i) => `demo-${i + 2}`),
  })
  const started: { temporal?: TemporalServer; worker?: WorkerProcess; watch?: TemporalWatch } = {}
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> =>
    (stopped ??= (async () => {
      // The worker first, so that it does not complain about what it loses.
      await Promise.all([started.worker?.stop(), started.watch?.stop()])
      await Promise.all([lab.stop(), started.temporal?.stop()])
    })())
  try {
    const more = clusters === 1 ? '' : `, ${clusters - 1} more of one member`
    say(`Starting three etcd ${version} members and a spare host${more}, Temporal, and a worker …`)
    const database = join(directory, 'temporal')
    rmSync(database, { recursive: true, force: true })
    rmSync(join(directory, 'worker.log'), { force: true })
    const temporal = startTemporal({
      binary: temporalBinary.path,
      logFile: join(database, 'temporal.log'),
      databaseFile: join(database, 'temporal.db'),
    }).then((server) => (started.temporal = server))
    // Both are awaited even when one fails or Ctrl-C comes, so that nothing starts behind the back of `stop`.
    const outcomes = await Promise.allSettled([temporal, untilAborted(lab.start(), lab, signal)])
    outcomes.forEach((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason
    })
    const server = await temporal
    started.watch = watchTemporal(server, say)
    const mark = { lab: lab.id, host: 'worker' }
    const { address } = server
    const { inventory } = lab
    started.worker = await startWorkerProcess({
      directory,
      address,
      inventory,
      mark,
      environment: { ...environment, QUORATE_TEMPORAL_UI: server.uiUrl },
      say,
      signal,
    })
    return {
      lab,
      temporal: server,
      etcdVersion: version,
      directory,
      record: join(directory, 'audit', 'record.db'),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface TemporalWatch {
  stop(): Promise<void>
}

/** Starts the server again when it ended by itself: killing it is worth trying. */
function watchTemporal(server: TemporalServer, say: (line: string) => void): TemporalWatch {
  let restarting: Promise<void> | undefined
  const timer = setInterval(() => {
    if (server.pid() !== undefined || restarting !== undefined) return
    say('Temporal ended: starting it again.')
    restarting = server
      .restart()
      .catch((error: unknown) => say(error instanceof Error ? error.message : String(error)))
      .finally(() => (restarting = undefined))
  }, 500)
  return {
    async stop() {
      clearInterval(timer)
      await restarting
    },
  }
}

/** For what has no way to be stopped but ends with this process. */
function interruptible<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const interrupted = (): void => reject(new Error('Interrupted.'))
    if (signal.aborted) interrupted()
    signal.addEventListener('abort', interrupted, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', interrupted))
  })
}

async function untilAborted(start: Promise<void>, lab: Lab, signal: AbortSignal): Promise<void> {
  const abort = (): void => void lab.stop()
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    await start
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
