import { join } from 'node:path'
import { nearest } from '../../dsl/near.ts'
import type { CutOptions } from '../../lab/hosts/faults.ts'
import type { HostsLab } from '../../lab/hosts/handle.ts'
import type { ExtraHost } from '../../lab/hosts/lab.ts'
import { type Command, type Flags, type FlagSpec, type Invocation, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { homeDirectory } from '../home.ts'
import { table } from '../table.ts'

const directoryFlag: FlagSpec = {
  type: 'string',
  value: 'DIR',
  help: 'where the lab keeps its files, for more than one lab at a time',
}

const install: Command = {
  name: 'lab hosts install',
  usage: '',
  summary: 'install what a hosts lab needs, by apt-get (root, Debian and relatives)',
  details:
    'The root file system of the hosts is made when the first lab starts, in about half a minute, and kept.',
  flags: {},
  positionals: { min: 0, max: 0 },
  async run({ terminal, flags }) {
    const { hostsLabPackages, installHostsLabPackages } = await import('../../lab/hosts/requirements.ts')
    await installHostsLabPackages((line) => terminal.err(line))
    if (flags.on('json')) terminal.out(JSON.stringify({ packages: hostsLabPackages }))
    else terminal.out('All that a hosts lab needs is installed.')
    return exitCodes.done
  },
}

const up: Command = {
  name: 'lab hosts up',
  usage: '[--version V] [--members N] [--spares N] [--with KIND,…] [--no-tls] [--bare]',
  summary: 'boot real hosts with an etcd cluster on this machine (root, Linux)',
  details: `Hosts h1, h2, … with systemd, OpenSSH and addresses of their own; members etcd-1, etcd-2, … on the
first of them, the others are spares. --with docker, haproxy, supervise, script (with commas between) adds dk
(etcd in Docker), lb (HAProxy before the members), sv (under daemontools), sc (by plain scripts). It stays up
until \`quorate lab hosts down\`.`,
  flags: {
    version: {
      type: 'string',
      value: 'V',
      help: 'etcd that the members run: 3.6 or 3.6.16, say (default 3.6)',
    },
    versions: { type: 'string', value: 'V,V', help: 'more versions that lie on the hosts, for upgrades' },
    members: { type: 'string', value: 'N', help: 'how many members (default 3)' },
    spares: { type: 'string', value: 'N', help: 'how many hosts without a member (default 2)' },
    with: { type: 'string', value: 'KIND,KIND', help: 'more hosts: docker, haproxy, supervise, script' },
    'no-tls': { type: 'boolean', help: 'plain HTTP for clients and peers' },
    bare: { type: 'boolean', help: 'no etcd is configured anywhere, for bootstrapping' },
    directory: directoryFlag,
  },
  positionals: { min: 0, max: 0 },
  async run(invocation) {
    const { flags, terminal } = invocation
    const directory = directoryOf(invocation)
    const startedMs = Date.now()
    const options = {
      version: flags.text('version') ?? '3.6',
      versions: list(flags.text('versions')),
      members: count(flags, 'members', 3, 1),
      spares: count(flags, 'spares', 2, 0),
      extras: list(flags.text('with')).map(extraHost),
      tls: !flags.on('no-tls'),
      start: !flags.on('bare'),
    }
    const { startHostsLab } = await import('../../lab/hosts/lab.ts')
    const { runningHostsLab } = await import('../../lab/hosts/handle.ts')
    const running = runningHostsLab(directory)
    if (running !== undefined) {
      terminal.err(`It is already up; \`quorate lab hosts down\` ends it.`)
      return show(invocation, running)
    }
    const lab = await startHostsLab({ ...options, directory, keep: true, onProgress: terminal.err })
    terminal.err(`up after ${((Date.now() - startedMs) / 1000).toFixed(1)} s`)
    return show(invocation, lab)
  },
}

const down: Command = {
  name: 'lab hosts down',
  usage: '[--directory DIR | --all]',
  summary: 'end the hosts lab, and those whose process died',
  details: 'Leaves no process, mount, bridge or control group. Does nothing when nothing is up.',
  flags: {
    all: { type: 'boolean', help: 'every hosts lab of this machine, those of running tests too' },
    directory: directoryFlag,
  },
  positionals: { min: 0, max: 0 },
  async run(invocation) {
    const { flags, terminal } = invocation
    const { requireHostsLab } = await import('../../lab/hosts/requirements.ts')
    requireHostsLab()
    const { announcedLabs, endLab, sweepDeadLabs } = await import('../../lab/hosts/registry.ts')
    const directory = directoryOf(invocation)
    const swept = await sweepDeadLabs()
    const chosen = announcedLabs().filter((lab) => flags.on('all') || lab.directory === directory)
    for (const { number } of chosen) await endLab(number)
    const ended = [...swept, ...chosen.map(({ number }) => number)]
    if (flags.on('json')) terminal.out(JSON.stringify({ ended }))
    else terminal.out(ended.length === 0 ? 'Nothing is up.' : 'It is down.')
    return exitCodes.done
  },
}

const status: Command = {
  name: 'lab hosts status',
  usage: '[--directory DIR]',
  summary: 'show the hosts of the lab and what runs on them',
  flags: { directory: directoryFlag },
  positionals: { min: 0, max: 0 },
  async run(invocation) {
    return show(invocation, await theLab(invocation))
  },
}

const fault: Command = {
  name: 'lab hosts fault',
  usage: 'KIND [HOST] [--from HOST,worker] [--direction in|out] [--port N] [--part db|wal]',
  summary: 'break something of the hosts lab, or mend it',
  details: `KIND is one of
  cut                    lose packets of HOST: all, or --from hosts (or "worker"), one --direction, a --port
  heal                   take back the cuts of HOST, or all
  kill, boot             switch HOST off as if the power went, and on again
  freeze, thaw           stop everything on HOST in its tracks, and let it go on
  fill-disk, free-disk   leave no byte free below /var/lib
  stop-etcd, start-etcd  through the host's service manager
  kill-etcd, hang-etcd, resume-etcd   signals to the process alone
  corrupt                overwrite the beginning of the database, or of the log (--part wal)
  host-key               let HOST show another SSH key`,
  flags: {
    from: {
      type: 'string',
      value: 'HOST,…',
      help: 'cut: whom it can no longer talk with (default: everybody)',
    },
    direction: { type: 'string', value: 'in|out', help: 'cut: only what is sent to it, or by it' },
    port: { type: 'string', value: 'N', multiple: true, help: 'cut: only this TCP port' },
    part: { type: 'string', value: 'db|wal', help: 'corrupt: what (default db)' },
    directory: directoryFlag,
  },
  positionals: { min: 1, max: 2 },
  async run(invocation) {
    const { positionals, flags, terminal } = invocation
    const [kind = '', host] = positionals
    const inflict = Object.hasOwn(faults, kind) ? faults[kind] : undefined
    if (inflict === undefined) {
      const near = nearest(kind, Object.keys(faults))
      const hint =
        near === undefined ? '`quorate help lab hosts fault` lists them.' : `Did you mean "${near}"?`
      throw new UsageError(`There is no fault "${kind}". ${hint}`)
    }
    const lab = await theLab(invocation)
    if (host === undefined && kind !== 'heal')
      throw new UsageError(`Which host? The lab has ${lab.hosts.map(({ name }) => name).join(', ')}.`)
    if (host !== undefined) knownHost(lab, host)
    await inflict(lab, host, flags)
    if (flags.on('json')) terminal.out(JSON.stringify({ fault: kind, host: host ?? null }))
    else terminal.out(`${kind} ${host ?? 'all'}: done.`)
    return exitCodes.done
  },
}

export const labHosts: readonly Command[] = [install, up, down, status, fault]

type Inflict = (lab: HostsLab, host: string | undefined, flags: Flags) => Promise<void> | void

const onHost =
  (inflict: (lab: HostsLab, host: string, flags: Flags) => Promise<void> | void): Inflict =>
  (lab, host, flags) =>
    inflict(lab, host ?? '', flags)

const faults: Readonly<Record<string, Inflict>> = {
  cut: onHost((lab, host, flags) => lab.cutOff(host, cutOptions(lab, flags))),
  heal: (lab, host) => lab.heal(host),
  kill: onHost((lab, host) => lab.kill(host)),
  boot: onHost((lab, host) => lab.boot(host)),
  freeze: onHost((lab, host) => lab.freeze(host)),
  thaw: onHost((lab, host) => lab.thaw(host)),
  'fill-disk': onHost((lab, host) => lab.fillDisk(host)),
  'free-disk': onHost((lab, host) => lab.freeDisk(host)),
  'stop-etcd': onHost((lab, host) => lab.stopEtcd(host)),
  'start-etcd': onHost((lab, host) => lab.startEtcd(host)),
  'kill-etcd': onHost((lab, host) => lab.signalEtcd(host, 'KILL')),
  'hang-etcd': onHost((lab, host) => lab.signalEtcd(host, 'STOP')),
  'resume-etcd': onHost((lab, host) => lab.signalEtcd(host, 'CONT')),
  corrupt: onHost((lab, host, flags) => lab.corruptData(host, partOf(flags))),
  'host-key': onHost((lab, host) => lab.changeHostKey(host)),
}

function cutOptions(lab: HostsLab, flags: Flags): CutOptions {
  const from = list(flags.text('from'))
  for (const name of from) if (name !== 'worker') knownHost(lab, name)
  const direction = flags.text('direction')
  if (direction !== undefined && direction !== 'in' && direction !== 'out')
    throw new UsageError(`--direction ${direction} is neither in nor out; without it, both are cut.`)
  const ports = flags.texts('port').map(Number)
  if (ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65_535))
    throw new UsageError(`--port ${flags.texts('port').join(' ')} is no port.`)
  return {
    ...(from.length > 0 && { from }),
    ...(direction !== undefined && { direction }),
    ...(ports.length > 0 && { ports }),
  }
}

function partOf(flags: Flags): 'db' | 'wal' {
  const part = flags.text('part') ?? 'db'
  if (part !== 'db' && part !== 'wal') throw new UsageError(`--part ${part} is neither db nor wal.`)
  return part
}

function directoryOf({ flags, environment }: Invocation): string {
  return flags.text('directory') ?? join(homeDirectory(environment), 'hosts-lab')
}

async function theLab(invocation: Invocation): Promise<HostsLab> {
  const { requireHostsLab } = await import('../../lab/hosts/requirements.ts')
  requireHostsLab()
  const { runningHostsLab } = await import('../../lab/hosts/handle.ts')
  const lab = runningHostsLab(directoryOf(invocation))
  if (lab === undefined)
    throw new UsageError('No hosts lab is up here: start one with `quorate lab hosts up`.')
  return lab
}

function knownHost(lab: HostsLab, name: string): void {
  const names = lab.hosts.map((host) => host.name)
  if (!names.includes(name))
    throw new UsageError(`The lab has no host "${name}"; it has ${names.join(', ')}.`)
}

const list = (text = ''): string[] => text.split(',').filter((word) => word !== '')

function extraHost(word: string): ExtraHost {
  const known: readonly ExtraHost[] = ['docker', 'haproxy', 'supervise', 'script']
  const found = known.find((kind) => kind === word)
  if (found === undefined) throw new UsageError(`--with ${word} is none of ${known.join(', ')}.`)
  return found
}

function count(flags: Flags, name: string, standard: number, least: number): number {
  const text = flags.text(name)
  const number = text === undefined ? standard : Number(text)
  if (Number.isInteger(number) && number >= least && number <= MOST_HOSTS) return number
  throw new UsageError(`--${name} ${text} is not a number from ${least} to ${MOST_HOSTS}.`)
}

const MOST_HOSTS = 9

interface HostShown {
  readonly name: string
  readonly address: string
  readonly kind: string
  readonly state: 'up' | 'off' | 'frozen'
  /** The member that answers there; null when none does. */
  readonly member: string | null
  readonly version: string | null
  readonly leader: boolean
}

async function show({ flags, terminal }: Invocation, lab: HostsLab) {
  const hosts = await Promise.all(lab.hosts.map(({ name }) => hostShown(lab, name)))
  const { directory, inventory, cluster, version, versions } = lab
  if (flags.on('json')) {
    terminal.out(JSON.stringify({ directory, inventory, cluster, version, versions, hosts }, null, 2))
    return exitCodes.done
  }
  const rows = hosts.map(({ name, address, kind, state, member, version, leader }) => [
    ...[name, address, kind, state],
    member === null ? '' : `${member} ${version ?? ''}${leader ? ', leads' : ''}`,
  ])
  terminal.out(table(['HOST', 'ADDRESS', 'KIND', 'STATE', 'MEMBER'], rows, terminal.size().columns))
  terminal.out(`
  export QUORATE_INVENTORY=${inventory}
  ssh -i ${join(directory, 'ssh/id_ed25519')} -o UserKnownHostsFile=${join(directory, 'ssh/known_hosts')} ops@${lab.hosts[0]?.address ?? ''}`)
  return exitCodes.done
}

async function hostShown(lab: HostsLab, name: string): Promise<HostShown> {
  const { createEtcdClient } = await import('../../lab/etcd-client.ts')
  const { address, kind, clientPort } = lab.host(name)
  const state = lab.state(name)
  const nothing = { name, address, kind, state, member: null, version: null, leader: false }
  if (state !== 'up' || kind === 'haproxy') return nothing
  const client = createEtcdClient(`${address}:${clientPort}`, lab.tls)
  try {
    const { memberId, leader, version } = await client.status()
    const members = await client.members(false)
    const member = members.find(({ id }) => id === memberId)?.name ?? memberId
    return { ...nothing, member, version, leader: leader === memberId }
  } catch {
    return nothing
  } finally {
    client.close()
  }
}
