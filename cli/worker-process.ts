import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDoor, requireWorker } from '../client/door.ts'
import { endWithParent } from '../lab/end-with-parent.ts'
import { logTail } from '../lab/lab-host.ts'
import { packageRoot } from '../lab/layout.ts'
import { endMarked, type Mark, markEnvironment } from '../lab/marker.ts'

export interface WorkerOptions {
  /** Its log, its process number (`worker.pid`) and the record lie here. */
  readonly directory: string
  readonly address: string
  readonly inventory: string
  readonly mark: Mark
  readonly environment: NodeJS.ProcessEnv
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/** A worker as a process of its own, started again whenever it ends by itself: killing it is worth trying. */
export interface WorkerProcess {
  /** Lets what runs come to an end for some seconds. Safe to repeat. */
  stop(): Promise<void>
}

/** Returns when it takes runs. Throws with the end of its log when it does not; nothing is left running then. */
export async function startWorkerProcess(options: WorkerOptions): Promise<WorkerProcess> {
  let stopping = false
  let ended: string | undefined
  const start = (): void => {
    if (stopping) return
    ended = undefined
    launch(options, (how) => {
      ended = how
      if (stopping || !ready) return
      options.say(`The worker ended (${how}): starting it again.`)
      setTimeout(start, RESTART_AFTER_MS)
    })
  }
  let ready = false
  const stop = async (): Promise<void> => {
    stopping = true
    await endMarked(options.mark, GRACE_MS)
  }
  try {
    options.signal.throwIfAborted()
    start()
    await untilReady(options, () => ended)
    ready = true
    return { stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Nothing of the person's own Temporal settings may reach what runs against a server of ours. */
export function onlyServer(environment: NodeJS.ProcessEnv, address: string): NodeJS.ProcessEnv {
  const others = Object.entries(environment).filter(([name]) => !name.startsWith('TEMPORAL_'))
  // An empty file breaks @temporalio/envconfig 1.24, a missing one it takes for none.
  return {
    ...Object.fromEntries(others),
    TEMPORAL_ADDRESS: address,
    TEMPORAL_CONFIG_FILE: '/nonexistent/temporal.toml',
  }
}

const RESTART_AFTER_MS = 500
const GRACE_MS = 5_000
const READY_WITHIN_MS = 60_000

const logFile = ({ directory }: WorkerOptions): string => join(directory, 'worker.log')

function launch(options: WorkerOptions, onEnd: (how: string) => void): void {
  const { directory, address, inventory, mark, environment } = options
  mkdirSync(directory, { recursive: true })
  const log = openSync(logFile(options), 'a')
  const child = spawn(process.execPath, [join(packageRoot(), 'dist', 'worker', 'main.js')], {
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      ...onlyServer(environment, address),
      QUORATE_INVENTORY: inventory,
      QUORATE_STATE: directory,
      ...markEnvironment(mark),
    },
  })
  closeSync(log)
  child.unref()
  const callOff = child.pid === undefined ? () => undefined : endWithParent(child.pid)
  writeFileSync(join(directory, 'worker.pid'), `${child.pid ?? ''}\n`)
  child.once('error', ({ message }) => onEnd(message))
  child.once('exit', (code, signal) => {
    callOff()
    onEnd(`with ${code ?? signal}`)
  })
}

async function untilReady(options: WorkerOptions, ended: () => string | undefined): Promise<void> {
  const { address, signal } = options
  const door = await openDoor({ environment: onlyServer({}, address) })
  const deadline = Date.now() + READY_WITHIN_MS
  try {
    for (;;) {
      signal.throwIfAborted()
      const how = ended()
      if (how !== undefined)
        throw new Error(`The worker did not start: it ended ${how}; ${logTail(logFile(options))}`)
      const ready = await requireWorker(door).then(
        () => true,
        () => false,
      )
      if (ready) return
      if (Date.now() > deadline) {
        throw new Error(
          `The worker was not ready within ${READY_WITHIN_MS / 1000} s; ${logTail(logFile(options))}`,
        )
      }
      await sleep(50)
    }
  } finally {
    await door.close()
  }
}
