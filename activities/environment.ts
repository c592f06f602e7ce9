import type { Inventory } from '../dsl/inventory.ts'
import { createEtcdPool, type EtcdPool } from './etcd/pool.ts'
import { type Evidence, evidenceIn } from './evidence.ts'
import { createHosts, type Hosts, type HostsOptions } from './ssh/hosts.ts'

/** What actions share over calls: connections, and where the inventory and the evidence are. */
export interface Environment {
  /** Read anew for every call, so that an edit counts at once. */
  inventory(): Promise<Inventory>
  readonly evidence: Evidence
  /** Connections to the hosts of an inventory, kept while its hosts stay the same. */
  hosts(inventory: Inventory): Hosts
  readonly etcd: EtcdPool
  /** Ends all connections. */
  close(): Promise<void>
}

export interface EnvironmentOptions {
  /** Reads the inventory; throws `InputError` when it cannot be used. */
  readonly loadInventory: () => Promise<Inventory>
  readonly evidenceDir: string
  readonly ssh?: HostsOptions
}

export function createEnvironment({ loadInventory, evidenceDir, ssh = {} }: EnvironmentOptions): Environment {
  const etcd = createEtcdPool()
  const pools = new Map<string, Hosts>()
  return {
    inventory: loadInventory,
    evidence: evidenceIn(evidenceDir),
    hosts(inventory) {
      const key = JSON.stringify(inventory.hosts)
      const pool = pools.get(key) ?? createHosts(inventory, ssh)
      pools.set(key, pool)
      return pool
    },
    etcd,
    async close() {
      etcd.close()
      await Promise.all([...pools.values()].map((pool) => pool.close()))
      pools.clear()
    },
  }
}
