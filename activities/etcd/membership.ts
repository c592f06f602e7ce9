import type { Membership } from './answers.ts'
import type { CallOptions } from './channel.ts'
import type { EtcdCluster, EtcdEndpoint } from './cluster.ts'
import { EtcdError } from './errors.ts'

/** The membership as the quorum sees it, by the first of some hosts whose member can say. Throws `EtcdError`. */
export async function quorumMembership(
  etcd: EtcdCluster,
  hosts: readonly string[],
  options: CallOptions = {},
): Promise<Membership> {
  const answers = await Promise.allSettled(hosts.map((host) => etcd.endpoint(host).members(true, options)))
  const told = answers.find((answer) => answer.status === 'fulfilled')
  if (told) return told.value
  const refused = answers.find((answer) => answer.status === 'rejected')
  throw (
    refused?.reason ?? new Error('No host was given to ask for the membership. This is a mistake in Quorate.')
  )
}

/** What each of some hosts' members says through the quorum; those that cannot say are left out. */
export async function everyMembership(
  etcd: EtcdCluster,
  hosts: readonly string[],
  options: CallOptions = {},
) {
  const answers = await Promise.allSettled(hosts.map((host) => etcd.endpoint(host).members(true, options)))
  const strange = answers.find(
    (answer) => answer.status === 'rejected' && !(answer.reason instanceof EtcdError),
  )
  if (strange?.status === 'rejected') throw strange.reason
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}

/** The first of some hosts whose member serves reads through the quorum. */
export async function servingEndpoint(
  etcd: EtcdCluster,
  hosts: readonly string[],
  options: CallOptions = {},
): Promise<EtcdEndpoint> {
  const reads = await Promise.allSettled(hosts.map((host) => etcd.endpoint(host).readThroughQuorum(options)))
  const index = reads.findIndex((read) => read.status === 'fulfilled')
  const host = hosts[index]
  if (host !== undefined) return etcd.endpoint(host)
  const refused = reads.find((read) => read.status === 'rejected')
  throw refused?.reason ?? new Error('No host was given to ask. This is a mistake in Quorate.')
}
