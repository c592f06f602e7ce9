import { createHash } from 'node:crypto'

/** Downloads over HTTP. Remembers which servers did not answer, so that they are waited for only once. */
export interface Downloader {
  /** The body at `url`; throws a short reason: no answer, an HTTP error, a stall, or too large. */
  bytes(url: string): Promise<Uint8Array>
}

export interface DownloaderOptions {
  /** How long a server may take to begin its answer. */
  readonly answerTimeoutMs?: number
  /** How long it may then send nothing. */
  readonly stallTimeoutMs?: number
  readonly limitBytes?: number
}

export function createDownloader(options: DownloaderOptions = {}): Downloader {
  const { answerTimeoutMs = 5_000, stallTimeoutMs = 30_000, limitBytes = 512 * 1024 * 1024 } = options
  const silentServers = new Map<string, string>()
  return {
    async bytes(url) {
      const { origin, host } = new URL(url)
      const known = silentServers.get(origin)
      if (known !== undefined) throw new Error(known)
      const control = new AbortController()
      const timer = setTimeout(() => control.abort(), answerTimeoutMs)
      try {
        const response = await fetch(url, { signal: control.signal }).catch((error: unknown) => {
          const reason = `no answer from ${host} (${reasonOf(error, answerTimeoutMs)})`
          silentServers.set(origin, reason)
          throw new Error(reason)
        })
        if (!response.ok) throw new Error(`${host} answered ${response.status} for ${url}`)
        return await readBody(response, { timer, stallTimeoutMs, limitBytes, host })
      } finally {
        clearTimeout(timer)
        control.abort()
      }
    },
  }
}

/** Throws unless `bytes` have the SHA-256 `expected` (hex). */
export function assertSha256(bytes: Uint8Array, expected: string, what: string): void {
  const actual = createHash('sha256').update(bytes).digest('hex')
  if (actual === expected.toLowerCase()) return
  throw new Error(`${what} was refused: its SHA-256 is ${actual}, ${expected} was expected`)
}

interface BodyLimits {
  readonly timer: NodeJS.Timeout
  readonly stallTimeoutMs: number
  readonly limitBytes: number
  readonly host: string
}

async function readBody(response: Response, limits: BodyLimits): Promise<Uint8Array> {
  clearTimeout(limits.timer)
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  const reader = response.body?.getReader()
  if (reader === undefined) return new Uint8Array()
  for (;;) {
    const { done, value } = await withinStallTimeout(reader.read(), limits)
    if (done) break
    sizeBytes += value.length
    if (sizeBytes > limits.limitBytes)
      throw new Error(`${limits.host} sent more than ${limits.limitBytes} bytes`)
    chunks.push(value)
  }
  return Buffer.concat(chunks)
}

async function withinStallTimeout<T>(part: Promise<T>, { stallTimeoutMs, host }: BodyLimits): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const stalled = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${host} sent nothing for ${stallTimeoutMs / 1000} s`)),
      stallTimeoutMs,
    )
  })
  try {
    return await Promise.race([part, stalled])
  } finally {
    clearTimeout(timer)
  }
}

/** `fetch` hides the reason ("ENOTFOUND", "ECONNREFUSED") in the cause of "fetch failed". */
function reasonOf(error: unknown, answerTimeoutMs: number): string {
  if (property(error, 'name') === 'AbortError') return `waited ${answerTimeoutMs / 1000} s`
  const cause = property(error, 'cause')
  return String(property(cause, 'code') ?? property(cause, 'message') ?? property(error, 'message') ?? error)
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
