import type { IncomingMessage, ServerResponse } from 'node:http'
import { policyOf } from '../report/document.ts'

/** What a page is asked with. */
export interface Query {
  /** The trimmed value; undefined when it is missing or empty. */
  text(name: string): string | undefined
  all(name: string): readonly string[]
  /** An address with the same questions, some of them changed: `/?cluster=demo&after=…`. */
  with(path: string, changes: Readonly<Record<string, string | undefined>>): string
}

export interface Asked {
  readonly path: readonly string[]
  readonly query: Query
}

/** What is sent back. */
export interface Answered {
  readonly status?: number
  readonly type: string
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>
  /** It is saved under this name, and never shown by the browser. */
  readonly saveAs?: string
}

/** Undefined for an address that is none. */
export function askedBy({ url = '/' }: IncomingMessage): Asked | undefined {
  try {
    const { pathname, searchParams } = new URL(url, 'http://site')
    const path = pathname.split('/').filter((part) => part !== '')
    return { path: path.map(decodeURIComponent), query: queryOf(searchParams) }
  } catch {
    return undefined
  }
}

function queryOf(given: URLSearchParams): Query {
  return {
    text(name) {
      const text = given.get(name)?.trim().slice(0, mostText)
      return text === '' ? undefined : text
    },
    all: (name) => given.getAll(name).map((value) => value.trim().slice(0, mostText)),
    with(path, changes) {
      const next = new URLSearchParams([...given].filter(([, value]) => value !== ''))
      for (const [name, value] of Object.entries(changes)) {
        next.delete(name)
        if (value !== undefined) next.set(name, value)
      }
      const search = next.toString()
      return search === '' ? path : `${path}?${search}`
    },
  }
}

const mostText = 500

/**
 * Whether the name the browser used for us is one of ours. Any other may be somebody's who has turned it to this
 * address, to read the record from a page of his own (DNS rebinding). An address has no name that can be turned.
 */
export function isOurHost(host: string | undefined, names: readonly string[]): boolean {
  const name = /^(\[[0-9a-f:.]+\]|[^:]+)(?::\d+)?$/i.exec(host ?? '')?.[1]?.toLowerCase()
  if (name === undefined) return false
  if (name === 'localhost' || name.startsWith('[')) return true
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name) || names.some((one) => one.toLowerCase() === name)
}

/** Pages come from here only, are framed by nobody, and leave nothing in the browser. */
const headers = {
  'content-security-policy': policyOf(["form-action 'self'", "frame-ancestors 'none'"]),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

export async function send(response: ServerResponse, answered: Answered): Promise<void> {
  const { status = 200, type, body, saveAs } = answered
  const whole = typeof body === 'string' || body instanceof Uint8Array
  response.writeHead(status, {
    ...headers,
    'content-type': type,
    ...(saveAs === undefined ? {} : { 'content-disposition': `attachment; filename="${fileName(saveAs)}"` }),
    ...(whole ? { 'content-length': Buffer.byteLength(body) } : {}),
  })
  if (whole || response.req.method === 'HEAD') {
    response.end(whole ? body : undefined)
    return
  }
  for await (const chunk of body) {
    if (response.destroyed) return
    if (!response.write(chunk)) await drained(response)
  }
  response.end()
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })

const fileName = (name: string): string => name.replace(/[^\w.-]/g, '_').slice(0, 120)
