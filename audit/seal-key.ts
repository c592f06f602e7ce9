import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOf, messageOf } from './failure.ts'
import { type StoredCheckpoint, StoreError } from './store.ts'

/** Signs checkpoints. Whoever has the file can sign as us: keep it from whoever may write the record. */
export interface SealKey {
  readonly sign: (text: string) => Pick<StoredCheckpoint, 'signature' | 'publicKey'>
  /** SPKI, PEM: give it to whoever is to verify. */
  readonly publicKey: string
  readonly fingerprint: string
}

/**
 * The Ed25519 key in a PEM file, for its owner alone. It is made at first use, and its public half beside it as
 * `PATH.pub`. Throws `StoreError`.
 */
export function openSealKey(path: string): SealKey {
  try {
    return sealKey(readKey(path) ?? makeKey(path))
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError(
      `The key that seals the record cannot be used: ${messageOf(error)}. It belongs in ${path}, an Ed25519 private key in PEM.`,
      { cause: error },
    )
  }
}

function sealKey(key: KeyObject): SealKey {
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`its kind is ${String(key.asymmetricKeyType)}`)
  const publicKey = pem(createPublicKey(key))
  return {
    sign: (text) => ({ signature: sign(null, Buffer.from(text), key).toString('base64'), publicKey }),
    publicKey,
    fingerprint: fingerprint(publicKey),
  }
}

/** sha256 of the SPKI, hex. Throws when it is no public key. */
export function fingerprint(publicKey: string): string {
  const spki = createPublicKey(publicKey).export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(spki).digest('hex')
}

function readKey(path: string): KeyObject | undefined {
  try {
    if ((statSync(path).mode & 0o077) !== 0)
      throw new StoreError(
        `The key that seals the record, ${path}, may be read by others: chmod 600 it, and think about who has read it.`,
      )
    return createPrivateKey(readFileSync(path))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Several processes may be at it: the first to give the file its name wins. */
function makeKey(path: string): KeyObject {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const { privateKey } = generateKeyPairSync('ed25519')
  const mine = `${path}.${randomUUID()}`
  writeFileSync(mine, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flush: true })
  try {
    linkSync(mine, path)
    writeFileSync(`${path}.pub`, pem(createPublicKey(privateKey)), { flush: true })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    rmSync(mine)
  }
  return createPrivateKey(readFileSync(path))
}

function pem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}
