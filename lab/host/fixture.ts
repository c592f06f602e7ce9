import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import type { Host, Inventory } from '../../dsl/inventory.ts'
import { soundKeyPair } from './host-key.ts'
import { type HostProcess, launchHost } from './launch.ts'

export interface HostsFixture {
  readonly dir: string
  readonly inventory: Inventory
  readonly processes: Readonly<Record<string, HostProcess>>
  readonly home: (name: string) => string
  stop(): Promise<void>
}

/** For tests: lab hosts of these names in a temporary directory, and the inventory that reaches them. */
export async function launchHosts(
  names: readonly string[],
  options: { readonly main?: string; readonly path?: string } = {},
): Promise<HostsFixture> {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-hosts-'))
  writeKey(dir)
  const home = (name: string): string => join(dir, name, 'home')
  const launched = await Promise.all(names.map((name) => launchOne(dir, name, home(name), options)))
  const processes = Object.fromEntries(launched.map(({ name, process }) => [name, process]))
  const known = launched.map(({ process }) => `[127.0.0.1]:${process.port} ${process.publicKey}\n`)
  writeFileSync(join(dir, 'known_hosts'), known.join(''))
  const hosts = Object.fromEntries(
    launched.map(({ name, process }) => [name, inventoryHost(dir, name, home(name), process.port)]),
  )
  return {
    dir,
    home,
    processes,
    inventory: { file: 'inventory.yaml', hosts, clusters: {} },
    stop: async () => {
      await Promise.all(launched.map(({ process }) => process.stop()))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function writeKey(dir: string): void {
  const pair = soundKeyPair('quorate-test')
  writeFileSync(join(dir, 'id_ed25519'), pair.private, { mode: 0o600 })
  writeFileSync(join(dir, 'id_ed25519.pub'), `${pair.public}\n`)
}

async function launchOne(
  dir: string,
  name: string,
  home: string,
  { main = resolve('dist/lab/host/main.js'), path }: { readonly main?: string; readonly path?: string },
): Promise<{ readonly name: string; readonly process: HostProcess }> {
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 })
  copyFileSync(join(dir, 'id_ed25519.pub'), join(home, '.ssh', 'authorized_keys'))
  return {
    name,
    process: await launchHost({
      main,
      dir: join(dir, name),
      lab: 'test',
      ...(path === undefined ? {} : { path }),
    }),
  }
}

const inventoryHost = (dir: string, name: string, home: string, port: number): Host => ({
  name,
  address: '127.0.0.1',
  workDir: join(home, 'quorate'),
  ssh: {
    port,
    user: userInfo().username,
    identity: join(dir, 'id_ed25519'),
    knownHosts: join(dir, 'known_hosts'),
    sudo: false,
  },
})
