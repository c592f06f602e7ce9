import { isIP } from 'node:net'
import type { KeyObject, X509Certificate } from 'node:crypto'
import { type TlsUse, tlsUses } from './certificate-settings.ts'

/** The TLS files of one host for one use; what a host does not have is left out. */
export interface HeldTls {
  /** The certificate it shows first, then the rest of its chain. */
  readonly chain?: readonly X509Certificate[]
  readonly authorities?: readonly X509Certificate[]
}

export interface HostTls {
  readonly host: string
  /** What others reach it by. */
  readonly address: string
  readonly now: Readonly<Record<TlsUse['name'], HeldTls>>
  /** What it gets; a part that is left out stays as it is. */
  readonly next: Readonly<Record<TlsUse['name'], HeldTls & { readonly key?: KeyObject }>>
}

export interface ClientTlsHeld {
  readonly authorities: readonly X509Certificate[]
  readonly chain?: readonly X509Certificate[]
}

export interface CertificateFacts {
  readonly hosts: readonly HostTls[]
  /** This machine as a client; left out when it speaks no TLS to the members. */
  readonly client?: ClientTlsHeld
  readonly nowMs: number
}

export interface CertificateVerdict {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Whether new certificates can be put in place one member after another: each good by itself, and at every moment
 * between trusted by, and trusting, the members that still have the old ones. Pure.
 */
export function judgeCertificates(facts: CertificateFacts): CertificateVerdict {
  const own = facts.hosts.flatMap((host) => tlsUses.flatMap((use) => ownProblems(host, use, facts.nowMs)))
  return {
    problems: [...own, ...peerProblems(facts.hosts), ...clientProblems(facts)],
    warnings: facts.hosts.flatMap((host) => tlsUses.flatMap((use) => warnings(host, use, facts.nowMs))),
  }
}

/** One certificate or authority by whom a chain can be followed to an authority. */
export function trusts(authorities: readonly X509Certificate[], chain: readonly X509Certificate[]): boolean {
  let current = chain[0]
  const seen = new Set<string>()
  while (current && !seen.has(current.fingerprint256)) {
    const at: X509Certificate = current
    if (authorities.some((one) => one.fingerprint256 === at.fingerprint256 || issued(at, one))) return true
    seen.add(at.fingerprint256)
    current = chain.find((one) => one !== at && issued(at, one))
  }
  return false
}

function issued(certificate: X509Certificate, by: X509Certificate): boolean {
  return certificate.checkIssued(by) && certificate.verify(by.publicKey)
}

function ownProblems({ host, address, now, next }: HostTls, use: TlsUse, nowMs: number): readonly string[] {
  const { chain, key } = next[use.name]
  const [leaf] = chain ?? []
  const what = `The new ${use.name} certificate of ${host}`
  if (!leaf) return key ? [`${host} gets a ${use.name} key without its certificate.`] : []
  const former = now[use.name].chain?.[0]
  const sameKey = former !== undefined && samePublicKey(former, leaf)
  return [
    ...(key === undefined && !sameKey
      ? [`${what} needs its key, which is not in the directory.`]
      : key !== undefined && !leaf.checkPrivateKey(key)
        ? [`${what} and the key beside it do not belong together.`]
        : []),
    ...(Date.parse(leaf.validTo) < nowMs ? [`${what} expired on ${day(leaf.validTo)}.`] : []),
    ...(Date.parse(leaf.validFrom) > nowMs ? [`${what} is valid only from ${day(leaf.validFrom)} on.`] : []),
    ...(namesAddress(leaf, address)
      ? []
      : [
          `${what} does not name ${address}, by which others reach it (it names ${leaf.subjectAltName ?? 'nothing'}).`,
        ]),
    ...missingUses(leaf, use).map((name) => `${what} may not be used as a ${name}.`),
  ]
}

function samePublicKey(a: X509Certificate, b: X509Certificate): boolean {
  return a.publicKey.equals(b.publicKey)
}

function namesAddress(leaf: X509Certificate, address: string): boolean {
  return (isIP(address) ? leaf.checkIP(address) : leaf.checkHost(address)) !== undefined
}

/** A member is server and client to its peers. etcd's gRPC gateway is a client of its own server port as well. */
function missingUses(leaf: X509Certificate, { name }: TlsUse): readonly string[] {
  const uses: readonly string[] | undefined = leaf.keyUsage
  if (!uses || uses.length === 0) return []
  const wanted = [
    ['1.3.6.1.5.5.7.3.1', 'server'],
    ...(name === 'peer' ? [['1.3.6.1.5.5.7.3.2', 'client']] : []),
  ] as const
  return wanted.flatMap(([oid, role]) => (oid === undefined || uses.includes(oid) ? [] : [role ?? '']))
}

/** While one member has the new files, the others have theirs of now, or the new ones too. */
function peerProblems(hosts: readonly HostTls[]): readonly string[] {
  return hosts.flatMap((one) =>
    hosts
      .filter((other) => other.host !== one.host)
      .flatMap((other) => {
        const [newOne, nowOther, newOther] = [merged(one), other.now.peer, merged(other)]
        return [
          ...(accepted(nowOther, newOne) ? [] : [distrust(other.host, 'has now', one.host, 'will show')]),
          ...(accepted(newOne, nowOther) ? [] : [distrust(one.host, 'will have', other.host, 'shows now')]),
          ...(accepted(newOther, newOne) ? [] : [distrust(other.host, 'will have', one.host, 'will show')]),
        ]
      }),
  )
}

function merged({ now, next }: HostTls): HeldTls {
  return { ...now.peer, ...next.peer }
}

/** What is not there cannot be refused: a plain member trusts nobody and shows nothing. */
function accepted({ authorities }: HeldTls, { chain }: HeldTls): boolean {
  return !authorities || !chain || trusts(authorities, chain)
}

function distrust(by: string, has: string, of: string, shows: string): string {
  return `The peer authority that ${by} ${has} does not stand for the certificate that ${of} ${shows}: while the members are changed one by one they could not talk. First put authorities in place that hold both the old and the new, then the certificates, then take the old authority out.`
}

function clientProblems({ hosts, client }: CertificateFacts): readonly string[] {
  if (!client) return []
  return hosts.flatMap(({ host, next }) => [
    ...(next.server.chain && !trusts(client.authorities, next.server.chain)
      ? [
          `Quorate's own authority (tls.ca of the cluster in the inventory) does not stand for the new server certificate of ${host}, and neither may those of other clients: put the new authority beside the old in them first.`,
        ]
      : []),
    ...(next.server.authorities && client.chain && !trusts(next.server.authorities, client.chain)
      ? [
          `The new authority for clients on ${host} does not stand for Quorate's own certificate (tls.cert of the cluster in the inventory): keep the old authority beside the new until all clients have new certificates.`,
        ]
      : []),
  ])
}

const soonMs = 30 * 24 * 3600_000

function warnings({ host, next }: HostTls, { name }: TlsUse, nowMs: number): readonly string[] {
  const [leaf] = next[name].chain ?? []
  if (!leaf || Date.parse(leaf.validTo) < nowMs || Date.parse(leaf.validTo) - nowMs > soonMs) return []
  return [`The new ${name} certificate of ${host} expires on ${day(leaf.validTo)} already.`]
}

function day(date: string): string {
  return new Date(date).toISOString().slice(0, 10)
}
