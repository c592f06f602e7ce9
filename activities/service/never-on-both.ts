import { peerUrl } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import {
  compareLogEnds,
  dataDirectories,
  type DataDirectories,
  type DataDirectory,
  type LogEnd,
  logEnd,
} from '../dir/data-directories.ts'
import { lastRanHere } from '../dir/last-ran-here.ts'
import type { Identity } from '../dir/wal-head.ts'
import type { Membership } from '../etcd/answers.ts'
import type { EtcdCluster } from '../etcd/cluster.ts'
import { EtcdError } from '../etcd/errors.ts'
import { ActionError, InputError, RefusedError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { isMadeBy } from '../recover/made-by-run.ts'

/**
 * Refuses to start etcd on a host where that could make a second instance of a member, or bring back data
 * that a newer copy has outrun. Both break what raft promised and can lose acknowledged writes, so no
 * runbook can leave this out: `service.start` asks it each time. Facts on the hosts decide.
 */
export async function refuseSecondInstance(context: ActionContext, at: Place): Promise<Identity> {
  const facts = await startFacts(context, at)
  const refusal = whyNotStart(facts)
  if (refusal !== undefined)
    throw new RefusedError(`etcd was not started on ${at.host}: ${refusal}`, { guard: 'instance' })
  const identity = facts.own.inPlace?.identity
  if (!identity)
    throw new Error('A start was allowed without data. This is a mistake in Quorate: please report it.')
  return identity
}

export interface Place {
  readonly cluster: string
  readonly host: string
  /**
   * Hosts that cannot be asked, for which a person answers. Counts only where the quorum is lost: there is no other
   * way on then, while a cluster that works can take the dead host out first.
   */
  readonly acknowledged?: readonly string[]
}

export interface StartFacts {
  readonly host: string
  readonly dataDir: string
  /** Peer URL of that host in the inventory. */
  readonly peerUrl: string
  readonly own: DataDirectories
  readonly others: readonly OtherHost[]
  /** Hosts that need not be asked: those that cannot have the same identity, or for which a person answers. */
  readonly excused?: readonly string[]
  /** As the quorum sees it without that host; left out when no other member can say. */
  readonly membership?: Membership
  /** Log ends of all directories that hold the same member's data, by `HOST:PATH`. */
  readonly ends: ReadonlyMap<string, LogEnd>
}

export interface OtherHost {
  readonly host: string
  /** Left out when the host cannot be asked. */
  readonly directories?: DataDirectories
  readonly whyUnknown?: string
  /** ID of the member whose etcd answers there. */
  readonly answersAs?: string
}

/** The rule itself: why etcd must not be started there, as a sentence; `undefined` when it may. Pure. */
export function whyNotStart(facts: StartFacts): string | undefined {
  const { own, host, dataDir } = facts
  if (!own.inPlace)
    return `there is no data directory ${dataDir}. A member that starts without its data would come back with less than it acknowledged.`
  const { identity } = own.inPlace
  if (!identity) return `${dataDir} holds no readable log, so whose data it is cannot be told.`
  const elsewhere = facts.others
    .map((other) => whyElsewhere(other, identity, facts.excused ?? []))
    .find((why) => why !== undefined)
  return elsewhere ?? whyOutrun(facts, identity) ?? whyNotMember(facts, identity, host)
}

function whyElsewhere(
  other: OtherHost,
  { memberId, clusterId }: Identity,
  excused: readonly string[],
): string | undefined {
  const { host, directories, answersAs } = other
  if (answersAs === memberId)
    return `member ${memberId} answers on ${host} already. Stop and fence it there first.`
  if (!directories) {
    if (answersAs !== undefined || excused.includes(host)) return undefined
    return `${host} cannot be asked whether it holds the same member's data (${other.whyUnknown ?? 'no answer'}). Bring it back, or take it out of the inventory once it is certain never to start again.`
  }
  const { inPlace } = directories
  if (!inPlace || inPlace.identity?.memberId !== memberId || inPlace.identity.clusterId !== clusterId)
    return undefined
  const state = inPlace.open === 'no' ? 'could be started there' : 'is in use there'
  return `the same member's data lies in ${inPlace.path} on ${host} and ${state}. Stop etcd there and set that directory aside first.`
}

function whyOutrun({ host, dataDir, ends }: StartFacts, { memberId }: Identity): string | undefined {
  const own = ends.get(placeKey(host, dataDir))
  const newer = [...ends].find(([, end]) => own !== undefined && compareLogEnds(own, end) < 0)
  if (!own) return `how far the log in ${dataDir} goes could not be read.`
  if (!newer) return undefined
  return `its data is stale: ${newer[0]} holds a later state of member ${memberId} (log segment ${newer[1].segment}, ${newer[1].written} bytes, against ${own.segment}, ${own.written} bytes). Starting it would take back what the member acknowledged. Put the newer directory in its place, or replace the member.`
}

function whyNotMember(
  { membership, peerUrl: expected }: StartFacts,
  identity: Identity,
  host: string,
): string | undefined {
  if (!membership) return undefined
  if (membership.clusterId !== identity.clusterId) {
    return `its data belongs to cluster ${identity.clusterId}, and the members answer for cluster ${membership.clusterId}. Set it aside.`
  }
  const entry = membership.members.find((member) => member.id === identity.memberId)
  if (!entry)
    return `the cluster has no member ${identity.memberId} any more: it was removed. Set the data aside and add the member anew.`
  if (entry.peerUrls.some((url) => samePlace(url, expected))) return undefined
  return `the cluster expects ${entry.name || entry.id} at ${entry.peerUrls.join(', ')}, not at ${expected} (${host}). Update its peer URL first.`
}

/** A member that comes to speak TLS stays where it is. */
function samePlace(one: string, other: string): boolean {
  return one.replace(/^https?:/, '') === other.replace(/^https?:/, '')
}

function placeKey(host: string, path: string): string {
  return `${host}:${path}`
}

async function startFacts(context: ActionContext, place: Place): Promise<StartFacts> {
  const { cluster: name, host } = place
  const cluster = clusterNamed(context.inventory, name)
  const layout = layoutOn(cluster, host)
  const etcd = context.cluster(name)
  const otherHosts = etcd.hosts.filter((other) => other !== host)
  const [own, excused, others, membership] = await Promise.all([
    dataDirectories(context.host(host), layout.dataDir),
    excusedHosts(context, place, layout.dataDir, otherHosts),
    Promise.all(otherHosts.map((other) => otherHost(context, etcd, other, layoutOn(cluster, other).dataDir))),
    membershipWithout(etcd, otherHosts, context.signal),
  ])
  const facts = { host, dataDir: layout.dataDir, peerUrl: peerUrl(layout), own, others, excused }
  const ends = await endsOfSameMember(context, facts)
  return { ...facts, ends, ...(membership && { membership }) }
}

/** What this run stopped there, or made itself, is nowhere else; for any other, hosts that cannot be asked need a person. */
async function excusedHosts(
  context: ActionContext,
  { host, acknowledged = [] }: Place,
  dataDir: string,
  others: readonly string[],
): Promise<readonly string[]> {
  if (await lastRanHere(context.host(host), dataDir, context.run)) return others
  if (context.quorum !== 'lost') return []
  return (await isMadeBy(context.host(host), dataDir, context.run)) ? others : acknowledged
}

async function otherHost(
  context: ActionContext,
  etcd: EtcdCluster,
  host: string,
  dataDir: string,
): Promise<OtherHost> {
  const [directories, status] = await Promise.allSettled([
    dataDirectories(context.host(host), dataDir),
    etcd.endpoint(host).status({ signal: context.signal }),
  ])
  return {
    host,
    ...(directories.status === 'fulfilled'
      ? { directories: directories.value }
      : { whyUnknown: messageOf(directories.reason) }),
    ...(status.status === 'fulfilled' && { answersAs: status.value.memberId }),
  }
}

function messageOf(reason: unknown): string {
  if (reason instanceof ActionError || reason instanceof InputError) return reason.message.replace(/\.$/, '')
  if (reason instanceof Error && reason.name === 'UnknownOutcomeError')
    return reason.message.replace(/\.$/, '')
  throw reason
}

async function membershipWithout(etcd: EtcdCluster, hosts: readonly string[], signal: AbortSignal) {
  const asked = hosts.map((host) => etcd.endpoint(host).members(true, { signal }))
  try {
    return await Promise.any(asked)
  } catch (error) {
    if (error instanceof AggregateError && error.errors.every((each) => each instanceof EtcdError))
      return undefined
    throw error
  }
}

type Located = { readonly host: string; readonly directory: DataDirectory }

/** Reads the log ends only where the identity is the same: it costs a pass over a segment each. */
async function endsOfSameMember(
  context: ActionContext,
  { host, own, others }: Pick<StartFacts, 'host' | 'own' | 'others'>,
): Promise<ReadonlyMap<string, LogEnd>> {
  const identity = own.inPlace?.identity
  if (!identity) return new Map()
  const all: Located[] = [{ host, directories: own }, ...others].flatMap(({ host: on, directories }) =>
    [...(directories?.inPlace ? [directories.inPlace] : []), ...(directories?.aside ?? [])].map(
      (directory) => ({ host: on, directory }),
    ),
  )
  const same = all.filter(
    ({ directory }) =>
      directory.identity?.memberId === identity.memberId &&
      directory.identity.clusterId === identity.clusterId,
  )
  const ends = await Promise.all(
    same.map(async ({ host: on, directory }) => {
      const end = await logEnd(context.host(on), directory.path)
      return [placeKey(on, directory.path), end] as const
    }),
  )
  return new Map(ends)
}
