import { quorumOf } from '../etcd/assess.ts'
import { type Inspection, type MemberView, unknownLag } from '../etcd/inspection.ts'
import type { DatabaseSeen, HostSeen, Surveyed, Way } from './survey-view.ts'

/** Made-up surveys for tests: members etcd-1, … on h1, …, the first leads; then spares. All is well until it is changed. */
export interface Sample {
  readonly members?: number
  readonly spares?: number
  readonly member?: Readonly<Record<string, Partial<MemberView>>>
  readonly host?: Readonly<Record<string, Partial<HostSeen>>>
  /** `h1>h2` that are closed. */
  readonly closed?: readonly string[]
  readonly database?: Readonly<Record<string, Partial<DatabaseSeen>>>
  readonly etcd?: Partial<Inspection>
  readonly certificates?: Surveyed['certificates']
}

const MiB = 2 ** 20
const GiB = 2 ** 30

export function sampleSurvey(sample: Sample = {}): Surveyed {
  const { members: size = 3, spares = 1 } = sample
  const members = numbers(size).map((at) => memberOf(at, sample))
  const hosts = numbers(size + spares).map((at) => hostOf(at, size, sample))
  const ways = hosts
    .filter(({ reachable }) => reachable)
    .flatMap(({ host: from }) => hosts.slice(0, size).map(({ host: to }) => wayOf(from, to, sample)))
  const answering = members.filter(({ reachable }) => reachable)
  const voters = members.filter(({ id, isLearner }) => id !== '' && !isLearner).length
  const quorum = quorumOf(voters)
  const versions = answering.map(({ version }) => version).toSorted()
  return {
    cluster: 'demo',
    etcd: {
      ...{ clusterId: 'c1', voters, quorum, leader: members.find(({ isLeader }) => isLeader)?.name ?? '' },
      margin: members.filter(({ healthy }) => healthy).length - quorum,
      healthy: members.every(({ healthy }) => healthy),
      ...{ agree: true, comparable: true, hash: 'cafe0001', hashedRevision: 7, revision: 7 },
      ...{ version: versions[0] ?? '', newestVersion: versions.at(-1) ?? '', clusterVersion: '3.6.0' },
      ...{ storageVersion: '3.6.0', downgradeTo: '', skew: 0, learners: 0, maxLag: 0, raftTerm: 2 },
      ...{ dbSizeBytes: 20 * MiB, dbSizeInUseBytes: 18 * MiB, alarms: [], problems: [], members },
      byName: Object.fromEntries(members.map((member) => [member.name, member])),
      ...sample.etcd,
    },
    ...{ hosts, ways, certificates: sample.certificates ?? [] },
    databases: answering.map(({ name }) => ({
      ...{ member: name, sizeBytes: 20 * MiB, inUseBytes: 18 * MiB, quotaBytes: 2 * GiB, worth: false },
      ...sample.database?.[name],
    })),
  }
}

export const down: Partial<MemberView> = {
  ...{
    reachable: false,
    healthy: false,
    isLeader: false,
    version: '',
    lag: unknownLag,
    why: 'it does not answer',
  },
}

export const silent: Partial<HostSeen> = {
  ...{ reachable: false, why: 'no answer within 10 s.', service: 'unknown', version: '', certificates: [] },
  ...{ freeBytes: -1, diskBytes: -1, clockWithinMs: -1 },
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at + 1)
}

function memberOf(at: number, { member }: Sample): MemberView {
  const name = `etcd-${at}`
  return {
    ...{ name, id: `a${at}`, host: `h${at}`, peerHost: `h${at}`, reachable: true, healthy: true, why: '' },
    ...{ isLeader: at === 1, isLearner: false, version: '3.6.16', clusterVersion: '3.6.0' },
    ...{
      storageVersion: '3.6.0',
      downgradeTo: '',
      peerUrls: [],
      clientUrls: [],
      raftIndex: 9,
      appliedIndex: 9,
    },
    ...{
      lag: 0,
      raftTerm: 2,
      revision: 7,
      dbSizeBytes: 20 * MiB,
      dbSizeInUseBytes: 18 * MiB,
      quotaBytes: 2 * GiB,
    },
    ...{ hash: 'cafe0001', ...member?.[name] },
  }
}

function hostOf(at: number, size: number, { host }: Sample): HostSeen {
  const name = `h${at}`
  const isMember = at <= size
  return {
    ...{ host: name, member: isMember ? `etcd-${at}` : '', reachable: true, why: '', fenced: false },
    ...{
      service: isMember ? 'running' : 'stopped',
      version: '3.6.16',
      freeBytes: 30 * GiB,
      diskBytes: 40 * GiB,
    },
    ...{ clockOffsetMs: 1, clockWithinMs: 3 },
    certificates: isMember
      ? [{ path: '/pki/server.crt', endsAt: '2027-11-21T00:00:00.000Z', days: 364 }]
      : [],
    ...host?.[name],
  }
}

function wayOf(from: string, to: string, { closed = [] }: Sample): Way {
  return { from, to, state: closed.includes(`${from}>${to}`) ? 'closed' : 'open' }
}
