import type { ActionContext } from '../action.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import { hostsOf } from '../etcd/pool.ts'
import { ActionError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { serviceFacts, whyNotStopped } from '../service/proof.ts'
import { isMadeBy } from './made-by-run.ts'

export interface Fencing {
  readonly cluster: string
  /** The host that is worked on. */
  readonly but: string
  /** Hosts that cannot be asked, of which a person has said that etcd is never to start there again as it is. */
  readonly acknowledged: readonly string[]
}

/**
 * Refuses to make a new cluster while any old member could still run or be started: a new cluster among living
 * members kills them, and one that comes back later is let in. Every other host is asked at that moment. Throws
 * `RefusedError` naming all that are not fenced.
 */
export async function refuseUnfenced(context: ActionContext, fencing: Fencing): Promise<void> {
  const cluster = clusterNamed(context.inventory, fencing.cluster)
  const others = hostsOf(cluster).filter((host) => host !== fencing.but)
  const open = await Promise.all(others.map((host) => whyNotFenced(context, fencing, host)))
  const reasons = open.filter((why) => why !== undefined)
  if (reasons.length === 0) return
  throw new RefusedError(
    `${fencing.cluster} is not fenced, and nothing was done on ${fencing.but}: ${reasons.join(' ')}`,
  )
}

/** What makes a new cluster has no place in a run for a cluster that works. */
export function refuseWhereQuorumIsKept({ quorum, run }: ActionContext): void {
  if (quorum === 'lost') return
  throw new RefusedError(
    `The runbook ${run.runbook} is not for a cluster that has lost its quorum. Nothing was done. Write "quorum: lost" at its top if it is.`,
  )
}

async function whyNotFenced(
  context: ActionContext,
  { cluster, acknowledged }: Fencing,
  name: string,
): Promise<string | undefined> {
  const layout = layoutOn(clusterNamed(context.inventory, cluster), name)
  const host = context.host(name)
  try {
    const { inPlace } = await dataDirectories(host, layout.dataDir)
    if (inPlace && (await isMadeBy(host, inPlace.path, context.run))) return undefined
    const running = whyNotStopped(await serviceFacts(host, layout))
    if (running !== '') return `On ${name} etcd is not stopped (${running}).`
    if (!inPlace || inPlace.empty) return undefined
    return `On ${name} the data directory ${inPlace.path} lies where etcd would start it: set it aside.`
  } catch (error) {
    if (!(error instanceof ActionError) && !(error instanceof UnknownOutcomeError)) throw error
    if (acknowledged.includes(name)) return undefined
    return `${name} cannot be asked (${error.message.replace(/\.$/, '')}): name it under acknowledgeUnreachable once it is certain that etcd never starts there again with its data.`
  }
}
