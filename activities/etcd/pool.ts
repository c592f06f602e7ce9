import { clientUrl, type Cluster } from '../../dsl/inventory.ts'
import { InputError } from '../failure.ts'
import { type Channel, openChannel } from './channel.ts'
import type { ChangeObserver, EtcdCluster } from './cluster.ts'
import { etcdEndpoint } from './endpoint.ts'
import { tlsSource, type TlsSource } from './tls-files.ts'
import { type TokenKeeper, tokenKeeper, withToken } from './token.ts'

/** Channels to members, kept over calls and opened on first use. Close it when the worker ends. */
export interface EtcdPool {
  /** `observe` is told of every changing call made through what is returned. */
  cluster(cluster: Cluster, observe?: ChangeObserver): EtcdCluster
  close(): void
}

export function createEtcdPool(): EtcdPool {
  const doors = new Map<string, Door>()
  const doorOf = (cluster: Cluster): Door => {
    const key = JSON.stringify([cluster.name, cluster.tls, cluster.auth])
    const door = doors.get(key) ?? openDoor(cluster)
    doors.set(key, door)
    return door
  }
  return {
    cluster: (cluster, observe) => seenFrom(cluster, doorOf(cluster), observe),
    close() {
      for (const door of doors.values()) door.close()
      doors.clear()
    },
  }
}

/** The channels to the members of one cluster, with what they show to be let in. */
interface Door {
  channel(host: string, url: string): Channel
  close(): void
}

function openDoor({ name, tls: files, auth }: Cluster): Door {
  const channels = new Map<string, Channel>()
  const tls: TlsSource | undefined = files && tlsSource(name, files)
  const keeper: TokenKeeper | undefined = auth && tokenKeeper(name, auth, () => [...channels.values()])
  return {
    channel(host, url) {
      const open = channels.get(url) ?? openChannel({ host, url, ...(tls && { tls }) })
      channels.set(url, open)
      return keeper ? withToken(open, keeper) : open
    },
    close() {
      for (const open of channels.values()) open.close()
      channels.clear()
    },
  }
}

function seenFrom(cluster: Cluster, door: Door, observe: ChangeObserver | undefined): EtcdCluster {
  return {
    name: cluster.name,
    hosts: hostsOf(cluster),
    endpoint(host) {
      const layout = cluster.etcd[host]
      if (!layout) throw new InputError(noSuchHost(cluster, host))
      const url = clientUrl(layout)
      return etcdEndpoint({ host, url, channel: door.channel(host, url), ...(observe && { observe }) })
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
