import { createHash, createHmac } from 'node:crypto'

/** One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
interface KnownHost {
  readonly line: number
  readonly revoked: boolean
  readonly patterns: string
  /** `ssh-ed25519`. */
  readonly type: string
  /** The key in SSH's wire format. */
  readonly blob: Buffer
}

/** `absent`: no line names the host. `changed`: lines name it, none with this key. */
export type HostKeyVerdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'revoked'; readonly line: number }
  | {
      readonly kind: 'changed'
      readonly expected: readonly { readonly line: number; readonly fingerprint: string }[]
    }

/** Whether the key a host shows is the one its known_hosts file holds for it. Nothing is trusted on first use. */
export function judgeHostKey(file: string, address: string, port: number, key: Buffer): HostKeyVerdict {
  const entries = entriesFor(file, address, port)
  const same = entries.filter(({ blob }) => blob.equals(key))
  const revoked = same.find((entry) => entry.revoked)
  if (revoked !== undefined) return { kind: 'revoked', line: revoked.line }
  if (same.length > 0) return { kind: 'known' }
  const expected = entries.filter((entry) => !entry.revoked)
  if (expected.length === 0) return { kind: 'absent' }
  return {
    kind: 'changed',
    expected: expected.map(({ line, type, blob }) => ({ line, fingerprint: `${type} ${fingerprint(blob)}` })),
  }
}

/** The key types a file knows a host by, so that the host is asked for one of these and no other. */
export function knownKeyTypes(file: string, address: string, port: number): readonly string[] {
  return [...new Set(knownKeys(file, address, port).map(({ type }) => type))]
}

/** The host's keys as `type base64`, to be pinned elsewhere. */
export function knownKeys(
  file: string,
  address: string,
  port: number,
): readonly { readonly type: string; readonly base64: string }[] {
  const entries = entriesFor(file, address, port)
  const revoked = entries.filter((entry) => entry.revoked)
  return entries
    .filter(({ blob }) => !revoked.some((entry) => entry.blob.equals(blob)))
    .map(({ type, blob }) => ({ type, base64: blob.toString('base64') }))
}

/** How known_hosts names a host: the port only where it is not 22. */
export const knownHostName = (address: string, port: number): string =>
  port === 22 ? address.toLowerCase() : `[${address.toLowerCase()}]:${port}`

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

function entriesFor(file: string, address: string, port: number): readonly KnownHost[] {
  const name = knownHostName(address, port)
  return file
    .split('\n')
    .flatMap((text, index) => parseLine(text.trim(), index + 1))
    .filter(({ patterns }) => namesHost(patterns, name))
}

function parseLine(text: string, line: number): readonly KnownHost[] {
  if (text === '' || text.startsWith('#')) return []
  const words = text.split(/\s+/)
  const marker = text.startsWith('@') ? words.shift() : undefined
  const [patterns, type, base64] = words
  // A certificate authority signs other keys; it is no host's own key.
  if (marker !== undefined && marker !== '@revoked') return []
  if (patterns === undefined || type === undefined || base64 === undefined) return []
  return [{ line, revoked: marker === '@revoked', patterns, type, blob: Buffer.from(base64, 'base64') }]
}

function namesHost(patterns: string, name: string): boolean {
  if (patterns.startsWith('|')) return matchesHash(patterns, name)
  const each = patterns.toLowerCase().split(',')
  const excluded = each.some((pattern) => pattern.startsWith('!') && matchesPattern(pattern.slice(1), name))
  return !excluded && each.some((pattern) => matchesPattern(pattern, name))
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, keyed by the salt. */
function matchesHash(pattern: string, name: string): boolean {
  const [, version, salt, hash] = pattern.split('|')
  if (version !== '1' || salt === undefined || hash === undefined) return false
  const expected = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
  return expected.equals(Buffer.from(hash, 'base64'))
}

function matchesPattern(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[\\^$.+()|{}[\]]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`).test(name)
}
