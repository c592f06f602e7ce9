import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { tlsFlags, tlsUses } from './certificate-settings.ts'
import { secrets } from '../redact/secrets.ts'

/** A file of the worker's machine that takes a place on a host. */
export interface NewFile {
  /** Where it lies here. */
  readonly from: string
  /** Where it goes: what the settings named by `flags` say. */
  readonly to: string
  readonly flags: readonly string[]
  readonly sha256: string
  readonly bytes: Buffer
}

export interface NewFiles {
  readonly files: readonly NewFile[]
  readonly problems: readonly string[]
}

/**
 * The files of DIRECTORY/HOST, each for the setting whose file has the same name, or that it is named by itself
 * (`peer-cert-file`). Reads this machine only.
 */
export async function newFiles(
  directory: string,
  host: string,
  settings: ReadonlyMap<string, string>,
): Promise<NewFiles> {
  const place = join(directory, host)
  const names = await readdir(place).catch(() => undefined)
  if (!names || names.length === 0)
    return { files: [], problems: [`There is no directory ${place} with files for ${host}.`] }
  const wanted = tlsFlags.flatMap((flag) => {
    const path = settings.get(flag)
    return path === undefined || path === '' ? [] : [{ flag, path }]
  })
  const files: NewFile[] = []
  const problems: string[] = []
  for (const name of names.toSorted()) {
    const exact = wanted.filter(({ flag }) => flag === name)
    const alike = exact.length > 0 ? exact : wanted.filter(({ path }) => basename(path) === name)
    const paths = [...new Set(alike.map(({ path }) => path))]
    const [to] = paths
    if (to === undefined)
      problems.push(
        `${join(place, name)} is for no setting of etcd on ${host}: name it as ${wantedNames(wanted)}.`,
      )
    else if (paths.length > 1)
      problems.push(
        `${join(place, name)} could be for ${paths.join(' or ')}: name the files by their settings, such as ${alike[0]?.flag}.`,
      )
    else {
      const bytes = await readFile(join(place, name))
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      files.push({ from: join(place, name), to, flags: alike.map(({ flag }) => flag), sha256, bytes })
    }
  }
  return { files, problems }
}

function wantedNames(wanted: readonly { readonly path: string }[]): string {
  return (
    [...new Set(wanted.map(({ path }) => basename(path)))].join(', ') || 'a file that a setting of TLS names'
  )
}

export interface ReadTls {
  readonly chain?: readonly X509Certificate[]
  readonly authorities?: readonly X509Certificate[]
  readonly key?: KeyObject
}

/** What some PEM texts hold, by what the settings use them for. Throws an `Error` naming what is unreadable. */
export function readTls(
  texts: ReadonlyMap<string, Buffer | string>,
): Readonly<Record<'server' | 'peer', ReadTls>> {
  const [server, peer] = tlsUses.map(({ cert, key, ca }) => {
    const [chain, own, authorities] = [cert, key, ca].map((flag) => texts.get(flag))
    return {
      ...(chain !== undefined && { chain: certificatesIn(chain, cert) }),
      ...(authorities !== undefined && { authorities: certificatesIn(authorities, ca) }),
      ...(own !== undefined && { key: keyIn(own, key) }),
    }
  })
  return { server: server ?? {}, peer: peer ?? {} }
}

const blocks = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

export function certificatesIn(pem: Buffer | string, what: string): readonly X509Certificate[] {
  const found = pem.toString('latin1').match(blocks) ?? []
  if (found.length === 0) throw new Error(`the file for ${what} holds no certificate in PEM`)
  try {
    return found.map((block) => new X509Certificate(block))
  } catch {
    throw new Error(`the file for ${what} holds a certificate that cannot be read`)
  }
}

function keyIn(pem: Buffer | string, what: string): KeyObject {
  secrets.addLines(`the key of ${what}`, pem.toString('latin1'))
  try {
    return createPrivateKey(typeof pem === 'string' ? pem : { key: pem })
  } catch {
    throw new Error(`the file for ${what} holds no private key that can be read`)
  }
}
