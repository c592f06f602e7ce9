import { setTimeout as sleep } from 'node:timers/promises'
import type { MemberSight, Sight } from '../../dsl/member-sight.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import type { Inspection, MemberView } from '../etcd/inspection.ts'
import { InputError } from '../failure.ts'
import type { Beside } from './beside.ts'

/** Looks at every member again and again until `signal` aborts, and tells how they stand. */
export async function watchMembers(
  { clusterNow, pool, signal }: Beside,
  tell: (sight: Sight) => void,
): Promise<void> {
  let at: Readonly<Record<string, string>> = {}
  const silentSince = new Map<string, number>()
  while (!signal.aborted) {
    try {
      const cluster = await clusterNow()
      const seen = await inspectCluster(cluster, pool.cluster(cluster), { at, hash: false, signal })
      const atMs = Date.now()
      if (!signal.aborted) tell({ atMs, members: sights(seen, silentSince, atMs) })
      at = movedIn(seen, cluster.etcd)
    } catch (error) {
      // An inventory that is being written, or a member that left it: looked at anew.
      if (error instanceof InputError) at = {}
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined)
  }
}

const everyMs = 1500

/** A member that moves answers where the membership has it, before the inventory says so. */
function movedIn({ members }: Inspection, known: Readonly<Record<string, unknown>>): Record<string, string> {
  const moved = members.filter(
    ({ host, peerHost }) =>
      host !== '' && peerHost !== '' && peerHost !== host && Object.hasOwn(known, peerHost),
  )
  return Object.fromEntries(moved.map(({ name, peerHost }) => [name, peerHost]))
}

function sights(
  { members }: Inspection,
  silentSince: Map<string, number>,
  atMs: number,
): readonly MemberSight[] {
  return members.map((member) => {
    if (member.reachable) silentSince.delete(member.name)
    else if (!silentSince.has(member.name)) silentSince.set(member.name, atMs)
    return sight(member, silentSince.get(member.name))
  })
}

function sight(member: MemberView, unreachableSinceMs: number | undefined): MemberSight {
  const { name, host, reachable, healthy, why, isLeader, isLearner, version, lag } = member
  return {
    ...{ name, host, reachable, healthy, why, isLeader, isLearner, version, lag },
    ...(unreachableSinceMs === undefined ? {} : { unreachableSinceMs }),
  }
}
