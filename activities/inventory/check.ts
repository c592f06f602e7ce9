import { clientUrl, type Cluster, type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'
import { type DataDirectories, dataDirectories } from '../dir/data-directories.ts'
import type { Environment } from '../environment.ts'
import { readSettings } from '../etcd/config-file.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import type { Inspection } from '../etcd/inspection.ts'
import { ActionError, InputError, UnknownOutcomeError } from '../failure.ts'
import { type HostFacts, hostFacts } from '../host/facts.ts'
import { type ServiceFacts, serviceFacts } from '../service/proof.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { clusterNamed, layoutOn } from './look-up.ts'

/** One thing that is not as the inventory says. */
export interface Difference {
  /** The host or cluster: `h1`, `demo`. */
  readonly where: string
  /** What the inventory makes one expect. */
  readonly expected: string
  readonly seen: string
  /** What to do; "" where what was seen says it. */
  readonly hint: string
}

/**
 * Asks every host and every member of a cluster, and says what differs from the inventory; an empty list means
 * that all is as it says. Changes nothing. Throws `InputError` for a cluster the inventory does not have.
 */
export async function checkInventory(environment: Environment, name: string): Promise<readonly Difference[]> {
  const inventory = await environment.inventory()
  const cluster = clusterNamed(inventory, name)
  const etcd = environment.etcd.cluster(cluster)
  const hosts = environment.hosts(inventory)
  const seen = await inspectCluster(cluster, etcd)
  const ofHosts = await Promise.all(etcd.hosts.map((host) => checkHost(hosts.host(host), cluster, seen)))
  return [...ofHosts.flat(), ...seen.problems.map((problem) => difference(name, 'a healthy member', problem))]
}

function difference(where: string, expected: string, seen: string, hint = ''): Difference {
  return { where, expected, seen, hint }
}

async function checkHost(
  host: RemoteHost,
  cluster: Cluster,
  seen: Inspection,
): Promise<readonly Difference[]> {
  const layout = layoutOn(cluster, host.name)
  try {
    const [facts, service, dirs, config] = await Promise.all([
      hostFacts(host, layout),
      serviceFacts(host, layout),
      dataDirectories(host, layout.dataDir),
      readSettings(host, layout),
    ])
    return judgeHost({ host: host.name, cluster, layout, seen, facts, service, dirs, config })
  } catch (error) {
    return [
      difference(
        host.name,
        'a host that answers',
        unreachable(error),
        'Correct address, ssh or the paths in the inventory.',
      ),
    ]
  }
}

function unreachable(error: unknown): string {
  const expected = [ActionError, InputError, UnknownOutcomeError].some((kind) => error instanceof kind)
  if (expected && error instanceof Error) return error.message
  throw error
}

export interface HostSeen {
  readonly host: string
  readonly cluster: Cluster
  readonly layout: EtcdLayout
  readonly seen: Inspection
  readonly facts: HostFacts
  readonly service: ServiceFacts
  readonly dirs: DataDirectories
  readonly config: ReadonlyMap<string, string> | undefined
}

/** What differs on one host. Pure. */
export function judgeHost(told: HostSeen): readonly Difference[] {
  const member = Object.entries(told.cluster.members).find(([, host]) => host === told.host)?.[0]
  const own = member === undefined ? ofSpare(told) : ofMember(told, member)
  return [...ofAnyHost(told), ...own]
}

function ofAnyHost({ host, layout, facts }: HostSeen): readonly Difference[] {
  const missing = (['etcd', 'etcdctl'] as const).filter((name) => facts[name] === undefined)
  return [
    ...(facts.workDir === 'writable'
      ? []
      : [difference(host, 'a work directory that can be written to', 'it cannot', 'Correct workDir.')]),
    ...missing.map((name) =>
      difference(
        host,
        `${layout.binDir}/${name}`,
        'no such program that runs',
        'Install it, or correct binDir.',
      ),
    ),
  ]
}

function ofSpare({ host, layout, service, dirs }: HostSeen): readonly Difference[] {
  const hint =
    'Move a member only to a host that is empty; if one runs here already, note it under `members`.'
  return [
    ...(dirs.inPlace && !dirs.inPlace.empty
      ? [difference(host, `nothing at ${layout.dataDir}`, `a data directory${whose(dirs)}`, hint)]
      : []),
    ...(service.service === 'stopped' ? [] : [difference(host, 'no etcd', 'etcd runs', hint)]),
  ]
}

function whose({ inPlace }: DataDirectories): string {
  return inPlace?.identity ? ` of member ${inPlace.identity.memberId}` : ''
}

function ofMember(told: HostSeen, member: string): readonly Difference[] {
  const { host, layout, service, dirs, seen, facts } = told
  const view = seen.byName[member]
  const identity = dirs.inPlace?.identity
  const running = view?.version ?? ''
  return [
    ...(service.service === 'running'
      ? []
      : [difference(host, `${member} running`, 'its service is stopped', `Start etcd on ${host}.`)]),
    ...(dirs.inPlace
      ? []
      : [
          difference(
            host,
            `the data of ${member} at ${layout.dataDir}`,
            'no such directory',
            'Correct dataDir.',
          ),
        ]),
    ...(identity && view && view.id !== '' && identity.memberId !== view.id
      ? [
          difference(
            host,
            `data of ${member} (${view.id})`,
            `data of member ${identity.memberId}`,
            'Correct `members` in the inventory.',
          ),
        ]
      : []),
    ...(running !== '' && facts.etcd !== undefined && facts.etcd !== running
      ? [
          difference(
            host,
            `etcd ${running}, which runs`,
            `etcd ${facts.etcd} in ${layout.binDir}`,
            'Correct binDir, or restart etcd.',
          ),
        ]
      : []),
    ...ofConfig(told, member),
  ]
}

function ofConfig({ host, layout, config }: HostSeen, member: string): readonly Difference[] {
  const { path } = layout.config
  if (config === undefined)
    return [difference(host, `etcd's configuration in ${path}`, 'no such file', 'Correct config.path.')]
  const wanted = {
    name: member,
    'data-dir': layout.dataDir,
    'advertise-client-urls': clientUrl(layout),
    'initial-advertise-peer-urls': peerUrl(layout),
  }
  return Object.entries(wanted).flatMap(([flag, value]) => {
    const seen = config.get(flag)
    const same =
      seen !== undefined && (seen === value || (flag.endsWith('-urls') && seen.split(',').includes(value)))
    return same
      ? []
      : [
          difference(
            host,
            `${flag} ${value} in ${path}`,
            seen ?? 'not set',
            'Correct the inventory, or the file.',
          ),
        ]
  })
}
