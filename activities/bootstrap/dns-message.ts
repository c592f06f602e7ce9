/**
 * A DNS query for SRV records and its answer, as bytes in hex: hosts have no program in common that asks for
 * SRV records, and every one can send a datagram.
 * Source: RFC 1035 (messages, compression), RFC 2782 (SRV), RFC 6891 (EDNS).
 */

export interface SrvRecord {
  /** In lower case and without the dot at its end. */
  readonly target: string
  readonly port: number
}

export type SrvAnswer =
  | { readonly kind: 'records'; readonly records: readonly SrvRecord[] }
  /** The name is not there, or has no SRV records. */
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly why: string }

/** Allows answers of 4096 bytes, as etcd's resolver does. */
export function srvQuery(name: string, id: number): string {
  const header = [id, 0x0100, 1, 0, 0, 1].map(word).join('')
  const labels = name.replace(/\.$/, '').split('.')
  const question = labels
    .map((label) => byte(label.length) + Buffer.from(label, 'ascii').toString('hex'))
    .join('')
  const edns = `00${word(41)}${word(4096)}${word(0)}${word(0)}${word(0)}`
  return `${header}${question}00${word(typeSrv)}${word(1)}${edns}`
}

/** Never throws: an answer that cannot be read failed. */
export function srvAnswer(hex: string, id: number): SrvAnswer {
  const bytes = Buffer.from(hex, 'hex')
  try {
    return readAnswer(bytes, id)
  } catch {
    return { kind: 'failed', why: 'the answer is cut short' }
  }
}

const typeSrv = 33

function word(value: number): string {
  return value.toString(16).padStart(4, '0')
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

function readAnswer(bytes: Buffer, id: number): SrvAnswer {
  if (bytes.readUInt16BE(0) !== id) return { kind: 'failed', why: 'the answer is to another question' }
  const flags = bytes.readUInt16BE(2)
  const code = flags & 0xf
  if (code === 3) return { kind: 'none' }
  if (code !== 0)
    return { kind: 'failed', why: `the name server answered with ${codes[code] ?? `code ${code}`}` }
  if ((flags & 0x0200) !== 0) return { kind: 'failed', why: 'the answer is longer than a datagram' }
  const [questions, answers] = [bytes.readUInt16BE(4), bytes.readUInt16BE(6)]
  let at = 12
  for (let n = 0; n < questions; n++) at = readName(bytes, at).end + 4
  const records: SrvRecord[] = []
  for (let n = 0; n < answers; n++) {
    at = readName(bytes, at).end
    const [type, length] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 8)]
    if (type === typeSrv)
      records.push({ port: bytes.readUInt16BE(at + 14), target: readName(bytes, at + 16).name.toLowerCase() })
    at += 10 + length
  }
  return records.length === 0 ? { kind: 'none' } : { kind: 'records', records }
}

const codes: Readonly<Record<number, string>> = { 1: 'FORMERR', 2: 'SERVFAIL', 4: 'NOTIMP', 5: 'REFUSED' }

/** A pointer leads backwards only, so that none leads round for ever. */
function readName(bytes: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = []
  let at = start
  let end: number | undefined
  for (;;) {
    const length = bytes.readUInt8(at)
    if (length === 0) return { name: labels.join('.'), end: end ?? at + 1 }
    if (length >= 0xc0) {
      const to = bytes.readUInt16BE(at) & 0x3fff
      if (to >= at) throw new RangeError('a pointer leads forwards')
      end ??= at + 2
      at = to
    } else {
      if (at + 1 + length > bytes.length) throw new RangeError('a label is cut short')
      labels.push(bytes.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
  }
}
