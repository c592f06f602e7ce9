import type { EtcdLayout } from '../../dsl/inventory.ts'

/** A host by its name and by what peers and clients reach it by. */
export interface Named {
  readonly name: string
  readonly layout: EtcdLayout
}

/** Paths of certificates and keys, which may be called after the host they are for. */
export const tlsPaths = [
  ...['cert-file', 'key-file', 'trusted-ca-file', 'client-cert-file', 'client-key-file', 'client-crl-file'],
  ...['peer-cert-file', 'peer-key-file', 'peer-trusted-ca-file', 'peer-client-cert-file'],
  ...['peer-client-key-file', 'peer-crl-file'],
] as const

const tlsRules = [
  ...['client-cert-auth', 'peer-client-cert-auth', 'auto-tls', 'peer-auto-tls', 'cipher-suites'],
  ...['peer-cert-allowed-cn', 'peer-cert-allowed-hostname', 'client-cert-allowed-hostname'],
  ...['peer-skip-client-san-verification', 'tls-min-version', 'tls-max-version', 'self-signed-cert-validity'],
] as const

/** What should be the same on every member, or a member that changes its host behaves otherwise there. */
const ofTheCluster = [
  ...['quota-backend-bytes', 'auto-compaction-mode', 'auto-compaction-retention', 'snapshot-count'],
  ...['heartbeat-interval', 'election-timeout', 'pre-vote', 'strict-reconfig-check', 'max-request-bytes'],
  ...['max-txn-ops', 'max-learners', 'auth-token', 'auth-token-ttl', 'bcrypt-cost', 'feature-gates'],
] as const

/** What a host's own file lacks and its model has, of the settings that must not differ. TLS only with https. */
export function carriedOver(
  own: ReadonlyMap<string, string>,
  model: ReadonlyMap<string, string>,
  { scheme }: EtcdLayout,
): ReadonlyMap<string, string> {
  const flags: readonly string[] = [
    ...ofTheCluster,
    ...(scheme === 'https' ? [...tlsPaths, ...tlsRules] : []),
  ]
  const wanted = flags.filter((flag) => model.has(flag) && !own.has(flag))
  return new Map(wanted.map((flag) => [flag, model.get(flag) ?? '']))
}

/** A path for another host: where it names the model's host or address, it may be called after the other there. */
export function renamedPath(path: string, from: Named, to: Named): string {
  const pairs = [
    [from.layout.address, to.layout.address],
    [from.name, to.name],
  ] as const
  return pairs.reduce((text, [before, after]) => replacedWord(text, before, after), path)
}

/** URLs for another host: where they name the address of the model's host, they name the other's. */
export function readdressed(urls: string, from: Named, to: Named): string {
  return replacedWord(urls, from.layout.address, to.layout.address)
}

function replacedWord(text: string, before: string, after: string): string {
  const escaped = before.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  return text.replace(new RegExp(`(?<![A-Za-z0-9.])${escaped}(?![A-Za-z0-9]|\\.[0-9])`, 'g'), () => after)
}
