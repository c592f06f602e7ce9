import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { logTail } from '../lab-host.ts'
import { runCommand } from '../run-command.ts'
import { type ControlGroup, controlGroup, makeControlGroup } from './cgroups.ts'
import { labNames } from './names.ts'
import { linkExists, removeLink } from './network.ts'
import type { HostsLabRecord, RecordedHost } from './record.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly stdin?: string | Buffer
  /** Default 60 000; the program is killed then, and this throws. */
  readonly timeoutMs?: number
}

/** One host of a hosts lab as this machine sees it. Keeps no state: another process can handle it as well. */
export interface Machine {
  readonly host: RecordedHost
  readonly directory: string
  readonly group: ControlGroup
  /** Boots it; returns once its SSH server greets. Does nothing when it runs. */
  boot(): Promise<void>
  /** As if the power went: everything on it ends at once. Its disk stays. */
  kill(): Promise<void>
  runs(): boolean
  /** Runs a program on the host as root, without the network. The exit code is data. */
  run(argv: readonly string[], options?: RunOptions): Promise<Ran>
}

/** Where a host's parts lie below the lab's directory. */
export function machinePlaces(directory: string, host: string) {
  const root = join(directory, 'hosts', host)
  return {
    root,
    upper: join(root, 'upper'),
    work: join(root, 'work'),
    mount: join(root, 'mount'),
    disk: join(root, 'disk.img'),
    console: join(root, 'console.log'),
  }
}

export function machineOf(lab: HostsLabRecord, host: RecordedHost): Machine {
  const names = labNames(lab.number)
  const group = controlGroup(`${names.group}/${host.name}`)
  const places = machinePlaces(lab.directory, host.name)
  const machine: Machine = {
    host,
    directory: places.root,
    group,
    runs: () => group.processes().length > 0,
    async boot() {
      if (machine.runs()) return
      // Linux 6.18 kills what is started into a group that was killed before: a host boots into new ones.
      await group.remove()
      await linkGone(names.link(host.name))
      const child = start(lab, host)
      try {
        await untilGreets(lab, host, child)
      } catch (error) {
        await group.kill()
        throw error
      }
    },
    kill: () => group.kill(),
    run: (argv, options) => runInside(machine, argv, options),
  }
  return machine
}

/** The disk that `/var/lib` of a host lies on: a file system of its own, so that it can be full, and data on it renamed. */
export async function makeDisk(lab: HostsLabRecord, host: string): Promise<void> {
  const lower = lab.layers.at(-1) ?? ''
  const { disk } = machinePlaces(lab.directory, host)
  const quick = ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=1,lazy_journal_init=1']
  await runCommand('mkfs.ext4', [...quick, '-d', join(lower, 'var/lib'), disk, `${lab.diskMiB}M`], {
    timeoutMs: 60_000,
  })
}

const GREETS_WITHIN_MS = 60_000
const LINK_GONE_WITHIN_MS = 10_000

/**
 * The mounts are made in a mount namespace of their own, so that they end with the host's last process and none
 * can be left behind. systemd-nspawn sees neither a bus nor machined: it works where no systemd runs.
 */
const bootScript = `set -eu
machine=$1 host=$2 bridge=$3 layers=$4 upper=$5 work=$6 mount=$7 disk=$8
shift 8
for group; do echo $$ >"$group/cgroup.procs"; done
mount -t overlay overlay -o "lowerdir=$layers,upperdir=$upper,workdir=$work" "$mount"
mount -o loop "$disk" "$mount/var/lib"
cd /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --boot \\
  --directory="$mount" --machine="$machine" --hostname="$host" --network-bridge="$bridge" \\
  --register=no --keep-unit --console=pipe --link-journal=no --system-call-filter='@keyring bpf'
`

function start(lab: HostsLabRecord, { name }: RecordedHost): ChildProcess {
  const names = labNames(lab.number)
  const { upper, work, mount, disk, console } = machinePlaces(lab.directory, name)
  const group = controlGroup(`${names.group}/${name}`)
  makeControlGroup(group)
  for (const directory of [upper, work, mount]) mkdirSync(directory, { recursive: true })
  const log = openSync(console, 'a')
  const words = [names.machine(name), name, names.bridge, lab.layers.join(':'), upper, work, mount, disk]
  const child = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', bootScript, 'boot', ...words, ...group.directories],
    { detached: true, stdio: ['ignore', log, log] },
  )
  closeSync(log)
  child.unref()
  return child
}

async function untilGreets(lab: HostsLabRecord, { name, address }: RecordedHost, child: ChildProcess) {
  const { console } = machinePlaces(lab.directory, name)
  let ended: string | undefined
  child.once('error', ({ message }) => (ended = message))
  child.once('exit', (code, signal) => (ended = `with ${code ?? signal}`))
  const deadline = Date.now() + GREETS_WITHIN_MS
  while (!(await greets(address))) {
    if (ended !== undefined)
      throw new Error(`Lab host ${name} did not boot: it ended (${ended}); ${logTail(console)}`)
    if (Date.now() > deadline)
      throw new Error(
        `The SSH server of lab host ${name} did not greet within ${GREETS_WITHIN_MS / 1000} s on ${address}; ${logTail(console)}`,
      )
    await sleep(30)
  }
}

function greets(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 22 })
    const done = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(500, () => done(false))
    socket.once('error', () => done(false))
    socket.once('data', (chunk) => done(chunk.toString().startsWith('SSH-')))
  })
}

/** The kernel takes a killed host's link away a moment after its last process; a busy one takes its time. */
async function linkGone(link: string): Promise<void> {
  const deadline = Date.now() + LINK_GONE_WITHIN_MS
  while (await linkExists(link)) {
    if (Date.now() > deadline) return removeLink(link)
    await sleep(20)
  }
}

function runInside(machine: Machine, argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { stdin, timeoutMs = 60_000 } = options
  const leader = leaderOf(machine.group)
  if (leader === undefined) throw new Error(`Lab host ${machine.host.name} is not up.`)
  const spaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup']
  const clean = [
    'env',
    '-i',
    'HOME=/root',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ]
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', ['--target', String(leader), ...spaces, '--', ...clean, ...argv], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(
        new Error(
          `${argv.join(' ')} on lab host ${machine.host.name} did not end within ${timeoutMs / 1000} s.`,
        ),
      )
    }, timeoutMs)
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code: code ?? 255, stdout, stderr })
    })
    // A program that does not read its input may end before all of it is written.
    child.stdin.on('error', () => undefined)
    child.stdin.end(stdin ?? '')
  })
}

/** The host's first process: systemd-nspawn, alone in the part of the group for supervisors, has it for a child. */
function leaderOf({ directories, processes }: ControlGroup): number | undefined {
  const file = join(directories[0] ?? '', 'supervisor', 'cgroup.procs')
  if (processes().length === 0 || !existsSync(file)) return undefined
  const [supervisor] = readFileSync(file, 'utf8').split('\n')
  if (!supervisor) return undefined
  const [leader] = readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8').trim().split(' ')
  return leader ? Number(leader) : undefined
}
