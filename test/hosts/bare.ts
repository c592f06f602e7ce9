import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { HostsWorld } from './world.ts'

/** Hosts without a cluster, for runbooks that make one. */

/** The members of the cluster-to-be: etcd-1 on h1, etcd-2 on h2, etcd-3 on h3. */
export const bareMembers = { 'etcd-1': 'h1', 'etcd-2': 'h2', 'etcd-3': 'h3' }
export const bareHosts = Object.values(bareMembers)

interface Source {
  hosts: Record<string, Record<string, unknown>>
  clusters: Record<string, Record<string, unknown>>
}

/** Rewrites the inventory of the lab. */
export function editInventory({ lab }: Pick<HostsWorld, 'lab'>, edit: (source: Source) => void): void {
  const source = parse(readFileSync(lab.inventory, 'utf8')) as Source
  edit(source)
  writeFileSync(lab.inventory, stringify(source))
}

/** The inventory as a cluster of three that is still to be made, with `more` of its settings. */
export function describeCluster(
  world: Pick<HostsWorld, 'lab'>,
  more: Readonly<Record<string, unknown>> = {},
): void {
  editInventory(world, (source) => {
    const { tls, binaries } = source.clusters['demo'] ?? {}
    source.clusters['demo'] = { members: bareMembers, spares: ['h4'], tls, binaries, ...more }
    for (const host of bareHosts) delete source.hosts[host]?.['etcd']
  })
}

/** Hosts as they were before anything was made on them, but for what a test brings itself. */
export async function wipe({ lab }: HostsWorld): Promise<void> {
  await Promise.all(
    [...bareHosts, 'h4'].map(async (host) => {
      const { code, stderr } = await lab.run(host, ['sh', '-c', wipeScript])
      if (code !== 0) throw new Error(`${host} could not be wiped: ${stderr}`)
    }),
  )
}

const wipeScript = `
for unit in etcd.service etcd-new.service; do
  systemctl stop "$unit" 2>/dev/null
  systemctl disable "$unit" 2>/dev/null
  rm -rf "/etc/systemd/system/$unit" "/etc/systemd/system/$unit.d"
done
systemctl stop occupant.service 2>/dev/null
systemctl daemon-reload
systemctl reset-failed
nft flush ruleset
rm -rf /etc/nftables.d /var/lib/etcd /var/lib/etcd.quorate-* /var/lib/etcd-new* /etc/etcd/etcd.env* /etc/etcd/etcd.yaml* /etc/pki-new /home/ops/.quorate
rm -f /usr/local/bin/date
true
`

/** A directory with a directory a host, as an operator would bring certificates in. */
export function certificatesFor(world: HostsWorld): string {
  const { lab, directory } = world
  const brought = join(directory, 'certificates')
  const pki = join(lab.directory, 'pki')
  for (const host of bareHosts) {
    mkdirSync(join(brought, host), { recursive: true })
    for (const use of ['server', 'peer'])
      for (const kind of ['crt', 'key'])
        cpSync(join(pki, `${host}-${use}.${kind}`), join(brought, host, `${use}.${kind}`))
  }
  cpSync(join(pki, 'ca.crt'), join(brought, 'ca.crt'))
  return brought
}

export async function onHosts(world: HostsWorld, script: string): Promise<readonly string[]> {
  return Promise.all(
    bareHosts.map(async (host) => (await world.lab.run(host, ['sh', '-c', script])).stdout.trim()),
  )
}
