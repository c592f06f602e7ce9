import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EtcdBinaries } from '../binaries.ts'
import { whenGone } from '../end-with-parent.ts'
import { createEtcdClient } from '../etcd-client.ts'
import { soundKeyPair } from '../host/host-key.ts'
import { makeIdentity } from '../ssh-trust.ts'
import { controlGroup, makeControlGroup } from './cgroups.ts'
import { type HostsLab, hostsLab } from './handle.ts'
import { type HostFile, writeHostFiles, writeInto } from './host-files.ts'
import { hostsInventory } from './inventory.ts'
import { machinePlaces, makeDisk } from './machine.ts'
import { clientPort, environmentFile, environmentText, flagOf, memberSettings } from './member.ts'
import { labNames } from './names.ts'
import { makeNetwork } from './network.ts'
import { createAuthority } from './pki.ts'
import { type HostsLabRecord, type RecordedHost, startedTicks } from './record.ts'
import { announcedLabs, claimNumber } from './registry.ts'
import { requireHostsLab } from './requirements.ts'
import { etcdLayer, etcdOfVersion, etcdUserId, rootFileSystem } from './root-file-system.ts'

/** Hosts beside members and spares: HAProxy before the members; etcd in Docker, under daemontools, by scripts. */
export const extraHosts = {
  haproxy: { name: 'lb', kind: 'haproxy' },
  docker: { name: 'dk', kind: 'docker' },
  supervise: { name: 'sv', kind: 'supervise' },
  script: { name: 'sc', kind: 'script' },
} as const

export type ExtraHost = keyof typeof extraHosts

export interface HostsLabOptions {
  /** Made when missing; emptied when a former lab lies there; refused when it holds anything else. */
  readonly directory: string
  /** What the hosts use: a minor or a full version. Default `3.6`. */
  readonly version?: string
  /** More versions that lie on the hosts, and in the inventory's `binaries`. */
  readonly versions?: readonly string[]
  /** More versions in the inventory's `binaries` alone: they are to be brought to the hosts. */
  readonly uploads?: readonly string[]
  /** Hosts h1, h2, … with members etcd-1, etcd-2, … under systemd. Default 3. */
  readonly members?: number
  /** More hosts of the same kind without a member. Default 2. */
  readonly spares?: number
  /** `docker` (dk), `supervise` (sv) and `script` (sc) are spares too; `haproxy` is lb. */
  readonly extras?: readonly ExtraHost[]
  /** For clients and peers, with client certificates. Default true. */
  readonly tls?: boolean
  /** Name of the cluster in the inventory. Default `demo`. */
  readonly cluster?: string
  /** False: bare hosts; no etcd is configured on any, and the inventory has no member. Default true. */
  readonly start?: boolean
  /** More variables for each member, `ETCD_SNAPSHOT_COUNT` say. */
  readonly environment?: Readonly<Record<string, string>>
  /** Size of each host's disk below `/var/lib`; only what is written takes place. Default 4096. */
  readonly diskMiB?: number
  /** Where etcd.service lies: as a package brings it, the default, or as people write it, which systemd cannot mask. */
  readonly unitDirectory?: '/usr/lib/systemd/system' | '/etc/systemd/system'
  /** The lab outlives this process, until it is ended by another. Default false. */
  readonly keep?: boolean
  readonly onProgress?: (line: string) => void
}

/**
 * Boots real hosts on this machine: Debian with systemd, OpenSSH and addresses of their own, and a cluster of etcd
 * with TLS on them. Linux and root only. Several can run at once. Returns when every member is healthy; when that
 * fails, nothing is left running. A lab whose process died is ended by the next one that starts.
 */
export async function startHostsLab(options: HostsLabOptions): Promise<HostsLab> {
  requireHostsLab()
  const say = options.onProgress ?? (() => undefined)
  mkdirSync(options.directory, { recursive: true })
  const directory = realpathSync(options.directory)
  refuseInUse(directory)
  const { version = '3.6', versions = [], uploads = [] } = options
  const binaries = await binariesFor([version, ...versions])
  const uploadable = await binariesFor([version, ...versions, ...uploads])
  const root = await rootFileSystem(say)
  const layers = [...(await inTurn(binaries, (each) => etcdLayer(each, say))), root]
  const claim = await claimNumber()
  try {
    const lab = recordOf(options, { directory, number: claim.number, layers, binaries })
    claim.announce(lab)
    const handle = hostsLab(lab)
    const callOff = endWithThisProcess(lab)
    await prepare(lab, options, uploadable)
    say(`booting ${lab.hosts.length} hosts in ${labNames(lab.number).network}`)
    await allOrFirstError(lab.hosts.map(({ name }) => handle.boot(name)))
    await allOrFirstError(lab.hosts.map((host) => finish(handle, host)))
    // Only now are the certificates there to be read.
    const complete = hostsLab(lab)
    if (Object.keys(lab.members).length > 0) await untilHealthy(complete)
    if (options.keep === true) {
      const { owner: _, ...ownerless } = lab
      claim.announce(ownerless)
      callOff()
    }
    return {
      ...complete,
      stop() {
        callOff()
        return complete.stop()
      },
    }
  } catch (error) {
    await claim.release()
    throw error
  }
}

const HEALTHY_WITHIN_MS = 60_000

interface Made {
  readonly directory: string
  readonly number: number
  readonly layers: readonly string[]
  readonly binaries: readonly EtcdBinaries[]
}

function recordOf(options: HostsLabOptions, { directory, number, layers, binaries }: Made): HostsLabRecord {
  const { members = 3, spares = 2, extras = [], cluster = 'demo', start = true, tls = true } = options
  const { address } = labNames(number)
  const plain = Array.from({ length: members + spares }, (_, index) => ({
    name: `h${index + 1}`,
    address: address(11 + index),
    kind: 'systemd' as const,
  }))
  const special = extras.map((extra, index) => ({ ...extraHosts[extra], address: address(101 + index) }))
  const withEtcd = [...plain, ...special.filter(({ kind }) => kind !== 'haproxy')]
  const withMember = start ? plain.slice(0, members) : []
  const ticks = startedTicks(process.pid)
  return {
    ...{ number, directory, cluster, tls, diskMiB: options.diskMiB ?? 4096 },
    unitDirectory: options.unitDirectory ?? '/usr/lib/systemd/system',
    versions: binaries.map(({ version }) => version),
    layers: [...layers],
    members: Object.fromEntries(withMember.map(({ name }, index) => [`etcd-${index + 1}`, name])),
    spares: withEtcd.slice(withMember.length).map(({ name }) => name),
    hosts: [...plain, ...special],
    ...(ticks !== undefined && { owner: { pid: process.pid, startedTicks: ticks } }),
    since: new Date().toISOString(),
  }
}

async function binariesFor(versions: readonly string[]): Promise<EtcdBinaries[]> {
  const found = await inTurn(versions, etcdOfVersion)
  return found.filter((each, index) => found.findIndex((other) => other.version === each.version) === index)
}

async function prepare(
  lab: HostsLabRecord,
  options: HostsLabOptions,
  binaries: readonly EtcdBinaries[],
): Promise<void> {
  clear(lab.directory)
  for (const { name } of lab.hosts) mkdirSync(machinePlaces(lab.directory, name).root, { recursive: true })
  await Promise.all([
    makeNetwork(lab.number),
    makeTrustAndFiles(lab, options),
    ...lab.hosts.map(({ name }) => makeDisk(lab, name)),
  ])
  linkBinaries(lab.directory, binaries)
  writeFileSync(join(lab.directory, 'inventory.yaml'), hostsInventory(lab))
}

async function makeTrustAndFiles(lab: HostsLabRecord, options: HostsLabOptions): Promise<void> {
  const ssh = join(lab.directory, 'ssh')
  const authorized = makeIdentity(join(ssh, 'id_ed25519'), `quorate-lab-${lab.number}`)
  const pki = lab.tls ? await makeCertificates(lab) : undefined
  const known = lab.hosts.map((host) => {
    const pair = soundKeyPair(host.name)
    writeHostFiles(lab, host, { hostKey: pair.private, authorized, ...(pki !== undefined && { pki }) })
    return `${host.address} ${pair.public.split(' ').slice(0, 2).join(' ')}\n`
  })
  writeFileSync(join(ssh, 'known_hosts'), known.join(''))
  for (const [member, on] of Object.entries(lab.members))
    for (const host of lab.hosts.filter(({ name }) => name === on))
      writeInto(machinePlaces(lab.directory, on).upper, memberFile(lab, member, host, options.environment))
}

function memberFile(
  lab: HostsLabRecord,
  member: string,
  host: RecordedHost,
  environment: Readonly<Record<string, string>> = {},
): HostFile {
  const more = Object.entries(environment).map(([name, value]) => [flagOf(name), value])
  const settings = memberSettings(lab, member, host, Object.fromEntries(more))
  return { path: environmentFile.slice(1), text: environmentText(settings), owner: etcdUserId }
}

async function makeCertificates(lab: HostsLabRecord): Promise<string> {
  const pki = join(lab.directory, 'pki')
  const authority = await createAuthority(pki, `lab ${lab.number}`)
  const local = ['localhost', '127.0.0.1']
  const forHost = ({ name, address }: RecordedHost) =>
    ['server', 'peer'].map((use) =>
      authority.issue(join(pki, `${name}-${use}`), { commonName: name, names: [address, name, ...local] }),
    )
  await Promise.all([
    authority.issue(join(pki, 'client'), { commonName: 'quorate', names: [] }),
    ...lab.hosts.flatMap(forHost),
  ])
  return pki
}

function linkBinaries(directory: string, binaries: readonly EtcdBinaries[]): void {
  mkdirSync(join(directory, 'binaries'), { recursive: true })
  for (const { version, etcd } of binaries)
    symlinkSync(dirname(etcd), join(directory, 'binaries', version), 'dir')
}

/** What can only be done once the host runs. */
async function finish(lab: HostsLab, { name, kind }: RecordedHost): Promise<void> {
  if (kind !== 'docker') return
  const { code, stderr } = await lab.run(name, ['sh', '-c', containerScript, 'docker', lab.version])
  if (code !== 0)
    throw new Error(`The container of etcd could not be made on lab host ${name}: ${stderr.trim()}`)
}

const containerScript = `set -e
waited=0
until docker info >/dev/null 2>&1; do
  [ "$waited" -lt 300 ] || { docker info >&2; exit 1; }
  waited=$((waited + 1))
  sleep 0.1
done
tar -C "/opt/etcd/$1" -cf - . | docker import - "etcd:$1" >/dev/null
docker create --name etcd --network host --user ${etcdUserId}:${etcdUserId} --restart no \\
  --volume /var/lib/etcd:/var/lib/etcd --volume /etc/etcd:/etc/etcd:ro \\
  "etcd:$1" /etcd --config-file /etc/etcd/etcd.yaml >/dev/null
`

async function untilHealthy(lab: HostsLab): Promise<void> {
  const deadline = Date.now() + HEALTHY_WITHIN_MS
  for (const [member, on] of Object.entries(lab.members)) {
    const client = createEtcdClient(`${lab.host(on).address}:${clientPort}`, lab.tls)
    try {
      // Counting goes through the quorum.
      while ((await client.count().catch(() => undefined)) === undefined) {
        if (Date.now() > deadline) {
          const { stdout } = await lab.run(on, [
            'journalctl',
            '--unit=etcd.service',
            '--lines=8',
            '--no-pager',
          ])
          throw new Error(
            `${member} on lab host ${on} was not healthy within ${HEALTHY_WITHIN_MS / 1000} s; its log ends with:\n${stdout}`,
          )
        }
        await sleep(50)
      }
    } finally {
      client.close()
    }
  }
}

/**
 * When this process is gone, however it went, the hosts end at once; a shell waits for it on a pipe. What else the
 * lab has on this machine goes with the next lab that starts, or `quorate lab hosts down`. Returns what calls it off.
 */
function endWithThisProcess({ number }: HostsLabRecord): () => void {
  const group = controlGroup(labNames(number).group)
  makeControlGroup(group)
  const [directory = ''] = group.directories
  // The number tells this group from another lab's, later, under the same name.
  return whenGone(END, [directory, String(statSync(directory).ino)])
}

const END = '[ "$(stat -c %i "$1" 2>/dev/null)" != "$2" ] || echo 1 >"$1/cgroup.kill"'

function refuseInUse(directory: string): void {
  const other = announcedLabs().find((lab) => lab.directory === directory)
  if (other === undefined || other.owner?.pid === process.pid) return
  if (other.owner !== undefined && startedTicks(other.owner.pid) !== other.owner.startedTicks) return
  throw new Error(
    `A hosts lab runs from ${directory} already (since ${other.since}): end it with \`quorate lab hosts down\`, or take another directory.`,
  )
}

/** Only what a lab left may be thrown away. */
function clear(directory: string): void {
  const mark = join(directory, 'quorate-lab')
  const found = readdirSync(directory)
  if (found.length > 0 && !existsSync(mark))
    throw new Error(
      `${directory} is not empty and holds no lab (${found.slice(0, 3).join(', ')}): take another directory.`,
    )
  writeFileSync(
    mark,
    'This directory belongs to a hosts lab of Quorate; it is emptied whenever one starts here.\n',
  )
  for (const name of ['hosts', 'ssh', 'pki', 'binaries', 'cuts.json', 'inventory.yaml'])
    rmSync(join(directory, name), { recursive: true, force: true })
}

async function inTurn<From, To>(all: readonly From[], work: (each: From) => Promise<To>): Promise<To[]> {
  const done: To[] = []
  for (const each of all) done.push(await work(each))
  return done
}

/** Waits for all of them even when one fails, so that nothing is still being started when this returns. */
async function allOrFirstError(starts: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(starts)) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}
