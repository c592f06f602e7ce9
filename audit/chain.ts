import { createHash } from 'node:crypto'
import { canonicalText } from '../dsl/canonical.ts'
import type { Json } from '../dsl/program.ts'
import type { AuditEvent, NewEvent } from './event.ts'
import type { Checkpoint, StoredCheckpoint, StoredEvent } from './store.ts'

/** What stands before the first link of a chain. */
export const noHash = '0'.repeat(64)

/** The next link: sha256, hex. Both are UTF-8. */
export function link(prev: string, text: string): string {
  return sha256(`${prev}\n${text}`)
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** The event at its place in its run. */
export function placed(event: NewEvent, seq: number, prev: string): StoredEvent {
  const whole: AuditEvent = { ...event, v: 1, seq }
  const text = textOf(whole)
  return { event: whole, text, hash: link(prev, text) }
}

/** What is hashed, and signed where it is a checkpoint. */
export function textOf(value: AuditEvent | Checkpoint): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- these are plain JSON by their types
  return canonicalText(value as unknown as Json)
}

/**
 * Whether `text`, which `value` was parsed from, is what `textOf` makes of it. As strict, and many times quicker: parsing
 * keeps the order of keys, but for whole numbers, which come first and in their order whatever the text says.
 */
export function isCanonical(value: unknown, text: string): boolean {
  return JSON.stringify(value) === text && isSorted(value)
}

function isSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isSorted)
  let before: string | undefined
  for (const [key, part] of Object.entries(value)) {
    if (!isSorted(part)) return false
    if (isIndex(key)) continue
    if (before !== undefined && before > key) return false
    before = key
  }
  return true
}

function isIndex(key: string): boolean {
  const first = key.charCodeAt(0)
  return first >= 48 && first <= 57 && /^(0|[1-9]\d{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1
}

/** A checkpoint with its hash and what `sign` makes of its text. */
export function signed(
  checkpoint: Checkpoint,
  sign: (text: string) => Pick<StoredCheckpoint, 'signature' | 'publicKey'>,
): StoredCheckpoint {
  const text = textOf(checkpoint)
  return { checkpoint, text, hash: link(checkpoint.prev, text), ...sign(text) }
}
