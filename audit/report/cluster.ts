import { type ClusterModel, differencesOf, type MemberDifference } from '../../dsl/cluster-model.ts'
import { type MemberSight, membersIn } from '../../dsl/member-sight.ts'
import type { Json } from '../../dsl/program.ts'
import { entriesOf } from './lines.ts'
import type { ClusterChange, ClusterState, MarginPoint, MemberState } from './model.ts'

/** Follows the cluster through what actions gave: any output that shows it as `etcd.inspect` does. */
export function clusterCollector() {
  const margin: MarginPoint[] = []
  let before: ClusterState | undefined
  let after: ClusterState | undefined
  return {
    margin: (): readonly MarginPoint[] => margin,
    change: (): ClusterChange | undefined =>
      before === undefined || after === undefined
        ? undefined
        : { before, after, differences: changesOf(before, after) },
    add(output: Json, atMs: number, step: string): void {
      const standing = standingIn(output)
      if (standing !== undefined) margin.push({ atMs, step, ...standing })
      const members = membersIn(output)
      if (members === undefined) return
      const state = { atMs, step, members: members.map(memberState) }
      before ??= state
      after = state
    },
  }
}

function standingIn(output: Json): Pick<MarginPoint, 'voters' | 'quorum' | 'margin'> | undefined {
  const { voters, quorum, margin } = Object.fromEntries(entriesOf(output))
  if (typeof voters !== 'number' || typeof quorum !== 'number' || typeof margin !== 'number') return undefined
  return { voters, quorum, margin }
}

const memberState = (member: MemberSight): MemberState => ({
  name: member.name,
  host: member.host,
  version: member.version,
  learner: member.isLearner,
  leads: member.isLeader,
  serves: member.reachable,
  healthy: member.healthy,
  why: member.why,
})

/** As plans say it; who leads is a change here, because it has happened. */
function changesOf(before: ClusterState, after: ClusterState): readonly MemberDifference[] {
  const [was, is] = [leaderOf(before), leaderOf(after)]
  const led: readonly MemberDifference[] =
    was === is || is === ''
      ? []
      : [{ kind: 'changed', member: is, what: [`leads, before it ${was || 'nobody'}`] }]
  return [...differencesOf(modelOf(before), modelOf(after)), ...led]
}

const leaderOf = ({ members }: ClusterState): string => members.find(({ leads }) => leads)?.name ?? ''

function modelOf(state: ClusterState): ClusterModel {
  return {
    leader: leaderOf(state),
    members: state.members.map(({ name, host, learner, serves, version }) => ({
      ...{ name, host, learner, version, id: '' },
      up: serves,
    })),
  }
}
