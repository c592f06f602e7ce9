import type { Inventory } from '../dsl/inventory.ts'
import { createEtcdPool, type EtcdPool } from './etcd/pool.ts'
import { type RecordPort, redactedRecord } from './record.ts'
import { createHosts, type Hosts, type HostsOptions } from './ssh/hosts.ts'

/** What actions share over calls: connections, and where the inventory and the record are. */
export interface Environment {
  /** Read anew for every call, so that an edit counts at once. */
  inventory(): Promise<Inventory>
  /** Takes nothing that is secret. */
  readonly record: RecordPort
  /** How long what was done is kept and tried to be put on record before that is given up. Default 10 s. */
  readonly recordWaitMs?: number
  /** Connections to the hosts of an inventory, kept while its hosts stay the same. */
  hosts(inventory: Inventory): Hosts
  readonly etcd: EtcdPool
  /** Ends all connections. */
  close(): Promise<void>
}

export interface EnvironmentOptions {
  /** Reads the inventory; throws `InputError` when it cannot be used. */
  readonly loadInventory: () => Promise<Inventory>
  readonly record: RecordPort
  readonly recordWaitMs?: number
  readonly ssh?: HostsOptions
}

export function createEnvironment(options: EnvironmentOptions): Environment {
  const { loadInventory, record, recordWaitMs, ssh = {} } = options
  const etcd = createEtcdPool()
  const pools = new Map<string, Hosts>()
  return {
    inventory: loadInventory,
    record: redactedRecord(record),
    ...(recordWaitMs !== undefined && { recordWaitMs }),
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
