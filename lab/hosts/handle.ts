import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EtcdTls } from '../etcd-client.ts'
import { type Faults, faultsOf } from './faults.ts'
import { type Machine, machineOf, type Ran, type RunOptions } from './machine.ts'
import { clientPort, peerPort, urlOf } from './member.ts'
import { announcedLabs, endLab } from './registry.ts'
import type { HostsLabRecord, LabHostKind } from './record.ts'

export interface HostOfLab {
  readonly name: string
  readonly address: string
  readonly kind: LabHostKind
  readonly clientPort: number
  readonly peerPort: number
}

/** A lab of real hosts that runs on this machine. */
export interface HostsLab extends Faults {
  /** The third part of its addresses; names all that is its own on this machine. */
  readonly number: number
  readonly directory: string
  readonly cluster: string
  readonly inventory: string
  /** The version that the hosts use, and all that lie on them. */
  readonly version: string
  readonly versions: readonly string[]
  /** Member name to host name, as the lab was started; runs may move members since. */
  readonly members: Readonly<Record<string, string>>
  readonly spares: readonly string[]
  readonly hosts: readonly HostOfLab[]
  /** `ADDRESS:PORT` of every client port there is or may be. */
  readonly endpoints: readonly string[]
  /** How a client shows itself; undefined without TLS. */
  readonly tls?: EtcdTls
  host(name: string): HostOfLab
  /** Runs a program on a host as root, past the network. The exit code is data. */
  run(host: string, argv: readonly string[], options?: RunOptions): Promise<Ran>
  /** The host's own etcdctl against its own member. */
  etcdctl(host: string, ...args: readonly string[]): Promise<Ran>
  /** A file of a host, or what stands in its place when it is read: throws when it cannot be. */
  readFile(host: string, path: string): Promise<string>
  writeFile(host: string, path: string, text: string): Promise<void>
  state(host: string): 'up' | 'off' | 'frozen'
  /** Ends it all; nothing of it is left on this machine but its directory. Safe to repeat. */
  stop(): Promise<void>
}

/** The lab that runs from a directory; undefined when none does. */
export function runningHostsLab(directory: string): HostsLab | undefined {
  const record = announcedLabs().find((lab) => lab.directory === directory)
  return record && hostsLab(record)
}

/** How to handle a lab that was announced, from whatever process. */
export function hostsLab(lab: HostsLabRecord): HostsLab {
  const machines = new Map(lab.hosts.map((host) => [host.name, machineOf(lab, host)]))
  const machine = (name: string): Machine => {
    const found = machines.get(name)
    if (found === undefined)
      throw new Error(`The lab has no host ${name}; it has ${[...machines.keys()].join(', ')}.`)
    return found
  }
  const hosts = lab.hosts.map(({ name, address, kind }) => ({ name, address, kind, clientPort, peerPort }))
  const tls = lab.tls ? readTls(lab.directory) : undefined
  let stopped: Promise<void> | undefined
  return {
    ...faultsOf(lab, machine),
    number: lab.number,
    directory: lab.directory,
    cluster: lab.cluster,
    inventory: join(lab.directory, 'inventory.yaml'),
    version: lab.versions[0] ?? '',
    versions: lab.versions,
    members: lab.members,
    spares: lab.spares,
    hosts,
    endpoints: hosts
      .filter(({ kind }) => kind !== 'haproxy')
      .map(({ address }) => `${address}:${clientPort}`),
    ...(tls && { tls }),
    host: (name) => {
      const { host } = machine(name)
      return { name, address: host.address, kind: host.kind, clientPort, peerPort }
    },
    run: (name, argv, options) => machine(name).run(argv, options),
    etcdctl: (name, ...args) => machine(name).run(etcdctl(lab, machine(name), args)),
    readFile: async (name, path) => checked(await machine(name).run(['cat', '--', path]), name, path),
    writeFile: async (name, path, text) => {
      checked(await machine(name).run(['sh', '-c', 'cat >"$1"', 'write', path], { stdin: text }), name, path)
    },
    state(name) {
      const { runs, group } = machine(name)
      return runs() ? (group.isFrozen() ? 'frozen' : 'up') : 'off'
    },
    stop: () => (stopped ??= endLab(lab.number)),
  }
}

function etcdctl(lab: HostsLabRecord, { host }: Machine, args: readonly string[]): readonly string[] {
  const pki = '/etc/etcd/pki'
  const tls = [`--cacert=${pki}/ca.crt`, `--cert=${pki}/server.crt`, `--key=${pki}/server.key`]
  const endpoint = `--endpoints=${urlOf(lab, host.address, clientPort)}`
  return ['/opt/etcd/current/etcdctl', endpoint, ...(lab.tls ? tls : []), ...args]
}

function readTls(directory: string): EtcdTls | undefined {
  const file = (name: string): string => join(directory, 'pki', name)
  if (!existsSync(file('client.crt'))) return undefined
  return {
    ca: readFileSync(file('ca.crt')),
    cert: readFileSync(file('client.crt')),
    key: readFileSync(file('client.key')),
  }
}

function checked({ code, stdout, stderr }: Ran, host: string, path: string): string {
  if (code !== 0) throw new Error(`${path} on lab host ${host}: ${stderr.trim()}`)
  return stdout
}
