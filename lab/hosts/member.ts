import type { HostsLabRecord, RecordedHost } from './record.ts'

export const clientPort = 2379
export const peerPort = 2380
export const dataDir = '/var/lib/etcd'
export const environmentFile = '/etc/etcd/etcd.env'
const pki = '/etc/etcd/pki'

export const urlOf = ({ tls }: HostsLabRecord, address: string, port: number): string =>
  `${tls ? 'https' : 'http'}://${address}:${port}`

/** What the etcd of a member is started with, by flag; `more` is by flag too. */
export function memberSettings(
  lab: HostsLabRecord,
  member: string,
  host: RecordedHost,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const client = urlOf(lab, host.address, clientPort)
  const peer = urlOf(lab, host.address, peerPort)
  const peers = Object.entries(lab.members).map(([name, on]) => {
    const address = lab.hosts.find(({ name }) => name === on)?.address ?? on
    return `${name}=${urlOf(lab, address, peerPort)}`
  })
  return {
    name: member,
    'data-dir': dataDir,
    'listen-peer-urls': peer,
    'listen-client-urls': client,
    'initial-advertise-peer-urls': peer,
    'advertise-client-urls': client,
    'initial-cluster': peers.join(','),
    'initial-cluster-state': 'new',
    'initial-cluster-token': `lab-${lab.number}`,
    ...tlsSettings(lab),
    ...more,
  }
}

/** The same on every host; nothing without TLS. */
export function tlsSettings({ tls }: Pick<HostsLabRecord, 'tls'>): Record<string, string> {
  if (!tls) return {}
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

/** `name` as `ETCD_NAME`. Source: etcd, "Configuration options". */
export function environmentText(settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([flag, value]) => `${variableOf(flag)}=${value}\n`)
  return `# etcd on this host, read by etcd.service.\n${lines.join('')}`
}

export function flagsText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([flag, value]) => `--${flag}=${value}`)
    .join(' \\\n  ')
}

/** `ETCD_NAME` as `name`, for those who think in variables. */
export const flagOf = (variable: string): string =>
  variable
    .replace(/^ETCD_/, '')
    .replaceAll('_', '-')
    .toLowerCase()

const variableOf = (flag: string): string => `ETCD_${flag.replaceAll('-', '_').toUpperCase()}`
