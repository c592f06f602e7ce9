import { isIP } from 'node:net'
import { clientUrl, type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'
import type { SettingChanges } from './settings-text.ts'

interface MemberSettings {
  readonly member: string
  /** The host the settings are for. */
  readonly layout: EtcdLayout
  /** The host whose settings they are made from. */
  readonly base: EtcdLayout
  /** What is set now, on that host. */
  readonly current: ReadonlyMap<string, string>
  /** `NAME=PEER-URL` of every member, by commas; left out when a discovery service tells. */
  readonly initialCluster?: string
  readonly state: 'new' | 'existing'
  readonly token?: string
}

/**
 * The settings that make etcd on a host that member, and that Quorate owns. URLs that are not the host's own
 * stay where they serve there too: loopback, and the wildcard addresses. What forms another cluster, or finds
 * one by other means, is taken out, because etcd would obey it at the next start.
 * Source: etcd's configuration flags; the initial cluster is not read when there is data, and is set right for
 * the next reader.
 */
export function memberSettings(settings: MemberSettings): SettingChanges {
  const { member, layout, initialCluster, state, token } = settings
  return {
    name: member,
    'data-dir': layout.dataDir,
    'listen-peer-urls': listenUrls(settings, 'listen-peer-urls', peerUrl),
    'listen-client-urls': listenUrls(settings, 'listen-client-urls', clientUrl),
    'initial-advertise-peer-urls': peerUrl(layout),
    'advertise-client-urls': clientUrl(layout),
    ...(initialCluster !== undefined && { 'initial-cluster': initialCluster, ...noDiscovery }),
    'initial-cluster-state': state,
    ...(token !== undefined && { 'initial-cluster-token': token }),
    'force-new-cluster': null,
  }
}

/** etcd refuses to start with both an initial cluster and one of these. */
const noDiscovery: SettingChanges = {
  discovery: null,
  'discovery-token': null,
  'discovery-endpoints': null,
  'discovery-srv': null,
}

/** `NAME=PEER-URL` of every member, by commas, by name. */
export function initialClusterText(peers: Readonly<Record<string, string>>): string {
  return Object.entries(peers)
    .map(([name, url]) => `${name}=${url}`)
    .toSorted()
    .join(',')
}

function listenUrls(
  { layout, base, current }: MemberSettings,
  flag: string,
  urlOf: (layout: EtcdLayout) => string,
): string {
  // etcd binds to addresses only; a host that is known by a name listens on all it has.
  const own = urlOf(isIP(layout.address) === 0 ? { ...layout, address: '0.0.0.0' } : layout)
  const moved = (current.get(flag) ?? '')
    .split(',')
    .filter(Boolean)
    .map((url) => (placeOf(url) === placeOf(urlOf(base)) ? own : withScheme(url, layout)))
  const portOf = (url: string) => /:(\d+)\/?$/.exec(url)?.[1]
  const everywhere = moved.find(
    (url) => /\/\/(0\.0\.0\.0|\[::\])?:\d+\/?$/.test(url) && portOf(url) === portOf(own),
  )
  if (everywhere !== undefined) return everywhere
  const loopback = moved.filter(
    (url) => /\/\/(127\.|localhost|\[::1\])/.test(url) && url !== own && portOf(url) === portOf(own),
  )
  return [own, ...new Set(loopback)].join(',')
}

function placeOf(url: string): string {
  return url.replace(/^https?:\/\//, '').replace(/\/$/, '')
}

/** One port speaks TLS or does not, whatever the address. */
function withScheme(url: string, { scheme }: EtcdLayout): string {
  return url.replace(/^https?:/, `${scheme}:`)
}
