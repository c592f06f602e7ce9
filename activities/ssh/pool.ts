import type { Host } from '../../dsl/inventory.ts'
import { InputError } from '../failure.ts'
import { connect, type ConnectSettings } from './connect.ts'
import type { Connection } from './connection.ts'

/** One connection a host, opened on first use, shared, and opened anew once it broke. */
export class ConnectionPool {
  readonly #hosts: Readonly<Record<string, Host>>
  readonly #settings: ConnectSettings
  readonly #connections = new Map<string, Promise<Connection>>()
  #closed = false

  constructor(hosts: Readonly<Record<string, Host>>, settings: ConnectSettings) {
    this.#hosts = hosts
    this.#settings = settings
  }

  /** Throws what `connect` throws; a failure is not remembered. */
  async connection(name: string): Promise<Connection> {
    const existing = this.#connections.get(name)
    if (existing === undefined) return this.#open(name)
    const connection = await existing
    if (connection.open) return connection
    this.#forget(name, existing)
    return this.connection(name)
  }

  async close(): Promise<void> {
    this.#closed = true
    const all = [...this.#connections.values()]
    this.#connections.clear()
    const opened = await Promise.allSettled(all)
    await Promise.all(opened.map(async (one) => (one.status === 'fulfilled' ? one.value.close() : undefined)))
  }

  #open(name: string): Promise<Connection> {
    if (this.#closed) throw new Error('The SSH connections of this worker are closed.')
    const opening = this.#connect(this.#host(name))
    this.#connections.set(name, opening)
    opening.then(
      (connection) => connection.closed.then(() => this.#forget(name, opening)),
      () => this.#forget(name, opening),
    )
    return opening
  }

  async #connect(host: Host): Promise<Connection> {
    refuseLoop(this.#hosts, host)
    const via = host.ssh.via === undefined ? undefined : await this.connection(host.ssh.via)
    return connect(host, via, this.#settings)
  }

  #host(name: string): Host {
    const host = this.#hosts[name]
    if (host !== undefined) return host
    const names = Object.keys(this.#hosts).join(', ')
    throw new InputError(`The inventory has no host ${name}; it has ${names}.`)
  }

  #forget(name: string, connection: Promise<Connection>): void {
    if (this.#connections.get(name) === connection) this.#connections.delete(name)
  }
}

/** Two hosts that each say `via` the other would wait for each other for ever. */
function refuseLoop(hosts: Readonly<Record<string, Host>>, start: Host): void {
  const path = [start.name]
  for (let next = start.ssh.via; next !== undefined; next = hosts[next]?.ssh.via) {
    path.push(next)
    if (path.indexOf(next) < path.length - 1) {
      throw new InputError(
        `The inventory's ssh.via goes in a circle: ${path.join(' -> ')}. Take one of them out.`,
      )
    }
  }
}
