import { z } from 'zod'
import { memberStopped } from '../../dsl/cluster-model.ts'
import type { Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { asidePrefix } from '../dir/names.ts'
import { setAsideScript } from '../dir/scripts.ts'
import { EtcdError } from '../etcd/errors.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { serviceManager } from '../service/manager.ts'
import { serviceFacts, whyNotStopped } from '../service/proof.ts'
import { onEveryHost } from './hosts-of.ts'
import { begunMark, hasBegun } from './start.ts'

export const bootstrapStop = defineAction({
  name: 'etcd.bootstrap.stop',
  title: 'take a new cluster back',
  doc: 'Stops the members that this run started without data, fences them and sets their data directories aside: the opposite of etcd.bootstrap.start. Touches no host where this run began nothing. Refuses once anything was written to the new cluster.',
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({ cluster: z.string().describe('The cluster that this run began to make') }),
  output: z.strictObject({
    setAside: z.record(z.string(), z.string()).describe('Where the data directories lie now, by host'),
  }),
  example: { cluster: 'demo' },
  timeoutMs: 240_000,
  foresees: (_asked, model) => model.members.reduce((next, { host }) => memberStopped(next, host), model),
  run: async ({ cluster: name }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const hosts = await begunHosts(cluster, context)
    await refuseIfUsed(cluster, hosts, context)
    const ends = await onEveryHost(cluster, async (host) =>
      hosts.includes(host) ? [[host, await takeBack(cluster, host, context)] as const] : [],
    )
    return { setAside: Object.fromEntries(ends.flat()) }
  },
})

async function begunHosts(cluster: Cluster, context: ActionContext): Promise<readonly string[]> {
  const begun = await onEveryHost(cluster, async (host) =>
    (await hasBegun(context, cluster.name, host)) ? [host] : [],
  )
  return begun.flat()
}

/** Revision 1 is that of an empty store. */
async function refuseIfUsed(
  cluster: Cluster,
  hosts: readonly string[],
  { cluster: etcd, signal }: ActionContext,
) {
  const seen = await Promise.allSettled(
    hosts.map((host) => etcd(cluster.name).endpoint(host).status({ signal })),
  )
  const strange = seen.find((one) => one.status === 'rejected' && !(one.reason instanceof EtcdError))
  if (strange?.status === 'rejected') throw strange.reason
  const revisions = seen.flatMap((one) => (one.status === 'fulfilled' ? [one.value.revision] : []))
  const highest = Math.max(1, ...revisions)
  if (highest === 1) return
  throw new RefusedError(
    `The new cluster ${cluster.name} has been written to (revision ${highest}): it was not taken back. Stop it by hand if what was written may go.`,
  )
}

async function takeBack(cluster: Cluster, name: string, context: ActionContext): Promise<string> {
  const host = context.host(name)
  const layout = layoutOn(cluster, name)
  const { stop, disable } = serviceManager(layout.service)
  const signal = { signal: context.signal }
  await host.job(jobKey(context, 'stop'), { argv: stop }, signal)
  const running = whyNotStopped(await serviceFacts(host, layout))
  if (running !== '')
    throw new ActionError(
      `etcd on ${name} was stopped, and yet ${running}. Look what runs there and end it, then retry.`,
    )
  await host.job(jobKey(context, 'fence'), { argv: disable }, signal)
  const words = [
    layout.dataDir,
    asidePrefix(layout.dataDir, context.run),
    begunMark(host, cluster.name, context),
  ]
  const argv = ['sh', '-c', asideScript, 'aside', setAsideScript, ...words]
  const { stdout } = await host.job(jobKey(context, 'aside'), { argv }, signal)
  return stdout.trim()
}

/** Arguments: the script that sets aside, its two, the mark. Nothing is set aside where etcd wrote nothing. */
const asideScript = String.raw`
script=$1; data=$2; prefix=$3; mark=$4
if [ -d "$data" ] && [ -n "$(ls -A "$data")" ]; then sh -c "$script" aside "$data" "$prefix" || exit $?; fi
rm -f "$mark"
`
