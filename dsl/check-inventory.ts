import { parseDuration } from './duration.ts'
import { etcdLayout, mergedEtcd } from './etcd-layout.ts'
import type { ClusterSource, InventorySource } from './inventory-schema.ts'
import { listed, suggest } from './near.ts'
import type { Problem } from './problem.ts'
import { entryOf, nodeAt, type Path, type YamlNode } from './yaml-node.ts'
import { problemAt, type Complaint, type Range, type Source } from './source.ts'

interface Check {
  readonly source: Source
  readonly root: YamlNode
  readonly inventory: InventorySource
  readonly problems: Problem[]
}

/** What is wrong between the parts of an inventory whose shape is right. */
export function checkInventory(
  source: Source,
  root: YamlNode,
  inventory: InventorySource,
): readonly Problem[] {
  const check: Check = { source, root, inventory, problems: [] }
  checkVia(check)
  for (const [name, cluster] of Object.entries(inventory.clusters)) checkCluster(check, name, cluster)
  if (check.problems.length === 0) checkEndpoints(check)
  return check.problems
}

function complain({ source, root, problems }: Check, path: Path, complaint: Complaint): void {
  problems.push(problemAt(source, nodeAt(root, path).range, complaint))
}

function complainAtKey({ source, root, problems }: Check, path: Path, complaint: Complaint): void {
  const key = String(path.at(-1))
  const range: Range = entryOf(nodeAt(root, path.slice(0, -1)), key)?.keyRange ?? root.range
  problems.push(problemAt(source, range, complaint))
}

function unknownHost({ inventory }: Check, host: string): Complaint {
  const hint = suggest(host, Object.keys(inventory.hosts))
  return { code: 'UNKNOWN_HOST', message: `There is no host "${host}".`, hint }
}

function checkVia(check: Check): void {
  const { hosts, defaults } = check.inventory
  const byDefault = (name: string) => (defaults.ssh?.via === name ? undefined : defaults.ssh?.via)
  const viaOf = (name: string) => hosts[name]?.ssh?.via ?? byDefault(name)
  for (const name of Object.keys(hosts)) {
    const via = viaOf(name)
    const path =
      hosts[name]?.ssh?.via === undefined ? ['defaults', 'ssh', 'via'] : ['hosts', name, 'ssh', 'via']
    if (via === undefined) continue
    if (hosts[via] === undefined) complain(check, path, unknownHost(check, via))
    else if (circles(name, viaOf)) {
      const message = `Going through "${via}" to reach "${name}" comes back to "${name}".`
      complain(check, path, { code: 'VIA', message })
    }
  }
}

function circles(from: string, viaOf: (name: string) => string | undefined): boolean {
  const seen = new Set<string>()
  for (let name: string | undefined = from; name !== undefined; name = viaOf(name)) {
    if (seen.has(name)) return name === from
    seen.add(name)
  }
  return false
}

function checkCluster(check: Check, name: string, cluster: ClusterSource): void {
  const at = ['clusters', name]
  if (Object.keys(cluster.members).length === 0) {
    complainAtKey(check, at, { code: 'MISSING', message: `Cluster "${name}" has no members.` })
  }
  const seen = new Map<string, string>()
  for (const [member, host] of Object.entries(cluster.members)) {
    checkUse(check, [...at, 'members', member], host, seen, `member "${member}"`)
  }
  cluster.spares.forEach((host, index) => checkUse(check, [...at, 'spares', index], host, seen, 'a spare'))
  checkService(check, name, cluster)
  checkOtherHosts(check, name, cluster)
  checkTls(check, name, cluster)
}

/** Hosts that are named beside the members: where backups lie, and who has to learn of changes. */
function checkOtherHosts(check: Check, name: string, { backup, after }: ClusterSource): void {
  const known = (host: string) => check.inventory.hosts[host] !== undefined
  const { haproxy = [], kubeApiserver = [], hostsFile = [], prometheus = [] } = after ?? {}
  const backupHost = backup?.host
  if (backupHost !== undefined && !known(backupHost)) {
    complain(check, ['clusters', name, 'backup', 'host'], unknownHost(check, backupHost))
  }
  for (const [kind, places] of Object.entries({ haproxy, kubeApiserver, hostsFile, prometheus })) {
    places.forEach(({ host }, index) => {
      if (!known(host))
        complain(check, ['clusters', name, 'after', kind, index, 'host'], unknownHost(check, host))
    })
  }
}

function checkTls(check: Check, name: string, { tls, backup }: ClusterSource): void {
  if (tls && (tls.cert === undefined) !== (tls.key === undefined)) {
    const [given, missing] = tls.cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    const message = `"${given}" is given without "${missing}": a certificate is shown with its key.`
    complainAtKey(check, ['clusters', name, 'tls', given], { code: 'MISSING', message })
  }
  const maxAge = backup?.maxAge
  if (maxAge !== undefined && parseDuration(maxAge) === undefined) {
    const message = `"${maxAge}" is no duration.`
    complain(check, ['clusters', name, 'backup', 'maxAge'], {
      code: 'WRONG_VALUE',
      message,
      hint: 'Write it as 30s, 5m, 24h or 1h30m.',
    })
  }
}

function checkUse(check: Check, path: Path, host: string, seen: Map<string, string>, as: string): void {
  const before = seen.get(host)
  if (check.inventory.hosts[host] === undefined) complain(check, path, unknownHost(check, host))
  else if (before === undefined) seen.set(host, as)
  else if (as === 'a spare' && before !== as) {
    complain(check, path, {
      code: 'SPARE_IS_MEMBER',
      message: `Host "${host}" is no spare: it has ${before}.`,
    })
  } else {
    complain(check, path, {
      code: 'HOST_TWICE',
      message: `Host "${host}" stands here a second time: it is ${before} already.`,
    })
  }
}

const commands = ['start', 'stop', 'status', 'enable', 'disable'] as const

function checkService(check: Check, name: string, cluster: ClusterSource): void {
  const hosts = [...Object.values(cluster.members), ...cluster.spares]
  for (const host of hosts.filter((used) => check.inventory.hosts[used] !== undefined)) {
    const { service = {} } = mergedEtcd(check.inventory, cluster, host)
    if ((service.manager ?? 'script') !== 'script') continue
    const missing = commands.filter((command) => service[command] === undefined)
    if (missing.length === 0) continue
    const message = `It is not said how etcd is run on "${host}": etcd.service has no ${listed(missing)}.`
    const hint = 'Say it in defaults.etcd.service, in the cluster or in the host.'
    complainAtKey(check, ['clusters', name], { code: 'MISSING', message, hint })
    return
  }
}

/**
 * Endpoints are compared within a cluster with its spares, and between clusters for members only: clusters may share a
 * spare, and the inventory stays sound when one of them takes it. Whichever cluster stands first in the file.
 */
function checkEndpoints(check: Check): void {
  const ofMembers = new Map<string, string>()
  for (const [name, cluster] of Object.entries(check.inventory.clusters)) {
    const within = new Map<string, string>()
    for (const [member, host] of Object.entries(cluster.members)) {
      const path = ['clusters', name, 'members', member]
      const who = `member "${member}" of "${name}"`
      claimEndpoints(check, { cluster, host, path, who }, [ofMembers, within])
    }
    cluster.spares.forEach((host, index) => {
      const path = ['clusters', name, 'spares', index]
      claimEndpoints(check, { cluster, host, path, who: `spare "${host}" of "${name}"` }, [within])
    })
  }
}

interface Claim {
  readonly cluster: ClusterSource
  readonly host: string
  readonly path: Path
  readonly who: string
}

function claimEndpoints(check: Check, claim: Claim, taken: readonly Map<string, string>[]): void {
  const { address, clientPort, peerPort } = etcdLayout(check.inventory, claim.cluster, claim.host)
  for (const port of [clientPort, peerPort]) {
    const endpoint = `${address}:${port}`
    const holder = taken[0]?.get(endpoint)
    if (holder !== undefined) {
      const whose = holder === claim.who ? 'its own other port' : holder
      const message = `"${claim.host}" would be reached at ${endpoint}, as ${whose} is.`
      complain(check, claim.path, {
        code: 'SAME_ENDPOINT',
        message,
        hint: 'Give the host its own address or ports under "etcd".',
      })
      return
    }
    for (const map of taken) map.set(endpoint, claim.who)
  }
}
