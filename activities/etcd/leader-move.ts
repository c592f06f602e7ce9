import { z } from 'zod'
import { leaderMoved } from '../../dsl/cluster-model.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { clusterNamed, hostOfMember } from '../inventory/look-up.ts'
import { until } from '../until.ts'
import { EtcdError } from './errors.ts'
import { inspectCluster } from './inspect.ts'
import type { Inspection, MemberView } from './inspection.ts'

export const leaderMove = defineAction({
  name: 'etcd.leader.move',
  title: 'hand leadership over',
  doc: 'Moves leadership away from a member to the healthy voter that has applied most, and waits until every member names the new leader. Does nothing when that member does not lead.',
  effect: 'change',
  subject: ['from', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    from: z.string().describe('The member that must not lead any more'),
  }),
  output: z.strictObject({
    leader: z.string().describe('The member that leads now'),
    moved: z.boolean().describe('Whether this step moved it; false when another led already'),
  }),
  example: { cluster: 'demo', from: 'etcd-1' },
  foresees: ({ from }, model) => (model.leader === from ? leaderMoved(model, '') : model),
  run: async ({ cluster, from }, context) => {
    hostOfMember(clusterNamed(context.inventory, cluster), from)
    const seen = await look(cluster, context)
    if (seen.leader !== '' && seen.leader !== from) return { leader: seen.leader, moved: false }
    if (seen.leader === '')
      throw new ActionError(`${cluster} has no leader to move: ${seen.problems.join(' ')}`)
    await handOver(cluster, seen, from, context)
    return { leader: await newLeader(cluster, from, context), moved: true }
  },
})

/** The healthy voter that has applied most, but for one member; the first by name where several have. */
export function successor(seen: Inspection, but: string): MemberView | undefined {
  const candidates = seen.members.filter(
    (member) => member.healthy && !member.isLearner && member.name !== but,
  )
  return candidates.toSorted((a, b) => b.appliedIndex - a.appliedIndex || (a.name < b.name ? -1 : 1))[0]
}

async function handOver(
  cluster: string,
  seen: Inspection,
  from: string,
  context: ActionContext,
): Promise<void> {
  const to = successor(seen, from)
  if (!to)
    throw new RefusedError(`No other member of ${cluster} is well enough to lead. ${seen.problems.join(' ')}`)
  const leading = context.cluster(cluster).endpoint(seen.byName[from]?.host ?? '')
  try {
    await leading.moveLeader(to.id, { signal: context.signal })
  } catch (error) {
    // It may have worked all the same, or the leadership moved by itself: what counts is who leads then.
    if (!(error instanceof EtcdError) || !(error.ambiguous || error.code === 'notLeader')) throw error
  }
}

function newLeader(cluster: string, from: string, context: ActionContext): Promise<string> {
  const moved = async () => {
    const { leader } = await look(cluster, context)
    return leader === '' || leader === from ? undefined : leader
  }
  return until(moved, {
    timeoutMs: 15_000,
    signal: context.signal,
    overdue: () =>
      new ActionError(
        `15 s after ${from} was asked to hand over, the members of ${cluster} agree on no other leader. Nothing else was changed; look at the members, then retry.`,
      ),
  })
}

function look(cluster: string, context: ActionContext): Promise<Inspection> {
  return inspectCluster(clusterNamed(context.inventory, cluster), context.cluster(cluster), {
    hash: false,
    // A member leads as well when the database is full.
    tolerate: ['NOSPACE'],
    signal: context.signal,
  })
}
