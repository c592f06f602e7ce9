import { chmodSync, chownSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { enabledUnits, kindFiles } from './kinds.ts'
import { machinePlaces } from './machine.ts'
import type { HostsLabRecord, RecordedHost } from './record.ts'
import { etcdUserId, opsUserId } from './root-file-system.ts'

/** A file on a host. */
export interface HostFile {
  readonly path: string
  readonly text: string
  /** Default 0644. */
  readonly mode?: number
  /** Default root. */
  readonly owner?: number
}

export interface HostTrust {
  /** OpenSSH private key of the host. */
  readonly hostKey: string
  /** Public line of who may log in. */
  readonly authorized: string
  /** Directory with `ca.crt`, and `HOST-server.crt|key`, `HOST-peer.crt|key`; undefined without TLS. */
  readonly pki?: string
}

/** Writes what makes a host itself into the upper layer of its file system, before it is booted. */
export function writeHostFiles(lab: HostsLabRecord, host: RecordedHost, trust: HostTrust): void {
  const { upper } = machinePlaces(lab.directory, host.name)
  rmSync(upper, { recursive: true, force: true })
  for (const file of [...commonFiles(lab, host, trust), ...kindFiles(lab, host)]) writeInto(upper, file)
  for (const [path, target] of Object.entries(links(lab, host))) {
    mkdirSync(dirname(join(upper, path)), { recursive: true })
    symlinkSync(target, join(upper, path))
  }
  if (trust.pki !== undefined) copyCertificates(upper, host.name, trust.pki)
  for (const path of ['home/ops', 'home/ops/.ssh', 'home/ops/.ssh/authorized_keys'])
    chownSync(join(upper, path), opsUserId, opsUserId)
  chmodSync(join(upper, 'home/ops/.ssh'), 0o700)
}

/** Writes a file below a directory that becomes, or is, a host's root. */
export function writeInto(root: string, { path, text, mode = 0o644, owner = 0 }: HostFile): void {
  const place = join(root, path)
  mkdirSync(dirname(place), { recursive: true })
  writeFileSync(place, text)
  chmodSync(place, mode)
  chownSync(place, owner, owner)
}

function commonFiles(lab: HostsLabRecord, host: RecordedHost, trust: HostTrust): HostFile[] {
  const others = lab.hosts.map(({ name, address }) => `${address} ${name}\n`).join('')
  return [
    { path: 'etc/hostname', text: `${host.name}\n` },
    { path: 'etc/hosts', text: `127.0.0.1 localhost\n${others}` },
    // Without one, systemd takes every boot for the first and enables everything.
    { path: 'etc/machine-id', text: `${randomBytes(16).toString('hex')}\n`, mode: 0o444 },
    // Sorted before the 80-container-host0.network that comes with systemd.
    {
      path: 'etc/systemd/network/10-lab.network',
      text: `[Match]\nName=host0\n\n[Network]\nAddress=${host.address}/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n`,
    },
    { path: 'etc/ssh/ssh_host_ed25519_key', text: trust.hostKey, mode: 0o600 },
    { path: 'home/ops/.ssh/authorized_keys', text: trust.authorized, mode: 0o600 },
  ]
}

function links(lab: HostsLabRecord, host: RecordedHost): Record<string, string> {
  const [version] = lab.versions
  const units = enabledUnits(lab, host)
  return {
    ...(host.kind === 'haproxy' || version === undefined ? {} : { 'opt/etcd/current': version }),
    ...Object.fromEntries(
      units.map((unit) => [`etc/systemd/system/multi-user.target.wants/${basename(unit)}`, unit]),
    ),
  }
}

/** As a package would: what the member reads belongs to its user. */
function copyCertificates(upper: string, host: string, pki: string): void {
  const directory = join(upper, 'etc/etcd/pki')
  mkdirSync(directory, { recursive: true })
  const files = {
    'ca.crt': 'ca.crt',
    'server.crt': `${host}-server.crt`,
    'server.key': `${host}-server.key`,
    'peer.crt': `${host}-peer.crt`,
    'peer.key': `${host}-peer.key`,
  }
  for (const [name, source] of Object.entries(files)) {
    const place = join(directory, name)
    copyFileSync(join(pki, source), place)
    chmodSync(place, name.endsWith('.key') ? 0o600 : 0o644)
    chownSync(place, etcdUserId, etcdUserId)
  }
}
