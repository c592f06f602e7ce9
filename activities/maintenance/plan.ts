import { z } from 'zod'
import { defineAction } from '../action.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { reclaimableBytes, worthDefragmenting } from './fragmentation.ts'
import { quotaAdvice } from './quota-advice.ts'
import { quotaBytesOf } from './quota.ts'

const text = z.string()
const whole = z.int()

export const maintenancePlan = defineAction({
  name: 'etcd.maintenance.plan',
  title: 'see what a defragmentation would give back',
  doc: 'Says of every member how much of its database is not in use, how near that is to its quota, and whether a defragmentation is worth the pause; the followers first, the leader last. Names those that have an alarm raised, and says what should be done about quotas. Changes nothing.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: text.describe('The cluster'),
    atLeastBytes: whole
      .min(0)
      .default(100 * 2 ** 20)
      .describe(
        'What has to be gained, when it is 45 % of the file; else twice that. A third will do beyond 80 % of the quota',
      ),
  }),
  output: z.strictObject({
    members: z
      .array(
        z.strictObject({
          name: text.describe('The member'),
          host: text.describe('Its host'),
          isLeader: z.boolean().describe('It leads'),
          dbSizeBytes: whole.describe('Size of its database'),
          inUseBytes: whole.describe('How much of that is in use; before 3.5 as of the last write'),
          reclaimableBytes: whole.describe('The difference'),
          quotaBytes: whole.describe('The most it may grow to; 0 when it does not say'),
          worth: z.boolean().describe('A defragmentation is worth the pause'),
          why: text.describe('Why it is or is not, as a clause'),
        }),
      )
      .describe('Every member that answers, followers by name, the leader last'),
    worthwhile: z.array(text).describe('Names of those where it is worth it, in that order'),
    noSpace: z.array(text).describe('Members with the alarm NOSPACE'),
    corrupt: z.array(text).describe('Members with the alarm CORRUPT'),
    advice: z.array(text).describe('What should be done about quotas, a sentence each'),
  }),
  example: { cluster: 'demo' },
  run: async ({ cluster: name, atLeastBytes }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const options = { signal: context.signal }
    const seen = await inspectCluster(cluster, context.cluster(name), { hash: false, ...options })
    const raised = (kind: string): string[] =>
      seen.alarms
        .flatMap((alarm) => (alarm.startsWith(`${kind} on `) ? [alarm.slice(kind.length + 4)] : []))
        .toSorted()
    const noSpace = raised('NOSPACE')
    const answering = seen.members
      .filter(({ reachable }) => reachable)
      .toSorted((a, b) => Number(a.isLeader) - Number(b.isLeader) || (a.name < b.name ? -1 : 1))
    const members = await Promise.all(
      answering.map(async (view) => {
        const { name: member, host, isLeader, dbSizeBytes, dbSizeInUseBytes: inUseBytes } = view
        const quotaBytes = await quotaBytesOf(cluster, view, options)
        const database = { sizeBytes: dbSizeBytes, inUseBytes, quotaBytes, noSpace: noSpace.length > 0 }
        return {
          ...{ name: member, host, isLeader, dbSizeBytes, inUseBytes, quotaBytes },
          ...{ reclaimableBytes: reclaimableBytes(database), ...worthDefragmenting(database, atLeastBytes) },
        }
      }),
    )
    return {
      ...{ members, noSpace, corrupt: raised('CORRUPT') },
      worthwhile: members.filter(({ worth }) => worth).map((member) => member.name),
      advice: [
        ...quotaAdvice(members.map((each) => ({ ...each, member: each.name, sizeBytes: each.dbSizeBytes }))),
      ],
    }
  },
})
