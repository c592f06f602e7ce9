import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

interface Certified {
  /** Where it lies, for the sentences. */
  readonly where: string
  readonly pem: string
  /** Certificates of the authorities. */
  readonly ca: string
  /** The name or address that peers and clients dial. */
  readonly address: string
  readonly nowMs: number
}

const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'
const dayMs = 86_400_000

/**
 * What speaks against a member's certificate, a sentence each. Both of a member's certificates serve and are
 * shown as a client's: peers dial each other, and etcd's gateway dials its own client port. Pure.
 */
export function certificateProblems({ where, pem, ca, address, nowMs }: Certified): readonly string[] {
  const certificate = parsed(pem)
  if (certificate === undefined) return [`${where} is no certificate in PEM.`]
  const authorities = pems(ca).flatMap((each) => parsed(each) ?? [])
  if (authorities.length === 0) return [`The ca.crt beside ${where} is no certificate in PEM.`]
  const names = isIP(address) === 0 ? certificate.checkHost(address) : certificate.checkIP(address)
  const uses = certificate.keyUsage as readonly string[] | undefined
  const missing = [
    ['server', serverAuth],
    ['client', clientAuth],
  ].filter(([, use]) => uses !== undefined && use !== undefined && !uses.includes(use))
  const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  return [
    ...(names === undefined
      ? [
          `${where} does not name ${address} (it names ${certificate.subjectAltName ?? 'nothing'}): issue one that does.`,
        ]
      : []),
    ...(missing.length > 0
      ? [
          `${where} is not good for a ${missing.map(([kind]) => kind).join(' and not for a ')}: issue one for both.`,
        ]
      : []),
    ...(authorities.some((authority) => signs(authority, certificate))
      ? []
      : [`${where} was not signed by the authority in the ca.crt beside it.`]),
    ...(nowMs < fromMs ? [`${where} is valid only from ${certificate.validFrom} on.`] : []),
    ...(nowMs > toMs - dayMs
      ? [`${where} ${nowMs > toMs ? 'expired' : 'expires'} at ${certificate.validTo}: issue another.`]
      : []),
  ]
}

function parsed(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function pems(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
}

function signs(authority: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}
