import { platform } from 'node:os'
import { programOnPath } from '../program.ts'
import { runCommand } from '../run-command.ts'

/** Debian packages that the hosts lab works with. */
export const hostsLabPackages = [
  'debian-archive-keyring',
  'e2fsprogs',
  'iproute2',
  'mmdebstrap',
  'nftables',
  'openssl',
  'systemd-container',
  'util-linux',
] as const

/** What a machine is asked for before it gets a hosts lab. */
export interface MachineFacts {
  readonly system: NodeJS.Platform
  readonly isRoot: boolean
  /** As in `PATH`. */
  readonly path: string
}

/** Why this machine cannot have a hosts lab, as a sentence with what to do about it; undefined when it can. */
export function whyNoHostsLab(facts: MachineFacts = thisMachine()): string | undefined {
  if (facts.system !== 'linux')
    return 'A hosts lab boots real Linux hosts: it needs Linux. Use `quorate up`, which needs nothing.'
  if (!facts.isRoot)
    return 'A hosts lab makes mounts, a network bridge and containers: it needs root. Use sudo, or `quorate up`, which needs nothing.'
  const missing = missingPrograms(facts)
  if (missing.length === 0) return undefined
  return `A hosts lab needs ${missing.join(', ')} on the PATH: install what is missing with \`quorate lab hosts install\`.`
}

/** Throws `whyNoHostsLab`. */
export function requireHostsLab(): void {
  const why = whyNoHostsLab()
  if (why !== undefined) throw new Error(why)
}

/** Installs what is missing by apt-get. Throws when this is not root on Debian or a relative of it, or apt-get fails. */
export async function installHostsLabPackages(say: (line: string) => void): Promise<void> {
  const facts = thisMachine()
  if (facts.system !== 'linux' || !facts.isRoot) requireHostsLab()
  if (missingPrograms(facts).length === 0) return
  if (programOnPath('apt-get', facts.path) === undefined)
    throw new Error(
      `There is no apt-get here: install what gives ${missingPrograms(facts).join(', ')} with the system's own package manager.`,
    )
  const options = { timeoutMs: 10 * 60_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  say(`Installing ${hostsLabPackages.join(', ')} …`)
  await runCommand('apt-get', ['update', '-qq'], options)
  await runCommand(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', ...hostsLabPackages],
    options,
  )
  requireHostsLab()
}

const programs = ['ip', 'mkfs.ext4', 'mmdebstrap', 'nft', 'nsenter', 'openssl', 'systemd-nspawn', 'unshare']

function missingPrograms({ path }: MachineFacts): string[] {
  return programs.filter((name) => programOnPath(name, path) === undefined)
}

function thisMachine(): MachineFacts {
  return { system: platform(), isRoot: process.getuid?.() === 0, path: process.env['PATH'] ?? '' }
}
