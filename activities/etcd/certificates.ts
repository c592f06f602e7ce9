import { readFile } from 'node:fs/promises'
import type { Cluster, EtcdLayout } from '../../dsl/inventory.ts'
import { certificateProblems, expiryOf, isSignedBy } from '../host/judge-certificate.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { type Named, renamedPath, tlsPaths } from './model-settings.ts'

/** Settings by flag. */
type Settings = ReadonlyMap<string, string>

interface Certificates {
  readonly cluster: Cluster
  readonly to: Named
  readonly own: Settings | undefined
  /** A member of the cluster, whose peers the host has to be trusted by. */
  readonly model: { readonly of: Named; readonly settings: Settings | undefined }
}

/**
 * What is wrong with the certificates that etcd on a host would be started with, a sentence each: those its own
 * settings name, or else those of the model. Empty without TLS. Nothing secret leaves the host.
 */
export async function certificateObstacles(
  { cluster, to, own, model }: Certificates,
  hostNamed: (name: string) => RemoteHost,
): Promise<readonly string[]> {
  if (to.layout.scheme !== 'https') return []
  const [here, there] = [hostNamed(to.name), hostNamed(model.of.name)]
  const settings = await tlsSettingsOn(here, { own, model: model.settings ?? new Map(), from: model.of, to })
  const trusted = {
    client: await workersAuthority(cluster),
    peer: await fileAuthority(there, model.settings?.get('peer-trusted-ca-file')),
  }
  const sides = (['client', 'peer'] as const).map((side) =>
    sideObstacles({ side, host: here, address: to.layout.address, settings, authority: trusted[side] }),
  )
  const trust = peerTrust(
    here,
    settings.get('peer-trusted-ca-file'),
    there,
    model.settings?.get('peer-cert-file'),
  )
  return (await Promise.all([...sides, trust])).flat()
}

/** Whether the host would let the peers in, asked of the model's certificate. */
async function peerTrust(
  host: RemoteHost,
  caFile: string | undefined,
  peer: RemoteHost,
  certFile: string | undefined,
): Promise<readonly string[]> {
  if (caFile === undefined || certFile === undefined) return []
  const [ca, cert] = await Promise.all([textOf(host, caFile), textOf(peer, certFile)])
  if (ca === undefined || cert === undefined || isSignedBy(cert, ca)) return []
  return [
    `${caFile} on ${host.name} does not hold the authority that signed ${certFile} of ${peer.name}, so etcd there would not let its peers in: put the authority of the peers there.`,
  ]
}

/** When the certificates end that etcd on a host is started with. */
export async function certificateExpiries(
  host: RemoteHost,
  { scheme }: EtcdLayout,
  settings: Settings,
): Promise<readonly { readonly path: string; readonly endMs: number }[]> {
  if (scheme !== 'https') return []
  const flags = ['cert-file', 'peer-cert-file', 'trusted-ca-file', 'peer-trusted-ca-file']
  const paths = new Set(flags.flatMap((flag) => settings.get(flag) ?? []))
  const ends = await Promise.all(
    [...paths].map(async (path) => ({ path, endMs: expiryOf((await textOf(host, path)) ?? '') })),
  )
  return ends.flatMap(({ path, endMs }) => (endMs === undefined ? [] : [{ path, endMs }]))
}

interface Sources {
  readonly own: Settings | undefined
  readonly model: Settings
  readonly from: Named
  readonly to: Named
}

/**
 * The TLS settings that etcd on a host has or would be given: its own, else the model's, whose paths may be
 * called after the host there.
 */
export async function tlsSettingsOn(
  host: RemoteHost,
  { own, model, from, to }: Sources,
): Promise<ReadonlyMap<string, string>> {
  const lacking = tlsPaths.filter((flag) => !own?.has(flag) && model.has(flag))
  const candidates = lacking.map((flag) => renamedPath(model.get(flag) ?? '', from, to))
  const there = await existingOf(host, candidates)
  const taken = lacking.map((flag, index) => {
    const renamed = candidates[index] ?? ''
    return [flag, there.has(renamed) ? renamed : (model.get(flag) ?? '')] as const
  })
  const automatic = ['auto-tls', 'peer-auto-tls'].flatMap((flag) => {
    const value = own?.get(flag) ?? model.get(flag)
    return value === undefined ? [] : [[flag, value] as const]
  })
  const kept = [...(own ?? [])].filter(([flag]) => tlsPaths.some((path) => path === flag))
  return new Map([...automatic, ...taken, ...kept])
}

/** Which of some paths there are. */
async function existingOf(host: RemoteHost, paths: readonly string[]): Promise<ReadonlySet<string>> {
  if (paths.length === 0) return new Set()
  const script = 'for path; do [ ! -e "$path" ] || printf "%s\\n" "$path"; done'
  const { stdout } = await host.exec({
    reads: true,
    argv: ['sh', '-c', script, 'sh', ...paths],
    privileged: true,
  })
  return new Set(stdout.split('\n').filter(Boolean))
}

interface Authority {
  readonly where: string
  readonly pem: string
}

interface Side {
  readonly side: 'client' | 'peer'
  readonly host: RemoteHost
  readonly address: string
  readonly settings: Settings
  /** Left out where it cannot be told whom the others trust. */
  readonly authority: Authority | undefined
}

async function sideObstacles({ side, host, address, settings, authority }: Side): Promise<readonly string[]> {
  const prefix = side === 'peer' ? 'peer-' : ''
  if (settings.get(`${prefix}auto-tls`) === 'true') return []
  const [certFile, keyFile] = [settings.get(`${prefix}cert-file`), settings.get(`${prefix}key-file`)]
  if (certFile === undefined || keyFile === undefined) {
    return [
      `No ${prefix}cert-file and ${prefix}key-file are set for etcd on ${host.name}, which is to speak TLS: put them into its configuration.`,
    ]
  }
  const caFile = settings.get(`${prefix}trusted-ca-file`)
  const files = {
    [`${prefix}cert-file`]: certFile,
    [`${prefix}key-file`]: keyFile,
    ...(caFile && { [`${prefix}trusted-ca-file`]: caFile }),
  }
  const there = await existingOf(host, Object.values(files))
  const missing = Object.entries(files).filter(([, path]) => !there.has(path))
  const pem = await textOf(host, certFile)
  const where = `${certFile} on ${host.name}`
  const keyed = missing.length > 0 || pem === undefined || (await keyFits(host, certFile, keyFile))
  return [
    ...missing.map(
      ([flag, path]) => `${host.name} has no ${path}, which etcd there is to read (${flag}): put it there.`,
    ),
    ...(pem === undefined
      ? []
      : certificateProblems({
          ...{ where, pem, address, nowMs: Date.now() },
          authority: authority ?? {
            where: 'its own authority',
            pem: (caFile && (await textOf(host, caFile))) || pem,
          },
        })),
    ...(keyed ? [] : [`${keyFile} on ${host.name} is not the key of ${certFile}: put the right one there.`]),
  ]
}

async function textOf(host: RemoteHost, path: string): Promise<string | undefined> {
  const { code, stdout } = await host.exec({ reads: true, argv: ['cat', '--', path], privileged: true })
  return code === 0 ? stdout : undefined
}

/** Asked on the host, which a key never leaves; where there is no openssl, it is taken for true. */
async function keyFits(host: RemoteHost, certFile: string, keyFile: string): Promise<boolean> {
  const { code } = await host.exec({
    reads: true,
    argv: ['sh', '-c', keyScript, 'sh', certFile, keyFile],
    privileged: true,
  })
  return code !== 3
}

const keyScript = String.raw`
command -v openssl >/dev/null 2>&1 || exit 0
cert=$(openssl x509 -in "$1" -noout -pubkey 2>/dev/null) && key=$(openssl pkey -in "$2" -pubout 2>/dev/null </dev/null) || exit 0
[ "$cert" = "$key" ] || exit 3
`

async function workersAuthority({ name, tls }: Cluster): Promise<Authority | undefined> {
  if (!tls) return undefined
  const pem = await readFile(tls.ca, 'utf8').catch(() => undefined)
  return pem === undefined ? undefined : { where: `${tls.ca} (clusters.${name}.tls.ca)`, pem }
}

async function fileAuthority(host: RemoteHost, path: string | undefined): Promise<Authority | undefined> {
  const pem = path === undefined ? undefined : await textOf(host, path)
  return path === undefined || pem === undefined ? undefined : { where: `${path} of ${host.name}`, pem }
}
