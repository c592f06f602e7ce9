import { createHash } from 'node:crypto'
import type { Output } from '../audit/event.ts'
import { secrets } from './redact/secrets.ts'

/** What a command printed as an event tells it, and the whole of it where that is longer. */
export interface Printed {
  readonly output: Output
  readonly blob?: Uint8Array
}

const endBytes = 2048

/** `lost`: bytes that came before the text and were not kept. It is redacted first, then counted and cut. */
export function printed(text: string, lost = 0): Printed {
  const whole = Buffer.from(secrets.text(text, lost > 0))
  const sha256 = createHash('sha256').update(whole).digest('hex')
  const told = { bytes: whole.length, sha256, ...(lost > 0 && { lost }) }
  if (whole.length <= 2 * endBytes) return { output: { ...told, head: whole.toString(), tail: '' } }
  return {
    output: {
      ...told,
      head: cut(whole.subarray(0, endBytes)),
      tail: cut(whole.subarray(-endBytes)),
      blob: sha256,
    },
    blob: whole,
  }
}

/** Of what is not to be read by anybody. */
export function digested(text: string, lost = 0): Printed {
  const { bytes, sha256 } = printed(text, lost).output
  return { output: { bytes, sha256, head: '', tail: '', ...(lost > 0 && { lost }) } }
}

/** Without the parts of characters at its ends. */
const cut = (bytes: Buffer): string => bytes.toString().replace(/^\uFFFD+|\uFFFD+$/g, '')
