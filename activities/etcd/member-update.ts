import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { memberMoved } from '../../dsl/cluster-model.ts'
import { type Cluster, peerUrl } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { clusterNamed, hostOfMember, layoutOn } from '../inventory/look-up.ts'
import { until } from '../until.ts'
import type { EtcdMember } from './answers.ts'
import type { EtcdCluster } from './cluster.ts'
import { EtcdError } from './errors.ts'
import { everyMembership, quorumMembership, servingEndpoint } from './membership.ts'

export const memberUpdate = defineAction({
  name: 'etcd.member.update',
  title: 'tell the cluster the peer address of a member',
  doc: "Sets a member's peer URL to that of a host, through another member, and waits until all others see it. Does nothing when it is that already. An update that was not answered is looked for in the membership before it is called unknown, because etcd may carry it out later.",
  effect: 'change',
  subject: ['member', 'host'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member whose address changes'),
    host: z.string().describe('The host whose peer URL it gets'),
    scheme: z
      .enum(['http', 'https'])
      .optional()
      .describe('Of the new URL, where it is about to differ from what the inventory says'),
  }),
  output: z.strictObject({
    id: z.string().describe('ID of the member, lower-case hex'),
    peerUrls: z.array(z.string()).describe('Its peer URLs now'),
    before: z.array(z.string()).describe('Its peer URLs before this step'),
  }),
  example: { cluster: 'demo', member: 'etcd-1', host: 'host-4' },
  foresees: ({ member, host }, model) => memberMoved(model, member, host),
  run: async (asked, context) => {
    const update = planned(asked, context)
    const members = await membersNow(update)
    const entry = entryNamed(members, asked.member, asked.cluster)
    const output = { id: entry.id, peerUrls: [update.url], before: [...entry.peerUrls] }
    if (isAt(entry, update.url)) return output
    refuseTaken(members, entry, update.url)
    await carryOut(update, entry.id)
    await seenByAll(update, entry.id)
    return output
  },
})

interface Update {
  readonly member: string
  readonly url: string
  readonly etcd: EtcdCluster
  /** Where the other members are: the one that moves is no witness of its own address. */
  readonly witnesses: readonly string[]
  readonly signal: AbortSignal
}

function planned(
  {
    cluster: name,
    member,
    host,
    scheme,
  }: {
    readonly cluster: string
    readonly member: string
    readonly host: string
    readonly scheme?: 'http' | 'https' | undefined
  },
  context: ActionContext,
): Update {
  const cluster = clusterNamed(context.inventory, name)
  hostOfMember(cluster, member)
  return {
    member,
    url: peerUrl({ ...layoutOn(cluster, host), ...(scheme && { scheme }) }),
    etcd: context.cluster(name),
    witnesses: witnessesFor(cluster, member),
    signal: context.signal,
  }
}

/** The hosts of all other members. A one-member cluster has only itself to ask. */
function witnessesFor(cluster: Cluster, member: string): readonly string[] {
  const others = Object.entries(cluster.members).filter(([name]) => name !== member)
  return others.length > 0 ? others.map(([, host]) => host) : Object.values(cluster.members)
}

async function membersNow({ etcd, witnesses, signal }: Update): Promise<readonly EtcdMember[]> {
  return (await quorumMembership(etcd, witnesses, { signal })).members
}

function entryNamed(members: readonly EtcdMember[], member: string, cluster: string): EtcdMember {
  const entry = members.find(({ name }) => name === member)
  if (entry) return entry
  const known = members.map(({ name }) => name || '(not started)').join(', ')
  throw new RefusedError(`The membership of ${cluster} has no ${member}: it has ${known}.`)
}

function isAt(entry: EtcdMember, url: string): boolean {
  return entry.peerUrls.length === 1 && entry.peerUrls[0] === url
}

function refuseTaken(members: readonly EtcdMember[], { id }: EtcdMember, url: string): void {
  const holder = members.find((member) => member.id !== id && member.peerUrls.includes(url))
  if (holder) throw new RefusedError(`${url} is the peer URL of ${holder.name || holder.id} already.`)
}

async function carryOut(update: Update, id: string): Promise<void> {
  const { etcd, witnesses, url, signal } = update
  try {
    const endpoint = await servingEndpoint(etcd, witnesses, { signal })
    await endpoint.updateMember(id, [url], { signal })
  } catch (error) {
    if (!(error instanceof EtcdError) || !error.ambiguous) throw error
    await settle(update, id, error)
  }
}

/** Two election timeouts and more: by then a change that was under way has mostly gone through or been dropped. */
const settleMs = 3000

async function settle(update: Update, id: string, cause: EtcdError): Promise<void> {
  await sleep(settleMs, undefined, { signal: update.signal })
  const arrived = async () => {
    const members = await membersNow(update).catch(() => [])
    return members.some((entry) => entry.id === id && isAt(entry, update.url)) ? true : undefined
  }
  await until(arrived, {
    timeoutMs: 10_000,
    signal: update.signal,
    overdue: () =>
      new UnknownOutcomeError(
        `Whether ${update.member} got the peer URL ${update.url} is not known, and etcd may still carry it out: ${cause.message} Look at the members, then retry: it is not done twice.`,
        { cause },
      ),
  })
}

async function seenByAll(update: Update, id: string): Promise<void> {
  const { etcd, witnesses, url, signal } = update
  const agreed = async () => {
    const lists = await everyMembership(etcd, witnesses, { signal })
    const all =
      lists.length > 0 &&
      lists.every(({ members }) => members.some((entry) => entry.id === id && isAt(entry, url)))
    return all ? true : undefined
  }
  await until(agreed, {
    timeoutMs: 15_000,
    signal,
    overdue: () =>
      new ActionError(
        `${update.member} got the peer URL ${url}, but after 15 s not all other members show it.`,
      ),
  })
}
