import { connect } from 'node:net'
import { z } from 'zod'
import type { AfterSteps, Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError, InputError, UnknownOutcomeError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { editHostFile } from './edit.ts'
import { readHostFile } from './host-file.ts'
import { isLoopback, reachedMembers } from './members.ts'
import { noRules, portRules } from './nftables.ts'
import {
  afterExample,
  afterInput,
  afterOutput,
  afterSubject,
  type ChangeOnHost,
  forEachOf,
  outcome,
} from './outcome.ts'
import { addressesSeenFrom } from './resolve.ts'

export const firewallPorts = defineAction({
  name: 'firewall.ports',
  title: "let peers and clients through to etcd's ports",
  doc: "Writes the rules that the inventory asks for under after.firewall to every member's host, as a table of nftables of its own, and loads them as one transaction: all hosts of the cluster (members and spares) reach the peer port, they and the clients of the inventory the client port, nobody else either of them. On a host whose member has gone, and that has such rules, clients reach nothing any more. The table only ever narrows: what other tables drop stays dropped. Rules that would shut this worker out of a client port it reaches are taken back. Does nothing where the rules are right, or where the inventory asks for none.",
  effect: 'change',
  subject: afterSubject,
  input: z.strictObject({
    ...afterInput.shape,
    planned: z
      .boolean()
      .default(false)
      .describe('Take the members from the inventory, for a cluster that is still to be started'),
  }),
  output: afterOutput,
  example: afterExample,
  timeoutMs: 300_000,
  run: async (asked, context) => {
    const cluster = clusterNamed(context.inventory, asked.cluster)
    const { firewall } = cluster.after
    if (firewall === undefined) return outcome([])
    const seats = asked.planned ? plannedSeats(cluster) : await seatsNow(cluster, context)
    const job: Job = { cluster, firewall, context, ...seats }
    const done = await forEachOf(seats.hosts, (host) => ruleHost(job, host, true))
    const others = Object.keys(cluster.etcd).filter((host) => !seats.hosts.includes(host))
    for (const host of others) done.push(...(await closeFormer(job, host)))
    return outcome(done)
  },
})

interface Seats {
  /** Hosts that have a member. */
  readonly hosts: readonly string[]
  /** Names or addresses of all that may be peers. */
  readonly peers: readonly string[]
}

interface Job extends Seats {
  readonly cluster: Cluster
  readonly firewall: NonNullable<AfterSteps['firewall']>
  readonly context: ActionContext
}

function plannedSeats(cluster: Cluster): Seats {
  return { hosts: Object.values(cluster.members), peers: placesOf(cluster) }
}

async function seatsNow(cluster: Cluster, context: ActionContext): Promise<Seats> {
  const members = await reachedMembers(cluster, context)
  const strangers = members.filter(({ host }) => host === undefined).flatMap((member) => member.peerAddresses)
  return {
    hosts: members.flatMap(({ host }) => (host === undefined ? [] : [host])),
    peers: [...new Set([...placesOf(cluster), ...strangers])],
  }
}

/** Spares too: before one gets a member, it is tried whether it reaches the peers. */
function placesOf(cluster: Cluster): readonly string[] {
  return [...new Set(Object.values(cluster.etcd).map(({ address }) => address))]
}

async function ruleHost(job: Job, host: string, serves: boolean): Promise<ChangeOnHost> {
  const { cluster, firewall, context } = job
  const { path, reload, clients } = firewall
  const layout = layoutOn(cluster, host)
  const names = job.peers.filter((peer) => !isLoopback(peer))
  const peers = await addressesSeenFrom(context.host(host), names)
  const text = portRules({
    ...{ cluster: cluster.name, serves, peers, clients },
    clientPort: layout.clientPort,
    peerPort: layout.peerPort,
  })
  const former = await readHostFile(context.host(host), { path })
  const place = { host, path, create: true, check: ['nft', '-c', '-f'], reload }
  const open = serves && former.text !== text && (await reaches(layout.address, layout.clientPort))
  const change = await editHostFile(context, { ...place, edit: () => ({ ok: true, text }) })
  if (!open || (await reaches(layout.address, layout.clientPort))) return change
  const before = former.text ?? noRules(cluster.name)
  await editHostFile(context, { ...place, edit: () => ({ ok: true, text: before }) })
  // No host after this one is to try them.
  throw new InputError(
    `With the new rules this worker no longer reached the client port ${layout.clientPort} of ${host}, so they were taken back. Add its address to after.firewall.clients of ${cluster.name} in the inventory, then retry.`,
  )
}

/** A host that never had rules gets none; one that cannot be reached is fenced by other means, or dead. */
async function closeFormer(job: Job, host: string): Promise<readonly ChangeOnHost[]> {
  const { path } = job.firewall
  try {
    const { text } = await readHostFile(job.context.host(host), { path })
    return text === undefined ? [] : [await ruleHost(job, host, false)]
  } catch (error) {
    if (!(error instanceof ActionError || error instanceof UnknownOutcomeError)) throw error
    const note = `It has no member, and its rules could not be looked at: ${error.message}`
    return [{ host, path, changed: false, note }]
  }
}

/** Whether a new connection from this machine is taken. */
function reaches(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(3000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('connect', () => end(true))
  })
}
