import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import type { Inspection, MemberView } from '../etcd/inspection.ts'
import { minorOf } from '../etcd/versions.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { settingsCheck } from './check.ts'
import { judgeUpgrade, type UpgradeMember } from './judge-upgrade.ts'
import { hasOldLog } from './old-log.ts'
import { v2Content } from './v2-content.ts'

/** A member in the order to go in. */
export const ordered = z.strictObject({
  name: z.string().describe('The member'),
  host: z.string().describe('Its host'),
  id: z.string().describe('Its member ID, lower-case hex'),
  version: z.string().describe('What it runs'),
})

export const upgradeCheck = defineAction({
  name: 'etcd.upgrade.check',
  title: 'check that the cluster can be put on another version',
  doc: 'Holds a version against what is known: one minor version at a time, what every member must run before, releases that lose data, keys of the v2 store before 3.6, authentication before 3.5. Where the version is staged it is also asked, on each host, whether it takes the present settings. Says each obstacle as a sentence, and the order to go in: followers by name, the leader last. Changes nothing.',
  effect: 'read',
  subject: ['cluster', 'version'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    version: z.string().describe('The version to reach, such as 3.6.16'),
  }),
  output: z.strictObject({
    kind: z
      .enum(['minor', 'patch', 'none'])
      .describe('Whether that is another minor version, another patch, or what all members run already'),
    problems: z.array(z.string()).describe('What forbids it, a sentence each'),
    warnings: z.array(z.string()).describe('What a person should know before saying yes'),
    clusterVersion: z
      .string()
      .describe('What the cluster will keep to once every member runs it, such as 3.6.0'),
    storageVersion: z.string().describe('What its data will be written for by then; "" before 3.6'),
    staged: z.boolean().describe('The version lies on every host and was asked about the settings'),
    oldLogs: z
      .array(z.string())
      .describe('Members whose log begins with entries that the new version cannot read: etcd.log.renew'),
    order: z
      .array(ordered)
      .describe('The members that run another version, in the order to go in: the leader last'),
  }),
  example: { cluster: 'demo', version: '3.6.16' },
  timeoutMs: 180_000,
  run: async ({ cluster: name, version }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const seen = await inspectCluster(cluster, context.cluster(name), { hash: false, signal: context.signal })
    const checked = await Promise.all(
      seen.members
        .filter(({ host }) => host !== '')
        .map((view) => memberFacts(context, cluster, view, version)),
    )
    const verdict = judgeUpgrade({
      ...{ cluster: name, to: version, clusterVersion: seen.clusterVersion, downgradeTo: seen.downgradeTo },
      auth: cluster.auth !== undefined,
      members: checked,
    })
    return {
      kind: verdict.kind,
      problems: [...verdict.problems],
      warnings: [...verdict.warnings],
      clusterVersion: `3.${minorOf(version)}.0`,
      storageVersion: minorOf(version) < 6 ? '' : `3.${minorOf(version)}.0`,
      staged: checked.every(({ staged }) => staged),
      oldLogs: checked.filter(({ oldLog }) => oldLog).map(({ name: member }) => member),
      order: leaderLast(seen, ({ version: runs }) => runs !== version),
    }
  },
})

/** Some members in the order to take them out of service: followers by name, the leader last. */
export function leaderLast({ members }: Inspection, of: (view: MemberView) => boolean = () => true) {
  return members
    .filter(of)
    .toSorted((a, b) => Number(a.isLeader) - Number(b.isLeader) || (a.name < b.name ? -1 : 1))
    .map(({ name, host, id, version }) => ({ name, host, id, version }))
}

async function memberFacts(
  context: ActionContext,
  cluster: Cluster,
  { name, host, version: runs }: MemberView,
  version: string,
): Promise<UpgradeMember & { readonly staged: boolean; readonly oldLog: boolean }> {
  const settings = await settingsCheck(context, cluster, host, version)
  const setting = (name: string) => settings.settings.find(({ flag }) => flag === name)?.value
  const passesOver = setting('v2-deprecation') === 'write-only-skip-check'
  const asked = { name, host, passesOver, walDir: setting('wal-dir') }
  const hop = runs === '' ? '' : `${minorOf(runs)} to ${minorOf(version)}`
  const v2 = hop === '5 to 6' ? await v2Content(context, cluster, asked) : ''
  const oldLog = hop === '6 to 7' && (await hasOldLog(context, cluster, asked))
  return { name, host, version: runs, refused: settings.problems, v2, oldLog, staged: settings.staged }
}
