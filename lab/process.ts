import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { bootEtcd, signalEtcd, untilHealthy } from './etcd-on-host.ts'
import { type HostPrograms, type LabHostSetup, markOfHost, runOnHost, startSsh } from './lab-host.ts'
import type { LabCluster, LabHostFacts } from './lab-inventory.ts'
import { hostLayout, type LabLayout, labLayout, packageRoot } from './layout.ts'
import { type HeldLock, tryLock } from './lock.ts'
import { endMarked, findMarked, type MarkedProcess } from './marker.ts'
import { allocatePorts } from './ports.ts'
import { prepareLab } from './prepare.ts'

export interface ProcessLabOptions {
  /** Made when missing; emptied when a former lab lies there; refused when it holds anything else. */
  readonly directory: string
  /** What runs on the hosts, see `createBinaryFinder`. */
  readonly programs: HostPrograms
  /** Default 3. */
  readonly members?: number
  /** Hosts without a member. Default 1. */
  readonly spares?: number
  /** Name of the cluster in the inventory. Default `demo`. */
  readonly cluster?: string
  /** More clusters, by name: one member each, on the hosts after the spares. */
  readonly singles?: readonly string[]
  /** More variables for each member's environment file, `ETCD_SNAPSHOT_COUNT` say. */
  readonly environment?: Readonly<Record<string, string>>
  /** The SSH server's program. Default: the built one of this package. */
  readonly sshServer?: string
  /** Told what is going on, one line at a time. */
  readonly onProgress?: (line: string) => void
}

/** A cluster on this machine for trying, testing and measuring: hosts h1, h2, …, members etcd-1, etcd-2, … */
export interface Lab {
  /** The mark that all its processes carry in `QUORATE_LAB`. */
  readonly id: string
  readonly directory: string
  readonly cluster: string
  readonly inventory: string
  /** Member name to host name, as the lab was started; runs may move members since. */
  readonly members: Readonly<Record<string, string>>
  readonly spares: readonly string[]
  readonly hosts: readonly LabHostFacts[]
  host(name: string): LabHostFacts
  /** Returns when the cluster is healthy; throws when it cannot be, with the ends of the logs. Nothing runs then. */
  start(): Promise<void>
  /** Ends every process of the lab and proves it. May be called at any moment, a half-done start included, and again. */
  stop(): Promise<void>
  /** What still runs. */
  processes(): Promise<readonly MarkedProcess[]>
  /** Runs a program of the host's `bin`. */
  run(
    host: string,
    program: string,
    args?: readonly string[],
  ): Promise<{ readonly code: number; readonly output: string }>
  /** `kill -9` of the host's etcd; returns when it is gone. */
  kill(host: string): Promise<void>
  /** Stops the host's etcd in its tracks, as a hung disk would, until `thaw`. */
  freeze(host: string): Promise<void>
  thaw(host: string): Promise<void>
  /** Cuts every SSH connection to the host, as a broken link would; new ones are let in. */
  cutSsh(host: string): void
  /** As if the power went: everything on the host is killed. */
  stopHost(host: string): Promise<void>
  /** Boots it: SSH, and etcd if it is configured and not disabled. */
  startHost(host: string): Promise<void>
}

export async function startProcessLab(options: ProcessLabOptions): Promise<Lab> {
  const lab = await createProcessLab(options)
  await lab.start()
  return lab
}

/**
 * Takes the directory for a lab of this process and ends what a former lab left running there.
 * Throws when another living process has its lab there, or when the directory holds something else.
 */
export async function createProcessLab(options: ProcessLabOptions): Promise<Lab> {
  mkdirSync(options.directory, { recursive: true })
  const layout = labLayout(realpathSync(options.directory))
  const lock = takeDirectory(layout)
  try {
    // Told by the place alone, so that strays are found even when their lab's files are gone.
    const id = createHash('sha256').update(layout.directory).digest('hex').slice(0, 12)
    await endMarked({ lab: id })
    clear(layout)
    const { members = 3, spares = 1, singles = [] } = options
    const lease = await allocatePorts(3 * (members + spares + singles.length))
    return processLab({ options, layout, id, hosts: hostFacts(layout, lease.ports), lock, lease })
  } catch (error) {
    lock.release()
    throw error
  }
}

interface Making {
  readonly options: ProcessLabOptions
  readonly layout: LabLayout
  readonly id: string
  readonly hosts: readonly LabHostFacts[]
  readonly lock: HeldLock
  readonly lease: { release(): void }
}

function processLab(making: Making): Lab {
  const { options, layout, id, hosts, lock, lease } = making
  const { cluster = 'demo' } = options
  const clusters = clustersOf(options, hosts)
  const { members, spares } = clusters[cluster] ?? { members: {}, spares: [] }
  const allMembers = Object.values(clusters).flatMap((one) => Object.values(one.members))
  const user = userInfo().username
  const sshServer = options.sshServer ?? join(packageRoot(), 'dist/lab/host/main.js')
  const setups = new Map(hosts.map((facts) => [facts.name, { facts, lab: id, user, sshServer }]))
  const sshPids = new Map<string, number>()
  const stopping = new AbortController()
  let starting: Promise<void> | undefined
  let stopped: Promise<void> | undefined

  const setup = (host: string): LabHostSetup => {
    const found = setups.get(host)
    if (found === undefined)
      throw new Error(`The lab has no host ${host}; it has ${[...setups.keys()].join(', ')}.`)
    return found
  }
  const startHost = async (host: string): Promise<void> => {
    sshPids.set(host, await startSsh(setup(host), stopping.signal))
    await bootEtcd(setup(host), stopping.signal)
  }
  const start = async (): Promise<void> => {
    options.onProgress?.(`starting ${hosts.length} hosts and ${allMembers.length} members`)
    const { programs, environment = {} } = options
    const plan = { layout, id, hosts, programs, environment, user, clusters }
    prepareLab({ ...plan, setups: [...setups.values()] })
    await allOrFirstError(hosts.map(({ name }) => startHost(name)))
    await untilHealthy(allMembers.map(setup), stopping.signal)
  }
  const end = async (): Promise<void> => {
    stopping.abort(new Error('The lab was stopped while it started.'))
    await endMarked({ lab: id })
    await starting?.catch(() => undefined)
    // What the start had begun before it saw the abort.
    await endMarked({ lab: id })
    lease.release()
    lock.release()
  }
  const lab: Lab = {
    id,
    directory: layout.directory,
    cluster,
    inventory: layout.inventory,
    members,
    spares,
    hosts,
    host: (name) => setup(name).facts,
    async start() {
      if (stopped !== undefined) throw new Error('The lab was stopped; make a new one.')
      starting ??= start()
      await starting.catch(async (error: unknown) => {
        await lab.stop()
        throw error
      })
    },
    stop: () => (stopped ??= end()),
    processes: () => findMarked({ lab: id }),
    run: (host, program, args) => runOnHost(setup(host), program, args),
    kill: (host) => signalEtcd(setup(host), 'SIGKILL'),
    freeze: (host) => signalEtcd(setup(host), 'SIGSTOP'),
    thaw: (host) => signalEtcd(setup(host), 'SIGCONT'),
    cutSsh(host) {
      const pid = sshPids.get(setup(host).facts.name)
      if (pid !== undefined) process.kill(pid, 'SIGUSR2')
    },
    async stopHost(host) {
      sshPids.delete(host)
      await endMarked(markOfHost(setup(host)))
    },
    startHost,
  }
  return lab
}

/** Waits for all of them even when one fails, so that nothing is still being started when this returns. */
async function allOrFirstError(starts: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(starts)) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}

function takeDirectory(layout: LabLayout): HeldLock {
  const lock = tryLock(layout.owner)
  if (lock.kind === 'locked') return lock
  const who =
    lock.holder === undefined ? 'another process' : `process ${lock.holder.pid} (since ${lock.holder.since})`
  throw new Error(
    `A lab in ${layout.directory} belongs to ${who}: stop that one first, or take another directory.`,
  )
}

/** Only what a lab left may be thrown away. */
function clear({ directory, mark, owner }: LabLayout): void {
  const found = readdirSync(directory).filter((name) => join(directory, name) !== owner)
  if (found.length > 0 && !existsSync(mark)) {
    throw new Error(
      `${directory} is not empty and holds no lab (${found.slice(0, 3).join(', ')}): take another directory.`,
    )
  }
  writeFileSync(
    mark,
    'This directory belongs to a process lab of Quorate; it is emptied whenever one starts here.\n',
  )
  for (const name of ['hosts', 'ssh', 'inventory.yaml']) {
    rmSync(join(directory, name), { recursive: true, force: true })
  }
}

/** The first hosts are the members of the first cluster, then come its spares, then a host for each of the others. */
function clustersOf(
  { cluster = 'demo', members = 3, spares = 1, singles = [] }: ProcessLabOptions,
  hosts: readonly LabHostFacts[],
): Readonly<Record<string, LabCluster>> {
  const names = hosts.map(({ name }) => name)
  const others = names.slice(members + spares)
  return {
    [cluster]: {
      members: Object.fromEntries(names.slice(0, members).map((host, i) => [`etcd-${i + 1}`, host])),
      spares: names.slice(members, members + spares),
    },
    ...Object.fromEntries(
      singles.map((name, i) => [name, { members: { 'etcd-1': others[i] ?? '' }, spares: [] }]),
    ),
  }
}

function hostFacts(layout: LabLayout, ports: readonly number[]): readonly LabHostFacts[] {
  return Array.from({ length: ports.length / 3 }, (_, index) => {
    const [sshPort = 0, clientPort = 0, peerPort = 0] = ports.slice(3 * index)
    const name = `h${index + 1}`
    return {
      name,
      address: '127.0.0.1',
      sshPort,
      clientPort,
      peerPort,
      layout: hostLayout(layout.directory, name),
    }
  })
}
