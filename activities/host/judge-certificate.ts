import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** A certificate of a member, as text, with what has to be true of it. */
export interface Certified {
  /** How it is called in a sentence: `/etc/etcd/pki/peer.crt on h4`. */
  readonly where: string
  readonly pem: string
  /** The name or address that it is dialled by. */
  readonly address: string
  /** Whom the others trust: the certificates, and how they are called in a sentence. */
  readonly authority: { readonly where: string; readonly pem: string }
  readonly nowMs: number
  /** For how long it must go on being valid. Default 0. */
  readonly spareMs?: number
}

const serverUse = '1.3.6.1.5.5.7.3.1'
const clientUse = '1.3.6.1.5.5.7.3.2'

/**
 * What speaks against a member's certificate, a sentence each with what to do. Both of a member's certificates
 * serve and are shown: peers dial each other, and etcd's own gateway dials its client port. Pure.
 * Source: etcd, "Transport security model".
 */
export function certificateProblems(certified: Certified): readonly string[] {
  const { where, pem, address } = certified
  const [certificate] = certificatesIn(pem)
  if (!certificate) return [`${where} holds no readable certificate in PEM: put the member's there.`]
  return [
    ...(names(certificate, address)
      ? []
      : [
          `${where} does not name ${address} (it names ${certificate.subjectAltName ?? 'nothing'}): issue one that does.`,
        ]),
    ...strange(certified),
    ...unfit(certificate).map(
      (use) => `${where} is not for use as a ${use}: issue one for server and client.`,
    ),
    ...outOfDate(certificate, certified),
  ]
}

/** Whether one of some authorities signed the first certificate in a text; of a chain only that step is looked at. */
export function isSignedBy(pem: string, authorities: string): boolean {
  const [certificate] = certificatesIn(pem)
  const issuers = certificatesIn(authorities)
  return (
    certificate !== undefined &&
    issuers.some((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))
  )
}

/** When the first certificate in a text ends; `undefined` when there is none. */
export function expiryOf(pem: string): number | undefined {
  const [certificate] = certificatesIn(pem)
  return certificate && Date.parse(certificate.validTo)
}

function certificatesIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)]
    } catch {
      return []
    }
  })
}

function names(certificate: X509Certificate, address: string): boolean {
  return (isIP(address) === 0 ? certificate.checkHost(address) : certificate.checkIP(address)) !== undefined
}

/** A certificate that says nothing of its use is good for all. */
function unfit({ keyUsage }: X509Certificate): readonly string[] {
  const uses: readonly string[] | undefined = keyUsage
  if (uses === undefined) return []
  return [...(uses.includes(serverUse) ? [] : ['server']), ...(uses.includes(clientUse) ? [] : ['client'])]
}

function strange({ where, pem, authority }: Certified): readonly string[] {
  if (isSignedBy(pem, authority.pem)) return []
  return certificatesIn(authority.pem).length === 0
    ? [`${authority.where} holds no readable certificate in PEM: put there whom the members trust.`]
    : [`${where} was not signed by ${authority.where}, which the others trust: issue it there.`]
}

function outOfDate(
  { validFrom, validTo }: X509Certificate,
  { where, nowMs, spareMs = 0 }: Certified,
): readonly string[] {
  if (Date.parse(validTo) < nowMs) return [`${where} expired on ${day(validTo)}: issue it anew.`]
  if (Date.parse(validTo) < nowMs + spareMs) return [`${where} expires on ${day(validTo)}: issue it anew.`]
  if (Date.parse(validFrom) > nowMs)
    return [`${where} is valid only from ${day(validFrom)} on: compare the clocks.`]
  return []
}

function day(date: string): string {
  return new Date(date).toISOString().slice(0, 10)
}
