import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { EtcdError } from './errors.ts'
import { type EtcdMethod, etcdMethods } from './proto.ts'

/** How long one call may take, and what may break it off before. */
export interface CallOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** One connection to one member, kept over calls. */
export interface Channel {
  call(
    method: string,
    request: object,
    options: Required<Pick<CallOptions, 'timeoutMs'>> & CallOptions,
  ): Promise<unknown>
  close(): void
}

/**
 * Opens a channel to one member's client URL (lazily: the first call connects). Nothing is retried, every
 * call has its deadline, and after a failure the next call dials again at once instead of waiting out
 * gRPC's two-minute back-off, because members that come back are what we are waiting for.
 */
export function openChannel(host: string, url: string): Channel {
  const { protocol, host: authority } = new URL(url)
  const client = new Client(
    authority,
    protocol === 'https:' ? credentials.createSsl() : credentials.createInsecure(),
    {
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 250,
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5000,
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
    },
  )
  return {
    call: (method, request, options) => unary({ client, host, url, method }, request, options),
    close: () => client.close(),
  }
}

interface Target {
  readonly client: Client
  readonly host: string
  readonly url: string
  readonly method: string
}

const methods = etcdMethods()

function unary(target: Target, request: object, { timeoutMs, signal }: { timeoutMs: number } & CallOptions) {
  const { path, requestSerialize, responseDeserialize } = methodNamed(target.method)
  return new Promise<unknown>((resolve, reject) => {
    const call = target.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
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

function typed({ host, url, method }: Target, error: ServiceError, timeoutMs: number): EtcdError {
  const words =
    error.code === status.DEADLINE_EXCEEDED && !error.details.includes('etcdserver')
      ? `no answer within ${timeoutMs} ms`
      : error.details
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
