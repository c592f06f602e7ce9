import type { Cluster, EtcdLayout } from '../../dsl/inventory.ts'
import type { DataDirectory } from '../dir/data-directories.ts'
import type { ClockOffset, HostFacts } from '../host/facts.ts'
import { certificateProblems } from '../host/judge-certificate.ts'
import type { PortState } from '../host/ports.ts'
import type { PkiSeen } from './pki.ts'

/** A new cluster should outlive its first night. */
const dayMs = 86_400_000

/** What was found out about a host that is to get a member of a new cluster, or may get one later. */
export interface BareHost {
  readonly host: string
  readonly layout: EtcdLayout
  /** Left out for a spare. */
  readonly member?: string
  /** Why it could not be looked at; nothing else is known then. */
  readonly unreachable?: string
  readonly seen?: Seen
}

export interface Seen {
  readonly facts: HostFacts
  readonly inPlace?: DataDirectory
  /** `absent`: systemd has no such unit. */
  readonly service: 'stopped' | 'running' | 'absent' | { readonly unknown: string }
  /** Client and peer port, tried from the host itself. */
  readonly ports: readonly PortState[]
  readonly clock: ClockOffset
  /** Who answers on its client port, seen from the worker. */
  readonly answers?: { readonly memberId: string; readonly clusterId: string }
  /** Left out without TLS. */
  readonly pki?: PkiSeen
  /** The version asked for lies in its versionsDir. */
  readonly staged: boolean
}

export interface NewCluster {
  readonly cluster: Cluster
  readonly hosts: readonly BareHost[]
  /** "" for whatever lies on the hosts. */
  readonly version: string
  /** The worker has that version to upload. */
  readonly uploadable: boolean
  readonly needsDiscoveryService: boolean
  /** Where certificates are said to lie, for the sentences. */
  readonly pkiOf: (host: string) => string
  readonly nowMs: number
}

/** What stands in the way of a new cluster, a sentence each with what to do about it. Pure. */
export function judgeNewCluster(asked: NewCluster): readonly string[] {
  const members = asked.hosts.filter(({ member }) => member !== undefined)
  return [
    ...(asked.cluster.auth
      ? [
          `A new cluster has no users yet, and the inventory gives ${asked.cluster.name} one: take \`auth\` out until it is made there.`,
        ]
      : []),
    ...asked.hosts.flatMap((host) => ofAnyHost(host)),
    ...members.flatMap((host) => (host.seen ? ofMember(asked, host, host.seen) : [])),
    ...versions(asked, members),
    ...clocks(members),
  ]
}

/** Spares too: whatever lies or runs on a host of the cluster may be what the cluster was until now. */
function ofAnyHost({ host, layout, member, unreachable, seen }: BareHost): readonly string[] {
  if (unreachable !== undefined) {
    const out = member === undefined ? ' Bring it back, or take it out of the spares.' : ''
    return [`${host} could not be looked at, so what lies there is not known: ${unreachable}${out}`]
  }
  if (!seen) return []
  const { inPlace, service, ports, answers } = seen
  const whose = inPlace?.identity
    ? `data of member ${inPlace.identity.memberId} of cluster ${inPlace.identity.clusterId}`
    : 'something'
  const taken = [layout.clientPort, layout.peerPort].filter((_, index) => ports[index] === 'open')
  return [
    ...(answers
      ? [
          `Member ${answers.memberId} of cluster ${answers.clusterId} answers on ${host}: there is a cluster already. A new one is made only where none is.`,
        ]
      : []),
    ...(inPlace && !inPlace.empty
      ? [
          `${host} has ${whose} in ${layout.dataDir}: a new cluster would throw it away. Set it aside if it is certain that nobody needs it.`,
        ]
      : []),
    ...(service === 'running'
      ? [`etcd runs on ${host} already, says its service manager: stop it first.`]
      : []),
    ...(taken.length > 0 && !answers
      ? [
          `Something listens on port ${taken.join(' and ')} of ${host} already: end it, or correct the ports in the inventory.`,
        ]
      : []),
  ]
}

const leastFreeBytes = 512 * 1024 * 1024

function ofMember(asked: NewCluster, { host, layout }: BareHost, seen: Seen): readonly string[] {
  const { facts, service, ports, pki } = seen
  return [
    ...(typeof service === 'object' ? [service.unknown] : []),
    ...(ports.includes('unknown')
      ? [`${host} has nothing to try a port with: install bash, nc, python3 or perl.`]
      : []),
    ...(facts.parent === 'readOnly'
      ? [`Quorate may not write beside ${layout.dataDir} on ${host}: give its user the right, or sudo.`]
      : []),
    ...(facts.workDir === 'readOnly'
      ? [`Quorate may not write to its work directory on ${host}: correct workDir in the inventory.`]
      : []),
    ...(facts.freeBytes < leastFreeBytes
      ? [
          `${host} has ${Math.round(facts.freeBytes / 1024 / 1024)} MiB free for ${layout.dataDir}: make room.`,
        ]
      : []),
    ...(pki ? certificates(asked, host, layout, pki) : []),
  ]
}

function certificates(
  { pkiOf, nowMs }: NewCluster,
  host: string,
  { address }: EtcdLayout,
  { missing, texts }: PkiSeen,
): readonly string[] {
  const where = pkiOf(host)
  if (missing.length > 0)
    return [`${where} lacks ${missing.join(', ')}: put them there, or correct the inputs about certificates.`]
  return (['server.crt', 'peer.crt'] as const).flatMap((name) =>
    certificateProblems({
      ...{ where: `${where}/${name}`, pem: texts[name] ?? '', address, nowMs, spareMs: dayMs },
      authority: { where: `${where}/ca.crt`, pem: texts['ca.crt'] ?? '' },
    }),
  )
}

function versions(
  { version, uploadable, needsDiscoveryService, cluster }: NewCluster,
  members: readonly BareHost[],
): readonly string[] {
  const known = members.flatMap(({ host, layout, seen }) => (seen ? [{ host, layout, seen }] : []))
  const tooOld = (told: string) =>
    needsDiscoveryService && told !== '' && /^3\.[0-5]\./.test(told)
      ? [
          `etcd ${told} has no discovery by the v3 API, which came with 3.6: use 3.6 or later, or another discovery.`,
        ]
      : []
  if (version !== '') {
    return [
      ...known
        .filter(({ layout }) => layout.versionsDir === undefined)
        .map(
          ({ host }) =>
            `The inventory does not say where versions of etcd lie on ${host}: give its \`etcd\` a versionsDir, or leave the version out.`,
        ),
      ...known
        .filter(({ seen }) => !seen.staged && !uploadable)
        .map(
          ({ host }) =>
            `${host} has no etcd ${version}, and ${cluster.binaries === undefined ? `the inventory gives ${cluster.name} no \`binaries\`` : `${cluster.binaries}/${version} is not on this machine`}.`,
        ),
      ...tooOld(version),
    ]
  }
  const found = new Set(known.map(({ seen }) => seen.facts.etcd ?? ''))
  const missing = known.filter(({ seen }) => seen.facts.etcd === undefined)
  if (missing.length > 0)
    return missing.map(
      ({ host, layout }) =>
        `${host} has no etcd in ${layout.binDir}: install it, or give a version to bring there.`,
    )
  if (found.size > 1)
    return [
      `The hosts have different versions of etcd (${known.map(({ host, seen }) => `${host} ${seen.facts.etcd}`).join(', ')}): install one and the same, or give the version.`,
    ]
  return tooOld([...found][0] ?? '')
}

const mostSkewMs = 1000

/** Against the clock in the middle, so that one that is off does not accuse the others. */
function clocks(members: readonly BareHost[]): readonly string[] {
  const told = members.flatMap(({ host, seen }) => (seen ? [{ host, ...seen.clock }] : []))
  const middle = told.toSorted((a, b) => a.ms - b.ms)[Math.floor((told.length - 1) / 2)]
  if (!middle) return []
  return told.flatMap(({ host, ms, withinMs }) => {
    const off = ms - middle.ms
    if (Math.abs(off) <= mostSkewMs + withinMs + middle.withinMs) return []
    return [
      `The clock of ${host} is ${Math.abs(Math.round(off))} ms ${off > 0 ? 'ahead of' : 'behind'} that of ${middle.host}, and 1 s is the most: set it (NTP).`,
    ]
  })
}
