import type { Cluster, EtcdLayout, Host, Inventory } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import type { Identity } from '../dir/wal-head.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { serviceState } from '../service/manager.ts'
import { EtcdError } from './errors.ts'
import type { Inspection } from './inspection.ts'

/** Whose etcd is on a host, by its own word and by the data in place. */
export interface Occupant {
  /** Both the service manager and the lock on the database say that nothing runs. */
  readonly stopped: boolean
  /** Who answers where the cluster's member would. */
  readonly answers?: Identity
  /** Whose data lies where the cluster's would. */
  readonly data?: Identity
}

export async function occupantOf(context: ActionContext, name: string, host: string): Promise<Occupant> {
  const { service, dataDir } = layoutOn(clusterNamed(context.inventory, name), host)
  const remote = context.host(host)
  const [state, { inPlace }, answers] = await Promise.all([
    serviceState(remote, service),
    dataDirectories(remote, dataDir),
    answersOn(context, name, host),
  ])
  return {
    stopped: state === 'stopped' && answers === undefined && (inPlace === undefined || inPlace.open === 'no'),
    ...(answers && { answers }),
    ...(inPlace?.identity && { data: inPlace.identity }),
  }
}

async function answersOn(context: ActionContext, name: string, host: string): Promise<Identity | undefined> {
  try {
    const { memberId, clusterId } = await context
      .cluster(name)
      .endpoint(host)
      .status({ signal: context.signal })
    return { memberId, clusterId }
  } catch (error) {
    if (error instanceof EtcdError) return undefined
    throw error
  }
}

/**
 * Why what runs on a host is not that cluster's to stop, as a sentence; `undefined` when it is, or may be. Pure. The
 * name of a cluster is what a person typed; who answers on the host and whose data lies there are facts.
 */
export function whyForeign(
  { clusterId }: Pick<Inspection, 'clusterId'>,
  name: string,
  { answers, data }: Occupant,
): string | undefined {
  const found = answers ?? data
  if (found === undefined || found.clusterId === clusterId) return undefined
  const whose = answers ? 'what answers there is' : 'the data there is that of'
  if (clusterId !== '')
    return `${whose} a member of cluster ${found.clusterId}, and ${name} is cluster ${clusterId}. Look which cluster is meant.`
  return (
    answers &&
    `${whose} a member of cluster ${found.clusterId}, and no member of ${name} says which cluster it is.`
  )
}

/** The member that a host runs: by who answers, by whose data lies there, else by where members should be. */
export function memberOn(
  { members }: Pick<Inspection, 'members'>,
  host: string,
  { answers, data }: Occupant,
): string | undefined {
  const byId = (identity: Identity | undefined) =>
    identity && members.find(({ id }) => id === identity.memberId)
  const found = byId(answers) ?? byId(data) ?? members.find((view) => (view.peerHost || view.host) === host)
  return found?.name
}

/**
 * Why a service of that host cannot be told to be this cluster's: another cluster of the inventory has a member
 * under the same one. Pure.
 */
export function whyShared(inventory: Inventory, cluster: Cluster, host: string): string | undefined {
  const own = layoutOn(cluster, host)
  for (const other of Object.values(inventory.clusters).filter(({ name }) => name !== cluster.name)) {
    const shared = Object.entries(other.members).find(
      ([, at]) => sameMachine(inventory, host, at) && sameEtcd(own, layoutOn(other, at)),
    )
    if (shared)
      return `the inventory has ${shared[0]} of ${other.name} under the same service or data directory there, so which of the two it is cannot be told.`
  }
  return undefined
}

function sameMachine({ hosts }: Inventory, one: string, other: string): boolean {
  const [a, b]: (Host | undefined)[] = [hosts[one], hosts[other]]
  return one === other || (!!a && !!b && a.address === b.address && a.ssh.port === b.ssh.port)
}

function sameEtcd(one: EtcdLayout, other: EtcdLayout): boolean {
  return one.dataDir === other.dataDir || JSON.stringify(one.service) === JSON.stringify(other.service)
}
