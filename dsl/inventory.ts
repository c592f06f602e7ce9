/** The clusters, members and hosts, how to reach them and how etcd is run there. All paths are absolute. */

export interface SshSettings {
  readonly port: number
  readonly user: string
  /** Private key file on the worker's machine. */
  readonly identity: string
  readonly knownHosts: string
  /** Name of another host of the inventory to go through. */
  readonly via?: string
  /** Commands that change something run under `sudo -n`. */
  readonly sudo: boolean
}

export interface Host {
  readonly name: string
  readonly address: string
  readonly ssh: SshSettings
  /** Where Quorate keeps its jobs and backups on that host. */
  readonly workDir: string
}

/** Argv arrays, run as they are. `status` exits 0 while etcd runs and 3 while it does not. */
export interface ScriptService {
  readonly manager: 'script'
  readonly start: readonly string[]
  readonly stop: readonly string[]
  readonly status: readonly string[]
  /** Undoes `disable`. */
  readonly enable: readonly string[]
  /** Afterwards neither `start` nor a reboot may bring etcd up: the fence. */
  readonly disable: readonly string[]
}

export type Service = ScriptService

/** How one host runs (or would run) its etcd of a cluster: the cluster's settings with the host's over them. */
export interface EtcdLayout {
  readonly scheme: 'http' | 'https'
  /** What peers and clients reach it by; the host's address unless said otherwise. */
  readonly address: string
  readonly clientPort: number
  readonly peerPort: number
  readonly dataDir: string
  /** Where `etcd`, `etcdctl` and `etcdutl` lie. */
  readonly binDir: string
  readonly service: Service
  readonly config: { readonly format: 'environment'; readonly path: string }
}

export interface Cluster {
  readonly name: string
  /** Member name to host name. */
  readonly members: Readonly<Record<string, string>>
  /** Hosts that a member may move to. */
  readonly spares: readonly string[]
  /** By host name, for every member's host and every spare. */
  readonly etcd: Readonly<Record<string, EtcdLayout>>
}

export interface Inventory {
  readonly file: string
  readonly hosts: Readonly<Record<string, Host>>
  readonly clusters: Readonly<Record<string, Cluster>>
}

export const clientUrl = (etcd: EtcdLayout): string => `${etcd.scheme}://${etcd.address}:${etcd.clientPort}`

export const peerUrl = (etcd: EtcdLayout): string => `${etcd.scheme}://${etcd.address}:${etcd.peerPort}`
