import { minorOf } from '../etcd/versions.ts'
import { faultsOf } from './known-versions.ts'

/** What was found out about a cluster that is to go down a minor version. */
export interface DowngradeFacts {
  readonly cluster: string
  /** The version to reach. */
  readonly to: string
  readonly clusterVersion: string
  /** Where an enabled downgrade goes to; "" without one. */
  readonly downgradeTo: string
  readonly members: readonly {
    readonly name: string
    /** What it runs; "" when it does not answer. */
    readonly version: string
    /** What the old program refuses of its settings, a sentence each. */
    readonly refused: readonly string[]
  }[]
}

/** What forbids that a cluster goes down to a version, a sentence each; none when it may. Pure. */
export function whyNotDowngrade(facts: DowngradeFacts): readonly string[] {
  const { to, members } = facts
  if (!/^3\.\d+\.\d+$/.test(to)) return [`${to} is no version: give it in full, such as 3.5.35.`]
  const silent = members.filter(({ version }) => version === '')
  if (silent.length > 0)
    return silent.map(({ name }) => `${name} does not say which version it runs: bring it back first.`)
  const way = whyNotThatWay(facts)
  if (way !== undefined) return [way]
  return [
    ...faultsOf(to)
      .filter(({ verdict }) => verdict === 'refuse')
      .map(({ why }) => `etcd ${to}: ${why}. Choose a later patch.`),
    ...members.filter(({ version }) => version !== to).flatMap(({ refused }) => refused),
  ]
}

function whyNotThatWay({
  cluster,
  to,
  clusterVersion,
  downgradeTo,
  members,
}: DowngradeFacts): string | undefined {
  const minors = members.map(({ version }) => minorOf(version))
  const [lowest, highest, target] = [Math.min(...minors), Math.max(...minors), minorOf(to)]
  if (target < 5) {
    return `${cluster} cannot go down to ${to}: 3.4 takes part in a downgrade only from 3.4.32 on, started with a flag for it. Do that by hand, with etcd's guide.`
  }
  if (highest < target) return `${cluster} runs 3.${highest}, and ${to} is higher: use etcd-rolling-upgrade.`
  if (downgradeTo !== '' && minorOf(downgradeTo) !== target)
    return `A downgrade of ${cluster} to ${downgradeTo} is under way: finish or cancel that first.`
  const under = downgradeTo !== ''
  if (highest === target && !under)
    return `All members of ${cluster} run 3.${target} already. Between patches of it, use etcd-rolling-upgrade.`
  if (highest > target + 1 || lowest < target)
    return `etcd goes down one minor version at a time: ${cluster} runs 3.${highest}, so 3.${highest - 1} comes first.`
  if (clusterVersion !== '' && minorOf(clusterVersion) === target && lowest === target && !under) {
    return `${cluster} still keeps to version ${clusterVersion}, as an upgrade was not finished: use etcd-rolling-upgrade to ${to}, which puts the old program back.`
  }
  return undefined
}
