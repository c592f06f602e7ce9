/** The settings of etcd that name files of TLS, by what they hold. */

export interface TlsUse {
  readonly name: 'server' | 'peer'
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export const tlsUses: readonly TlsUse[] = [
  { name: 'server', cert: 'cert-file', key: 'key-file', ca: 'trusted-ca-file' },
  { name: 'peer', cert: 'peer-cert-file', key: 'peer-key-file', ca: 'peer-trusted-ca-file' },
]

export const tlsFlags: readonly string[] = tlsUses.flatMap(({ cert, key, ca }) => [cert, key, ca])

/** Settings with changes over them; "" takes one out. */
export function withChanges(
  settings: ReadonlyMap<string, string>,
  changes: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  const all = new Map(settings)
  for (const [flag, value] of Object.entries(changes)) {
    if (value === '') all.delete(flag)
    else all.set(flag, value)
  }
  return all
}

/** How a file that waits to take its place is called, beside it. */
export function stagedSuffix({ key }: { readonly key: string }): string {
  return `.quorate-new-${key}`
}

/** How a file that a run replaced is called. */
export function keptSuffix({ key }: { readonly key: string }): string {
  return `.quorate-${key}`
}
