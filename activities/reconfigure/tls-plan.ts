import { type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'
import { initialClusterText } from '../etcd/member-settings.ts'

/** A member that is to speak TLS. */
export interface PlainMember {
  readonly name: string
  readonly host: string
  readonly layout: EtcdLayout
  readonly settings: ReadonlyMap<string, string>
  /** As the membership has them. */
  readonly peerUrls: readonly string[]
}

/** Settings by flag; "" takes one out. */
type Settings = Readonly<Record<string, string>>

export interface TlsSteps {
  /** Certificates are there; peers are still spoken to in plain, clients as they like. */
  readonly trust: Settings
  /** Peers are spoken to with TLS. */
  readonly peers: Settings
  /** Takes `peers` back. */
  readonly peersBack: Settings
  /** Clients are spoken to with TLS only. */
  readonly clients: Settings
  readonly clientsBack: Settings
}

export interface TlsPlan {
  /** What is still to be done, on any member. */
  readonly needs: { readonly trust: boolean; readonly peers: boolean; readonly clients: boolean }
  readonly byName: Readonly<Record<string, TlsSteps>>
}

/**
 * The settings by which a plain cluster comes to speak TLS with the quorum kept, in three rounds of restarts.
 * First all members get certificates: etcd uses them to dial, and leaves them alone where it listens in plain; on
 * the client port it takes both from then on. Then the peers change over, one after another, each telling its
 * new URL to the membership: the others can dial it, because they have certificates by now. Last, if asked for,
 * the client port stops taking plain connections. Pure; seen with 3.6.16.
 */
export function tlsPlan(members: readonly PlainMember[], files: string, plainClients: boolean): TlsPlan {
  const initialCluster = initialClusterText(
    Object.fromEntries(members.map(({ name, layout }) => [name, secure(peerUrl(layout))])),
  )
  const byName = Object.fromEntries(
    members.map((member) => [member.name, stepsOf(member, files, initialCluster)]),
  )
  const listens = (flag: string) =>
    members.some(({ settings }) => isPlain(settings.get(flag) ?? 'http://localhost'))
  return {
    needs: {
      trust: members.some(({ name, settings }) => differs(settings, byName[name]?.trust ?? {})),
      peers: members.some(({ peerUrls }) => peerUrls.some(isPlain)) || listens('listen-peer-urls'),
      clients: !plainClients && listens('listen-client-urls'),
    },
    byName,
  }
}

function stepsOf({ settings, layout }: PlainMember, files: string, initialCluster: string): TlsSteps {
  const clientUrls = urlsIn(settings.get('listen-client-urls'))
  const secured = [...new Set(clientUrls.map(secure))]
  const both = [...new Set([...clientUrls.filter(isPlain), ...secured])]
  const peers = {
    'listen-peer-urls': urlsIn(settings.get('listen-peer-urls')).map(secure).join(','),
    'initial-advertise-peer-urls': secure(peerUrl(layout)),
    'advertise-client-urls': urlsIn(settings.get('advertise-client-urls')).map(secure).join(','),
    'initial-cluster': initialCluster,
  }
  const plain = (url: string) => url.replace(/^https:/, 'http:')
  return {
    trust: {
      ...tlsFilesIn(files, settings),
      'client-cert-auth': 'true',
      'peer-client-cert-auth': 'true',
      ...(clientUrls.some(isPlain) && { 'listen-client-urls': both.join(',') }),
    },
    peers,
    peersBack: Object.fromEntries(
      Object.entries(peers).map(([flag, value]) => [
        flag,
        value === '' ? '' : value.replaceAll('https://', 'http://'),
      ]),
    ),
    clients: { 'listen-client-urls': secured.join(',') },
    clientsBack: {
      'listen-client-urls': [...new Set([...secured.map(plain), ...secured])].join(','),
    },
  }
}

/** Where the inventory's member has them already, they stay where they are. */
function tlsFilesIn(directory: string, settings: ReadonlyMap<string, string>): Settings {
  const names = {
    ...{ 'cert-file': 'server.crt', 'key-file': 'server.key', 'trusted-ca-file': 'ca.crt' },
    ...{ 'peer-cert-file': 'peer.crt', 'peer-key-file': 'peer.key', 'peer-trusted-ca-file': 'ca.crt' },
  }
  return Object.fromEntries(
    Object.entries(names).map(([flag, name]) => [flag, settings.get(flag) || `${directory}/${name}`]),
  )
}

function differs(now: ReadonlyMap<string, string>, wanted: Settings): boolean {
  return Object.entries(wanted).some(([flag, value]) => (now.get(flag) ?? '') !== value)
}

function urlsIn(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').filter(Boolean)
}

function isPlain(url: string): boolean {
  return url.startsWith('http://')
}

function secure(url: string): string {
  return url.replace(/^http:/, 'https:')
}
