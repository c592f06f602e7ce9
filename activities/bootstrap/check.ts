import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Cluster, EtcdLayout } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import { EtcdError } from '../etcd/errors.ts'
import { ActionError, InputError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { clockOffset, hostFacts } from '../host/facts.ts'
import { portsSeenFrom } from '../host/ports.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { serviceState } from '../service/manager.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { type BareHost, judgeNewCluster, type Seen } from './judge-new-cluster.ts'
import { localPki, pkiOnHost, pkiOnWorker } from './pki.ts'
import { type Discovery, firstSettings, initialClusterOf, laterSettings, settingsFrom } from './plan.ts'
import { unreached } from './reach.ts'

const memberPlan = z.strictObject({
  member: z.string().describe('The member'),
  host: z.string().describe('The host it is to run on'),
  first: z.record(z.string(), z.string()).describe('Settings for its first start, by flag; "" takes one out'),
  later: z.record(z.string(), z.string()).describe('Settings for all later starts'),
})

export const bootstrapCheck = defineAction({
  name: 'etcd.bootstrap.check',
  title: 'check that a new cluster can be made',
  doc: "Looks at every host of a cluster that is to be made as the inventory describes it: nothing runs or answers there and no data lies there (on the spares neither), ports are free, clocks agree, the programs are there or can be brought, the certificates are there and name each host's address, and every host reaches every other's peer port (with a listener there for that moment, where etcd is there to listen). Changes nothing; says every obstacle as a sentence with what to do. Chooses the token of the new cluster, and says the settings of every member.",
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster, as the inventory describes it'),
    version: z
      .string()
      .regex(/^(\d+\.\d+\.\d+)?$/)
      .default('')
      .describe('The version to bring to the hosts; "" for the one that lies there'),
    discovery: z
      .enum(['static', 'dns', 'service'])
      .default('static')
      .describe('How the members find each other: by a list, by SRV records, by another etcd'),
    domain: z.string().default('').describe('dns: the domain with the SRV records'),
    srvName: z.string().default('').describe("dns: the records' suffix, as in --discovery-srv-name"),
    registry: z.string().default('').describe('service: the cluster of the inventory that tells'),
    pki: z.string().default('/etc/etcd/pki').describe('Directory with the certificates on every host'),
    pkiFrom: z
      .string()
      .default('')
      .describe(
        'Directory of this machine to bring them from, with a directory a host; relative to the inventory',
      ),
    settings: z.array(z.string()).default([]).describe('More settings, flag=value each'),
  }),
  output: z.strictObject({
    ok: z.boolean().describe('Nothing stands in the way'),
    problems: z.array(z.string()).describe('What stands in the way, a sentence each'),
    hosts: z.array(z.string()).describe('Hosts of the members'),
    members: z.array(memberPlan).describe('The members, and their settings'),
    initialCluster: z.string().describe('NAME=PEER-URL of every member, by commas'),
    token: z.string().describe('The token of the new cluster, random'),
    version: z.string().describe('The version that will run'),
    tls: z.boolean().describe('The members will speak TLS'),
    reached: z.boolean().describe('It was tried whether the hosts reach each other'),
  }),
  example: { cluster: 'demo' },
  timeoutMs: 180_000,
  run: async (asked, context) => {
    const cluster = clusterNamed(context.inventory, asked.cluster)
    const token = randomBytes(16).toString('hex')
    const { settings: more, wrong } = settingsFrom(asked.settings)
    const discovery = discoveryOf(asked, token, context)
    const plan = { cluster, discovery, pki: asked.pki, more }
    const uploadable = await hasVersion(cluster, asked.version)
    const hosts = await Promise.all(
      Object.keys(cluster.etcd).map((host) => look({ cluster, asked, context, host })),
    )
    const problems = [
      ...wrong.map((text) => `"${text}" is no setting: write flag=value.`),
      ...judgeNewCluster({
        ...{ cluster, hosts, uploadable, version: asked.version, nowMs: Date.now() },
        needsDiscoveryService: discovery.kind === 'service',
        pkiOf: (host) =>
          asked.pkiFrom === ''
            ? `${asked.pki} on ${host}`
            : join(localPki(context.inventory, asked.pkiFrom, host).root, host),
      }),
      ...(await ofDiscovery(discovery, context)),
    ]
    const canListen =
      problems.length === 0 &&
      hosts.every(({ seen, member }) => member === undefined || seen?.facts.etcd !== undefined)
    const ways = canListen ? await unreached(cluster, context) : []
    const all = [...problems, ...ways]
    const members = Object.entries(cluster.members).map(([member, host]) => ({
      ...{ member, host, first: { ...firstSettings(plan, host) }, later: { ...laterSettings(plan, host) } },
    }))
    return {
      ...{ ok: all.length === 0, problems: all, members, token, reached: canListen },
      hosts: members.map(({ host }) => host),
      initialCluster: initialClusterOf(cluster),
      version: asked.version || (hosts.find(({ member }) => member !== undefined)?.seen?.facts.etcd ?? ''),
      tls: Object.values(cluster.members).some((host) => layoutOn(cluster, host).scheme === 'https'),
    }
  },
})

interface Asked {
  readonly version: string
  readonly discovery: Discovery['kind']
  readonly domain: string
  readonly srvName: string
  readonly registry: string
  readonly pki: string
  readonly pkiFrom: string
}

function discoveryOf(asked: Asked, token: string, { inventory }: ActionContext): Discovery {
  switch (asked.discovery) {
    case 'static':
      return { kind: 'static' }
    case 'dns':
      if (asked.domain === '') throw new InputError('Discovery by dns needs the domain with the SRV records.')
      return { kind: 'dns', domain: asked.domain, name: asked.srvName }
    case 'service':
      if (asked.registry === '')
        throw new InputError('Discovery by a service needs a registry: a cluster of the inventory.')
      return { kind: 'service', registry: clusterNamed(inventory, asked.registry), token }
  }
}

/** The registry must be there before anyone starts and asks it. */
async function ofDiscovery(discovery: Discovery, context: ActionContext): Promise<readonly string[]> {
  if (discovery.kind !== 'service') return []
  const { registry } = discovery
  const etcd = context.cluster(registry.name)
  const reads = await Promise.allSettled(
    Object.values(registry.members).map((host) =>
      etcd.endpoint(host).readThroughQuorum({ signal: context.signal }),
    ),
  )
  if (reads.some(({ status }) => status === 'fulfilled')) return []
  const [first] = reads
  const why = first?.status === 'rejected' && first.reason instanceof Error ? first.reason.message : ''
  return [`The registry ${registry.name} does not answer: ${why}`]
}

async function hasVersion({ binaries }: Cluster, version: string): Promise<boolean> {
  if (binaries === undefined || version === '') return false
  const names = await readdir(join(binaries, version)).catch((): string[] => [])
  return names.includes('etcd')
}

interface Looking {
  readonly cluster: Cluster
  readonly asked: Asked
  readonly context: ActionContext
  readonly host: string
}

async function look(looking: Looking): Promise<BareHost> {
  const { cluster, host } = looking
  const layout = layoutOn(cluster, host)
  const member = Object.entries(cluster.members).find(([, on]) => on === host)?.[0]
  const told = { host, layout, ...(member !== undefined && { member }) }
  try {
    return { ...told, seen: await seenOn(looking, layout, member !== undefined) }
  } catch (error) {
    const expected = [ActionError, RefusedError, UnknownOutcomeError].some((kind) => error instanceof kind)
    if (expected && error instanceof Error) return { ...told, unreachable: error.message }
    throw error
  }
}

async function seenOn(
  { cluster, asked, context, host: name }: Looking,
  layout: EtcdLayout,
  isMember: boolean,
): Promise<Seen> {
  const host = context.host(name)
  const { address, clientPort, peerPort, scheme, versionsDir } = layout
  const versioned = { ...layout, binDir: `${versionsDir ?? layout.binDir}/${asked.version}` }
  const [facts, staged, dirs, service, ports, clock, answers, pki] = await Promise.all([
    hostFacts(host, layout),
    asked.version === '' || versionsDir === undefined ? undefined : hostFacts(host, versioned),
    dataDirectories(host, layout.dataDir),
    serviceSeen(host, layout),
    portsSeenFrom(
      host,
      [clientPort, peerPort].map((port) => ({ address, port })),
    ),
    clockOffset(host),
    whoAnswers(cluster, context, name),
    scheme === 'http' || !isMember
      ? undefined
      : asked.pkiFrom === ''
        ? pkiOnHost(host, asked.pki)
        : pkiOnWorker(context.inventory, asked.pkiFrom, name),
  ])
  return {
    ...{ facts, service, ports, clock, staged: staged?.etcd === asked.version },
    ...(dirs.inPlace && { inPlace: dirs.inPlace }),
    ...(answers && { answers }),
    ...(pki && { pki }),
  }
}

async function serviceSeen(host: RemoteHost, { service }: EtcdLayout): Promise<Seen['service']> {
  if (service.manager === 'systemd' && !(await hasUnit(host, service.unit))) return 'absent'
  try {
    return (await serviceState(host, service)) === 'stopped' ? 'stopped' : 'running'
  } catch (error) {
    if (!(error instanceof ActionError)) throw error
    return { unknown: error.message }
  }
}

/** Whether systemd knows a unit; one that was masked counts. */
export async function hasUnit(host: RemoteHost, unit: string): Promise<boolean> {
  const argv = ['systemctl', 'show', '--property=LoadState', '--', unit]
  const { stdout } = await host.exec({ reads: true, argv, privileged: true })
  return stdout.trim() !== 'LoadState=not-found'
}

async function whoAnswers(cluster: Cluster, context: ActionContext, host: string) {
  try {
    const status = await context.cluster(cluster.name).endpoint(host).status({ signal: context.signal })
    return { memberId: status.memberId, clusterId: status.clusterId }
  } catch (error) {
    if (error instanceof EtcdError) return undefined
    throw error
  }
}
