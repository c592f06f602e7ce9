import { clientUrl, type Cluster, type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'
import type { DataDirectories } from '../dir/data-directories.ts'
import type { Inspection } from '../etcd/inspection.ts'
import type { HostFacts } from '../host/facts.ts'
import type { ServiceFacts } from '../service/proof.ts'

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

export function difference(where: string, expected: string, seen: string, hint = ''): Difference {
  return { where, expected, seen, hint }
}

export interface HostSeen {
  readonly host: string
  readonly cluster: Cluster
  readonly layout: EtcdLayout
  readonly seen: Inspection
  readonly facts: HostFacts
  /** Left out where the service manager cannot be asked, which is a difference of its own. */
  readonly service?: ServiceFacts
  /** Whether it is kept from being started; left out where nobody can tell. */
  readonly fenced?: boolean
  /** What binDir and versionsDir really are, links followed; left out where there is no versionsDir. */
  readonly programs?: string
  readonly versions?: string
  readonly dirs: DataDirectories
  readonly config: ReadonlyMap<string, string> | undefined
}

/** What differs on one host. Pure. */
export function judgeHost(told: HostSeen): readonly Difference[] {
  const member = Object.entries(told.cluster.members).find(([, host]) => host === told.host)?.[0]
  const own = member === undefined ? ofSpare(told) : ofMember(told, member)
  return [...ofAnyHost(told), ...own]
}

function stoppedHint({ service }: ServiceFacts, host: string): string {
  return service === 'restarting'
    ? `It dies again and again: read its log on ${host}.`
    : `Start etcd on ${host}.`
}

function ofAnyHost({ host, layout, facts, programs, versions }: HostSeen): readonly Difference[] {
  const { binDir, versionsDir } = layout
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
    ...(programs === undefined || versions === undefined || programs.startsWith(`${versions}/`)
      ? []
      : [
          difference(
            host,
            `${binDir} a link to a directory in ${versionsDir}`,
            `it is ${programs || 'nothing'}`,
            'Make it one, because upgrades switch that link; or correct binDir or versionsDir.',
          ),
        ]),
  ]
}

function ofSpare({ host, layout, service, dirs }: HostSeen): readonly Difference[] {
  const hint =
    'Move a member only to a host that is empty; if one runs here already, note it under `members`.'
  return [
    ...(dirs.inPlace && !dirs.inPlace.empty
      ? [difference(host, `nothing at ${layout.dataDir}`, `a data directory${whose(dirs)}`, hint)]
      : []),
    ...(service === undefined || service.service === 'stopped'
      ? []
      : [difference(host, 'no etcd', 'etcd runs', hint)]),
  ]
}

function whose({ inPlace }: DataDirectories): string {
  return inPlace?.identity ? ` of member ${inPlace.identity.memberId}` : ''
}

function ofMember(told: HostSeen, member: string): readonly Difference[] {
  const { host, layout, service, fenced, dirs, seen, facts } = told
  const view = seen.byName[member]
  const identity = dirs.inPlace?.identity
  const running = view?.version ?? ''
  return [
    ...(service === undefined || service.service === 'running'
      ? []
      : [
          difference(
            host,
            `${member} running`,
            `its service is ${service.service}`,
            stoppedHint(service, host),
          ),
        ]),
    ...(fenced === true
      ? [
          difference(
            host,
            `${member} brought up by a reboot`,
            'etcd is fenced there',
            'Lift the fence once it is certain that its data may run (service.enable).',
          ),
        ]
      : []),
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
