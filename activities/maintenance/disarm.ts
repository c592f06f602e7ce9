import { z } from 'zod'
import { type ActionContext, defineAction } from '../action.ts'
import type { Alarm } from '../etcd/answers.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import { servingEndpoint } from '../etcd/membership.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { clusterNamed, hostOfMember } from '../inventory/look-up.ts'
import { until } from '../until.ts'
import { judgeDisarm } from './judge-disarm.ts'
import { quotaBytesOf } from './quota.ts'

export const alarmDisarm = defineAction({
  name: 'etcd.alarm.disarm',
  title: 'lower the alarms whose cause is gone',
  doc: 'Disarms NOSPACE once no database is near its quota any more, so that the cluster takes writes again. Refuses to disarm CORRUPT while the member that it names is there: that one has to be replaced; what it leaves behind is disarmed when all others hold the same keys. Waits until every member that answers has lowered them.',
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().optional().describe('Only the alarms of this member'),
    gone: z
      .boolean()
      .default(false)
      .describe('Only CORRUPT alarms of members that are gone, as a removal by hand leaves behind'),
    atMost: z
      .number()
      .gt(0)
      .max(1)
      .default(0.9)
      .describe('Part of its quota that a database may take when NOSPACE is disarmed'),
  }),
  output: z.strictObject({
    disarmed: z.array(z.string()).describe('The alarms that were disarmed, such as "NOSPACE on etcd-1"'),
  }),
  example: { cluster: 'demo' },
  run: async ({ cluster: name, member, gone, atMost }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const only = member === undefined ? undefined : hostOfMember(cluster, member)
    const options = { signal: context.signal }
    const endpoint = await servingEndpoint(context.cluster(name), Object.values(cluster.members), options)
    const raised = (await endpoint.alarms(options)).filter(({ kind }) => kind !== 'NONE')
    const hash = raised.some(({ kind }) => kind === 'CORRUPT')
    const seen = await inspectCluster(cluster, context.cluster(name), { hash, ...options })
    const members = await Promise.all(
      seen.members
        .filter(({ id }) => id !== '')
        .map(async (view) => ({
          ...{ id: view.id, name: view.name, host: view.host, sizeBytes: view.dbSizeBytes },
          quotaBytes: await quotaBytesOf(cluster, view, options),
        })),
    )
    const id = members.find(({ host }) => host === only)?.id
    const own = only === undefined ? raised : raised.filter(({ memberId }) => memberId === id)
    const isThere = (alarm: Alarm): boolean => members.some((view) => view.id === alarm.memberId)
    const alarms = gone ? own.filter((alarm) => alarm.kind === 'CORRUPT' && !isThere(alarm)) : own
    const agree = seen.comparable && seen.agree
    const { disarm, refused } = judgeDisarm({ alarms, members, agree, atMost })
    if (refused.length > 0) throw new RefusedError(refused.join(' '))
    for (const alarm of disarm) await endpoint.disarm(alarm, options)
    await lowered(context, { name, hosts: Object.values(cluster.members), alarms: disarm })
    return {
      disarmed: disarm
        .map(
          ({ kind, memberId }) =>
            `${kind} on ${members.find((each) => each.id === memberId)?.name ?? `the member with ID ${memberId}, which is gone`}`,
        )
        .toSorted(),
    }
  },
})

interface Lowering {
  readonly name: string
  readonly hosts: readonly string[]
  readonly alarms: readonly Alarm[]
}

/** Each member keeps its own list. */
async function lowered(context: ActionContext, { name, hosts, alarms }: Lowering): Promise<void> {
  const still = async () => {
    const lists = await Promise.allSettled(
      hosts.map((host) => context.cluster(name).endpoint(host).alarms({ signal: context.signal })),
    )
    const told = lists.flatMap((list) => (list.status === 'fulfilled' ? list.value : []))
    return told.some(({ kind, memberId }) =>
      alarms.some((alarm) => alarm.kind === kind && alarm.memberId === memberId),
    )
  }
  await until(async () => ((await still()) ? undefined : true), {
    timeoutMs: 10_000,
    signal: context.signal,
    overdue: () =>
      new ActionError(
        `10 s after they were disarmed, members of ${name} still have alarms raised, or have them again. Look at the sizes of the databases (etcd-inspect).`,
      ),
  })
}
