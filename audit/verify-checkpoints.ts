import { createPublicKey, type KeyObject, verify as verifySignature } from 'node:crypto'
import { isCanonical, link, noHash } from './chain.ts'
import { fingerprint } from './seal-key.ts'
import type { Row } from './sql.ts'
import type { Checkpoint, Finding } from './store.ts'

/** What a checkpoint says, once it is known to be what was signed. */
export interface KnownCheckpoint {
  readonly checkpoint: Checkpoint
  readonly hash: string
  readonly fingerprint: string
}

/** Looks at one checkpoint after the other, oldest first. */
export interface CheckpointReader {
  /** What it says, or what is wrong with it. */
  next(row: Row): KnownCheckpoint | Finding
}

/** Of a `whole` store every checkpoint must be there; a bundle has only those of its run. */
export function createCheckpointReader(whole: boolean): CheckpointReader {
  const keys = new Map<string, PublicKey | undefined>()
  let before: { readonly n: number; readonly hash?: string } = { n: 0, hash: noHash }
  return {
    next(row) {
      const read = readCheckpoint(row, keys)
      if (typeof read === 'string') {
        before = { n: before.n + 1 }
        return { checkpoint: before.n, message: read }
      }
      const { checkpoint, hash } = read
      const { n, prev, run, workflow } = checkpoint
      const expected = before
      before = { n, hash }
      const wrong = (message: string): Finding => ({ checkpoint: n, run, workflow, message })
      if (whole && n !== expected.n + 1)
        return {
          checkpoint: expected.n + 1,
          message: `Checkpoint ${expected.n + 1} is missing: after ${expected.n} comes ${n}.`,
        }
      if (n <= expected.n) return wrong(`Checkpoint ${n} comes after checkpoint ${expected.n}.`)
      if (n === expected.n + 1 && expected.hash !== undefined && prev !== expected.hash)
        return wrong(
          `Checkpoint ${n} was signed after a checkpoint with the hash ${prev}, but the one before it has ${expected.hash}.`,
        )
      return read
    },
  }
}

/** By itself, without what stands before it. */
function readCheckpoint(row: Row, keys: Map<string, PublicKey | undefined>): KnownCheckpoint | string {
  const { text, hash, signature, public_key: publicKey } = row
  if (typeof text !== 'string' || typeof signature !== 'string' || typeof publicKey !== 'string')
    return 'A checkpoint lacks its text, its signature or its key.'
  const checkpoint = parse(text)
  if (checkpoint === undefined) return `A checkpoint's text is none that Quorate wrote: ${short(text)}.`
  const about = `Checkpoint ${checkpoint.n}`
  if (!keys.has(publicKey)) keys.set(publicKey, keyOf(publicKey))
  const known = keys.get(publicKey)
  if (known === undefined) return `${about}: what stands as its key is no Ed25519 key.`
  if (!isSigned(text, signature, known.key))
    return `${about}: its signature does not fit its text and its key. One of the three was changed.`
  if (hash !== link(checkpoint.prev, text))
    return `${about}: its hash is not the one of its text, which is ${link(checkpoint.prev, text)}.`
  for (const [name, value] of Object.entries(row)) {
    if (['text', 'hash', 'signature', 'public_key'].includes(name)) continue
    const copy: unknown = Object.entries(checkpoint).find(([key]) => key === name)?.[1]
    if (copy !== value)
      return `${about}: the column "${name}" says ${short(value)}, its signed text ${short(copy)}.`
  }
  return { checkpoint, hash, fingerprint: known.fingerprint }
}

function parse(text: string): Checkpoint | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looked at below
    const checkpoint = JSON.parse(text) as Checkpoint
    const { v, n, seq, kind, run, workflow, head, prev, at } = checkpoint
    const kinds: readonly string[] = ['sealed', 'removed', 'held', 'released']
    const right =
      v === 1 &&
      Number.isSafeInteger(n) &&
      Number.isSafeInteger(seq) &&
      kinds.includes(kind) &&
      [run, workflow, head, prev, at].every((part) => typeof part === 'string') &&
      isCanonical(checkpoint, text)
    return right ? checkpoint : undefined
  } catch {
    return undefined
  }
}

interface PublicKey {
  readonly key: KeyObject
  readonly fingerprint: string
}

/** Only in the one spelling that we write, so that not a byte of it can be changed. */
function keyOf(publicKey: string): PublicKey | undefined {
  try {
    const key = createPublicKey(publicKey)
    const same = key.export({ type: 'spki', format: 'pem' }).toString() === publicKey
    return same && key.asymmetricKeyType === 'ed25519'
      ? { key, fingerprint: fingerprint(publicKey) }
      : undefined
  } catch {
    return undefined
  }
}

function isSigned(text: string, signature: string, key: KeyObject): boolean {
  const bytes = Buffer.from(signature, 'base64')
  return bytes.toString('base64') === signature && verifySignature(null, Buffer.from(text), key, bytes)
}

/** A value as a message shows it. */
export function short(value: unknown): string {
  const shown = Buffer.isBuffer(value) ? `${value.length} bytes` : (JSON.stringify(value) ?? 'nothing')
  return shown.length > MOST ? `${shown.slice(0, MOST)}…` : shown
}

const MOST = 120
