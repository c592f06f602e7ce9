import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../run-command.ts'

/** Who a certificate is for. */
export interface CertificateSubject {
  readonly commonName: string
  /** Names and addresses it is good for. */
  readonly names: readonly string[]
}

/** A throw-away authority, in files of one directory. */
export interface Authority {
  readonly certificate: string
  readonly key: string
  /** Writes `PATH.crt` and `PATH.key`, good for servers and clients, as etcd wants of its members. */
  issue(path: string, subject: CertificateSubject, days?: number): Promise<void>
}

/** Makes `ca.crt` and `ca.key` in the directory. EC keys, because they are made in a moment. */
export async function createAuthority(directory: string, commonName: string): Promise<Authority> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const authority = authorityIn(directory)
  await request(authority.key, authority.certificate, commonName, 3650, [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign',
  ])
  return authority
}

/** The one that was made in the directory before. */
export function authorityIn(directory: string): Authority {
  const [certificate, key] = [join(directory, 'ca.crt'), join(directory, 'ca.key')]
  return {
    certificate,
    key,
    issue: (path, { commonName, names }, days = 365) =>
      request(
        `${path}.key`,
        `${path}.crt`,
        commonName,
        days,
        [
          'basicConstraints=critical,CA:FALSE',
          'keyUsage=critical,digitalSignature',
          'extendedKeyUsage=serverAuth,clientAuth',
          ...(names.length === 0 ? [] : [`subjectAltName=${names.map(alternativeName).join(',')}`]),
        ],
        ['-CA', certificate, '-CAkey', key],
      ),
  }
}

async function request(
  key: string,
  certificate: string,
  commonName: string,
  days: number,
  extensions: readonly string[],
  signedBy: readonly string[] = [],
): Promise<void> {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc']
  const files = ['-keyout', key, '-out', certificate]
  const added = extensions.flatMap((extension) => ['-addext', extension])
  await runCommand(
    'openssl',
    [
      'req',
      '-x509',
      '-config',
      '/dev/null',
      '-subj',
      `/CN=${commonName}`,
      '-days',
      String(days),
      ...curve,
      ...files,
      ...added,
      ...signedBy,
    ],
    { timeoutMs: 30_000 },
  )
}

const alternativeName = (name: string): string => `${/^[\d.]+$|:/.test(name) ? 'IP' : 'DNS'}:${name}`
