import { z } from 'zod'
import { defineAction } from '../action.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import { minorOf } from '../etcd/versions.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { settingsCheck } from './check.ts'
import { whyNotDowngrade } from './judge-downgrade.ts'
import { leaderLast, ordered } from './upgrade-check.ts'

export const downgradeCheck = defineAction({
  name: 'etcd.downgrade.check',
  title: 'check that the cluster can go down a minor version',
  doc: 'Holds a lower version against what is known: one minor version at a time, from a cluster that is whole. Where the version is staged it is also asked, on each host, whether it takes the present settings. Says each obstacle as a sentence, and the order to go in: followers by name, the leader last. Changes nothing.',
  effect: 'read',
  subject: ['cluster', 'version'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    version: z.string().describe('The version to reach, such as 3.5.35'),
  }),
  output: z.strictObject({
    problems: z.array(z.string()).describe('What forbids it, a sentence each'),
    clusterVersion: z.string().describe('What the cluster will keep to, such as 3.5.0'),
    staged: z.boolean().describe('The version lies on every host and was asked about the settings'),
    order: z
      .array(ordered)
      .describe('The members that run another version, in the order to go in: the leader last'),
  }),
  example: { cluster: 'demo', version: '3.5.35' },
  timeoutMs: 180_000,
  run: async ({ cluster: name, version }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const seen = await inspectCluster(cluster, context.cluster(name), { hash: false, signal: context.signal })
    const members = await Promise.all(
      seen.members
        .filter(({ host }) => host !== '')
        .map(async ({ name: member, host, version: runs }) => {
          const { staged, problems } = await settingsCheck(context, cluster, host, version)
          return { name: member, version: runs, refused: problems, staged }
        }),
    )
    const { clusterVersion, downgradeTo } = seen
    return {
      problems: [...whyNotDowngrade({ cluster: name, to: version, clusterVersion, downgradeTo, members })],
      clusterVersion: `3.${minorOf(version)}.0`,
      staged: members.every(({ staged }) => staged),
      order: leaderLast(seen, ({ version: runs }) => runs !== version),
    }
  },
})
