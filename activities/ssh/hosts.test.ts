import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals'
import type { Inventory, SshSettings } from '../../dsl/inventory.ts'
import { type HostsFixture, launchHosts } from '../../lab/host/fixture.ts'
import { proxyTo } from '../../lab/host/proxy.ts'
import {
  type CommandObserver,
  createHosts,
  type Hosts,
  type HostScope,
  type HostsOptions,
  SshHost,
} from './hosts.ts'

jest.setTimeout(30_000)

let lab: HostsFixture
const opened: Hosts[] = []

beforeAll(async () => {
  lab = await launchHosts(['a', 'b'])
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((hosts) => hosts.close()))
})
afterAll(() => lab.stop())

/** The lab's inventory with host `a` changed. */
function changed(ssh: Partial<SshSettings>, address = '127.0.0.1'): Inventory {
  const { a, b } = lab.inventory.hosts
  if (a === undefined || b === undefined) throw new Error('the lab has no hosts a and b')
  return { ...lab.inventory, hosts: { a: { ...a, address, ssh: { ...a.ssh, ...ssh } }, b } }
}

function open(inventory: Inventory = lab.inventory, options: HostsOptions = {}): Hosts {
  const hosts = createHosts(inventory, options)
  opened.push(hosts)
  return hosts
}

const failure = async (promise: Promise<unknown>): Promise<Error> => {
  const outcome: unknown = await promise.catch((error: unknown) => error)
  if (outcome instanceof Error) return outcome
  throw new Error(`expected a failure, got ${JSON.stringify(outcome)}`)
}

test('stdin, both outputs and the exit code pass through', async () => {
  const result = await open()
    .host('a')
    .exec({ argv: ['sh', '-c', 'cat; echo "$1" >&2; exit 7', 'sh', 'é "$'], stdin: 'in\n' })
  expect(result).toMatchObject({ code: 7, stdout: 'in\n', stderr: 'é "$\n' })
})

test('a command killed by a signal has a code, because its end is known', async () => {
  expect(
    (
      await open()
        .host('a')
        .exec({ argv: ['sh', '-c', 'kill -TERM $$'] })
    ).code,
  ).toBe(128 + 15)
})

test('of much output the last MiB is kept', async () => {
  const { stdout } = await open()
    .host('a')
    .exec({ argv: ['sh', '-c', 'seq 1 1000000; echo last'] })
  expect(Buffer.byteLength(stdout)).toBe(1024 * 1024)
  expect(stdout.endsWith('1000000\nlast\n')).toBe(true)
})

test('more users than a host allows channels take turns', async () => {
  const host = open().host('a')
  const all = await Promise.all(Array.from({ length: 40 }, (_, i) => host.exec({ argv: ['echo', `${i}`] })))
  expect(all.map(({ stdout }) => stdout)).toEqual(all.map((_, i) => `${i}\n`))
})

test('a command that takes too long is killed', async () => {
  const host = open().host('a')
  const marker = join(lab.home('a'), 'alive')
  const error = await failure(
    host.exec({ argv: ['sh', '-c', 'trap "" HUP TERM; echo $$ >alive; exec sleep 60'], timeoutMs: 2000 }),
  )
  expect(error).toMatchObject({
    name: 'ActionError',
    message: expect.stringContaining('did not end within 2 s'),
  })
  const pid = readFileSync(marker, 'utf8').trim()
  await until(`process ${pid} is gone`, () => !runs(pid))
})

test('with sudo, jobs run as root, and of reading commands those that ask for it', async () => {
  const rooted = await launchHosts(['a'], { path: pathWithSudo() })
  const { a } = rooted.inventory.hosts
  if (a === undefined) throw new Error('the lab has no host a')
  const host = open({ ...rooted.inventory, hosts: { a: { ...a, ssh: { ...a.ssh, sudo: true } } } }).host('a')
  const argv = ['sh', '-c', 'echo "rights: $SUDO"']
  try {
    expect((await host.exec({ argv })).stdout).toBe('rights: \n')
    expect((await host.exec({ argv, privileged: true })).stdout).toBe('rights: root\n')
    expect((await host.job('rooted', { argv })).stdout).toBe('rights: root\n')
  } finally {
    await rooted.stop()
  }
})

/** A search path with a sudo on it that lets everybody, and like the real one passes no environment on. */
function pathWithSudo(): string {
  const directory = join(lab.dir, 'with-sudo')
  mkdirSync(directory)
  const script =
    '#!/bin/sh\n[ "$1 $2" = "-n --" ] || exit 1\nshift 2\nexec env -i SUDO=root PATH="$PATH" "$@"\n'
  writeFileSync(join(directory, 'sudo'), script, { mode: 0o755 })
  return `${directory}:${process.env['PATH']}`
}

test('a connection that broke while nobody used it is opened anew', async () => {
  const host = open().host('a')
  await host.exec({ argv: ['true'] })
  await lab.processes['a']?.dropConnections()
  expect((await host.exec({ argv: ['echo', 'again'] })).stdout).toBe('again\n')
})

test('an exit code that never came is unknown, and the command is not sent again', async () => {
  const host = open().host('a')
  const running = failure(host.exec({ argv: ['sh', '-c', 'echo once >>cut-log; sleep 20'] }))
  await until('the command runs', () => read(join(lab.home('a'), 'cut-log')) !== '')
  await lab.processes['a']?.dropConnections()
  expect(await running).toMatchObject({
    name: 'UnknownOutcomeError',
    message: expect.stringContaining('exit code never came'),
  })
  expect(read(join(lab.home('a'), 'cut-log'))).toBe('once\n')
})

test('a link that swallows everything is noticed in bounded time', async () => {
  const proxy = await proxyTo(lab.processes['a']?.port ?? 0)
  try {
    const inventory = changed({ port: proxy.port })
    writeFileSync(
      inventory.hosts['a']?.ssh.knownHosts ?? '',
      `[127.0.0.1]:${proxy.port} ${lab.processes['a']?.publicKey}\n`,
      { flag: 'a' },
    )
    const host = open(inventory, {
      keepaliveIntervalMs: 200,
      keepaliveCount: 2,
      connectTimeoutMs: 3000,
    }).host('a')
    await host.exec({ argv: ['true'] })
    const startMs = Date.now()
    const running = failure(host.exec({ argv: ['sleep', '20'] }))
    proxy.freeze()
    expect((await running).name).toMatch(/UnknownOutcomeError|ActionError/)
    expect(Date.now() - startMs).toBeLessThan(10_000)
  } finally {
    await proxy.close()
  }
})

test('a host that has gone silent does not hold up the end', async () => {
  const proxy = await proxyTo(lab.processes['a']?.port ?? 0)
  try {
    const inventory = changed({ port: proxy.port })
    const key = `[127.0.0.1]:${proxy.port} ${lab.processes['a']?.publicKey}\n`
    writeFileSync(inventory.hosts['a']?.ssh.knownHosts ?? '', key, { flag: 'a' })
    const hosts = open(inventory, { keepaliveIntervalMs: 60_000 })
    await hosts.host('a').exec({ argv: ['true'] })
    proxy.freeze()
    const startMs = Date.now()
    await hosts.close()
    expect(Date.now() - startMs).toBeLessThan(5_000)
  } finally {
    await proxy.close()
  }
})

test('a host may be reached through another', async () => {
  const hosts = open(changed({ via: 'b' }))
  const { stdout } = await hosts.host('a').exec({ argv: ['sh', '-c', 'echo $HOME'] })
  expect(stdout.trim()).toBe(lab.home('a'))
})

test.each<[string, () => Inventory, string, RegExp]>([
  [
    'nobody listens',
    () => changed({ port: 1 }),
    'ActionError',
    /Host a \(.*@127\.0\.0\.1:1\): the connection was refused\. Start/,
  ],
  [
    'a name that does not resolve',
    () => changed({}, 'no.such.host.invalid'),
    'ActionError',
    /address cannot be resolved/,
  ],
  [
    'another user',
    () => changed({ user: 'nobody-here' }),
    'ActionError',
    /Host a \(nobody-here@.*login failed with the key .*authorized_keys/,
  ],
  [
    'a key that is not there',
    () => changed({ identity: '/no/such/key' }),
    'InputError',
    /ssh\.identity of host a/,
  ],
  [
    'a file that is no key',
    () => changed({ identity: lab.inventory.hosts['a']?.ssh.knownHosts ?? '' }),
    'ActionError',
    /is no private key/,
  ],
  [
    'no known_hosts file',
    () => changed({ knownHosts: '/no/such/file' }),
    'InputError',
    /ssh\.knownHosts of host a/,
  ],
  [
    'a host nobody vouches for',
    () => changed({ knownHosts: '/dev/null' }),
    'RefusedError',
    /SHA256:.*has no key for \[127\.0\.0\.1\]:\d+\. Compare/,
  ],
  [
    'a changed host key',
    () => changed({ knownHosts: otherKeyFile() }),
    'RefusedError',
    /shows the key SHA256:.* expects ssh-ed25519 SHA256:.*\(line 1\)/,
  ],
  ['hosts that go through each other', () => circle(), 'InputError', /in a circle: a -> b -> a/],
])('%s: one sentence says what and where', async (_name, inventory, kind, message) => {
  const error = await failure(
    open(inventory())
      .host('a')
      .exec({ argv: ['true'] }),
  )
  expect(error).toMatchObject({ name: kind, message: expect.stringMatching(message) })
})

test('a host that never answers is given up in time', async () => {
  const proxy = await proxyTo(lab.processes['a']?.port ?? 0)
  proxy.freeze()
  const error = await failure(
    open(changed({ port: proxy.port }), { connectTimeoutMs: 300 })
      .host('a')
      .exec({ argv: ['true'] }),
  )
  expect(error).toMatchObject({ name: 'ActionError', message: expect.stringContaining('cannot be reached') })
  await proxy.close()
})

test('an unknown host is named with those there are', () => {
  expect(() => open().host('c')).toThrow('inventory.yaml has no host c; its hosts are a, b.')
})

test('each command is told before it is sent and after it ended', async () => {
  const events: object[] = []
  const host = open().host('a', {
    onCommand: async (sent) => {
      events.push(sent)
      return async (outcome) => void events.push(outcome)
    },
  })
  await host.exec({ argv: ['echo', 'hi'] })
  await failure(host.job('told', { argv: ['false'] }))
  expect(events).toMatchObject([
    { kind: 'exec', host: 'a', argv: ['echo', 'hi'] },
    { code: 0, stdout: 'hi\n', ms: expect.any(Number) },
    { kind: 'job', key: 'told', argv: ['false'] },
    { code: 1, error: expect.stringContaining('ended with 1') },
  ])
})

const refuse = (): Promise<never> => Promise.reject(new Error('disk full'))

test('nothing is sent when it cannot be put on record first', async () => {
  await failure(
    open()
      .host('a', { onCommand: refuse })
      .exec({ argv: ['touch', 'sent'] }),
  )
  expect(read(join(lab.home('a'), 'sent'), 'absent')).toBe('absent')
})

test('nor is a stream, which is told of like every command', async () => {
  const argv = ['sh', '-c', 'cat >streamed']
  const stream = () => ({ stdin: Readable.from([Buffer.from('all of it')]) })
  await failure(sshHost({ onCommand: refuse }).send(argv, stream()))
  expect(read(join(lab.home('a'), 'streamed'), 'absent')).toBe('absent')
  const events: object[] = []
  const onCommand: CommandObserver = async (sent) => {
    events.push(sent)
    return async (outcome) => void events.push(outcome)
  }
  await sshHost({ onCommand }).send(argv, stream())
  expect(read(join(lab.home('a'), 'streamed'))).toBe('all of it')
  expect(events).toMatchObject([{ kind: 'exec', host: 'a', argv }, { code: 0 }])
})

function sshHost(scope: HostScope): SshHost {
  const host = open().host('a', scope)
  if (host instanceof SshHost) return host
  throw new Error('It is no host over SSH.')
}

const otherKeyFile = (): string => {
  const path = join(lab.dir, 'other_known_hosts')
  writeFileSync(path, `[127.0.0.1]:${lab.processes['a']?.port} ${lab.processes['b']?.publicKey}\n`)
  return path
}

function circle(): Inventory {
  const inventory = changed({ via: 'b' })
  const { a, b } = inventory.hosts
  return a === undefined || b === undefined
    ? inventory
    : { ...inventory, hosts: { a, b: { ...b, ssh: { ...b.ssh, via: 'a' } } } }
}

function read(path: string, otherwise = ''): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}

/** A zombie runs no more, however long its new parent takes to notice. */
function runs(pid: string): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.startsWith('Z')
}

async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
