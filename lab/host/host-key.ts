import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ssh2 from 'ssh2'

export interface HostKey {
  /** OpenSSH private key text. */
  readonly private: string
  /** `ssh-ed25519 AAAA… comment`. */
  readonly public: string
  /** `SHA256:…`, as OpenSSH prints it. */
  readonly fingerprint: string
}

/** The host's own key, kept in `directory` (as OpenSSH names it) so that a restarted host is the same host. */
export function hostKey(directory: string, comment: string): HostKey {
  const path = join(directory, 'ssh_host_ed25519_key')
  if (!existsSync(path)) writeKeyPair(path, comment)
  const publicText = readFileSync(`${path}.pub`, 'utf8').trim()
  return { private: readFileSync(path, 'utf8'), public: publicText, fingerprint: fingerprintOf(publicText) }
}

function writeKeyPair(path: string, comment: string): void {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
  const pair = soundKeyPair(comment)
  writeFileSync(`${path}.pub`, `${pair.public}\n`)
  writeFileSync(`${path}.new`, pair.private, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** About one in 300 pairs that ssh2 1.17 generates does not read back (a zero byte gets lost): try again. */
export function soundKeyPair(comment: string): { readonly private: string; readonly public: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment })
    const parsed = ssh2.utils.parseKey(pair.private)
    const known = ssh2.utils.parseKey(pair.public)
    if (parsed instanceof Error || known instanceof Error) continue
    const signature: unknown = parsed.sign('probe')
    if (!Buffer.isBuffer(signature)) continue
    // Typed as a boolean, but an Error when it does not fit.
    const verdict: unknown = known.verify('probe', signature)
    if (verdict === true) return pair
  }
}

function fingerprintOf(publicText: string): string {
  const blob = Buffer.from(publicText.split(' ')[1] ?? '', 'base64')
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}
