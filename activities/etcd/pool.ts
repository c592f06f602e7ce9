import { clientUrl, type Cluster } from '../../dsl/inventory.ts'
import { InputError } from '../failure.ts'
import { type Channel, openChannel } from './channel.ts'
import type { ChangeObserver, EtcdCluster } from './cluster.ts'
import { etcdEndpoint } from './endpoint.ts'

/** Channels to members, kept over calls and opened on first use. Close it when the worker ends. */
export interface EtcdPool {
  /** `observe` is told of every changing call made through what is returned. */
  cluster(cluster: Cluster, observe?: ChangeObserver): EtcdCluster
  close(): void
}

export function createEtcdPool(): EtcdPool {
  const channels = new Map<string, Channel>()
  const channel = (host: string, url: string): Channel => {
    const open = channels.get(url) ?? openChannel(host, url)
    channels.set(url, open)
    return open
  }
  return {
    cluster: (cluster, observe) => seenFrom(cluster, channel, observe),
    close() {
      for (const open of channels.values()) open.close()
      channels.clear()
    },
  }
}

function seenFrom(
  cluster: Cluster,
  channel: (host: string, url: string) => Channel,
  observe: ChangeObserver | undefined,
): EtcdCluster {
  return {
    name: cluster.name,
    hosts: hostsOf(cluster),
    endpoint(host) {
      const layout = cluster.etcd[host]
      if (!layout) throw new InputError(noSuchHost(cluster, host))
      const url = clientUrl(layout)
      return etcdEndpoint({ host, url, channel: channel(host, url), ...(observe && { observe }) })
    },
  }
}

/** Members' hosts first, then the spares, each once. */
export function hostsOf(cluster: Cluster): readonly string[] {
  return [...new Set([...Object.values(cluster.members), ...cluster.spares])]
}

function noSuchHost(cluster: Cluster, host: string): string {
  return `Cluster ${cluster.name} has no host ${host}: the inventory names ${hostsOf(cluster).join(', ')}. Add it under \`spares\` if a member may move there.`
}
