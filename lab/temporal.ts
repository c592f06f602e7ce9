import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import { endWithParent } from './end-with-parent.ts'
import { allocatePorts, isListening } from './ports.ts'

export interface TemporalOptions {
  /** The Temporal CLI, see `createBinaryFinder`. */
  readonly binary: string
  /** What the server prints is appended here; the folder is made. */
  readonly logFile: string
  /** Keeps the runs over a restart; without it they end with the process. The folder is made. */
  readonly databaseFile?: string
  /** Default: free ports. Given ones must be free. */
  readonly port?: number
  readonly uiPort?: number
  /** How long the server may take until it answers. Default 60 s: a busy laptop takes much longer than the usual 2 to 5 s. */
  readonly startTimeoutMs?: number
}

/** A Temporal dev server of this process, on 127.0.0.1, with the namespace `default`. */
export interface TemporalServer {
  /** `127.0.0.1:PORT`, as `TEMPORAL_ADDRESS` and clients want it. The same after a restart. */
  readonly address: string
  readonly uiUrl: string
  readonly namespace: 'default'
  readonly logFile: string
  /** The running process, or undefined when it has ended. */
  pid(): number | undefined
  /** Ends it and frees its ports: SIGTERM, and SIGKILL after 10 s. Safe to repeat. */
  stop(): Promise<void>
  /** As a crash: SIGKILL, and returns when the process is gone. The ports stay reserved for `restart`. */
  kill9(): Promise<void>
  /** Starts it again on the same ports and database, ending it first if it runs; returns when it answers. */
  restart(): Promise<void>
}

/**
 * Starts a Temporal dev server and returns when it really answers. Throws with the end of its log when it
 * ends before that or takes too long; nothing is left running then.
 * The caller stops it. It runs in a session of its own, so that Ctrl-C in the terminal does not end it before
 * what depends on it; if this process dies without `stop`, it ends too.
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  // Left to itself the server picks two more ports from the ephemeral ones, which may be taken by then.
  const lease = await allocatePorts(4)
  const [freePort = 0, freeUiPort = 0, httpPort = 0, metricsPort = 0] = lease.ports
  const ports: Ports = {
    port: options.port ?? freePort,
    uiPort: options.uiPort ?? freeUiPort,
    httpPort,
    metricsPort,
  }
  const address = `${LOOPBACK}:${ports.port}`
  let running: Running | undefined
  const start = async () => {
    running = launch(options, ports)
    try {
      await untilAnswers(running, { address, ports, options })
    } catch (error) {
      await end(running, 'SIGKILL')
      throw error
    }
  }
  try {
    await start()
  } catch (error) {
    lease.release()
    throw error
  }
  return {
    address,
    uiUrl: `http://${LOOPBACK}:${ports.uiPort}`,
    namespace: 'default',
    logFile: options.logFile,
    pid: () => (running !== undefined && lives(running.child) ? running.child.pid : undefined),
    async stop() {
      if (running !== undefined) await end(running, 'SIGTERM')
      lease.release()
    },
    async kill9() {
      if (running !== undefined) await end(running, 'SIGKILL')
    },
    async restart() {
      if (running !== undefined) await end(running, 'SIGTERM')
      await start()
    },
  }
}

interface Ports {
  readonly port: number
  readonly uiPort: number
  readonly httpPort: number
  readonly metricsPort: number
}

interface Running {
  readonly child: ChildProcess
  readonly exited: Promise<void>
  /** Why it could not be started at all. */
  readonly problem: () => string | undefined
}

const LOOPBACK = '127.0.0.1'
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 10_000
const LOG_TAIL_LINES = 15

function launch(options: TemporalOptions, ports: Ports): Running {
  mkdirSync(dirname(options.logFile), { recursive: true })
  if (options.databaseFile !== undefined) mkdirSync(dirname(options.databaseFile), { recursive: true })
  const log = openSync(options.logFile, 'a')
  const child = spawn(options.binary, serverArguments(options, ports), {
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const callOff = child.pid === undefined ? () => undefined : endWithParent(child.pid)
  let problem: string | undefined
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      problem = error.message
      resolve()
    })
    child.once('exit', () => {
      callOff()
      resolve()
    })
  })
  return { child, exited, problem: () => problem }
}

function serverArguments({ databaseFile }: TemporalOptions, ports: Ports): readonly string[] {
  return [
    'server',
    'start-dev',
    `--ip=${LOOPBACK}`,
    `--port=${ports.port}`,
    `--ui-port=${ports.uiPort}`,
    `--http-port=${ports.httpPort}`,
    `--metrics-port=${ports.metricsPort}`,
    ...(databaseFile === undefined ? [] : [`--db-filename=${databaseFile}`]),
  ]
}

async function untilAnswers(
  running: Running,
  { address, ports, options }: { address: string; ports: Ports; options: TemporalOptions },
): Promise<void> {
  const timeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS
  const deadline = Date.now() + timeoutMs
  while (Date.now() < deadline) {
    if (!lives(running.child)) {
      // Of a program that could not be started at all, the reason comes an instant later.
      await running.exited
      throw new Error(didNotStart(running, address, options))
    }
    // Asked first, because the client takes seconds to see that nobody listens.
    if ((await isListening(ports.port)) && (await answers(address))) return
    await sleep(100)
  }
  throw new Error(
    `The Temporal dev server on ${address} did not answer within ${timeoutMs / 1000} s; ${logTail(options.logFile)}`,
  )
}

/** An answer about the namespace says more than an open port: runs can be started from then on. */
async function answers(address: string): Promise<boolean> {
  // Without the interceptor that tries again: its timer would outlive the connection.
  const connection = Connection.lazy({ address, tls: false, interceptors: [] })
  try {
    await connection.withDeadline(Date.now() + 2_000, () =>
      connection.workflowService.describeNamespace({ namespace: 'default' }),
    )
    return true
  } catch {
    return false
  } finally {
    await connection.close()
  }
}

function lives(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

async function end({ child, exited }: Running, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (!lives(child)) return
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await exited
  clearTimeout(timer)
}

function didNotStart(
  { child, problem }: Running,
  address: string,
  { binary, logFile }: TemporalOptions,
): string {
  const reason = problem() ?? `it ended with ${child.exitCode ?? child.signalCode}`
  return `The Temporal dev server (${binary}) did not start on ${address}: ${reason}; ${logTail(logFile)}`
}

function logTail(logFile: string): string {
  let lines: readonly string[] = []
  try {
    lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES)
  } catch {
    // The sentence below says that there is nothing.
  }
  if (lines.join('').trim() === '') return `its log ${logFile} is empty.`
  return `its log ${logFile} ends with:\n${lines.join('\n')}`
}
