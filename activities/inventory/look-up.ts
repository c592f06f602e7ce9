import type { Cluster, EtcdLayout, Inventory } from '../../dsl/inventory.ts'
import { InputError } from '../failure.ts'

/** A cluster by its name; throws `InputError` naming those there are. */
export function clusterNamed(inventory: Inventory, name: string): Cluster {
  return named(
    inventory.clusters,
    name,
    (known) => `${inventory.file} has no cluster ${name}: it has ${known}.`,
  )
}

/** How a host runs (or would run) its etcd of a cluster. */
export function layoutOn(cluster: Cluster, host: string): EtcdLayout {
  return named(
    cluster.etcd,
    host,
    (known) =>
      `Cluster ${cluster.name} has no host ${host}: it has ${known}. Add it under \`spares\` if a member may move there.`,
  )
}

/** The host the inventory has a member on. */
export function hostOfMember(cluster: Cluster, member: string): string {
  return named(
    cluster.members,
    member,
    (known) => `Cluster ${cluster.name} has no member ${member}: it has ${known}.`,
  )
}

function named<Value>(
  all: Readonly<Record<string, Value>>,
  name: string,
  complaint: (known: string) => string,
): Value {
  const found = Object.hasOwn(all, name) ? all[name] : undefined
  if (found === undefined) throw new InputError(complaint(Object.keys(all).join(', ') || 'none'))
  return found
}
