import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from '@jest/globals'
import { type Door, openDoor } from '../../client/door.ts'
import { createBinaryFinder } from '../../lab/binaries.ts'
import { createEtcdClient, type EtcdTls, type ListedMember } from '../../lab/etcd-client.ts'
import type { HostsLab } from '../../lab/hosts/handle.ts'
import { type HostsLabOptions, startHostsLab } from '../../lab/hosts/lab.ts'
import { whyNoHostsLab } from '../../lab/hosts/requirements.ts'
import { startTemporal, type TemporalServer } from '../../lab/temporal.ts'
import type { RunMemo } from '../../workflows/doors.ts'
import {
  type Inputs,
  liveEndpoints,
  type MemberNow,
  membersNow,
  onceAnswered,
  putBallast,
  type Started,
  startRun,
  until,
  type WorkerProcess,
  workerProcess,
} from '../world.ts'

/**
 * A cluster on real hosts, a Temporal server and a worker, for one test file. What asks a cluster in `../world.ts`
 * (`whileWriting`, `membersNow`, `leaderNow`, `whoIsWhere`, `until`) takes this world too.
 */
export interface HostsWorld {
  readonly lab: HostsLab
  readonly temporal: TemporalServer
  readonly door: Door
  readonly directory: string
  /** Environment of everything that is to find this world: workers, the command line. */
  readonly environment: Readonly<Record<string, string>>
  readonly worker: WorkerProcess
  /** Client endpoints of every host that has or may get a member, as `ADDRESS:PORT`. */
  readonly endpoints: readonly string[]
  readonly tls?: EtcdTls
  start(runbook: string, inputs: Inputs, memo?: RunMemo): Promise<Started>
  close(): Promise<void>
}

export interface HostsWorldOptions extends Omit<HostsLabOptions, 'directory' | 'keep'> {
  /** Bytes of keys put in before anything else, for copies that take a while. */
  readonly ballastBytes?: number
  /** Called once the hosts are up, before the worker starts: bare hosts have no inventory it could read. */
  readonly prepare?: (lab: HostsLab) => void
  /** More for the worker: `QUORATE_RUNBOOKS`, say. */
  readonly workerEnvironment?: Readonly<Record<string, string>>
}

/**
 * `describe`, where this machine can have a hosts lab; skipped where it cannot (`npm test` says why). With `CI=true`
 * nothing is skipped: then a missing package is a failure.
 */
export const describeOnHosts: (name: string, tests: () => void) => void = canHaveHosts()
  ? describe
  : describe.skip

export async function startHostsWorld(options: HostsWorldOptions = {}): Promise<HostsWorld> {
  const { ballastBytes = 0, workerEnvironment = {}, prepare, ...labOptions } = options
  const directory = mkdtempSync(join(tmpdir(), 'quorate-hosts-'))
  const closers: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    const problems: unknown[] = []
    // A lab is ended whatever went wrong before.
    for (const closer of closers.toReversed()) await closer().catch((error: unknown) => problems.push(error))
    rmSync(directory, { recursive: true, force: true })
    if (problems.length > 0) throw problems[0]
  }
  try {
    const lab = await startHostsLab({ ...labOptions, directory: join(directory, 'lab') })
    closers.push(() => lab.stop())
    prepare?.(lab)
    const temporal = await startTemporal({
      binary: (await createBinaryFinder().temporal()).path,
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
      ...workerEnvironment,
    }
    const worker = workerProcess(environment, directory)
    closers.push(() => worker.stop())
    await worker.start()
    const door = await openDoor({ environment: { ...process.env, ...environment } })
    closers.push(() => door.close())
    const { endpoints, tls } = lab
    const asked = { endpoints, ...(tls && { tls }) }
    if (ballastBytes > 0) await putBallast(asked, ballastBytes)
    const start = (runbook: string, inputs: Inputs, memo?: RunMemo) => startRun(door, runbook, inputs, memo)
    return { lab, temporal, door, directory, environment, worker, ...asked, start, close }
  } catch (error) {
    await close()
    throw error
  }
}

function canHaveHosts(): boolean {
  return process.env['CI'] === 'true' || whyNoHostsLab() === undefined
}

/** What has to hold after every run. */
export interface ClusterNow {
  /** The membership as the quorum has it. */
  readonly listed: readonly ListedMember[]
  /** Those that answer, with their hash at one revision. */
  readonly members: readonly MemberNow[]
  /** Hex ids of those that some member takes for the leader. */
  readonly leaders: readonly string[]
  readonly hashes: readonly number[]
  readonly learners: readonly ListedMember[]
  readonly alarms: readonly { readonly memberId: string; readonly alarm: string }[]
}

/** The cluster as it is; `leaders` and `hashes` hold each value once, so one of each is a sound cluster. */
export async function clusterNow(world: HostsWorld): Promise<ClusterNow> {
  const members = await membersNow(world)
  const [endpoint = ''] = await liveEndpoints(world)
  const client = createEtcdClient(endpoint, world.tls)
  try {
    const { listed, alarms } = await onceAnswered('the membership', async () => ({
      listed: await client.members(),
      alarms: await client.alarms(),
    }))
    return {
      listed,
      members,
      leaders: [...new Set(members.map(({ leader }) => leader))],
      hashes: [...new Set(members.map(({ hash }) => hash))],
      learners: listed.filter(({ learner }) => learner),
      alarms,
    }
  } finally {
    client.close()
  }
}

/** Waits until `size` voting members answer, agree on one leader and one hash, and no learner or alarm is left. */
export async function untilSound(world: HostsWorld, size: number, timeoutMs = 60_000): Promise<ClusterNow> {
  let now: ClusterNow | undefined
  await until(
    `${size} sound members`,
    async () => {
      now = await clusterNow(world)
      const { listed, members, leaders, hashes, learners, alarms } = now
      const complete = listed.length === size && members.length === size
      const agreed = leaders.length === 1 && leaders[0] !== '0' && hashes.length === 1
      return complete && agreed && learners.length === 0 && alarms.length === 0
    },
    timeoutMs,
    200,
  ).catch((error: Error) => {
    throw new Error(`${error.message} It was: ${JSON.stringify(now)}`)
  })
  if (now === undefined) throw new Error('The cluster was never asked.')
  return now
}

/** What lies on the hosts and who is a member: equal before and after means that nothing was changed. */
export async function hostsFootprint(world: HostsWorld): Promise<unknown> {
  const { listed } = await clusterNow(world)
  const files = await Promise.all(
    world.lab.hosts.map(async ({ name }) => {
      const { stdout } = await world.lab.run(name, ['sh', '-c', footprintScript])
      return { name, files: stdout }
    }),
  )
  return { listed, files }
}

/** Names only: what a member writes while it runs does not count. */
const footprintScript = `
ls -1d /var/lib/etcd* /etc/etcd/* /opt/etcd/* 2>/dev/null
readlink /opt/etcd/current
ls -l /etc/systemd/system/etcd.service /etc/systemd/system/multi-user.target.wants 2>/dev/null
cat /etc/etcd/etcd.env /etc/etcd/etcd.yaml /etc/service/etcd/run /usr/local/sbin/etcd-start 2>/dev/null
true
`
