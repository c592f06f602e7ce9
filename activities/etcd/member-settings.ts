import { clientUrl, type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'

interface Settings {
  readonly member: string
  /** The host the settings are for. */
  readonly layout: EtcdLayout
  /** The host whose settings they are made from. */
  readonly base: EtcdLayout
  readonly current: ReadonlyMap<string, string>
  /** Member name to peer URL, as it will be. */
  readonly membership: Readonly<Record<string, string>>
  readonly token: string | undefined
}

/**
 * The variables a moved member needs, and that Quorate owns in its environment file. URLs that are not the
 * host's own stay where they serve there too: loopback, and the wildcard addresses.
 * Source: etcd's configuration flags; the initial cluster is not read when there is data, and is set right for
 * the next reader.
 */
export function memberSettings(settings: Settings): Readonly<Record<string, string>> {
  const { member, layout, membership, token } = settings
  const peers = Object.entries(membership).map(([name, url]) => `${name}=${url}`)
  return {
    ETCD_NAME: member,
    ETCD_DATA_DIR: layout.dataDir,
    ETCD_LISTEN_PEER_URLS: listenUrls(settings, 'ETCD_LISTEN_PEER_URLS', peerUrl),
    ETCD_LISTEN_CLIENT_URLS: listenUrls(settings, 'ETCD_LISTEN_CLIENT_URLS', clientUrl),
    ETCD_INITIAL_ADVERTISE_PEER_URLS: peerUrl(layout),
    ETCD_ADVERTISE_CLIENT_URLS: clientUrl(layout),
    ETCD_INITIAL_CLUSTER: peers.toSorted().join(','),
    ETCD_INITIAL_CLUSTER_STATE: 'existing',
    ...(token !== undefined && { ETCD_INITIAL_CLUSTER_TOKEN: token }),
  }
}

function listenUrls(
  { layout, base, current }: Settings,
  name: string,
  urlOf: (layout: EtcdLayout) => string,
): string {
  const own = urlOf(layout)
  const moved = (current.get(name) ?? '')
    .split(',')
    .filter(Boolean)
    .map((url) => (url === urlOf(base) ? own : url))
  const portOf = (url: string) => /:(\d+)\/?$/.exec(url)?.[1]
  const everywhere = moved.find(
    (url) => /\/\/(0\.0\.0\.0|\[::\])?:\d+\/?$/.test(url) && portOf(url) === portOf(own),
  )
  if (everywhere !== undefined) return everywhere
  const loopback = moved.filter(
    (url) => /\/\/(127\.|localhost|\[::1\])/.test(url) && url !== own && portOf(url) === portOf(own),
  )
  return [own, ...loopback].join(',')
}
