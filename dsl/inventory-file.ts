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
import { parseDuration } from './duration.ts'
import {
  type AfterSteps,
  type BackupStore,
  type ClientTls,
  type Cluster,
  type EtcdAuth,
  type Host,
  type Inventory,
  noAfterSteps,
  type SshSettings,
} from './inventory.ts'
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
    ([name, cluster]) => [name, clusterFrom(source, name, cluster, places)] as const,
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

function clusterFrom(source: InventorySource, name: string, cluster: ClusterSource, places: Places): Cluster {
  const hosts = [...Object.values(cluster.members), ...cluster.spares]
  const layouts = hosts.map((host) => [host, etcdLayout(source, cluster, host)] as const)
  const { labels, tls, auth, binaries, backup, probe, after } = cluster
  return {
    name,
    ...(labels && { labels }),
    members: cluster.members,
    spares: cluster.spares,
    etcd: Object.fromEntries(layouts),
    ...(tls && { tls: filesOf(tls, places) }),
    ...(auth && { auth: authFrom(auth, places) }),
    ...(binaries !== undefined && { binaries: resolved(binaries, places) }),
    ...(backup && { backup: backupFrom(backup, places) }),
    ...(probe && { probe }),
    after: afterFrom(after),
  }
}

function filesOf({ ca, cert, key }: NonNullable<ClusterSource['tls']>, places: Places): ClientTls {
  return {
    ca: resolved(ca, places),
    ...(cert !== undefined && { cert: resolved(cert, places) }),
    ...(key !== undefined && { key: resolved(key, places) }),
  }
}

/** A file of the password lies, like all files, relative to the inventory. */
function authFrom({ user, password }: NonNullable<ClusterSource['auth']>, places: Places): EtcdAuth {
  const [, path] = /^file:(.+)$/.exec(password) ?? []
  return { user, password: path === undefined ? password : `file:${resolved(path, places)}` }
}

function backupFrom(source: NonNullable<ClusterSource['backup']>, places: Places): BackupStore {
  const { host, directory, recipients, identity, keep, maxAge } = source
  const keepMs = maxAge === undefined ? undefined : parseDuration(maxAge)
  return {
    ...(host !== undefined && { host }),
    directory: directory ?? '/var/lib/quorate/backups',
    recipients,
    ...(identity !== undefined && { identity: resolved(identity, places) }),
    keepCount: keep,
    ...(keepMs !== undefined && { keepMs }),
  }
}

function afterFrom(after: ClusterSource['after']): AfterSteps {
  if (!after) return noAfterSteps
  const { haproxy, kubeApiserver, firewall, hostsFile, prometheus } = after
  return {
    haproxy,
    kubeApiserver: kubeApiserver.map(({ restart, ...where }) => ({ ...where, ...(restart && { restart }) })),
    ...(firewall && { firewall }),
    hostsFile,
    prometheus: prometheus.map(({ port, ...where }) => ({ ...where, ...(port !== undefined && { port }) })),
  }
}
