import { z } from 'zod'
import { defineAction } from '../action.ts'
import { clusterNamed, hostOfMember, layoutOn } from '../inventory/look-up.ts'
import type { AlarmKind } from './answers.ts'
import { assess } from './assess.ts'
import type { CallOptions } from './channel.ts'
import type { EtcdCluster } from './cluster.ts'
import { compareHashes, judgeHashes } from './compare-hashes.ts'
import { type Inspection, inspection } from './inspection.ts'
import { supposedInspection } from './supposed-inspection.ts'
import { type SeatFacts, sweep, sweepStatus, type Seating, widestLag } from './sweep.ts'
import type { Cluster } from '../../dsl/inventory.ts'

export const inspect = defineAction({
  name: 'etcd.inspect',
  title: 'look at every member',
  doc: 'Asks every member of a cluster by itself, all at once: status, membership, alarms, a read through the quorum and the hash of its keys. Holds the answers against each other and against the inventory, and says every difference as a sentence. Changes nothing, so it serves as a gate.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster to look at'),
    at: z
      .record(z.string(), z.string())
      .default({})
      .describe(
        'Members expected on another host than the inventory says, as during a move: member name to host name',
      ),
    maxLag: z
      .int()
      .min(0)
      .default(100)
      .describe('A member further behind than this many entries is not healthy'),
    hash: z
      .boolean()
      .default(true)
      .describe('Compare the keys of all members too, which reads the whole store of each'),
    tolerate: z
      .array(z.enum(['NOSPACE']))
      .default([])
      .describe(
        'Alarms that do not make a member unhealthy, for what heals them; they are listed all the same',
      ),
  }),
  output: inspection,
  example: { cluster: 'demo', at: { 'etcd-1': 'host-4' } },
  complete: supposedInspection,
  run: ({ cluster, ...asked }, context) =>
    inspectCluster(clusterNamed(context.inventory, cluster), context.cluster(cluster), {
      ...asked,
      signal: context.signal,
    }),
})

interface Asked extends CallOptions {
  readonly at?: Seating
  readonly maxLag?: number
  readonly hash?: boolean
  readonly tolerate?: readonly AlarmKind[]
}

/** What `etcd.inspect` does, for guards and checks as well. Throws `InputError` when `at` names what is not there. */
export async function inspectCluster(
  cluster: Cluster,
  etcd: EtcdCluster,
  asked: Asked = {},
): Promise<Inspection> {
  const { at = {}, maxLag = 100, hash = true, tolerate = [], ...options } = asked
  for (const [member, host] of Object.entries(at)) {
    hostOfMember(cluster, member)
    layoutOn(cluster, host)
  }
  const seats = await sweepInStep({ cluster, etcd, at, maxLag, options })
  const hashes = hash ? await compareHashes(etcd, seats, options) : judgeHashes(0, [])
  return assess({ cluster, at, seats, hashes, maxLag, tolerate })
}

interface InStep {
  readonly cluster: Cluster
  readonly etcd: EtcdCluster
  readonly at: Seating
  readonly maxLag: number
  readonly options: CallOptions
}

/**
 * Whoever answers last has committed more by then: one whose connection had to be made first lets all others look
 * behind. So a lag counts once it was seen again, over connections that stand.
 */
async function sweepInStep({ cluster, etcd, at, maxLag, options }: InStep): Promise<readonly SeatFacts[]> {
  let seats = await sweep(cluster, etcd, at, options)
  for (let again = 0; again < 2 && widestLag(seats) > maxLag; again++)
    seats = await sweepStatus(seats, etcd, options)
  return seats
}
