import { createHash, type Hash } from 'node:crypto'
import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path/posix'
import { Readable } from 'node:stream'
import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { pipeBetween } from '../ssh/streams.ts'
import type { Transform } from './age.ts'
import { digestFunctions } from './snapshot-script.ts'
import { lastWords } from '../redact/secrets.ts'

export interface FileOnHost {
  readonly host: RemoteHost
  readonly path: string
}

export interface Sending {
  readonly from: FileOnHost
  readonly to: FileOnHost
  /** Of what is read, hex; what is read must have it. */
  readonly sha256?: string
  /** Of what is to lie there afterwards, where that is known beforehand. */
  readonly arrives?: string
  /** What the worker makes of it on its way. */
  readonly through?: Transform
  readonly signal: AbortSignal
  /** Bytes read so far. */
  readonly onProgress?: (readBytes: number) => void
}

/** What lies at the end of the way. */
export interface Sent {
  readonly sizeBytes: number
  readonly sha256: string
  /** Of what came out of the source. */
  readonly readSha256: string
}

/**
 * Sends one file from a host to another through the worker's memory, never its disk. It arrives under another name,
 * with mode 0600, gets its own only when both digests are right, and can be sent again after any break. Throws
 * `ActionError` when what was read or what arrived is not what it should be.
 */
export async function sendFile(sending: Sending): Promise<Sent> {
  const { to } = sending
  const part = `${to.path}.part-${randomBytes(6).toString('hex')}`
  await makeReady(to)
  try {
    const sent = await sendInto(part, sending)
    await settle(to, part, sending.arrives ?? sent.sha256)
    return sent
  } catch (error) {
    // What is left of it would fill a disk that may be full already.
    await to.host.exec({ argv: ['rm', '-f', '--', part], privileged: true }).catch(() => {})
    throw error
  }
}

/** A stream that breaks on the worker looks to the receiver like one that has ended, so what broke it is kept. */
async function sendInto(part: string, sending: Sending): Promise<Sent> {
  const { from, to, through = (read) => read, signal, onProgress } = sending
  const [read, arrived] = [tally(onProgress), tally()]
  const broken: Error[] = []
  const exited = await pipeBetween({
    ...{ from: from.host, to: to.host, signal },
    read: ['cat', '--', from.path],
    write: ['sh', '-c', 'umask 077; cat >"$1"', 'receive', part],
    through: (source) => {
      const whole = counted(source, read, () => whyNotRead(sending, read))
      return counted(through(whole), arrived).on('error', (error) => broken.push(error))
    },
  }).catch((error: unknown) => {
    throw broken[0] ?? error
  })
  if (broken[0]) throw broken[0]
  if (exited.code !== 0)
    throw new ActionError(
      `${to.path} on ${to.host.name} could not be written: ${lastWords(exited.stderr, 500)}`,
    )
  return { sizeBytes: arrived.bytes(), sha256: arrived.hex(), readSha256: read.hex() }
}

interface Tally {
  readonly hash: Hash
  add(chunk: Buffer): void
  bytes(): number
  hex(): string
}

function tally(onProgress?: (bytes: number) => void): Tally {
  const hash = createHash('sha256')
  let bytes = 0
  let digest: string | undefined
  return {
    hash,
    add(chunk) {
      hash.update(chunk)
      bytes += chunk.length
      onProgress?.(bytes)
    },
    bytes: () => bytes,
    hex: () => (digest ??= hash.digest('hex')),
  }
}

/** The stream itself, counted; at its end `why` may say that it is not what it should be. */
function counted(read: Readable, tallied: Tally, why?: () => string | undefined): Readable {
  const chunks = async function* () {
    for await (const chunk of read) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk)
      tallied.add(bytes)
      yield bytes
    }
    const wrong = why?.()
    if (wrong !== undefined) throw new ActionError(wrong)
  }
  return Readable.from(chunks(), { objectMode: false })
}

function whyNotRead({ from, sha256 }: Sending, read: Tally): string | undefined {
  if (sha256 === undefined || read.hex() === sha256) return undefined
  return `${from.path} on ${from.host.name} was not read whole, or is not what it was (SHA-256 ${read.hex()}, expected ${sha256}).`
}

/** What former tries left is removed: whoever still writes there writes to nothing. */
async function makeReady({ host, path }: FileOnHost): Promise<void> {
  const { code, stderr } = await host.exec({
    argv: ['sh', '-c', 'umask 077; mkdir -p "$1" && rm -f "$2".part-*', 'ready', dirname(path), path],
    privileged: true,
  })
  if (code === 0) return
  throw new ActionError(`${dirname(path)} on ${host.name} cannot be written to: ${stderr.trim()}`)
}

async function settle({ host, path }: FileOnHost, part: string, sha256: string): Promise<void> {
  const { code, stderr } = await host.exec({
    argv: ['sh', '-c', settleScript, 'settle', part, path, sha256],
    privileged: true,
    timeoutMs: 600_000,
  })
  if (code === 0) return
  throw new ActionError(`${path} on ${host.name} did not arrive: ${stderr.trim() || `exit code ${code}`}.`)
}

const settleScript = String.raw`
${digestFunctions}
trap 'rm -f "$1"' EXIT
sync "$1" 2>/dev/null || sync
seen=$(digest <"$1")
[ "$seen" = "$3" ] || { echo "its SHA-256 is $seen, and not $3" >&2; exit 85; }
mv "$1" "$2" && { sync "$(dirname "$2")" 2>/dev/null || sync; }
`
