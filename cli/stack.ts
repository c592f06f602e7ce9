import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BinaryFinder, createBinaryFinder, type EtcdMinor } from '../lab/binaries.ts'
import { logTail } from '../lab/lab-host.ts'
import { packageRoot } from '../lab/layout.ts'
import { endMarked, markEnvironment } from '../lab/marker.ts'
import { createProcessLab, type Lab } from '../lab/process.ts'
import { startTemporal, type TemporalServer } from '../lab/temporal.ts'

export interface StackOptions {
  /** Everything lies below it; one stack at a time. */
  readonly directory: string
  readonly etcd: EtcdMinor
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
  /** Where the worker writes what it saw and did. */
  readonly evidence: string
  readonly workerLog: string
  /** Ends everything and proves it. Safe to repeat. */
  stop(): Promise<void>
}

/**
 * Brings everything up; ends whatever it had started when it fails or is interrupted. What a former stack in
 * the same directory left behind, processes and data, is removed first; its evidence is kept.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { directory, etcd, say, signal } = options
  const finder = options.finder ?? createBinaryFinder({ onProgress: say })
  const [binaries, temporalBinary] = await interruptible(
    Promise.all([finder.etcd(etcd), finder.temporal()]),
    signal,
  )
  const { etcd: server, etcdctl, etcdutl, version } = binaries
  const lab = await createProcessLab({
    directory: join(directory, 'lab'),
    programs: { etcd: server, etcdctl, etcdutl },
  })
  const started: { temporal?: TemporalServer } = {}
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> =>
    (stopped ??= (async () => {
      // The worker first, so that it does not complain about what it loses; it carries the mark of the lab.
      await endMarked({ lab: lab.id, host: WORKER }, WORKER_GRACE_MS)
      await Promise.all([lab.stop(), started.temporal?.stop()])
    })())
  try {
    say(`Starting three etcd ${version} members and a spare host, Temporal, and a worker …`)
    const database = join(directory, 'temporal')
    rmSync(database, { recursive: true, force: true })
    const temporal = startTemporal({
      binary: temporalBinary.path,
      logFile: join(directory, 'temporal', 'temporal.log'),
      databaseFile: join(database, 'temporal.db'),
    }).then((server) => (started.temporal = server))
    // Both are awaited even when one fails or Ctrl-C comes, so that nothing starts behind the back of `stop`.
    const outcomes = await Promise.allSettled([temporal, untilAborted(lab.start(), lab, signal)])
    outcomes.forEach((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason
    })
    signal.throwIfAborted()
    const server = await temporal
    const workerLog = join(directory, 'worker.log')
    const worker = await startWorker({ ...options, lab, server, workerLog })
    return { lab, temporal: server, etcdVersion: version, evidence: worker.evidence, workerLog, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const WORKER = 'worker'
const WORKER_GRACE_MS = 5_000
const WORKER_READY_WITHIN_MS = 60_000

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

interface WorkerOptions extends StackOptions {
  readonly lab: Lab
  readonly server: TemporalServer
  readonly workerLog: string
}

async function startWorker(options: WorkerOptions): Promise<{ readonly evidence: string }> {
  const { directory, environment, lab, server, workerLog, signal } = options
  signal.throwIfAborted()
  mkdirSync(directory, { recursive: true })
  const log = openSync(workerLog, 'w')
  const child = spawn(process.execPath, [join(packageRoot(), 'dist', 'worker', 'main.js')], {
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      ...environment,
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: server.namespace,
      QUORATE_INVENTORY: lab.inventory,
      QUORATE_STATE: directory,
      ...markEnvironment({ lab: lab.id, host: WORKER }),
    },
  })
  closeSync(log)
  child.unref()
  let ended: string | undefined
  child.once('error', (error) => (ended = error.message))
  child.once('exit', (code, signal) => (ended ??= `it ended with ${code ?? signal}`))
  const { openDoor, requireWorker } = await import('../client/door.ts')
  const door = await openDoor({ environment: {}, fallbackAddress: server.address })
  try {
    const deadline = Date.now() + WORKER_READY_WITHIN_MS
    for (;;) {
      signal.throwIfAborted()
      if (ended !== undefined) throw new Error(`The worker did not start (${ended}); ${logTail(workerLog)}`)
      const ready = await requireWorker(door).then(
        () => true,
        () => false,
      )
      if (ready) return { evidence: join(directory, 'evidence') }
      if (Date.now() > deadline)
        throw new Error(
          `The worker was not ready within ${WORKER_READY_WITHIN_MS / 1000} s; ${logTail(workerLog)}`,
        )
      await sleep(50)
    }
  } finally {
    await door.close()
  }
}
