/** What an etcd of the lab is configured with. */
export interface EtcdSettings {
  readonly name: string
  readonly dataDir: string
  readonly clientUrl: string
  readonly peerUrl: string
  /** Member name to peer URL. */
  readonly initialCluster: Readonly<Record<string, string>>
  readonly token: string
  /** Anything else, by variable. */
  readonly more: Readonly<Record<string, string>>
}

/** The environment file that `etcd-start` reads: `NAME=value`, quoted only where a shell needs it. */
export function etcdEnvironment(settings: EtcdSettings): string {
  const members = Object.entries(settings.initialCluster).map(([name, url]) => `${name}=${url}`)
  const variables = {
    ETCD_NAME: settings.name,
    ETCD_DATA_DIR: settings.dataDir,
    ETCD_LISTEN_PEER_URLS: settings.peerUrl,
    ETCD_LISTEN_CLIENT_URLS: settings.clientUrl,
    ETCD_INITIAL_ADVERTISE_PEER_URLS: settings.peerUrl,
    ETCD_ADVERTISE_CLIENT_URLS: settings.clientUrl,
    ETCD_INITIAL_CLUSTER: members.join(','),
    ETCD_INITIAL_CLUSTER_STATE: 'new',
    ETCD_INITIAL_CLUSTER_TOKEN: settings.token,
    ...settings.more,
  }
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}\n`)
  return `# etcd on this host, read by bin/etcd-start.\n${lines.join('')}`
}

function quoted(value: string): string {
  return /^[\w/:.,=@%+-]*$/.test(value) ? value : `"${value.replace(/["\\$`]/g, String.raw`\$&`)}"`
}
