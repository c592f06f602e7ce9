import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { get as getSecurely } from 'node:https'
import { z } from 'zod'
import { clientUrl, type ClientTls, type Cluster } from '../../dsl/inventory.ts'
import { layoutOn } from '../inventory/look-up.ts'
import type { CallOptions } from './channel.ts'

/**
 * The version that the cluster as a whole keeps to, as one member sees it: `3.5.0` until the last member runs
 * 3.6. `undefined` when that member does not say. No gRPC call tells it.
 * Source: etcd's `GET /version` on the client port, `etcdcluster` (3.4 to 3.7).
 */
export function clusterVersion(
  cluster: Cluster,
  host: string,
  options: CallOptions = {},
): Promise<string | undefined> {
  const url = `${clientUrl(layoutOn(cluster, host))}/version`
  return textAt(url, cluster.tls, options).then(
    (text) => versionIn(text),
    () => undefined,
  )
}

const answer = z.object({ etcdcluster: z.string().regex(/^\d+\.\d+\.\d+/) })

function versionIn(text: string): string | undefined {
  try {
    return answer.safeParse(JSON.parse(text)).data?.etcdcluster
  } catch {
    return undefined
  }
}

/**
 * What a member's client port answers to `GET`. Rejects when it does not, after `timeoutMs` at the latest: by a timer
 * of its own, because Node 20 forgets an `AbortSignal.timeout` that went into an `AbortSignal.any`, once it collects
 * garbage, and a connection to a host that died stays open for many minutes.
 */
export function textAt(
  url: string,
  tls: ClientTls | undefined,
  { timeoutMs = 2000, signal }: CallOptions,
): Promise<string> {
  const cut = signal && { signal }
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:')
      ? getSecurely(url, { ...cut, ...secrets(tls) })
      : get(url, { ...cut })
    const late = () => request.destroy(new Error(`no answer within ${timeoutMs} ms`))
    const timer = setTimeout(late, timeoutMs)
    request.once('close', () => clearTimeout(timer))
    request.once('error', reject)
    request.once('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.once('error', reject)
      response.once('end', () => resolve(Buffer.concat(parts).toString()))
    })
  })
}

/** Read anew each time, so that rotated files are seen. */
function secrets(tls: ClientTls | undefined) {
  return {
    ...(tls && { ca: readFileSync(tls.ca) }),
    ...(tls?.cert !== undefined && { cert: readFileSync(tls.cert) }),
    ...(tls?.key !== undefined && { key: readFileSync(tls.key) }),
  }
}
