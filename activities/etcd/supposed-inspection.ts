import type { Json } from '../../dsl/program.ts'
import { quorumOf } from './assess.ts'
import { type Inspection, inspection, type MemberView, memberView, unknownLag } from './inspection.ts'
import { minorSkew, newest, oldest } from './versions.ts'

const memberPart = memberView.partial()
const inspectionPart = inspection.omit({ byName: true, members: true }).partial()

type MemberPart = ReturnType<(typeof memberPart)['parse']>

/**
 * What `etcd.inspect` would say of a cluster of which only a part is told, for tests of runbooks: whatever is not
 * said is as on three members that are well, and what follows from the members follows from those that are told.
 */
export function supposedInspection({
  members: told,
  byName: _follows,
  ...rest
}: Readonly<Record<string, Json>>): Inspection {
  const over = inspectionPart.parse(rest)
  const parts = isList(told) ? told.map((member) => memberPart.parse(member)) : [{}, {}, {}]
  const members = ledBy(over.leader, parts).map(supposedMember)
  const byName = Object.fromEntries(members.map((member) => [member.name, member]))
  return inspection.parse({ ...summaryOf(members), ...over, members, byName })
}

/** Unless it is said who leads, the first that can. */
function ledBy(leader: string | undefined, parts: readonly MemberPart[]): readonly MemberPart[] {
  if (leader === undefined && parts.some(({ isLeader }) => isLeader === true)) return parts
  const first = parts.findIndex((part) => part.isLeader !== false && isWell(part))
  return parts.map((part, index) => ({
    ...part,
    isLeader: leader === undefined ? index === first : nameOf(part, index) === leader,
  }))
}

const nameOf = ({ name }: MemberPart, index: number): string => name ?? `etcd-${index + 1}`

const isWell = ({ healthy = true, reachable = true, isLearner = false, why = '' }: MemberPart): boolean =>
  healthy && reachable && !isLearner && why === ''

function supposedMember(part: MemberPart, index: number): MemberView {
  const name = nameOf(part, index)
  const host = part.host ?? `host-${index + 1}`
  const healthy = isWell(part)
  const reachable = part.reachable ?? true
  const version = part.version ?? (reachable ? '3.6.16' : '')
  const minor = version.replace(/\.\d+$/, '.0')
  return memberView.parse({
    name,
    id: String(index + 1)
      .repeat(16)
      .slice(0, 16),
    peerHost: host,
    reachable,
    why: healthy ? '' : whyNot(name, part),
    isLeader: false,
    isLearner: false,
    clusterVersion: minor,
    storageVersion: minor,
    downgradeTo: '',
    peerUrls: [`http://${host}:2380`],
    clientUrls: [`http://${host}:2379`],
    raftIndex: reachable ? 1000 : 0,
    appliedIndex: reachable ? 1000 : 0,
    lag: reachable ? 0 : unknownLag,
    raftTerm: reachable ? 2 : 0,
    revision: reachable ? 100 : 0,
    dbSizeBytes: reachable ? 20_480 : 0,
    dbSizeInUseBytes: reachable ? 16_384 : 0,
    quotaBytes: reachable ? 2_147_483_648 : 0,
    hash: reachable ? '0badcafe' : '',
    ...part,
    ...{ host, version, healthy },
  })
}

function whyNot(name: string, { reachable = true, isLearner = false }: MemberPart): string {
  if (!reachable) return `${name} does not answer`
  return isLearner ? `${name} is a learner: it does not vote yet` : `${name} is not healthy`
}

/** As `assess` sums up members. */
function summaryOf(members: readonly MemberView[]): Omit<Inspection, 'members' | 'byName'> {
  const reachable = members.filter((member) => member.reachable)
  const voters = members.filter((member) => !member.isLearner)
  const hashes = new Set(voters.filter((member) => member.reachable).map((member) => member.hash))
  const agree = hashes.size === 1
  const quorum = quorumOf(voters.length)
  const most = (of: (member: MemberView) => number): number => Math.max(0, ...reachable.map(of))
  return {
    clusterId: 'c1a57e2000000000',
    voters: voters.length,
    quorum,
    margin: members.filter((member) => member.healthy).length - quorum,
    leader: members.find((member) => member.isLeader)?.name ?? '',
    healthy: members.every((member) => member.healthy),
    agree,
    comparable: hashes.size > 0,
    hash: agree ? ([...hashes][0] ?? '') : '',
    hashedRevision: most((member) => member.revision),
    revision: most((member) => member.revision),
    version: oldest(reachable.map((member) => member.version)),
    newestVersion: newest(reachable.map((member) => member.version)),
    clusterVersion: shared(reachable.map((member) => member.clusterVersion)),
    storageVersion: shared(reachable.map((member) => member.storageVersion)),
    downgradeTo: reachable.map((member) => member.downgradeTo).find((version) => version !== '') ?? '',
    skew: minorSkew(reachable.map((member) => member.version)),
    learners: members.length - voters.length,
    maxLag: most((member) => member.lag),
    raftTerm: most((member) => member.raftTerm),
    dbSizeBytes: most((member) => member.dbSizeBytes),
    dbSizeInUseBytes: most((member) => member.dbSizeInUseBytes),
    alarms: [],
    problems: members.filter((member) => !member.healthy).map((member) => `${member.why}.`),
  }
}

const shared = (texts: readonly string[]): string => (new Set(texts).size === 1 ? (texts[0] ?? '') : '')

const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value)
