import { Etcd3, type IOptions } from 'etcd3'

// Through a client that others wrote: what is read and written here owes nothing to Quorate's own.

export interface KeyCount {
  readonly keys: number
  /** The revision at which they were counted. */
  readonly revision: number
}

/** Counts the keys under a prefix (all of them by default) through the quorum, asked at one client URL. */
export function countKeys(url: string, prefix = '', timeoutMs = 10_000): Promise<KeyCount> {
  return withClient(url, timeoutMs, async (client) => {
    const all = client.getAll()
    const answer = await (prefix === '' ? all : all.prefix(prefix)).limit(1).exec()
    return { keys: Number(answer.count), revision: Number(answer.header.revision) }
  })
}

/** Writes one key through the quorum; the revision it got. When it throws, it may have been written. */
export function writeKey(url: string, key: string, value: string, timeoutMs = 5000): Promise<number> {
  return withClient(url, timeoutMs, async (client) => {
    const answer = await client.put(key).value(value).exec()
    return Number(answer.header.revision)
  })
}

/**
 * One client for one endpoint, because `etcd3` picks among several at random a call; with a deadline a call
 * (it has none of its own) and without its retries, which repeat changes as well.
 */
async function withClient<Value>(url: string, timeoutMs: number, use: (client: Etcd3) => Promise<Value>) {
  const client = new Etcd3({
    hosts: url,
    dialTimeout: timeoutMs,
    defaultCallOptions: () => ({ deadline: Date.now() + timeoutMs }),
    grpcOptions: { 'grpc.enable_http_proxy': 0, 'grpc.enable_retries': 0 },
    faultHandling: { global: once, host: () => once },
  })
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>

const never = () => ({ dispose() {} })

/** The policy that does nothing. `etcd3` takes its policies from a package that is not ours to import. */
const once: Policy = {
  get _altReturn(): never {
    throw new Error('a property of the types only')
  },
  onSuccess: never,
  onFailure: never,
  execute: async (call, signal = new AbortController().signal) => call({ signal }),
}
