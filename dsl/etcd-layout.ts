import type { ClusterSource, EtcdSource, InventorySource } from './inventory-schema.ts'
import type { EtcdLayout, Service } from './inventory.ts'

/** How a host runs its etcd of a cluster. Only for sources that were checked: their service is complete. */
export function etcdLayout(source: InventorySource, cluster: ClusterSource, host: string): EtcdLayout {
  const etcd = mergedEtcd(source, cluster, host)
  return {
    scheme: etcd.scheme ?? 'http',
    address: etcd.address ?? source.hosts[host]?.address ?? host,
    clientPort: etcd.clientPort ?? 2379,
    peerPort: etcd.peerPort ?? 2380,
    dataDir: etcd.dataDir ?? '/var/lib/etcd',
    binDir: etcd.binDir ?? '/usr/local/bin',
    ...(etcd.versionsDir !== undefined && { versionsDir: etcd.versionsDir }),
    service: serviceFrom(etcd.service),
    config: { format: etcd.config?.format ?? 'environment', path: etcd.config?.path ?? '/etc/default/etcd' },
  }
}

export function mergedEtcd(
  { defaults, hosts }: InventorySource,
  cluster: ClusterSource,
  host: string,
): EtcdSource {
  return over(over(defaults.etcd, cluster.etcd), hosts[host]?.etcd)
}

function over(under: EtcdSource = {}, upper: EtcdSource = {}): EtcdSource {
  return {
    ...under,
    ...upper,
    service: { ...under.service, ...upper.service },
    config: { ...under.config, ...upper.config },
  }
}

function serviceFrom(service: EtcdSource['service'] = {}): Service {
  const { manager = 'script', start = [], stop = [], status = [], enable = [], disable = [] } = service
  const log = service.log === undefined ? {} : { log: service.log }
  switch (manager) {
    case 'systemd':
      return { manager, unit: service.unit ?? 'etcd.service' }
    case 'docker':
      return { manager, container: service.container ?? 'etcd' }
    case 'supervise':
      return { manager, directory: service.directory ?? '/etc/service/etcd', ...log }
    case 'script':
      return { manager, start, stop, status, enable, disable, ...log }
  }
}
