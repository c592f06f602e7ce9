import ssh2 from 'ssh2'

export interface KeyPair {
  /** OpenSSH private key text. */
  readonly private: string
  /** `ssh-ed25519 AAAA… COMMENT`. */
  readonly public: string
}

/** About one ed25519 pair in 300 that ssh2 1.17 makes does not read back (a zero byte gets lost): such are thrown away. */
export function newKeyPair(comment: string): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment })
    if (readsBack(pair)) return pair
  }
}

function readsBack(pair: KeyPair): boolean {
  const secret = ssh2.utils.parseKey(pair.private)
  const known = ssh2.utils.parseKey(pair.public)
  if (secret instanceof Error || known instanceof Error) return false
  const signature: unknown = secret.sign('probe')
  if (!Buffer.isBuffer(signature)) return false
  // Typed as a boolean, but an Error when it does not fit.
  const verdict: unknown = known.verify('probe', signature)
  return verdict === true
}
