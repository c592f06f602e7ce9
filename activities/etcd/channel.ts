import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { connectionWords, EtcdError } from './errors.ts'
import { type EtcdMethod, etcdMethods } from './proto.ts'
import type { TlsMaterial, TlsSource } from './tls-files.ts'

/** How long one call may take, and what may break it off before. */
export interface CallOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** One connection to one member, kept over calls. */
export interface Channel {
  call(method: string, request: object, options: ChannelCall): Promise<unknown>
  close(): void
}

export interface ChannelCall extends CallOptions {
  readonly timeoutMs: number
  /** Of a user of etcd's access control. */
  readonly token?: string
}

export interface ChannelTarget {
  readonly host: string
  readonly url: string
  /** For https; the authorities that Node knows, and no certificate of our own, when left out. */
  readonly tls?: TlsSource
}

/**
 * Opens a channel to one member's client URL (lazily: the first call connects, and the first after its TLS
 * files have changed connects anew). Nothing is retried, every call has its deadline, and after a failure the
 * next call dials again at once instead of waiting out gRPC's two-minute back-off, because members that come
 * back are what we are waiting for. For the same reason a connection that has gone silent is not used again.
 */
export function openChannel(target: ChannelTarget): Channel {
  const { protocol } = new URL(target.url)
  let open: Open | undefined
  const openNow = async (): Promise<Open> => {
    const material = protocol === 'https:' ? await target.tls?.() : undefined
    if (open && open.material === material && !open.silent) return open
    // A silent one is left to the calls that still hope for it; others end with their connection.
    if (open && (!open.silent || open.underWay === 0)) open.client.close()
    open = { material, client: clientFor(target.url, material), underWay: 0, answers: 0, silent: false }
    return open
  }
  return {
    call: async (method, request, options) => {
      const used = await openNow()
      const { answers } = used
      used.underWay++
      try {
        const answer = await unary({ ...target, client: used.client, method }, request, options)
        used.answers++
        return answer
      } catch (error) {
        if (!(error instanceof EtcdError) || error.code !== 'noAnswerInTime') used.answers++
        else if (used.answers === answers) used.silent = true
        throw error
      } finally {
        used.underWay--
        if (used.underWay === 0 && used !== open) used.client.close()
      }
    },
    close() {
      open?.client.close()
      open = undefined
    },
  }
}

/** One connection, and what became of the calls on it. */
interface Open {
  readonly client: Client
  readonly material: TlsMaterial | undefined
  underWay: number
  /** Calls that got any answer, an error too. */
  answers: number
  /** A call's time was up while no other got an answer: a host that lost its power closes no connection. */
  silent: boolean
}

function clientFor(url: string, material: TlsMaterial | undefined): Client {
  const { protocol, host: authority, hostname } = new URL(url)
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  const secure = protocol === 'https:'
  return new Client(authority, secure ? secured(address, material) : credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 250,
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5000,
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
    // An address is no name to ask a server for (RFC 6066), and Node warns of it; the check below is the real one.
    ...(secure && isIP(address) !== 0 && { 'grpc.ssl_target_name_override': 'etcd' }),
  })
}

function secured(address: string, { ca, cert, key }: Partial<TlsMaterial> = {}): ChannelCredentials {
  return credentials.createSsl(ca ?? null, key ?? null, cert ?? null, {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(address, certificate),
  })
}

interface Call extends ChannelTarget {
  readonly client: Client
  readonly method: string
}

const methods = etcdMethods()

function unary(target: Call, request: object, { timeoutMs, signal, token }: ChannelCall) {
  const { path, requestSerialize, responseDeserialize } = methodNamed(target.method)
  const metadata = new Metadata()
  if (token !== undefined) metadata.set('token', token)
  return new Promise<unknown>((resolve, reject) => {
    const call = target.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        signal?.removeEventListener('abort', cancel)
        if (error) reject(typed(target, error, timeoutMs))
        else resolve(response)
      },
    )
    const cancel = () => call.cancel()
    if (signal?.aborted) cancel()
    else signal?.addEventListener('abort', cancel, { once: true })
  })
}

function typed({ host, url, method }: Call, error: ServiceError, timeoutMs: number): EtcdError {
  const words =
    error.code === status.DEADLINE_EXCEEDED && !error.details.includes('etcdserver')
      ? `no answer within ${timeoutMs} ms`
      : connectionWords(error.details)
  return new EtcdError({
    call: method,
    host,
    url,
    words: words.replace(/^etcdserver: /, ''),
    grpcCode: error.code,
  })
}

function methodNamed(name: string): EtcdMethod {
  const method = methods.get(name)
  if (!method)
    throw new Error(
      `The etcd interface has no method ${name}. This is a mistake in Quorate: please report it.`,
    )
  return method
}
