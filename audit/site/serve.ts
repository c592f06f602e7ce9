import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Store } from '../store.ts'
import { createSite, type SiteOptions } from './site.ts'

export interface Served {
  /** Where a browser finds it. */
  readonly url: string
  /** Ends what is under way, too. */
  close(): Promise<void>
}

/**
 * Serves the site, to this machine alone unless `host` says otherwise; port 0 takes any that is free. Throws what
 * `listen` throws, such as `EADDRINUSE`.
 */
export async function serveSite({
  store,
  port,
  host = '127.0.0.1',
  ...options
}: SiteOptions & { readonly store: Store; readonly port: number; readonly host?: string }): Promise<Served> {
  const server = createServer({ requestTimeout: 30_000, keepAliveTimeout: 5000 }, createSite(store, options))
  server.listen(port, host)
  await once(server, 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { address, family, port: taken } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}/`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
