import { clientUrl, type Cluster, peerUrl } from '../../dsl/inventory.ts'
import type { AlarmKind, EtcdMember, Membership } from './answers.ts'
import type { HashVerdict } from './compare-hashes.ts'
import { type Inspection, type MemberView, unknownLag } from './inspection.ts'
import { seatsOf, type SeatFacts, type Seating } from './sweep.ts'
import { minorSkew, newest, oldest } from './versions.ts'

interface Seen {
  readonly cluster: Cluster
  readonly at: Seating
  readonly seats: readonly SeatFacts[]
  readonly hashes: HashVerdict
  /** Members further behind than this are not healthy. */
  readonly maxLag: number
  /** Alarms that do not make a member unhealthy; they are listed all the same. */
  readonly tolerate?: readonly AlarmKind[]
}

/** Judges what a sweep over the members brought. Pure: the same facts give the same words. */
export function assess(seen: Seen): Inspection {
  const common = commonView(seen)
  const members = memberNames(seen, common).map((name) => viewOf(name, seen, common))
  const voters = common.membership
    ? common.membership.members.filter((member) => !member.isLearner).length
    : members.length
  const quorum = quorumOf(voters)
  const reachable = members.filter((member) => member.reachable)
  const problems = [
    ...clusterProblems(seen, common),
    ...members.flatMap((member) => memberProblems(member, seen)),
  ]
  return {
    clusterId: common.clusterId,
    voters,
    quorum,
    margin: members.filter((member) => member.healthy).length - quorum,
    leader: members.find((member) => member.isLeader)?.name ?? '',
    healthy: members.every((member) => member.healthy) && common.disagreements.length === 0,
    agree: seen.hashes.agree,
    comparable: seen.hashes.comparable,
    hash: seen.hashes.agree ? (Object.values(seen.hashes.byMember)[0] ?? '') : '',
    hashedRevision: seen.hashes.revision,
    revision: Math.max(0, ...members.map((member) => member.revision)),
    version: oldest(reachable.map((member) => member.version)),
    newestVersion: newest(reachable.map((member) => member.version)),
    clusterVersion: shared(reachable.map((member) => member.clusterVersion)),
    storageVersion: shared(reachable.map((member) => member.storageVersion)),
    downgradeTo: reachable.map((member) => member.downgradeTo).find((version) => version !== '') ?? '',
    skew: minorSkew(reachable.map((member) => member.version)),
    learners: members.filter((member) => member.isLearner).length,
    maxLag: Math.max(0, ...reachable.map((member) => member.lag)),
    raftTerm: Math.max(0, ...members.map((member) => member.raftTerm)),
    dbSizeBytes: Math.max(0, ...members.map((member) => member.dbSizeBytes)),
    dbSizeInUseBytes: Math.max(0, ...members.map((member) => member.dbSizeInUseBytes)),
    alarms: common.alarms.map((alarm) => alarm.text),
    problems,
    members,
    byName: Object.fromEntries(members.map((member) => [member.name, member])),
  }
}

/** What all say; "" when they differ, or none says anything. */
function shared(texts: readonly string[]): string {
  return new Set(texts).size === 1 ? (texts[0] ?? '') : ''
}

export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1
}

/** What the members have in common, and what they say differently of one another. */
interface Common {
  readonly membership: Membership | undefined
  readonly clusterId: string
  readonly leaderId: string
  readonly committed: number
  readonly alarms: readonly { readonly memberId: string; readonly kind: AlarmKind; readonly text: string }[]
  readonly disagreements: readonly string[]
}

function commonView({ seats }: Seen): Common {
  const statuses = seats.flatMap((seat) => (seat.status ? [{ ...seat.status, member: seat.member }] : []))
  const membership = (seats.find((seat) => seat.linearizable) ?? seats.find((seat) => seat.membership))
    ?.membership
  const clusterIds = said(statuses.map((status) => [status.member, status.clusterId]))
  const leaders = said(statuses.map((status) => [status.member, status.leader]))
  const lists = said(
    seats.flatMap((seat) => (seat.membership ? [[seat.member, listText(seat.membership)]] : [])),
  )
  const disagreements = [
    clusterIds.size > 1 && `Members belong to different clusters: ${spelled(clusterIds, 'cluster ')}.`,
    leaders.size > 1 &&
      `Members name different leaders: ${spelled(leaders, '', (id) => nameOf(membership, id))}.`,
    lists.size > 1 && `Members see different memberships: ${spelled(lists, '')}.`,
  ].filter((text) => typeof text === 'string')
  return {
    membership,
    clusterId: only(clusterIds) ?? '',
    leaderId: only(leaders) ?? '0',
    committed: Math.max(0, ...statuses.map((status) => status.raftIndex)),
    alarms: alarmsOf(seats, membership),
    disagreements,
  }
}

/** What was said, and by whom. */
function said(statements: readonly (readonly string[])[]): ReadonlyMap<string, readonly string[]> {
  const byText = new Map<string, string[]>()
  for (const [who = '', what = ''] of statements) byText.set(what, [...(byText.get(what) ?? []), who])
  return byText
}

function only(statements: ReadonlyMap<string, unknown>): string | undefined {
  const [first] = statements.keys()
  return statements.size === 1 ? first : undefined
}

function spelled(
  statements: ReadonlyMap<string, readonly string[]>,
  prefix: string,
  text: (what: string) => string = (what) => what,
): string {
  return [...statements]
    .map(([what, who]) => `${who.join(', ')} ${who.length > 1 ? 'say' : 'says'} ${prefix}${text(what)}`)
    .join('; ')
}

function nameOf(membership: Membership | undefined, id: string): string {
  if (id === '0') return 'none'
  return membership?.members.find((member) => member.id === id)?.name || `the member with ID ${id}`
}

function listText(membership: Membership): string {
  return membership.members
    .map(
      (member) =>
        `${member.name || '(not started)'}=${member.peerUrls.join('+')}${member.isLearner ? ' (learner)' : ''}`,
    )
    .toSorted()
    .join(' ')
}

function alarmsOf(seats: readonly SeatFacts[], membership: Membership | undefined) {
  const all = seats.flatMap((seat) => seat.alarms ?? []).filter((alarm) => alarm.kind !== 'NONE')
  const distinct = new Map(all.map((alarm) => [`${alarm.kind} ${alarm.memberId}`, alarm]))
  return [...distinct.values()].map(({ kind, memberId }) => ({
    ...{ memberId, kind },
    text: `${kind} on ${nameOf(membership, memberId)}`,
  }))
}

function memberNames({ cluster }: Seen, { membership }: Common): readonly string[] {
  const known = Object.keys(cluster.members)
  const entries = membership?.members ?? []
  const others = entries
    .filter((entry) => !known.includes(entry.name))
    .map((entry) => entry.name || `(not started ${entry.id})`)
  return [...known, ...others].toSorted()
}

function viewOf(name: string, seen: Seen, common: Common): MemberView {
  const seat = seen.seats.find((candidate) => candidate.member === name)
  const entry = entryOf(name, common.membership)
  const status = seat?.status
  const why = whyNotHealthy({ name, seat, entry, common, maxLag: seen.maxLag, tolerate: seen.tolerate ?? [] })
  return {
    name,
    id: entry?.id ?? '',
    host: seat?.host ?? '',
    peerHost: hostWithPeerUrl(seen.cluster, entry?.peerUrls ?? []),
    reachable: status !== undefined,
    healthy: why === '',
    why,
    isLeader: entry !== undefined && entry.id === common.leaderId,
    isLearner: entry?.isLearner ?? false,
    version: status?.version ?? '',
    clusterVersion: seat?.clusterVersion ?? '',
    storageVersion: status?.storageVersion ?? '',
    downgradeTo: status?.downgradeTo ?? '',
    peerUrls: [...(entry?.peerUrls ?? [])],
    clientUrls: [...(entry?.clientUrls ?? [])],
    raftIndex: status?.raftIndex ?? 0,
    appliedIndex: status?.appliedIndex ?? 0,
    lag: status ? common.committed - Math.min(status.appliedIndex, common.committed) : unknownLag,
    raftTerm: status?.raftTerm ?? 0,
    revision: status?.revision ?? 0,
    dbSizeBytes: status?.dbSizeBytes ?? 0,
    dbSizeInUseBytes: status?.dbInUseBytes ?? 0,
    quotaBytes: status?.dbQuotaBytes ?? 0,
    hash: seen.hashes.byMember[name] ?? '',
  }
}

function entryOf(name: string, membership: Membership | undefined): EtcdMember | undefined {
  return membership?.members.find((member) => (member.name || `(not started ${member.id})`) === name)
}

interface Judged {
  readonly name: string
  readonly seat: SeatFacts | undefined
  readonly entry: EtcdMember | undefined
  readonly common: Common
  readonly maxLag: number
  readonly tolerate: readonly AlarmKind[]
}

function whyNotHealthy({ name, seat, entry, common, maxLag, tolerate }: Judged): string {
  if (!seat) return `${name} is in the membership, but not in the inventory`
  const { status } = seat
  if (!status) return `${name} does not answer: ${seat.failure?.message ?? 'no status'}`
  if (!entry) return `${name} runs on ${seat.host}, but the membership does not name it`
  if (status.memberId !== entry.id) {
    const whose = common.membership?.members.find(({ id }) => id === status.memberId)?.name ?? ''
    const answers = `the member with ID ${status.memberId}${whose === '' ? '' : `, which is ${whose}`}`
    return `On ${seat.host} (${seat.url}) answers ${answers}, and ${name} has ID ${entry.id}: if it runs on data that is not its own, stop it there and set that data directory aside`
  }
  if (status.leader === '0') return `${name} sees no leader`
  if (status.leader !== common.leaderId) return `${name} and others name different leaders`
  if (status.clusterId !== common.clusterId) return `${name} and others belong to different clusters`
  if (entry.isLearner || status.isLearner) return `${name} is a learner: it does not vote yet`
  const errors = status.errors.filter((error) => !isAlarm(error))
  if (errors.length > 0) return `${name} reports: ${errors.join('; ')}`
  const alarm = common.alarms.find(
    (raised) => raised.memberId === entry.id && !tolerate.includes(raised.kind),
  )
  if (alarm) return `An alarm is raised: ${alarm.text}`
  if (!seat.reads) return `${name} cannot read through the quorum: ${seat.failure?.message ?? 'no answer'}`
  const lag = common.committed - status.appliedIndex
  return lag > maxLag ? `${name} lags ${lag} entries behind, more than ${maxLag}` : ''
}

/**
 * Every member reports the alarms of all among its errors (`memberID:… alarm:CORRUPT`, two spaces since 3.7). They
 * are held against the member they name: that of one member is no fault of the others.
 */
function isAlarm(error: string): boolean {
  return /^memberID:\d+\s+alarm:\w+\s*$/.test(error)
}

function clusterProblems({ cluster, at, hashes, tolerate = [] }: Seen, common: Common): string[] {
  const names = Object.keys(seatsOf(cluster, at))
  const entries = common.membership?.members ?? []
  const missing = common.membership ? names.filter((name) => !entryOf(name, common.membership)) : []
  const foreign = common.alarms.filter(
    ({ memberId, kind }) => !tolerate.includes(kind) && !entries.some(({ id }) => id === memberId),
  )
  return [
    ...(common.membership ? [] : [`No member of ${cluster.name} told its membership.`]),
    ...common.disagreements,
    ...missing.map(
      (name) =>
        `The inventory names ${name}, and the membership does not (${listText({ clusterId: '', answeredBy: '', members: entries })}).`,
    ),
    ...foreign.map((alarm) => `An alarm is raised by a member that is gone: ${alarm.text}. Disarm it.`),
    ...(hashes.comparable && !hashes.agree ? [hashes.why] : []),
  ]
}

function memberProblems(view: MemberView, { cluster }: Seen): string[] {
  const layout = cluster.etcd[view.host]
  const unhealthy = view.healthy ? [] : [`${view.why.replace(/\.$/, '')}.`]
  if (!layout || view.id === '') return unhealthy
  return [
    ...unhealthy,
    ...urlProblem(view, 'peer', view.peerUrls, peerUrl(layout)),
    ...clientProblem(view, clientUrl(layout)),
  ]
}

function urlProblem(view: MemberView, kind: string, seen: readonly string[], expected: string): string[] {
  if (seen.length === 1 && seen[0] === expected) return []
  const where =
    kind === 'peer' && view.peerHost && view.peerHost !== view.host ? `, which is ${view.peerHost}` : ''
  return [
    `${view.name} is expected on ${view.host} with the ${kind} URL ${expected}, and the membership has ${seen.join(', ') || 'none'}${where}.`,
  ]
}

/** A member tells its client URLs itself when it starts, so one that is down still has those of before. */
function clientProblem(view: MemberView, expected: string): string[] {
  return view.reachable && !view.clientUrls.includes(expected)
    ? urlProblem(view, 'client', view.clientUrls, expected)
    : []
}

function hostWithPeerUrl(cluster: Cluster, peerUrls: readonly string[]): string {
  const found = Object.entries(cluster.etcd).find(([, layout]) => peerUrls.includes(peerUrl(layout)))
  return found?.[0] ?? ''
}
