import type { EtcdLayout } from '../../dsl/inventory.ts'
import type { DataDirectory } from '../dir/data-directories.ts'
import type { HostFacts } from '../host/facts.ts'
import type { PortState } from '../host/ports.ts'

/** What was found out about a host that a member may move to. */
export interface Destination {
  readonly member: string
  readonly host: string
  readonly from: string
  readonly layout: EtcdLayout
  readonly facts: HostFacts
  readonly sourceFacts: HostFacts
  readonly dataBytes: number
  readonly freeFactor: number
  readonly inPlace?: DataDirectory
  readonly leftovers: readonly string[]
  /** A separate directory of the member's write-ahead log, where it has one. */
  readonly walDir?: string
  /** Client and peer port, tried from the host itself. */
  readonly ports: readonly PortState[]
  /** What is wrong with the certificates there, a sentence each. */
  readonly certificates: readonly string[]
  readonly clockSkewMs: number
  readonly clockWithinMs: number
  readonly ways: Ways
  /** Other hosts of the cluster that cannot be asked what lies there, and why. */
  readonly silent: readonly { readonly host: string; readonly why: string }[]
}

interface Ways {
  readonly out: readonly Way[]
  /** Left out when nothing could listen there. */
  readonly back?: readonly Way[]
  readonly cannotListen?: string
}

interface Way {
  readonly peer: string
  readonly state: PortState
}

/** What stands in the way of a move, a sentence each with what to do about it. Pure. */
export function judgeDestination(seen: Destination): readonly string[] {
  return [
    ...programs(seen),
    ...directories(seen),
    ...disk(seen),
    ...ports(seen),
    ...clock(seen),
    ...seen.certificates,
    ...network(seen),
    ...silence(seen),
  ]
}

function programs({ host, from, layout, facts, sourceFacts }: Destination): readonly string[] {
  const needed = (['etcd', 'etcdctl', 'etcdutl'] as const).filter((name) => sourceFacts[name] !== undefined)
  return [
    ...(facts.system === sourceFacts.system
      ? []
      : [
          `${host} is ${facts.system} and ${from} is ${sourceFacts.system}: a data directory moves only between equals.`,
        ]),
    ...(sourceFacts.etcd === undefined
      ? [
          `The etcd of ${from} is not in ${layout.binDir} there, so its version cannot be compared. Correct binDir in the inventory.`,
        ]
      : []),
    ...needed
      .filter((name) => facts[name] === undefined)
      .map((name) => `${host} has no ${name} in ${layout.binDir}: install version ${sourceFacts[name]}.`),
    ...(facts.etcd !== undefined && sourceFacts.etcd !== undefined && facts.etcd !== sourceFacts.etcd
      ? [
          `${host} has etcd ${facts.etcd} in ${layout.binDir}, and the member runs ${sourceFacts.etcd}: install exactly that.`,
        ]
      : []),
  ]
}

function directories({ host, layout, inPlace, facts, walDir, from }: Destination): readonly string[] {
  const whose = inPlace?.identity ? ` of member ${inPlace.identity.memberId}` : ''
  return [
    ...(inPlace && !inPlace.empty
      ? [
          `${host} has a data directory${whose} at ${layout.dataDir} already: set it aside or choose another host.`,
        ]
      : []),
    ...(facts.parent === 'absent'
      ? [`${host} has no directory to put ${layout.dataDir} into: make it, with etcd's user as owner.`]
      : []),
    ...(facts.parent === 'readOnly'
      ? [`Quorate may not write beside ${layout.dataDir} on ${host}: give its user the right, or sudo.`]
      : []),
    ...(facts.workDir === 'readOnly'
      ? [`Quorate may not write to its work directory on ${host}: correct workDir in the inventory.`]
      : []),
    ...(walDir === undefined
      ? []
      : [
          `The member keeps its write-ahead log apart (wal-dir ${walDir} on ${from}), which this move does not copy. Put the log into the data directory first.`,
        ]),
  ]
}

function disk({ host, facts, dataBytes, freeFactor }: Destination): readonly string[] {
  const needed = Math.ceil(dataBytes * freeFactor)
  if (facts.freeBytes >= needed) return []
  return [
    `${host} has ${mib(facts.freeBytes)} free, and ${mib(needed)} are needed (${freeFactor} times the ${mib(dataBytes)} of the member): make room.`,
  ]
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`
}

function ports({ host, layout, ports: states }: Destination): readonly string[] {
  const named = [
    ['client', layout.clientPort, states[0]],
    ['peer', layout.peerPort, states[1]],
  ] as const
  const taken = named.filter(([, , state]) => state === 'open')
  const unknown = named.some(([, , state]) => state === 'unknown')
  return [
    ...taken.map(
      ([kind, port]) =>
        `Something listens on the ${kind} port ${port} of ${host} already: end it, or correct the port in the inventory.`,
    ),
    ...(unknown ? [`${host} has nothing to try a port with: install bash, nc, python3 or perl.`] : []),
  ]
}

const mostSkewMs = 1000

function clock({ host, from, clockSkewMs, clockWithinMs }: Destination): readonly string[] {
  if (Math.abs(clockSkewMs) <= mostSkewMs + clockWithinMs) return []
  const off = `${Math.abs(clockSkewMs)} ms ${clockSkewMs > 0 ? 'ahead of' : 'behind'}`
  return [`The clock of ${host} is ${off} that of ${from}, and 1 s is the most: set it (NTP).`]
}

function network({ host, layout, ways }: Destination): readonly string[] {
  const closed = ({ state }: Way) => state !== 'open'
  return [
    ...ways.out
      .filter(closed)
      .map(({ peer }) => `${host} does not reach the peer port of ${peer}: open it in the firewall.`),
    ...(ways.back ?? [])
      .filter(closed)
      .map(
        ({ peer }) =>
          `${peer} does not reach the peer port ${layout.peerPort} of ${host} (tried with a listener there): open it in the firewall.`,
      ),
    ...(ways.cannotListen === undefined ? [] : [ways.cannotListen]),
  ]
}

/** The start would refuse then, with the member stopped already. */
function silence({ silent, host: to }: Destination): readonly string[] {
  return silent.map(
    ({ host, why }) =>
      `${host} cannot be asked whether it holds data of the member, too (${why}), and without that etcd is not started on ${to}: bring it back, or take it out of the inventory once it is certain never to start again.`,
  )
}
