import { type Cluster, clientUrl, type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'
import { layoutOn } from '../inventory/look-up.ts'

/** How the members of a new cluster find each other. */
export type Discovery =
  | { readonly kind: 'static' }
  /** By the SRV records of a domain; `name` is their suffix (`--discovery-srv-name`), "" for none. */
  | { readonly kind: 'dns'; readonly domain: string; readonly name: string }
  /** By another etcd, under a token that is used once. */
  | { readonly kind: 'service'; readonly registry: Cluster; readonly token: string }

export interface Plan {
  readonly cluster: Cluster
  readonly discovery: Discovery
  /** Directory with the certificates on every host; not looked at without TLS. */
  readonly pki: string
  /** More settings, by flag without dashes. */
  readonly more: Readonly<Record<string, string>>
}

/** `NAME=PEER-URL` of every member, by commas. */
export function initialClusterOf(cluster: Cluster): string {
  return Object.entries(cluster.members)
    .map(([member, host]) => `${member}=${peerUrl(layoutOn(cluster, host))}`)
    .toSorted()
    .join(',')
}

/**
 * Settings of a member for its first start, beside its name, its URLs and the token; "" takes one out. Pure.
 * Source: etcd's configuration flags and its clustering guide. The flags of the discovery service are those of
 * etcd 3.6 and later.
 */
export function firstSettings({ discovery, pki, more, cluster }: Plan, host: string) {
  const { scheme } = layoutOn(cluster, host)
  return { ...tlsSettings(scheme, pki), ...discoverySettings(discovery, pki), ...more }
}

/** Settings for all later starts: whoever finds data needs no discovery, and etcd refuses two ways at once. Pure. */
export function laterSettings(plan: Plan, host: string): Readonly<Record<string, string>> {
  const first = Object.keys(firstSettings(plan, host)).filter((flag) => flag.startsWith('discovery'))
  const { scheme } = layoutOn(plan.cluster, host)
  return {
    ...tlsSettings(scheme, plan.pki),
    ...plan.more,
    ...Object.fromEntries(first.map((flag) => [flag, ''])),
  }
}

/** The files of a directory of certificates, by what they are. */
export const pkiFiles = ['ca.crt', 'server.crt', 'server.key', 'peer.crt', 'peer.key'] as const
export type PkiFile = (typeof pkiFiles)[number]

function tlsSettings(scheme: EtcdLayout['scheme'], pki: string): Readonly<Record<string, string>> {
  if (scheme === 'http') return {}
  return {
    'cert-file': `${pki}/server.crt`,
    'key-file': `${pki}/server.key`,
    'trusted-ca-file': `${pki}/ca.crt`,
    'client-cert-auth': 'true',
    'peer-cert-file': `${pki}/peer.crt`,
    'peer-key-file': `${pki}/peer.key`,
    'peer-trusted-ca-file': `${pki}/ca.crt`,
    'peer-client-cert-auth': 'true',
  }
}

function discoverySettings(discovery: Discovery, pki: string): Readonly<Record<string, string>> {
  switch (discovery.kind) {
    case 'static':
      return {}
    case 'dns':
      return {
        'initial-cluster': '',
        'discovery-srv': discovery.domain,
        ...(discovery.name !== '' && { 'discovery-srv-name': discovery.name }),
      }
    case 'service':
      return { 'initial-cluster': '', ...registrySettings(discovery, pki) }
  }
}

function registrySettings(
  { registry, token }: Extract<Discovery, { kind: 'service' }>,
  pki: string,
): Readonly<Record<string, string>> {
  const layouts = Object.values(registry.members).map((host) => layoutOn(registry, host))
  const secure = layouts.some(({ scheme }) => scheme === 'https')
  return {
    'discovery-endpoints': layouts.map(clientUrl).join(','),
    'discovery-token': token,
    ...(secure && {
      'discovery-insecure-transport': 'false',
      'discovery-cacert': `${pki}/ca.crt`,
      'discovery-cert': `${pki}/peer.crt`,
      'discovery-key': `${pki}/peer.key`,
    }),
  }
}

/** `flag=value` texts as settings by flag; those that are none are told. */
export function settingsFrom(texts: readonly string[]): {
  readonly settings: Readonly<Record<string, string>>
  readonly wrong: readonly string[]
} {
  const pairs = texts.map((text) => ({ text, found: /^(?:--)?([a-z][a-z0-9-]*)=(.*)$/s.exec(text) }))
  return {
    settings: Object.fromEntries(
      pairs.flatMap(({ found }) => (found ? [[found[1] ?? '', found[2] ?? '']] : [])),
    ),
    wrong: pairs.flatMap(({ text, found }) => (found ? [] : [text])),
  }
}
