import { Document, isScalar, isSeq, visit } from 'yaml'
import { etcdOnKind } from './kinds.ts'
import { dataDir, environmentFile } from './member.ts'
import type { HostsLabRecord } from './record.ts'

/** The inventory of a hosts lab as YAML; files of this machine are named relative to it. */
export function hostsInventory(lab: HostsLabRecord): string {
  const document = new Document({
    inventory: 1,
    defaults: {
      ssh: { user: 'ops', identity: 'ssh/id_ed25519', knownHosts: 'ssh/known_hosts', sudo: true },
      etcd: {
        scheme: lab.tls ? 'https' : 'http',
        dataDir,
        binDir: '/opt/etcd/current',
        versionsDir: '/opt/etcd',
        service: { manager: 'systemd', unit: 'etcd.service' },
        config: { format: 'environment', path: environmentFile },
      },
    },
    hosts: Object.fromEntries(
      lab.hosts.map(({ name, address, kind }) => {
        const etcd = etcdOnKind(kind)
        return [name, { address, ...(etcd === undefined || Object.keys(etcd).length === 0 ? {} : { etcd }) }]
      }),
    ),
    clusters: { [lab.cluster]: clusterEntry(lab) },
  })
  visit(document, {
    Seq: (_key, node) => {
      node.flow = node.items.every((item) => isScalar(item))
    },
    Map: (_key, node) => {
      node.flow = node.items.length === 1 && node.items.every(({ value }) => isScalar(value) || isSeq(value))
    },
  })
  return `${head}${document.toString({ lineWidth: 0 })}`
}

const head = '# A hosts lab: real hosts on this machine, and a cluster on them.\n\n'

function clusterEntry({ tls, members, spares, hosts }: HostsLabRecord): object {
  const haproxy = hosts
    .filter(({ kind }) => kind === 'haproxy')
    .map(({ name }) => ({
      host: name,
      path: '/etc/haproxy/haproxy.cfg',
      backend: 'etcd',
      reload: ['systemctl', 'reload', 'haproxy.service'],
    }))
  return {
    members,
    spares,
    ...(tls ? { tls: { ca: 'pki/ca.crt', cert: 'pki/client.crt', key: 'pki/client.key' } } : {}),
    binaries: 'binaries',
    ...(haproxy.length === 0 ? {} : { after: { haproxy } }),
  }
}
