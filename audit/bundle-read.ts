import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import type { Source } from './archive.ts'
import type { BundleLine } from './bundle.ts'
import { messageOf } from './failure.ts'
import type { Row } from './sql.ts'
import { StoreError } from './store.ts'

/** A run out of the file that `writeBundle` wrote, to be verified. */
export interface Bundle extends Source {
  readonly run: string
}

/**
 * Reads a bundle that may be anything: it throws a `StoreError` with a sentence when it is none, or is larger than
 * any of ours. The file is read again for each part, a line at a time; it is never held as a whole.
 */
export async function openBundle(path: string): Promise<Bundle> {
  // All of it once, so that what is wrong with the file itself is said before anything is said about the record.
  let run: string | undefined
  for await (const line of linesOf(path)) if (line.kind === 'quorate-audit-bundle') run = line.run
  if (run === undefined) throw bad(path, 'it is empty')
  const only = run
  return {
    run,
    whole: false,
    async *keys() {
      yield only
    },
    async *eventRows(asked) {
      if (asked !== only) return
      for await (const line of linesOf(path))
        if (line.kind === 'event') yield { text: line.text, hash: line.hash }
    },
    async *checkpointRows() {
      for await (const line of linesOf(path)) if (line.kind === 'checkpoint') yield checkpointRow(line)
    },
    async *blobRows() {
      for await (const line of linesOf(path))
        if (line.kind === 'blob')
          yield { sha256: line.sha256, gzip: 0, content: Buffer.from(line.base64, 'base64') }
    },
  }
}

function checkpointRow({
  text,
  hash,
  signature,
  publicKey,
}: BundleLine & { readonly kind: 'checkpoint' }): Row {
  return { text, hash, signature, public_key: publicKey }
}

/** A history has at most 50 MB, and base64 a third more. */
const MOST_CHARACTERS_A_LINE = 128 * 1024 ** 2
const MOST_BYTES = 16 * 1024 ** 3

async function* linesOf(path: string): AsyncGenerator<BundleLine> {
  let number = 0
  let ended = false
  for await (const text of textLines(path)) {
    number++
    const line = parse(text)
    if (line === undefined || (number === 1) !== (line.kind === 'quorate-audit-bundle'))
      throw bad(path, `its line ${number} is none of a bundle`)
    if (ended) throw bad(path, `something comes after its end, in line ${number}`)
    if (line.kind === 'end') {
      ended = true
      if (line.lines !== number - 1)
        throw bad(path, `it should have ${line.lines} lines before its end and has ${number - 1}`)
    }
    yield line
  }
  if (!ended) throw bad(path, number === 0 ? 'it is empty' : 'its end is missing: it was cut short')
}

async function* textLines(path: string): AsyncGenerator<string> {
  const file = createReadStream(path)
  const plain = createGunzip({ chunkSize: 1024 ** 2 })
  file.once('error', (error) => plain.destroy(error))
  file.pipe(plain)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let parts: string[] = []
  let characters = 0
  let bytes = 0
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MOST_BYTES) throw bad(path, `it holds more than ${MOST_BYTES} bytes`)
      const pieces = decoder.decode(chunk, { stream: true }).split('\n')
      const last = pieces.pop() ?? ''
      for (const piece of pieces) {
        yield [...parts, piece].join('')
        parts = []
        characters = 0
      }
      parts.push(last)
      characters += last.length
      if (characters > MOST_CHARACTERS_A_LINE)
        throw bad(path, `a line has more than ${MOST_CHARACTERS_A_LINE} characters`)
    }
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw bad(path, messageOf(error), error)
  } finally {
    file.destroy()
    plain.destroy()
  }
  if (characters > 0) throw bad(path, 'its last line is cut short')
}

function bad(path: string, why: string, cause?: unknown): StoreError {
  return new StoreError(`${path} is no bundle that \`quorate audit export\` wrote: ${why}.`, { cause })
}

function parse(text: string): BundleLine | undefined {
  try {
    const line: unknown = JSON.parse(text)
    return isLine(line) ? line : undefined
  } catch {
    return undefined
  }
}

const fields: Readonly<Record<BundleLine['kind'], Readonly<Record<string, 'string' | 'number'>>>> = {
  'quorate-audit-bundle': { v: 'number', run: 'string' },
  checkpoint: { text: 'string', hash: 'string', signature: 'string', publicKey: 'string' },
  blob: { sha256: 'string', base64: 'string' },
  event: { text: 'string', hash: 'string' },
  end: { lines: 'number' },
}

/** Exactly the fields of its kind. */
function isLine(line: unknown): line is BundleLine {
  if (typeof line !== 'object' || line === null || !('kind' in line) || typeof line.kind !== 'string')
    return false
  const [, expected] = Object.entries(fields).find(([kind]) => kind === line.kind) ?? []
  if (expected === undefined) return false
  const { kind: _kind, ...given } = line
  if ('v' in given && given.v !== 1) return false
  return (
    Object.keys(given).length === Object.keys(expected).length &&
    Object.entries(given).every(([name, value]) => typeof value === expected[name])
  )
}
