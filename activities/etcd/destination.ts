import { z } from 'zod'
import { type Cluster, type EtcdLayout } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import { ActionError, UnknownOutcomeError } from '../failure.ts'
import { clockOffset, diskUsage, hostFacts } from '../host/facts.ts'
import { jobKey } from '../host/job-key.ts'
import { whileListening } from '../host/listener.ts'
import { portsSeenFrom } from '../host/ports.ts'
import { clusterNamed, hostOfMember, layoutOn } from '../inventory/look-up.ts'
import { certificateObstacles } from './certificates.ts'
import { readSettings } from './config-file.ts'
import { type Destination, judgeDestination } from './judge-destination.ts'
import { hostsOf } from './pool.ts'

export const destinationCheck = defineAction({
  name: 'etcd.destination.check',
  title: 'check that a member can run on another host',
  doc: 'Looks at a host that a member may move to: SSH, architecture, the same etcd version, no data there, disk, free ports, clock, certificates (that they name its address, are signed by whom the others trust, and are in date), and whether it reaches all peers and is reached by them (a listener is started on its peer port for that moment). For a move every other host of the cluster must answer too, because the start will ask them for data of the member. Changes nothing; says every obstacle as a sentence with what to do.',
  effect: 'read',
  subject: ['host', 'member'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member that is to move, or the model of one that joins'),
    host: z.string().describe('The host it is to move to'),
    joining: z
      .boolean()
      .default(false)
      .describe('A new member joins there: the named one stays, and is only the model'),
    without: z
      .array(z.string())
      .default([])
      .describe('Hosts of members that are given up, which the new one need not reach'),
    freeFactor: z
      .number()
      .min(1)
      .default(1.2)
      .describe("Free disk it must have, in sizes of the member's data directory"),
  }),
  output: z.strictObject({
    ok: z.boolean().describe('Nothing stands in the way'),
    problems: z.array(z.string()).describe('What stands in the way, a sentence each'),
    dataBytes: z.int().describe("Size of the member's data directory where it is now"),
    freeBytes: z.int().describe('Free disk on the host'),
    version: z.string().describe('Version of etcd on the host; "" when there is none'),
    system: z.string().describe('Operating system and architecture, such as "Linux x86_64"'),
    clockSkewMs: z.int().describe("The host's clock minus that of the member's present host"),
    leftovers: z
      .array(z.string())
      .describe('Directories that earlier runs set aside or left there; they take disk'),
  }),
  example: { cluster: 'demo', member: 'etcd-1', host: 'host-4' },
  timeoutMs: 120_000,
  run: async (asked, context) => {
    const cluster = clusterNamed(context.inventory, asked.cluster)
    const from = hostOfMember(cluster, asked.member)
    layoutOn(cluster, asked.host)
    if (Object.values(cluster.members).includes(asked.host)) return takenAlready(cluster, asked.host)
    const peers = Object.values(cluster.members).filter(
      (host) => (asked.joining || host !== from) && !asked.without.includes(host),
    )
    const { freeFactor, member } = asked
    const others = hostsOf(cluster).filter((host) => host !== from && host !== asked.host)
    const [destination, silent] = await Promise.all([
      gather(cluster, { from, to: asked.host, peers }, context),
      asked.joining ? [] : silentOf(cluster, others, context),
    ])
    const problems = judgeDestination({ ...destination, silent, member, freeFactor })
    return {
      ok: problems.length === 0,
      problems: [...problems],
      dataBytes: destination.dataBytes,
      freeBytes: destination.facts.freeBytes,
      version: destination.facts.etcd ?? '',
      system: destination.facts.system,
      clockSkewMs: destination.clockSkewMs,
      leftovers: [...destination.leftovers],
    }
  },
})

function takenAlready({ name, members }: Cluster, host: string) {
  const [member] = Object.entries(members).find(([, on]) => on === host) ?? []
  const problem = `${host} runs ${member} of ${name} already: choose a host that has no member, one of its spares.`
  const unknown = { dataBytes: 0, freeBytes: 0, version: '', system: '', clockSkewMs: 0, leftovers: [] }
  return { ok: false, problems: [problem], ...unknown }
}

interface Way {
  readonly from: string
  readonly to: string
  /** Hosts of the members that it and the host have to reach. */
  readonly peers: readonly string[]
}

/** Those that answer neither over SSH nor, as a member that is known then, to a client. */
async function silentOf(
  { name }: Cluster,
  hosts: readonly string[],
  context: ActionContext,
): Promise<Destination['silent']> {
  const asked = await Promise.all(
    hosts.map(async (host) => {
      const { signal } = context
      const [ran, status] = await Promise.allSettled([
        context.host(host).exec({ reads: true, argv: ['true'] }),
        context.cluster(name).endpoint(host).status({ signal }),
      ])
      if (ran.status === 'fulfilled' || status.status === 'fulfilled') return []
      return [{ host, why: whyUnknown(ran.reason).replace(/\.$/, '') }]
    }),
  )
  return asked.flat()
}

function whyUnknown(reason: unknown): string {
  if (reason instanceof ActionError || reason instanceof UnknownOutcomeError) return reason.message
  throw reason
}

type Gathered = Omit<Destination, 'member' | 'freeFactor' | 'silent'>

async function gather(cluster: Cluster, { from, to, peers }: Way, context: ActionContext): Promise<Gathered> {
  const [there, here] = [layoutOn(cluster, to), layoutOn(cluster, from)]
  const [target, source] = [context.host(to), context.host(from)]
  const { address, clientPort, peerPort } = there
  const [facts, sourceFacts, dataBytes, dirs, ports, ownClock, sourceClock, settings, sourceSettings] =
    await Promise.all([
      hostFacts(target, there),
      hostFacts(source, here),
      diskUsage(source, here.dataDir),
      dataDirectories(target, there.dataDir),
      portsSeenFrom(
        target,
        [clientPort, peerPort].map((port) => ({ address, port })),
      ),
      clockOffset(target),
      clockOffset(source),
      readSettings(target, there),
      readSettings(source, here),
    ])
  const walDir = sourceSettings?.get('wal-dir')
  const model = { of: { name: from, layout: here }, settings: sourceSettings }
  const named = { name: to, layout: there }
  return {
    ...{ host: to, from, layout: there, facts, sourceFacts, dataBytes, ports },
    ...(dirs.inPlace && { inPlace: dirs.inPlace }),
    ...(walDir !== undefined && { walDir }),
    leftovers: dirs.aside.map(({ path }) => path),
    certificates: await certificateObstacles({ cluster, to: named, own: settings, model }, context.host),
    clockSkewMs: ownClock.ms - sourceClock.ms,
    clockWithinMs: Math.ceil(ownClock.withinMs + sourceClock.withinMs),
    ways: await ways(
      cluster,
      { to, peers },
      there,
      ports[1] === 'closed' && facts.etcd !== undefined,
      context,
    ),
  }
}

/** Whether the host and every other member's reach each other's peer port, both ways. */
async function ways(
  cluster: Cluster,
  { to, peers }: Omit<Way, 'from'>,
  there: EtcdLayout,
  canListen: boolean,
  context: ActionContext,
): Promise<Destination['ways']> {
  const ports = peers.map((peer) => ({
    address: layoutOn(cluster, peer).address,
    port: layoutOn(cluster, peer).peerPort,
  }))
  const out = await portsSeenFrom(context.host(to), ports)
  const back = canListen ? await reachedBy(peers, to, there, context) : undefined
  return {
    out: peers.map((peer, index) => ({ peer, state: out[index] ?? 'unknown' })),
    ...back,
  }
}

async function reachedBy(peers: readonly string[], to: string, there: EtcdLayout, context: ActionContext) {
  const at = { address: there.address, port: there.peerPort }
  const { signal } = context
  const listening = { host: context.host(to), at, binDir: there.binDir, key: jobKey(context), signal }
  try {
    const back = await whileListening(listening, () =>
      Promise.all(
        peers.map(async (peer) => {
          const [state = 'unknown'] = await portsSeenFrom(context.host(peer), [at])
          return { peer, state }
        }),
      ),
    )
    return { back }
  } catch (error) {
    if (error instanceof ActionError || error instanceof UnknownOutcomeError)
      return { cannotListen: error.message }
    throw error
  }
}
