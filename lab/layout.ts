import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Where everything of a process lab lies; all paths absolute. */
export interface LabLayout {
  readonly directory: string
  /** The file the runs read and rewrite. */
  readonly inventory: string
  /** The worker's private key, one for all hosts. */
  readonly identity: string
  readonly knownHosts: string
  readonly owner: string
  readonly mark: string
}

/** One "host" of the lab: a directory, an SSH server and perhaps an etcd. */
export interface HostLayout {
  readonly root: string
  /** What a user who logs in over SSH sees as home. */
  readonly home: string
  /** Where runs keep their jobs, copies and backups. */
  readonly workDir: string
  readonly bin: string
  readonly environment: string
  readonly dataDir: string
  readonly disabled: string
  readonly pidFile: string
  readonly etcdLog: string
  readonly sshLog: string
  readonly authorizedKeys: string
}

export function labLayout(directory: string): LabLayout {
  return {
    directory,
    inventory: join(directory, 'inventory.yaml'),
    identity: join(directory, 'ssh', 'id_ed25519'),
    knownHosts: join(directory, 'ssh', 'known_hosts'),
    owner: join(directory, 'owner'),
    mark: join(directory, 'quorate-lab'),
  }
}

export function hostLayout(directory: string, host: string): HostLayout {
  const root = join(directory, 'hosts', host)
  return {
    root,
    home: join(root, 'home'),
    workDir: join(root, 'home', '.quorate'),
    bin: join(root, 'bin'),
    environment: join(root, 'etc', 'etcd.env'),
    dataDir: join(root, 'var', 'lib', 'etcd'),
    disabled: join(root, 'etc', 'etcd.disabled'),
    pidFile: join(root, 'var', 'run', 'etcd.pid'),
    etcdLog: join(root, 'var', 'log', 'etcd.log'),
    sshLog: join(root, 'var', 'log', 'ssh.log'),
    authorizedKeys: join(root, 'home', '.ssh', 'authorized_keys'),
  }
}

/** The package's own directory, from the sources as from `dist/`. */
export function packageRoot(from: string = import.meta.dirname): string {
  if (existsSync(join(from, 'package.json'))) return from
  const parent = dirname(from)
  if (parent === from)
    throw new Error(`No package.json above ${import.meta.dirname}: is the installation whole?`)
  return packageRoot(parent)
}
