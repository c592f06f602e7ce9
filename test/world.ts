import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, WorkflowHandle } from '@temporalio/client'
import { parse } from 'yaml'
import { type Door, openDoor } from '../client/door.ts'
import { createBinaryFinder, type EtcdMinor } from '../lab/binaries.ts'
import { createEtcdClient, type EtcdTls } from '../lab/etcd-client.ts'
import { type Lab, startProcessLab } from '../lab/process.ts'
import { startTemporal, type TemporalServer } from '../lab/temporal.ts'
import { fill, startWriter, type Writer } from '../lab/writer.ts'
import type { RunMemo, RunResult, RunStatus } from '../workflows/doors.ts'

const root = resolve(__dirname, '..')

/** A cluster, a Temporal server and a worker, all real, for one test file. */
export interface World {
  readonly lab: Lab
  readonly temporal: TemporalServer
  readonly door: Door
  readonly directory: string
  /** Environment of everything that is to find this world: workers, the command line. */
  readonly environment: Readonly<Record<string, string>>
  readonly worker: WorkerProcess
  /** Client endpoints of every host, as `HOST:PORT`. */
  readonly endpoints: readonly string[]
  start(inputs: Inputs, memo?: RunMemo): Promise<Started>
  close(): Promise<void>
}

export type Inputs = Readonly<Record<string, unknown>>

export interface Started {
  readonly id: string
  readonly handle: WorkflowHandle
  status(): Promise<RunStatus>
  result(): Promise<RunResult>
}

export interface WorldOptions {
  readonly version?: EtcdMinor
  readonly spares?: number
  readonly members?: number
  /** Bytes of keys put in before anything else, for copies that take a while. */
  readonly ballastBytes?: number
  /** More settings of the worker, and of whatever else is to find this world. */
  readonly settings?: Readonly<Record<string, string>>
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { version = '3.6', spares = 1, members = 3, ballastBytes = 0, settings = {} } = options
  const directory = mkdtempSync(join(tmpdir(), 'quorate-world-'))
  const closers: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers.toReversed()) await closer()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const finder = createBinaryFinder()
    const [etcd, temporalBinary] = [await finder.etcd(version), await finder.temporal()]
    const lab = await startProcessLab({ directory: join(directory, 'lab'), programs: etcd, members, spares })
    closers.push(() => lab.stop())
    const temporal = await startTemporal({
      binary: temporalBinary.path,
      logFile: join(directory, 'temporal.log'),
      databaseFile: join(directory, 'temporal.db'),
    })
    closers.push(() => temporal.stop())
    const environment = {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      QUORATE_INVENTORY: lab.inventory,
      QUORATE_STATE: join(directory, 'state'),
      QUORATE_HEARTBEAT_TIMEOUT: '2s',
      QUORATE_TEMPORAL_UI: temporal.uiUrl,
      ...settings,
    }
    const worker = workerProcess(environment, directory)
    await worker.start()
    closers.push(() => worker.stop())
    const door = await openDoor({ environment: { ...process.env, ...environment } })
    closers.push(() => door.close())
    const endpoints = lab.hosts.map(({ address, clientPort }) => `${address}:${clientPort}`)
    if (ballastBytes > 0) await putBallast({ endpoints }, ballastBytes)
    const start = (inputs: Inputs, memo?: RunMemo) => startRun(door, 'etcd-migrate-node', inputs, memo)
    return { lab, temporal, door, directory, environment, worker, endpoints, start, close }
  } catch (error) {
    await close()
    throw error
  }
}

let runNumber = 0

export async function startRun(
  door: Door,
  runbook: string,
  inputs: Inputs,
  memo: RunMemo = { by: 'test' },
): Promise<Started> {
  const id = `test-${process.pid}-${++runNumber}`
  const handle = await door.client.workflow.start(runbook, {
    workflowId: id,
    taskQueue: 'quorate',
    args: [inputs],
    memo: { ...memo },
  })
  return {
    id,
    handle,
    status: () => handle.query<RunStatus>('status'),
    result: () => resultOf(handle, door.client),
  }
}

/** The run's result. A run that waits for a person instead fails the test at once, saying why. */
async function resultOf(handle: WorkflowHandle, client: Client): Promise<RunResult> {
  const over = { yes: false }
  const left = new AbortController()
  let asking: Promise<RunStatus | undefined> = Promise.resolve(undefined)
  const watch = async (): Promise<never> => {
    while (!over.yes) {
      asking = handle.query<RunStatus>('status').catch(() => undefined)
      const status = await asking
      const waiting = status?.view.waiting
      if (waiting) throw new Error(`The run waits: ${waiting.failure.summary}: ${waiting.failure.message}`)
      await sleep(200)
    }
    return new Promise(() => undefined)
  }
  const result: Promise<RunResult> = client.withAbortSignal(left.signal, () => handle.result())
  try {
    return await Promise.race([result, watch()])
  } finally {
    over.yes = true
    left.abort()
    // A question that is still under way when its connection closes is an error of its own, in whatever runs then.
    await Promise.allSettled([asking, result])
  }
}

export interface WorkerProcess {
  pid(): number | undefined
  start(): Promise<void>
  /** `kill -9`. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/** The built worker as a process of its own; its log is `worker.log` in the directory. */
export function workerProcess(
  environment: Readonly<Record<string, string>>,
  directory: string,
): WorkerProcess {
  let child: ChildProcess | undefined
  const log = createWriteStream(join(directory, 'worker.log'), { flags: 'a' })
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child
    child = undefined
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
    const gone = new Promise((done) => ending.once('exit', done))
    ending.kill(signal)
    await gone
  }
  return {
    async start() {
      const starting = spawn(process.execPath, [join(root, 'dist/worker/main.js')], {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      child = starting
      let said = ''
      const hear = (chunk: Buffer): void => {
        said += chunk.toString()
        log.write(chunk)
      }
      starting.stdout.on('data', hear)
      starting.stderr.on('data', hear)
      await until('the worker to say it is ready', () => {
        if (starting.exitCode !== null) throw new Error(`The worker ended at once: ${said}`)
        return /ready|listening|polling/i.test(said)
      })
    },
    pid: () => child?.pid,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}

/** Waits until `holds`, asking every few milliseconds; fails after `timeoutMs` saying what it waited for. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
  everyMs = 10,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms for ${what}.`)
    await sleep(everyMs)
  }
}

/** Where a cluster is asked: `HOST:PORT` of all that are or may become members, and how to show oneself to them. */
export interface Asked {
  readonly endpoints: readonly string[]
  readonly tls?: EtcdTls
}

/** Makes the database so large, by keys of 64 KiB. */
export async function putBallast({ endpoints, tls }: Asked, bytes: number): Promise<void> {
  const client = createEtcdClient(endpoints[0] ?? '', tls)
  try {
    const value = 'x'.repeat(64 * 1024)
    const perCall = 16
    for (let i = 0; i < bytes / value.length / perCall; i++)
      await client.putAll(Array.from({ length: perCall }, (_, j) => [`ballast/${i}/${j}`, value] as const))
  } finally {
    client.close()
  }
}

/** A client that writes through every host while `work` runs; afterwards nothing acknowledged may be lost. */
export async function whileWriting<Result>(
  world: Asked,
  work: (writer: Writer) => Promise<Result>,
  pace: { readonly workers?: number; readonly pauseMs?: number } = { workers: 2, pauseMs: 20 },
) {
  const { endpoints, tls } = world
  await fill(await liveEndpoints(world), 500, 'fill/', tls)
  const prefix = `writer-${Date.now()}/`
  const writer = startWriter({ ...pace, endpoints, prefix, ...(tls && { tls }) })
  let result: Result
  try {
    result = await work(writer)
  } finally {
    await writer.stop()
  }
  const figures = writer.figures()
  const { acknowledged, lost } = await verified(world, writer)
  return { result, figures, acknowledged, lost }
}

/** What was lost of what the writer was told is written, as a member says that answers for the quorum. */
export const verified = (world: Asked, writer: Writer): ReturnType<Writer['verify']> =>
  onceAnswered('what was written to be read', async () => {
    const [endpoint = ''] = await liveEndpoints(world)
    return writer.verify(endpoint)
  })

export interface MemberNow {
  readonly endpoint: string
  readonly memberId: string
  readonly leader: string
  readonly hash: number
}

/** Every member that answers, with the hash of its keys at one revision that all of them have. Waits out an election. */
export const membersNow = (world: Asked): Promise<MemberNow[]> =>
  onceAnswered('the members to answer', () => askMembers(world))

/** What `ask` gives, asked again while it throws: during an election a member answers nobody. 30 s at most. */
export async function onceAnswered<Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
  let answer: { readonly is: Answer } | undefined
  let reason: unknown
  const asked = async (): Promise<boolean> => {
    try {
      answer = { is: await ask() }
    } catch (error) {
      reason = error
    }
    return answer !== undefined
  }
  await until(what, asked, 30_000, 100).catch((error: Error) => {
    throw new Error(`${error.message} The last try said: ${String(reason)}`)
  })
  if (answer === undefined) throw new Error(`${what}: no answer`)
  return answer.is
}

async function askMembers(world: Asked): Promise<MemberNow[]> {
  const endpoints = await liveEndpoints(world)
  const clients = endpoints.map((endpoint) => createEtcdClient(endpoint, world.tls))
  try {
    const [first] = clients
    if (first === undefined) throw new Error('no member answers')
    const { revision } = await first.keys('', 1)
    return await Promise.all(
      clients.map(async (client) => {
        const [status, { hash }] = [await client.status(), await client.hash(revision)]
        return { endpoint: client.endpoint, memberId: status.memberId, leader: status.leader, hash }
      }),
    )
  } finally {
    clients.forEach((client) => client.close())
  }
}

/** Those that answer for themselves now. */
export async function liveEndpoints(world: Asked): Promise<string[]> {
  const answers = await Promise.all(
    world.endpoints.map(async (endpoint) => {
      const client = createEtcdClient(endpoint, world.tls)
      try {
        await client.status()
        return [endpoint]
      } catch {
        return []
      } finally {
        client.close()
      }
    }),
  )
  return answers.flat()
}

/** A lab's hosts and inventory. */
export interface Whereabouts {
  readonly lab: {
    readonly inventory: string
    host(name: string): { readonly address: string; readonly clientPort: number }
  }
}

/** Member names by endpoint, and the host without a member, by the inventory as it is now. */
export function whoIsWhere(world: Whereabouts) {
  const { clusters } = parse(inventoryText(world)) as {
    clusters: Record<string, { members: Record<string, string>; spares?: string[] }>
  }
  const { members, spares = [] } = clusters['demo'] ?? { members: {} }
  const endpointOf = (host: string): string => {
    const { address, clientPort } = world.lab.host(host)
    return `${address}:${clientPort}`
  }
  const [name = ''] = spares
  return {
    hosts: members,
    members: new Map(Object.entries(members).map(([member, host]) => [endpointOf(host), member])),
    free: { name, endpoint: name === '' ? '' : endpointOf(name) },
  }
}

export const inventoryText = (world: Whereabouts): string => readFileSync(world.lab.inventory, 'utf8')

/** Name of the member that leads. */
export const leaderNow = (world: Asked & Whereabouts): Promise<string> =>
  onceAnswered('a leader', async () => {
    const leading = (await askMembers(world)).find(({ memberId, leader }) => memberId === leader)
    const name = whoIsWhere(world).members.get(leading?.endpoint ?? '')
    if (name === undefined) throw new Error('none of those that answer leads')
    return name
  })

/** Members in the order in which runbooks take them out of service: followers by name, the leader last. */
export async function turnsNow(world: Asked & Whereabouts): Promise<readonly string[]> {
  const leader = await leaderNow(world)
  const followers = Object.keys(whoIsWhere(world).hosts).filter((name) => name !== leader)
  return [...followers.toSorted(), leader]
}

export interface JobRecord {
  readonly host: string
  readonly job: string
  /** How many times it was started, by the host's own record. */
  readonly starts: number
  /** Exit codes of its tries, in order. */
  readonly codes: readonly number[]
}

/** The job records that the hosts themselves hold of a run. */
export function jobsOf(world: World, runKey: string): JobRecord[] {
  return world.lab.hosts.flatMap(({ name, layout }) => {
    const jobs = join(layout.workDir, 'jobs')
    if (!existsSync(jobs)) return []
    return readdirSync(jobs)
      .filter((job) => job.startsWith(runKey))
      .map((job) => ({ host: name, job, ...recordOf(join(jobs, job)) }))
  })
}

function recordOf(directory: string): { starts: number; codes: number[] } {
  const lines = (file: string): string[] =>
    existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  const tries = readdirSync(directory).filter((name) => /^\d+$/.test(name))
  return {
    starts: lines(join(directory, 'started')).length,
    codes: tries
      .flatMap((name) => lines(join(directory, name, 'code')))
      .map((line) => Number(line.split(' ')[0])),
  }
}

/** What lies on the hosts and who is a member: equal before and after means that nothing was changed. */
export async function footprint(world: World): Promise<unknown> {
  const members = await membersNow(world)
  const files = world.lab.hosts.map(({ name, layout }) => ({
    name,
    data: listing(dirname(layout.dataDir)),
    environment: existsSync(layout.environment) ? readFileSync(layout.environment, 'utf8') : '',
    disabled: existsSync(layout.disabled),
  }))
  return { members: members.map(({ endpoint, memberId }) => ({ endpoint, memberId })), files }
}

const listing = (directory: string): string[] =>
  existsSync(directory) ? readdirSync(directory).toSorted() : []

/** A text among a run's outputs. */
export function textOf(output: unknown): string {
  if (typeof output !== 'string') throw new Error(`This output is no text: ${JSON.stringify(output)}`)
  return output
}
