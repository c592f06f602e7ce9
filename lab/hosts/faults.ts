import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Machine } from './machine.ts'
import { labNames } from './names.ts'
import { type Cut, setCuts } from './network.ts'
import type { HostsLabRecord, LabHostKind } from './record.ts'

export interface CutOptions {
  /** Hosts it can no longer talk with, and `worker` for this machine. Default: all of them and this machine. */
  readonly from?: readonly string[]
  /** What is lost: what the host sends (`out`), what is sent to it (`in`), or both. Default both. */
  readonly direction?: 'both' | 'in' | 'out'
  /** Only TCP to and from these ports. Default: every packet. */
  readonly ports?: readonly number[]
}

/** What can be corrupted of a member's data. */
export type DataPart = 'db' | 'wal'

/** Things that go wrong on purpose. Each takes effect before it returns, and holds until it is taken back. */
export interface Faults {
  /** Loses packets on the bridge, so that nothing on the hosts shows why: they time out. Adds to former cuts. */
  cutOff(host: string, options?: CutOptions): Promise<void>
  /** Takes back the cuts made for a host; without one, all. */
  heal(host?: string): Promise<void>
  /** As if the power went. */
  kill(host: string): Promise<void>
  /** Powers it on again; returns when its SSH server greets. */
  boot(host: string): Promise<void>
  /** Stops everything on the host in its tracks. Its kernel still takes connections, as a hung host's does. */
  freeze(host: string): void
  thaw(host: string): void
  /** Leaves no byte free below `/var/lib`. */
  fillDisk(host: string): Promise<void>
  freeDisk(host: string): Promise<void>
  /** Through the host's own service manager. */
  stopEtcd(host: string): Promise<void>
  startEtcd(host: string): Promise<void>
  /** To the etcd process alone: `KILL`, `STOP`, `CONT`. systemd starts a killed one again. */
  signalEtcd(host: string, signal: 'KILL' | 'STOP' | 'CONT'): Promise<void>
  /** Overwrites the beginning of the database or of the newest segment of the log: etcd does not start from it. */
  corruptData(host: string, part?: DataPart): Promise<void>
  /** The host shows another SSH key from now on; known_hosts stays as it is. */
  changeHostKey(host: string): Promise<void>
}

export function faultsOf(lab: HostsLabRecord, machine: (host: string) => Machine): Faults {
  const file = join(lab.directory, 'cuts.json')
  const setAll = async (cuts: readonly Cut[]): Promise<void> => {
    await setCuts(lab.number, cuts)
    writeFileSync(file, `${JSON.stringify(cuts)}\n`)
  }
  const succeed = async (host: string, argv: readonly string[]): Promise<void> => {
    const { code, stdout, stderr } = await machine(host).run(argv)
    if (code !== 0)
      throw new Error(
        `${argv.join(' ')} ended with ${code} on lab host ${host}: ${stderr.trim() || stdout.trim()}`,
      )
  }
  const shell = (host: string, script: string, ...words: readonly string[]) =>
    succeed(host, ['sh', '-c', script, 'lab', ...words])
  return {
    cutOff: (host, options) => setAll([...readCuts(file), ...cutsFor(lab, machine(host).host.name, options)]),
    heal: (host) => setAll(host === undefined ? [] : readCuts(file).filter((cut) => cut.host !== host)),
    kill: (host) => machine(host).kill(),
    boot: (host) => machine(host).boot(),
    freeze: (host) => machine(host).group.freeze(true),
    thaw: (host) => machine(host).group.freeze(false),
    fillDisk: (host) => shell(host, fillScript, FILLER),
    freeDisk: (host) => shell(host, 'rm -f -- "$1" "$1.rest"', FILLER),
    stopEtcd: (host) => succeed(host, serviceCommand(machine(host).host.kind, 'stop')),
    startEtcd: (host) => succeed(host, serviceCommand(machine(host).host.kind, 'start')),
    signalEtcd: (host, signal) => shell(host, 'kill "-$1" $(pidof etcd)', signal),
    corruptData: (host, part = 'db') => shell(host, corruptScript, part),
    changeHostKey: (host) => shell(host, hostKeyScript),
  }
}

const FILLER = '/var/lib/lab-filler'

const cutList = z.array(
  z.object({
    host: z.string(),
    from: z.string().optional(),
    to: z.string().optional(),
    ports: z.array(z.int()).optional(),
  }),
)

function readCuts(file: string): readonly Cut[] {
  if (!existsSync(file)) return []
  return cutList.parse(JSON.parse(readFileSync(file, 'utf8'))).map(({ host, from, to, ports }) => ({
    host,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(ports !== undefined && { ports }),
  }))
}

function cutsFor(lab: HostsLabRecord, host: string, options: CutOptions = {}): Cut[] {
  const { from, direction = 'both', ports } = options
  const address = addressOf(lab, host)
  const others = from?.map((name) => ({ address: addressOf(lab, name) })) ?? [{ address: undefined }]
  return others.flatMap((other) => {
    const common = { host, ...(ports !== undefined && { ports }) }
    const out = { ...common, from: address, ...(other.address !== undefined && { to: other.address }) }
    const into = { ...common, to: address, ...(other.address !== undefined && { from: other.address }) }
    return [...(direction === 'in' ? [] : [out]), ...(direction === 'out' ? [] : [into])]
  })
}

function addressOf(lab: HostsLabRecord, name: string): string {
  if (name === 'worker') return labNames(lab.number).gateway
  const found = lab.hosts.find((host) => host.name === name)
  if (found === undefined)
    throw new Error(`The lab has no host ${name}; it has ${lab.hosts.map(({ name }) => name).join(', ')}.`)
  return found.address
}

/** The reserve of ext4 is none here, so what is full is full for root too. */
const fillScript = `
free=$(($(stat -f -c '%a * %S' /var/lib)))
[ "$free" -eq 0 ] || fallocate -l "$free" "$1" 2>/dev/null || fallocate -l "$((free - free / 100))" "$1" || true
cat /dev/zero >>"$1.rest" 2>/dev/null
sync -f /var/lib
[ "$(stat -f -c %a /var/lib)" -eq 0 ] || { stat -f /var/lib >&2; exit 1; }
`

const corruptScript = `set -e
cd /var/lib/etcd/member
case $1 in
  db) file=snap/db ;;
  wal) file=wal/$(ls wal | grep '\\.wal$' | sort | tail -n 1) ;;
  *) echo "no part $1" >&2; exit 2 ;;
esac
dd if=/dev/urandom of="$file" bs=4096 count=4 conv=notrunc,fsync status=none
`

const hostKeyScript = `set -e
rm -f /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
systemctl restart ssh.service
`

function serviceCommand(kind: LabHostKind, verb: 'start' | 'stop'): readonly string[] {
  switch (kind) {
    case 'systemd':
      return ['systemctl', verb, 'etcd.service']
    case 'docker':
      return ['docker', verb, 'etcd']
    case 'supervise':
      return ['svc', verb === 'start' ? '-u' : '-d', '/etc/service/etcd']
    case 'script':
      return [`/usr/local/sbin/etcd-${verb}`]
    case 'haproxy':
      throw new Error(`No etcd runs on a host with HAProxy, so there is none to ${verb}.`)
  }
}
