import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectory, createBinaryFinder, type EtcdBinaries } from '../binaries.ts'
import { installOnce, type ProgramSet } from '../install.ts'
import { runCommand } from '../run-command.ts'

/** Numbers of the users on every host of a hosts lab. */
export const etcdUserId = 980
export const opsUserId = 1000

/**
 * The root file system that all hosts start from: Debian trixie with systemd, OpenSSH and what the special
 * hosts need, all of it disabled but SSH and the network. Made once a recipe by mmdebstrap, in about half a
 * minute; nobody writes to it. Returns its directory in the cache.
 */
export async function rootFileSystem(say: (line: string) => void): Promise<string> {
  const recipe = createHash('sha256')
    .update(JSON.stringify([packages, customize]))
    .digest('hex')
    .slice(0, 12)
  return join(await installed(rootSet(`hosts-root-${recipe}`), say), 'root')
}

/** A layer with `/opt/etcd/VERSION` for an overlay: a copy, so that no host can harm the cached programs. */
export async function etcdLayer(binaries: EtcdBinaries, say: (line: string) => void): Promise<string> {
  return installed(layerSet(binaries), say)
}

/** The programs of a version (`3.6.16`) or of the version used for a minor (`3.6`). */
export async function etcdOfVersion(version: string): Promise<EtcdBinaries> {
  const minor = etcdMinors.find((known) => version === known || version.startsWith(`${known}.`))
  if (minor === undefined)
    throw new Error(`A hosts lab has no etcd ${version}: it has ${etcdMinors.join(', ')}.`)
  const found = await createBinaryFinder().etcd(minor)
  if (version !== minor && version !== found.version)
    throw new Error(`etcd ${version} is asked for, and what was found for ${minor} is ${found.version}.`)
  return found
}

const etcdMinors = ['3.4', '3.5', '3.6', '3.7'] as const

const packages = [
  ...['systemd', 'systemd-sysv', 'dbus', 'openssh-server', 'sudo', 'ca-certificates', 'openssl', 'procps'],
  ...['iproute2', 'iputils-ping', 'nftables', 'iptables', 'socat', 'curl', 'python3-minimal'],
  ...['zstd', 'age', 'rsync', 'haproxy', 'daemontools', 'docker.io', 'docker-cli', 'dnsmasq-base'],
]

const customize = `set -e
root=$1
in_root() { chroot "$root" "$@"; }
in_root groupadd --system --gid ${etcdUserId} etcd
in_root useradd --system --uid ${etcdUserId} --gid etcd --home-dir /var/lib/etcd --shell /usr/sbin/nologin etcd
in_root useradd --uid ${opsUserId} --create-home --shell /bin/bash ops
install -d -m 0700 -o ${etcdUserId} -g ${etcdUserId} "$root/var/lib/etcd"
echo 'ops ALL=(ALL) NOPASSWD:ALL' >"$root/etc/sudoers.d/ops"
chmod 0440 "$root/etc/sudoers.d/ops"
printf 'PasswordAuthentication no\\nUseDNS no\\nMaxStartups 200\\nMaxSessions 200\\n' >"$root/etc/ssh/sshd_config.d/lab.conf"
rm -f "$root"/etc/ssh/ssh_host_*
in_root systemctl disable haproxy.service docker.service docker.socket containerd.service
in_root systemctl mask systemd-firstboot.service systemd-udevd.service console-getty.service ldconfig.service
in_root systemctl mask systemd-journal-flush.service systemd-pcrlock-make-policy.service
in_root systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
in_root systemctl enable systemd-networkd.service systemd-networkd-wait-online.service ssh.service
rm -rf "$root"/var/lib/apt/* "$root"/var/cache/apt/* "$root"/var/lib/dpkg/info "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale
`

async function installed(set: ProgramSet, say: (line: string) => void): Promise<string> {
  const result = await installOnce(set, { cacheDirectory: cacheDirectory(), onProgress: say })
  if (result.kind === 'installed') return result.directory
  throw new Error(`${set.title} could not be made: ${result.reasons.join('; ')}.`)
}

function rootSet(name: string): ProgramSet {
  return {
    name,
    title: 'the root file system of lab hosts',
    programs: ['sshd', 'haproxy', 'dockerd'].map((program) => `root/usr/sbin/${program}`),
    ways: [
      {
        name: 'mmdebstrap',
        async install(directory, say) {
          say('making it with mmdebstrap, which takes about half a minute, once')
          const root = join(directory, 'root')
          const hook = `--customize-hook=${customize}`
          await runCommand(
            'mmdebstrap',
            ['--variant=minbase', `--include=${packages.join(',')}`, hook, 'trixie', root],
            { timeoutMs: 15 * 60_000 },
          )
          await chmod(root, 0o755)
        },
      },
    ],
    check: async () => undefined,
  }
}

function layerSet(binaries: EtcdBinaries): ProgramSet {
  const { version, etcd, etcdctl, etcdutl } = binaries
  const place = `opt/etcd/${version}`
  const paths = { etcd, etcdctl, ...(etcdutl === undefined ? {} : { etcdutl }) }
  return {
    name: `hosts-etcd-${version}`,
    title: `etcd ${version} for lab hosts`,
    programs: Object.keys(paths).map((name) => `${place}/${name}`),
    ways: [
      {
        name: 'a copy',
        async install(directory) {
          await mkdir(join(directory, place), { recursive: true, mode: 0o755 })
          await chmod(directory, 0o755)
          for (const [name, path] of Object.entries(paths)) {
            await copyFile(path, join(directory, place, name))
            await chmod(join(directory, place, name), 0o755)
          }
        },
      },
    ],
    check: async () => undefined,
  }
}
