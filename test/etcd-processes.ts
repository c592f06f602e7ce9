import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ClientTls,
  clientUrl,
  type Cluster,
  type EtcdAuth,
  type EtcdLayout,
  noAfterSteps,
  peerUrl,
} from '../dsl/inventory.ts'
import { createBinaryFinder, type EtcdMinor } from '../lab/binaries.ts'
import { endWithParent } from '../lab/end-with-parent.ts'
import { allocatePorts } from '../lab/ports.ts'
import { createEtcdPool } from '../activities/etcd/pool.ts'

/** A cluster of real etcd processes on loopback, for tests; hosts and members are called `a`, `b`, `c` … */
export interface EtcdProcesses {
  readonly inventory: Cluster
  start(name: string, extra?: readonly string[]): void
  stop(name: string): Promise<void>
  signal(name: string, signal: NodeJS.Signals): void
  log(name: string): string
  end(): Promise<void>
}

interface Options {
  readonly size: number
  readonly spares?: number
  readonly minor?: EtcdMinor
  readonly token?: string
  readonly flags?: readonly string[]
  /** Certificates of the members, for clients and peers, who must all show one; of clients, for Quorate. */
  readonly tls?: { readonly member: ServerTls; readonly client: ClientTls }
  readonly auth?: EtcdAuth
}

/** Files of a member: its own certificate, and the authority it asks others to be signed by. */
export interface ServerTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Starts them and waits until every one serves. */
export async function startEtcd({
  size,
  spares = 0,
  minor = '3.6',
  token = 'test',
  flags = [],
  tls,
  auth,
}: Options): Promise<EtcdProcesses> {
  const { etcd } = await createBinaryFinder().etcd(minor)
  const lease = await allocatePorts(2 * (size + spares))
  const root = mkdtempSync(join(tmpdir(), 'quorate-etcd-'))
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].slice(0, size + spares)
  const members = names.slice(0, size)
  const layouts = Object.fromEntries(
    names.map((name, index) => [
      name,
      {
        ...layout(root, name, lease.ports[2 * index] ?? 0, lease.ports[2 * index + 1] ?? 0),
        scheme: tls ? ('https' as const) : ('http' as const),
      },
    ]),
  )
  const running = new Map<string, Running>()

  const start = (name: string, extra: readonly string[] = []) => {
    const log = openSync(join(root, `${name}.log`), 'a')
    const own = arguments_(layouts, members, name, token)
    const child = spawn(etcd, [...own, ...tlsFlags(tls?.member), ...flags, ...extra], {
      stdio: ['ignore', log, log],
    })
    running.set(name, { child, callOff: endWithParent(child.pid ?? 0) })
  }
  const stop = async (name: string) => {
    const found = running.get(name)
    running.delete(name)
    if (found) await end(found)
  }
  const inventory: Cluster = {
    name: 'test',
    members: Object.fromEntries(members.map((name) => [name, name])),
    spares: names.slice(size),
    etcd: layouts,
    ...(tls && { tls: tls.client }),
    ...(auth && { auth }),
    after: noAfterSteps,
  }
  for (const name of members) start(name)
  await everyMemberServes(inventory)
  return {
    inventory,
    start,
    stop,
    signal: (name, signal) => void running.get(name)?.child.kill(signal),
    log: (name) => readFileSync(join(root, `${name}.log`), 'utf8'),
    async end() {
      await Promise.all([...running.values()].map(end))
      lease.release()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

interface Running {
  readonly child: ChildProcess
  readonly callOff: () => void
}

async function end({ child, callOff }: Running): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGCONT')
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await gone
  callOff()
}

function layout(root: string, name: string, clientPort: number, peerPort: number): EtcdLayout {
  const nothing = ['true']
  return {
    scheme: 'http',
    address: '127.0.0.1',
    clientPort,
    peerPort,
    dataDir: join(root, name),
    binDir: root,
    service: {
      manager: 'script',
      start: nothing,
      stop: nothing,
      status: nothing,
      enable: nothing,
      disable: nothing,
    },
    config: { format: 'environment', path: join(root, `${name}.env`) },
  }
}

function arguments_(
  layouts: Record<string, EtcdLayout>,
  members: readonly string[],
  name: string,
  token: string,
) {
  const own = layouts[name]
  if (!own) throw new Error(`no member ${name}`)
  const peer = (layout: EtcdLayout | undefined) => (layout ? peerUrl(layout) : '')
  const client = clientUrl(own)
  const all = [...new Set([...members, name])]
  return [
    ...['--name', name, '--data-dir', own.dataDir, '--initial-cluster-token', token],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer(own), '--initial-advertise-peer-urls', peer(own)],
    ...['--initial-cluster', all.map((member) => `${member}=${peer(layouts[member])}`).join(',')],
    ...['--initial-cluster-state', members.includes(name) ? 'new' : 'existing'],
    ...['--heartbeat-interval', '50', '--election-timeout', '500', '--unsafe-no-fsync'],
  ]
}

function tlsFlags(files: ServerTls | undefined): readonly string[] {
  if (!files) return []
  const own = ['--cert-file', files.cert, '--key-file', files.key, '--trusted-ca-file', files.ca]
  const peer = own.map((word) => (word.startsWith('--') ? `--peer-${word.slice(2)}` : word))
  return [...own, '--client-cert-auth', ...peer, '--peer-client-cert-auth']
}

/** Waits until a check passes; its last complaint becomes the error's. */
export async function eventually<Value>(check: () => Promise<Value>, timeoutMs = 20_000): Promise<Value> {
  const until = Date.now() + timeoutMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function everyMemberServes(cluster: Cluster): Promise<void> {
  const pool = createEtcdPool()
  try {
    const hosts = Object.values(cluster.members)
    await Promise.all(
      hosts.map((host) => eventually(() => pool.cluster(cluster).endpoint(host).readThroughQuorum())),
    )
  } finally {
    pool.close()
  }
}
