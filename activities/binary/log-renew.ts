import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import type { EtcdEndpoint } from '../etcd/cluster.ts'
import { readSettings } from '../etcd/config-file.ts'
import { EtcdError } from '../etcd/errors.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { until } from '../until.ts'
import { hasOldLog } from './old-log.ts'

export const logRenew = defineAction({
  name: 'etcd.log.renew',
  title: 'leave the log entries of older versions behind',
  doc: 'Has every member take a raft snapshot, so that it no longer begins its log with entries that etcd 3.7 cannot read: by as many entries as it takes that change nothing, neither keys nor revision. Takes a few seconds for each 10,000, and does nothing where it is not needed. Not a backup.',
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({ cluster: z.string().describe('The cluster') }),
  output: z.strictObject({
    entries: z.int().describe('How many entries were added'),
    members: z.array(z.string()).describe('The members that needed it'),
  }),
  example: { cluster: 'demo' },
  timeoutMs: 60 * 60_000,
  run: async ({ cluster: name }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const all = await Promise.all(
      Object.entries(cluster.members).map(([member, host]) => settingsOf(context, cluster, member, host)),
    )
    const needing = await stillOld(context, cluster, all)
    if (needing.length === 0) return { entries: 0, members: [] }
    const leading = await leader(context, cluster)
    const most = Math.max(...all.map(({ snapshotCount }) => snapshotCount)) + 2 * perRound
    let entries = 0
    for (let left = needing; left.length > 0; left = await stillOld(context, cluster, left)) {
      if (entries >= most) await settled(context, cluster, left, entries)
      context.progress({
        text: left.map(({ member }) => member).join(', '),
        done: entries,
        total: most,
        unit: 'entries',
      })
      await lengthen(leading, context.signal)
      entries += perRound
    }
    return { entries, members: needing.map(({ member }) => member) }
  },
})

const perRound = 2000
const atOnce = 32

interface Seat {
  readonly member: string
  readonly host: string
  readonly walDir: string | undefined
  /** Entries between two snapshots. */
  readonly snapshotCount: number
}

async function settingsOf(
  context: ActionContext,
  cluster: Cluster,
  member: string,
  host: string,
): Promise<Seat> {
  const settings = await readSettings(context.host(host), layoutOn(cluster, host))
  const count = Number(settings?.get('snapshot-count') ?? 10_000)
  return { member, host, walDir: settings?.get('wal-dir'), snapshotCount: count || 10_000 }
}

async function stillOld(
  context: ActionContext,
  cluster: Cluster,
  seats: readonly Seat[],
): Promise<readonly Seat[]> {
  const old = await Promise.all(seats.map((seat) => hasOldLog(context, cluster, seat)))
  return seats.filter((_seat, index) => old[index])
}

async function leader(context: ActionContext, cluster: Cluster): Promise<EtcdEndpoint> {
  const etcd = context.cluster(cluster.name)
  const seen = await inspectCluster(cluster, etcd, { hash: false, signal: context.signal })
  const host = seen.byName[seen.leader]?.host
  if (host === undefined || host === '' || seen.alarms.length > 0)
    throw new RefusedError(`${cluster.name} is not as it should be: ${seen.problems.join(' ')}`)
  return etcd.endpoint(host)
}

/** What one of them comes to does not matter: the log grows by those that went well. */
async function lengthen(endpoint: EtcdEndpoint, signal: AbortSignal): Promise<void> {
  let left = perRound
  const work = async () => {
    while (left > 0) {
      signal.throwIfAborted()
      left--
      await endpoint.lengthenLog({ signal }).catch((error: unknown) => {
        if (!(error instanceof EtcdError)) throw error
      })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

/** The last snapshots may still be on their way to the disk. */
function settled(context: ActionContext, cluster: Cluster, left: readonly Seat[], entries: number) {
  return until(async () => ((await stillOld(context, cluster, left)).length === 0 ? true : undefined), {
    timeoutMs: 15_000,
    everyMs: 1000,
    signal: context.signal,
    overdue: () =>
      new ActionError(
        `${entries} entries were added to the log of ${cluster.name}, and ${left.map(({ member }) => member).join(', ')} took no new raft snapshot. Look at its snapshot-count and its disk, then retry.`,
      ),
  })
}
