import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import { defineAction } from '../action.ts'
import { hostsOf } from '../etcd/pool.ts'
import { ActionError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { acknowledgeUnreachable } from './acknowledge.ts'
import { refuseLogApart } from './log-apart.ts'
import { initialClusterOf, restoreToken } from './restore.ts'

export const recoverPlan = defineAction({
  name: 'recover.plan',
  title: 'choose the hosts of the restored cluster',
  doc: 'Says on which host each member of a restored cluster is to run: on its own where that answers over SSH, on a spare that does where it does not, and nowhere where no spare is left; then the cluster starts smaller and is grown later. Gives the initial cluster and the token that all of them are restored with. Refuses while a host that does not answer is not acknowledged by name, and where a log lies in a directory of its own (wal-dir). Changes nothing.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    acknowledgeUnreachable,
  }),
  output: z.strictObject({
    seats: z
      .array(
        z.strictObject({
          member: z.string().describe('The member'),
          host: z.string().describe('The host it is to run on'),
          from: z.string().describe('The host the inventory has it on'),
          model: z
            .string()
            .describe('The host whose configuration is the model: its own, or one that answers'),
          moved: z.boolean().describe('That is another host than the inventory says'),
        }),
      )
      .describe('Who runs where'),
    hosts: z.array(z.string()).describe('The hosts of the seats'),
    left: z.array(z.string()).describe('Members that get no host, to be added again later'),
    initialCluster: z.string().describe('Every seat with its peer URL, as etcd wants it'),
    token: z.string().describe('The token they are restored with: of this run and no other'),
    at: z.record(z.string(), z.string()).describe('Member to host, as etcd.inspect takes it'),
  }),
  example: { cluster: 'demo', acknowledgeUnreachable: ['host-3'] },
  run: async ({ cluster: name, acknowledgeUnreachable: acknowledged }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const silent = await Promise.all(
      hostsOf(cluster).map(async (host) => {
        try {
          await context.host(host).exec({ reads: true, argv: ['true'], privileged: true, timeoutMs: 15_000 })
          return []
        } catch (error) {
          if (!(error instanceof ActionError) && !(error instanceof UnknownOutcomeError)) throw error
          return [host]
        }
      }),
    )
    const unreachable = silent.flat()
    const open = unreachable.filter((host) => !acknowledged.includes(host))
    if (open.length > 0) {
      throw new RefusedError(
        `${open.join(', ')} cannot be reached, so etcd there cannot be fenced. Bring the host back, or make certain that etcd never starts there again with its data and name it under acknowledgeUnreachable.`,
      )
    }
    const { seats, left } = seatsFor(cluster, unreachable)
    const read = new Set(seats.flatMap(({ host, model }) => [host, model]))
    await refuseLogApart(context, cluster, [...read])
    return {
      ...{ seats, left, hosts: seats.map(({ host }) => host) },
      ...{ initialCluster: initialClusterOf(cluster, seats), token: restoreToken(context) },
      at: Object.fromEntries(seats.map(({ member, host }) => [member, host])),
    }
  },
})

interface Seat {
  readonly member: string
  readonly host: string
  readonly from: string
  readonly model: string
  readonly moved: boolean
}

/** Every member on its own host where that answers, else on a spare that does. Pure. */
export function seatsFor(
  cluster: Pick<Cluster, 'members' | 'spares'>,
  unreachable: readonly string[],
): { readonly seats: Seat[]; readonly left: string[] } {
  const answering = Object.values(cluster.members).find((host) => !unreachable.includes(host))
  const spares = cluster.spares.filter((host) => !unreachable.includes(host))
  const seats: Seat[] = []
  const left: string[] = []
  for (const [member, from] of Object.entries(cluster.members)) {
    const host = unreachable.includes(from) ? spares.shift() : from
    if (host === undefined) left.push(member)
    else
      seats.push({
        member,
        host,
        from,
        model: host === from ? host : (answering ?? host),
        moved: host !== from,
      })
  }
  return { seats, left }
}
