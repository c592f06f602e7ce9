import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { ClientTls } from '../../dsl/inventory.ts'
import { InputError } from '../failure.ts'
import { secrets } from '../redact/secrets.ts'

/** What a connection trusts and shows, as PEM. */
export interface TlsMaterial {
  readonly ca: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

/** Gives the material of now: the same object as long as the files stay as they are. */
export type TlsSource = () => Promise<TlsMaterial>

/**
 * Reads a cluster's TLS files, again whenever one of them has changed, so that rotated certificates count
 * without a restart. Throws `InputError` naming the file and its key in the inventory when one cannot be read,
 * has expired or does not fit the others. While a rotation is under way (a new certificate beside the old key),
 * the former material serves on for ten seconds.
 */
export function tlsSource(cluster: string, tls: ClientTls): TlsSource {
  let known: Known | undefined
  let failingSinceMs: number | undefined
  let underWay: Promise<TlsMaterial> | undefined
  const look = async (): Promise<TlsMaterial> => {
    const fits = known !== undefined && known.state === (await stateOf(tls))
    try {
      known = fits && known !== undefined ? known : await read(cluster, tls)
      failingSinceMs = undefined
    } catch (error) {
      failingSinceMs ??= Date.now()
      if (known === undefined || Date.now() - failingSinceMs > rotationMs) throw error
    }
    refuseOutOfDate(cluster, known)
    return known.material
  }
  return () =>
    (underWay ??= look().finally(() => {
      underWay = undefined
    }))
}

const rotationMs = 10_000

interface Known {
  readonly material: TlsMaterial
  /** What the files looked like when they were read. */
  readonly state: string
  readonly dated: readonly Dated[]
}

interface Dated {
  readonly key: keyof ClientTls
  readonly path: string
  readonly certificates: readonly X509Certificate[]
}

async function stateOf(tls: ClientTls): Promise<string> {
  const states = await Promise.all(
    Object.values(tls).map(async (path) => {
      const seen = await stat(path, { bigint: true }).catch(() => undefined)
      return seen ? `${seen.dev}:${seen.ino}:${seen.size}:${seen.mtimeNs}` : 'absent'
    }),
  )
  return states.join(' ')
}

async function read(cluster: string, tls: ClientTls): Promise<Known> {
  const state = await stateOf(tls)
  const [ca, cert, key] = await Promise.all([
    readKey(cluster, 'ca', tls.ca),
    tls.cert === undefined ? undefined : readKey(cluster, 'cert', tls.cert),
    tls.key === undefined ? undefined : readKey(cluster, 'key', tls.key),
  ])
  refuseHalf(cluster, tls)
  const dated: Dated[] = [
    { key: 'ca', path: tls.ca, certificates: certificatesIn(cluster, 'ca', tls.ca, ca) },
    ...(cert === undefined || tls.cert === undefined
      ? []
      : [
          {
            key: 'cert' as const,
            path: tls.cert,
            certificates: certificatesIn(cluster, 'cert', tls.cert, cert),
          },
        ]),
  ]
  if (key !== undefined) secrets.addLines(`clusters.${cluster}.tls.key`, key.toString('latin1'))
  if (key !== undefined) refuseStranger(cluster, tls, dated, privateKey(cluster, tls.key ?? '', key))
  return { material: { ca, ...(cert && { cert }), ...(key && { key }) }, state, dated }
}

function readKey(cluster: string, key: keyof ClientTls, path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    const said = { ENOENT: 'there is no such file', EACCES: 'this user may not read it' }
    const why = Object.entries(said).find(([code]) => code === error.code)?.[1] ?? error.message
    throw wrong(cluster, key, path, `cannot be used: ${why}`)
  })
}

function refuseHalf(cluster: string, { cert, key }: ClientTls): void {
  if ((cert === undefined) === (key === undefined)) return
  const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key']
  throw new InputError(
    `clusters.${cluster}.tls has "${given}" and no "${missing}" in the inventory: a certificate is shown with its key. Give both, or neither.`,
  )
}

const certificateBlocks = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

function certificatesIn(cluster: string, key: keyof ClientTls, path: string, pem: Buffer) {
  const blocks = pem.toString('latin1').match(certificateBlocks) ?? []
  try {
    const certificates = blocks.map((block) => new X509Certificate(block))
    if (certificates.length > 0) return certificates
  } catch {
    // Said below, as for a file without any.
  }
  throw wrong(cluster, key, path, 'holds no readable certificate in PEM')
}

function privateKey(cluster: string, path: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    const locked = pem.includes('ENCRYPTED')
    throw wrong(
      cluster,
      'key',
      path,
      locked
        ? 'is locked by a passphrase, which Quorate cannot type'
        : 'holds no readable private key in PEM',
    )
  }
}

function refuseStranger(cluster: string, tls: ClientTls, dated: readonly Dated[], key: KeyObject): void {
  const [own] = dated.find((each) => each.key === 'cert')?.certificates ?? []
  if (own === undefined || own.checkPrivateKey(key)) return
  throw wrong(cluster, 'key', tls.key ?? '', `is not the key of the certificate ${tls.cert}`)
}

/** Of a bundle of authorities one that is still good is enough; of the own chain the first one counts. */
function refuseOutOfDate(cluster: string, { dated }: Known): void {
  for (const { key, path, certificates } of dated) {
    const counted = key === 'cert' ? certificates.slice(0, 1) : certificates
    const why = counted.map(outOfDate)
    const [first] = why
    if (first !== undefined && why.every((each) => each !== undefined)) throw wrong(cluster, key, path, first)
  }
}

function outOfDate({ validFrom, validTo }: X509Certificate): string | undefined {
  const now = Date.now()
  if (Date.parse(validTo) < now) return `expired on ${utc(validTo)}: renew it`
  if (Date.parse(validFrom) > now)
    return `is valid only from ${utc(validFrom)} on: look at this machine's clock`
  return undefined
}

function utc(date: string): string {
  return new Date(date).toISOString().slice(0, 16).replace('T', ' ') + ' UTC'
}

function wrong(cluster: string, key: keyof ClientTls, path: string, what: string): InputError {
  return new InputError(`${path} (clusters.${cluster}.tls.${key} in the inventory) ${what}.`)
}
