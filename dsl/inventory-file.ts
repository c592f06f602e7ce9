import { checkShape } from './check-shape.ts'
import { checkInventory } from './check-inventory.ts'
import { etcdLayout } from './etcd-layout.ts'
import {
  inventorySchema,
  type ClusterSource,
  type HostSource,
  type InventorySource,
  type SshSource,
} from './inventory-schema.ts'
import type { Cluster, Host, Inventory, SshSettings } from './inventory.ts'
import type { Checked } from './problem.ts'
import { readYaml } from './read-yaml.ts'
import { sortProblems } from './source.ts'

export interface InventoryFile {
  readonly file: string
  readonly text: string
  /** Absolute directory that relative `identity` and `knownHosts` start from: the inventory's own. */
  readonly baseDirectory: string
  /** What `~` stands for, absolute. */
  readonly home: string
}

/** Reads an inventory: settings of a host over those of its cluster over the defaults. All problems at once. */
export function readInventory({ file, text, ...places }: InventoryFile): Checked<Inventory> {
  const yaml = readYaml(file, text)
  if (!yaml.ok) return yaml
  const { source, root } = yaml.value
  const shaped = checkShape(source, root, inventorySchema, 'an inventory')
  if (!shaped.ok) return { ok: false, problems: sortProblems(shaped.problems) }
  const problems = checkInventory(source, root, shaped.value)
  if (problems.length > 0) return { ok: false, problems: sortProblems(problems) }
  return { ok: true, value: inventoryFrom(file, shaped.value, places) }
}

type Places = Pick<InventoryFile, 'baseDirectory' | 'home'>

function inventoryFrom(file: string, source: InventorySource, places: Places): Inventory {
  const hosts = Object.entries(source.hosts).map(
    ([name, host]) => [name, hostFrom(source, name, host, places)] as const,
  )
  const clusters = Object.entries(source.clusters).map(
    ([name, cluster]) => [name, clusterFrom(source, name, cluster)] as const,
  )
  return { file, hosts: Object.fromEntries(hosts), clusters: Object.fromEntries(clusters) }
}

function hostFrom({ defaults }: InventorySource, name: string, host: HostSource, places: Places): Host {
  return {
    name,
    address: host.address,
    ssh: sshFrom({ ...withoutItself(defaults.ssh, name), ...host.ssh }, places),
    workDir: host.workDir ?? defaults.workDir ?? '/var/lib/quorate',
  }
}

/** A default `via` is for the hosts behind it. */
function withoutItself(ssh: SshSource | undefined, name: string): SshSource | undefined {
  if (ssh?.via !== name) return ssh
  const { via: _itself, ...others } = ssh
  return others
}

function sshFrom(ssh: SshSource, places: Places): SshSettings {
  return {
    port: ssh.port ?? 22,
    user: ssh.user ?? 'root',
    identity: resolved(ssh.identity ?? '~/.ssh/id_ed25519', places),
    knownHosts: resolved(ssh.knownHosts ?? '~/.ssh/known_hosts', places),
    sudo: ssh.sudo ?? false,
    ...(ssh.via === undefined ? {} : { via: ssh.via }),
  }
}

/** Absolute, without `.` and `..`. */
function resolved(path: string, { baseDirectory, home }: Places): string {
  const whole = path === '~' || path.startsWith('~/') ? `${home}${path.slice(1)}` : path
  const parts: string[] = []
  for (const part of (whole.startsWith('/') ? whole : `${baseDirectory}/${whole}`).split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

function clusterFrom(source: InventorySource, name: string, cluster: ClusterSource): Cluster {
  const hosts = [...Object.values(cluster.members), ...cluster.spares]
  const layouts = hosts.map((host) => [host, etcdLayout(source, cluster, host)] as const)
  return { name, members: cluster.members, spares: cluster.spares, etcd: Object.fromEntries(layouts) }
}
