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
  /** The file etcd's log goes to. */
  readonly log?: string
}

/** A unit of the host's systemd. The fence is a drop-in with an assertion that cannot hold. */
export interface SystemdService {
  readonly manager: 'systemd'
  /** With its suffix: `etcd.service`. */
  readonly unit: string
}

/**
 * A container that exists already; its data directory and configuration are mounted from the host. The fence
 * is another name.
 */
export interface DockerService {
  readonly manager: 'docker'
  readonly container: string
}

/**
 * A service directory of daemontools, scanned by `svscan`. The fence is its `down` file, and that `run` may not
 * be executed.
 */
export interface SuperviseService {
  readonly manager: 'supervise'
  readonly directory: string
  /** The file etcd's log goes to; `log/main/current` there unless said otherwise. */
  readonly log?: string
}

export type Service = ScriptService | SystemdService | DockerService | SuperviseService

/**
 * How etcd's settings are kept on a host: variables (`ETCD_NAME=…`), etcd's own YAML file, flags in the
 * `ExecStart` of a systemd unit, or flags in a start script.
 */
export interface EtcdConfig {
  readonly format: 'environment' | 'yaml' | 'unit' | 'script'
  readonly path: string
}

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
  /** Where versions of them lie side by side, a directory each; `binDir` is then a link to one of these. */
  readonly versionsDir?: string
  readonly service: Service
  readonly config: EtcdConfig
}

/** How this machine shows itself to the members; files on the worker's machine. */
export interface ClientTls {
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

/** A user of etcd's own access control. */
export interface EtcdAuth {
  readonly user: string
  /** `env:NAME` or `file:PATH`, never the password. */
  readonly password: string
}

/** Where backups are kept, and for how long. */
export interface BackupStore {
  /** A host of the inventory; the backed-up member's own host when left out. */
  readonly host?: string
  readonly directory: string
  /** age recipients that backups are encrypted to; none: not encrypted. */
  readonly recipients: readonly string[]
  /** File with the age identity that a drill or restore decrypts with, on the worker's machine. */
  readonly identity?: string
  /** The newest verified ones that are always kept. */
  readonly keepCount: number
  /** Older ones than this go, beyond `keepCount`; milliseconds. */
  readonly keepMs?: number
}

/** What else has to learn of a changed membership; each has an action of its own. */
export interface AfterSteps {
  readonly haproxy: readonly {
    readonly host: string
    readonly path: string
    readonly backend: string
    readonly reload: readonly string[]
  }[]
  readonly kubeApiserver: readonly {
    readonly host: string
    readonly kind: 'manifest' | 'unit'
    readonly path: string
    /** Not needed for a static manifest: the kubelet sees the change. */
    readonly restart?: readonly string[]
  }[]
  /** Rules on every host with a member: who reaches the client and the peer port. */
  readonly firewall?: {
    readonly path: string
    readonly reload: readonly string[]
    /** Networks or addresses of clients. */
    readonly clients: readonly string[]
  }
  readonly hostsFile: readonly { readonly host: string; readonly path: string }[]
  readonly prometheus: readonly { readonly host: string; readonly path: string; readonly port?: number }[]
}

export interface Cluster {
  readonly name: string
  /** What a fleet selects clusters by: `env: prod`. */
  readonly labels?: Readonly<Record<string, string>>
  /** Member name to host name. */
  readonly members: Readonly<Record<string, string>>
  /** Hosts that a member may move to. */
  readonly spares: readonly string[]
  /** By host name, for every member's host and every spare. */
  readonly etcd: Readonly<Record<string, EtcdLayout>>
  readonly tls?: ClientTls
  readonly auth?: EtcdAuth
  /** Directory on the worker's machine with a directory a version: where new ones are uploaded from. */
  readonly binaries?: string
  readonly backup?: BackupStore
  /** Measure how available it is while a run changes it. */
  readonly probe?: boolean
  readonly after: AfterSteps
}

export interface Inventory {
  readonly file: string
  readonly hosts: Readonly<Record<string, Host>>
  readonly clusters: Readonly<Record<string, Cluster>>
}

export const noAfterSteps: AfterSteps = { haproxy: [], kubeApiserver: [], hostsFile: [], prometheus: [] }

export const clientUrl = (etcd: EtcdLayout): string => `${etcd.scheme}://${etcd.address}:${etcd.clientPort}`

export const peerUrl = (etcd: EtcdLayout): string => `${etcd.scheme}://${etcd.address}:${etcd.peerPort}`
