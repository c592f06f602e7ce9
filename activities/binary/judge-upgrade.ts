import { compareVersions, minorOf } from '../etcd/versions.ts'
import { faultsOf, hops } from './known-versions.ts'

/** What was found out about a cluster that is to run another version of etcd. */
export interface UpgradeFacts {
  readonly cluster: string
  /** The version to reach. */
  readonly to: string
  /** The version the cluster keeps to; "" when the members do not say the same. */
  readonly clusterVersion: string
  /** Where an enabled downgrade goes to; "" without one. */
  readonly downgradeTo: string
  /** The cluster asks its clients who they are. */
  readonly auth: boolean
  readonly members: readonly UpgradeMember[]
}

export interface UpgradeMember {
  readonly name: string
  readonly host: string
  /** What it runs; "" when it does not answer. */
  readonly version: string
  /** What the new program refuses of its settings, a sentence each. */
  readonly refused: readonly string[]
  /** Why its v2 store does not let it go on, a sentence; "" when it does or need not be looked at. */
  readonly v2: string
}

export interface UpgradeVerdict {
  readonly kind: 'minor' | 'patch' | 'none'
  /** What forbids it, a sentence each with what to do. */
  readonly problems: readonly string[]
  /** What a person should know before saying yes. */
  readonly warnings: readonly string[]
}

/** Whether a cluster may be put on another version, one minor version at a time. Pure. */
export function judgeUpgrade(facts: UpgradeFacts): UpgradeVerdict {
  const { to, members } = facts
  const steps = minorOf(to) - lowestMinor(facts)
  const kind = members.every(({ version }) => version === to) ? 'none' : steps === 0 ? 'patch' : 'minor'
  if (!known(to)) return { kind, problems: [notKnown(to)], warnings: [] }
  const way = wayProblems(facts, steps)
  const floors = steps === 1 ? floorsOf(facts) : { refuse: [], warn: [] }
  const faults = faultsOf(to).map(({ verdict, why }) => ({ verdict, text: `etcd ${to}: ${why}.` }))
  return {
    kind,
    problems: [
      ...way,
      ...faults
        .filter(({ verdict }) => verdict === 'refuse')
        .map(({ text }) => `${text} Choose a later patch.`),
      ...(way.length > 0 ? [] : [...floors.refuse, ...ownProblems(facts)]),
    ],
    warnings: [
      ...faults.filter(({ verdict }) => verdict === 'warn').map(({ text }) => text),
      ...(way.length > 0 ? [] : floors.warn),
    ],
  }
}

function known(version: string): boolean {
  return /^3\.\d+\.\d+$/.test(version) && minorOf(version) >= 4 && minorOf(version) <= 7
}

function notKnown(to: string): string {
  return `${to} is no version that Quorate knows how to reach: give one of 3.4 to 3.7 in full, such as 3.6.16.`
}

function lowestMinor({ members, to }: UpgradeFacts): number {
  const minors = members.filter(({ version }) => version !== '').map(({ version }) => minorOf(version))
  return minors.length === 0 ? minorOf(to) : Math.min(...minors)
}

function wayProblems(facts: UpgradeFacts, steps: number): readonly string[] {
  const { cluster, to, clusterVersion, downgradeTo, members } = facts
  const silent = members.filter(({ version }) => version === '')
  const higher = isWayBack(facts)
    ? []
    : members.filter(({ version }) => version !== '' && minorOf(version) > minorOf(to))
  const from = `3.${lowestMinor(facts)}`
  return [
    ...silent.map(({ name }) => `${name} does not say which version it runs: bring it back first.`),
    ...(downgradeTo === ''
      ? []
      : [
          `A downgrade of ${cluster} to ${downgradeTo} is under way: finish it with etcd-downgrade, or cancel it.`,
        ]),
    ...(higher.length === 0 ? [] : [down(cluster, to, higher)]),
    ...(steps > 1
      ? [
          `etcd goes up one minor version at a time: ${cluster} runs ${from}, so ${to} comes after 3.${lowestMinor(facts) + 1}.`,
        ]
      : []),
    ...(clusterVersion !== '' && minorOf(clusterVersion) > minorOf(to) && higher.length === 0
      ? [`${cluster} keeps to version ${clusterVersion} already, and etcd ${to} would not start in it.`]
      : []),
  ]
}

/** An upgrade that was not finished: as long as one member runs the old program, it can be put back on all. */
function isWayBack({ to, clusterVersion, members }: UpgradeFacts): boolean {
  return (
    clusterVersion !== '' &&
    minorOf(clusterVersion) === minorOf(to) &&
    members.some(({ version }) => version !== '' && minorOf(version) === minorOf(to))
  )
}

function down(cluster: string, to: string, higher: readonly UpgradeMember[]): string {
  const who = higher.map(({ name, version }) => `${name} runs ${version}`).join(', ')
  return `${to} is a lower minor version (${who}): putting its program in place would not start, or worse. Use etcd-downgrade for ${cluster}.`
}

function floorsOf({ cluster, auth, members, to }: UpgradeFacts): {
  readonly refuse: string[]
  readonly warn: string[]
} {
  const hop = hops.find(({ from }) => from === minorOf(to) - 1)
  if (!hop) return { refuse: [], warn: [] }
  const below = members.filter(
    ({ version }) => minorOf(version) === hop.from && compareVersions(version, hop.floor) < 0,
  )
  const texts = below.map(
    ({ name, version }) =>
      `${name} runs ${version}, and every member must run ${hop.floor} or later before one goes to 3.${hop.from + 1}: ${hop.why}. Upgrade to that patch first.`,
  )
  const forAuth =
    auth && hop.notWithAuth !== undefined
      ? [
          `${cluster} uses authentication: ${hop.notWithAuth}. Switch it off for the time of the upgrade (etcdctl auth disable), with clients kept away.`,
        ]
      : []
  return hop.verdict === 'refuse'
    ? { refuse: [...forAuth, ...texts], warn: [] }
    : { refuse: forAuth, warn: texts }
}

function ownProblems({ members, to }: UpgradeFacts): readonly string[] {
  return members
    .filter(({ version }) => version !== to)
    .flatMap(({ refused, v2 }) => [...refused, ...(v2 === '' ? [] : [v2])])
}
