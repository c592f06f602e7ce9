import type { Json } from '../dsl/program.ts'
import type { ActionRequest } from '../workflows/ports.ts'
import type { Action, ActionContext, PreparedAction } from './action.ts'
import { guardDisruption, type Refusal } from './etcd/guard.ts'
import { RefusedError } from './failure.ts'
import { guardQuorumLost } from './recover/quorum-lost.ts'

/**
 * A member may go while the quorum holds without it; where the quorum is lost, only while it stays lost. Returns what
 * was let pass because a person overrides it.
 */
export async function guarded(
  { effect }: Pick<Action, 'effect'>,
  { disrupts }: PreparedAction,
  context: ActionContext,
): Promise<readonly Refusal[]> {
  if (context.quorum === 'lost') {
    if (effect === 'disrupt' || effect === 'destroy')
      await guardQuorumLost(context, context.run.cluster ?? disrupts?.cluster)
    return []
  }
  return disrupts ? guardDisruption(context, disrupts) : []
}

/**
 * The lock is of the cluster that the runbook names at its top, and a step names its cluster by itself: one that
 * means another would act beside the run that holds that one's lock. Throws `RefusedError`.
 */
export function refuseOtherCluster(
  { name, effect }: Pick<Action, 'name' | 'effect'>,
  { disrupts }: PreparedAction,
  { run, with: given }: Pick<ActionRequest, 'run' | 'with'>,
): void {
  const meant: Json | undefined = disrupts?.cluster ?? given['cluster']
  if (effect === 'read' || typeof meant !== 'string' || meant === run.cluster) return
  if (run.cluster === undefined && effect === 'change') return
  throw new RefusedError(
    `${name} was not done on ${meant}: the run holds ${run.cluster === undefined ? 'no lock' : `the lock of ${run.cluster}`}, and another run may be at work there. Name the cluster at the top of the runbook, and give each cluster a run of its own.`,
    { guard: 'lock' },
  )
}

/** What each cluster is being disrupted by, in this worker. */
const underWay = new Map<string, { readonly who: string; holders: number }>()

/**
 * Lets one disruption of a cluster at a time: two that are judged at once would each count on the member that the
 * other takes. A repeated try of the same step is the same one. Returns what ends it; throws `RefusedError`.
 */
export function oneDisruption(
  context: Pick<ActionContext, 'run' | 'step' | 'inventory'>,
  cluster: string | undefined,
): () => void {
  if (cluster === undefined) return () => undefined
  const key = `${context.inventory.file}\0${cluster}`
  const who = `the step ${context.step} of the run ${context.run.id}`
  const held = underWay.get(key)
  if (held && held.who !== who)
    throw new RefusedError(
      `${cluster} is being disrupted already, by ${held.who}. Nothing was done. Try again once that is over.`,
      { guard: 'busy' },
    )
  const entry = held ?? { who, holders: 0 }
  entry.holders++
  underWay.set(key, entry)
  return () => {
    if (--entry.holders === 0) underWay.delete(key)
  }
}
