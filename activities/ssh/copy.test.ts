import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  statSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import type { Inventory } from '../../dsl/inventory.ts'
import { type HostsFixture, launchHosts } from '../../lab/host/fixture.ts'
import { type LinkProxy, proxyTo } from '../../lab/host/proxy.ts'
import { type CopyRequest, copyDirectory, type CopyResult } from './copy.ts'
import { blockBytes, incomingMark } from './copy-manifest.ts'
import { receiveArgv } from './copy-script.ts'
import { takeOver, type Transfer } from './copy-transfer.ts'
import { createHosts, type Hosts, SshHost } from './hosts.ts'

jest.setTimeout(120_000)

let lab: HostsFixture
let hosts: Hosts
let source: string
let target: string
let number = 0

beforeAll(async () => {
  lab = await launchHosts(['a', 'b'])
  appendFileSync(keysOfB(), '# mine\nssh-ed25519 AAAAother other@somewhere')
})
afterAll(() => lab.stop())
beforeEach(() => {
  hosts = createHosts(lab.inventory)
  number++
  source = join(lab.home('a'), `data ${number}`)
  target = join(lab.home('b'), `data '${number}'`)
  makeDataDirectory(source)
})
afterEach(async () => {
  await hosts.close()
  for (const path of [source, target]) rmSync(path, { recursive: true, force: true })
  expect(readFileSync(keysOfB(), 'utf8')).toMatch(
    /^ssh-ed25519 \S+ quorate-test\n# mine\nssh-ed25519 AAAAother other@somewhere\n?$/,
  )
})

const keysOfB = (): string => join(lab.home('b'), '.ssh', 'authorized_keys')

function makeDataDirectory(root: string): void {
  mkdirSync(join(root, 'member', 'snap'), { recursive: true, mode: 0o700 })
  mkdirSync(join(root, 'member', 'wal'), { mode: 0o700 })
  write(root, 'member/snap/db', randomBytes(3 * blockBytes + 1000))
  write(root, 'member/wal/0.wal', Buffer.concat([randomBytes(5000), Buffer.alloc(2 * blockBytes)]))
  write(root, 'member/wal/empty', Buffer.alloc(0))
}

const write = (root: string, path: string, content: Buffer | string): void =>
  writeFileSync(join(root, path), content, { mode: 0o600 })

const copy = (change: Partial<CopyRequest> = {}, from = hosts): Promise<CopyResult> =>
  copyDirectory({
    from: from.host('a'),
    fromPath: source,
    to: from.host('b'),
    toPath: target,
    key: `copy-${number}`,
    verify: true,
    ...change,
  })

/** Every name with its kind, mode, owner and content. */
function contents(root: string): Readonly<Record<string, unknown>> {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return Object.fromEntries(['', ...paths].toSorted().map((path) => [path, describeFile(join(root, path))]))
}

function describeFile(path: string): unknown {
  const { mode, uid, gid, size } = lstatSync(path)
  const content = lstatSync(path).isFile()
    ? createHash('sha256').update(readFileSync(path)).digest('hex')
    : ''
  return { mode: mode.toString(8), uid, gid, size: content === '' ? 0 : size, content }
}

const bigBytes = 8 * blockBytes
/** `big` comes first. */
const middleBytes = 5 * blockBytes
/** What a copy of the big file and all others sends when nothing is there yet. */
const sentAnewBytes = bigBytes + 4 * blockBytes + 1000
const totalBytes = 5 * blockBytes + 6000

test.each(['direct', 'relay'] as const)(
  'a first copy, %s: the same at both ends, its marks gone',
  async (transport) => {
    const result = await copy({ transport })
    expect(result).toMatchObject({ files: 3, bytesTotal: totalBytes, via: transport })
    expect(result.digest).toMatch(/^[0-9a-f]{64}$/)
    expect(contents(target)).toEqual(contents(source))
    expect(readdirSync(join(lab.home('a'), 'quorate', 'transfers'))).toEqual([])
    expect(readdirSync(join(lab.home('b'), 'quorate', 'transfers'))).toEqual([])
  },
)

test('blocks of zeros are not sent', async () => {
  const { bytesSent, bytesReused } = await copy()
  expect(bytesSent).toBe(4 * blockBytes + 1000)
  expect(bytesReused).toBe(totalBytes - bytesSent)
})

test('a finished copy asked for again is found to be the same', async () => {
  const first = await copy()
  expect(await copy()).toMatchObject({ bytesSent: 0, bytesReused: totalBytes, digest: first.digest })
})

test('modes, odd names and (as root) owners are kept', async () => {
  for (const name of ['-rf', 'a  b ', "it's", '"q"', '$HOME', '*', 'ü😀', 'back\\slash', '%s'])
    write(source, name, name)
  mkdirSync(join(source, 'shared dir'))
  chmodSync(join(source, 'shared dir'), 0o2750)
  chmodSync(join(source, '-rf'), 0o640)
  if (process.getuid?.() === 0) chownSync(join(source, '*'), 12345, 54321)
  await copy()
  expect(contents(target)).toEqual(contents(source))
})

test('a warm pass, then a final one that sends only what changed, shrank, came or went', async () => {
  write(source, 'gone', 'x')
  mkdirSync(join(source, 'gone-too', 'deep'), { recursive: true })
  write(source, 'gone-too/deep/file', 'x')
  write(source, 'turned', 'a file')
  expect(await copy({ verify: false, key: 'warm' })).toMatchObject({ digest: '', bytesReused: 0 })
  expect(existsSync(join(target, incomingMark))).toBe(true)
  overwrite(join(source, 'member/snap/db'), blockBytes + 10, 'changed')
  truncateSync(join(source, 'member/wal/0.wal'), 3000)
  for (const path of ['gone', 'gone-too', 'turned']) rmSync(join(source, path), { recursive: true })
  mkdirSync(join(source, 'turned'))
  write(source, 'new', 'new')
  chmodSync(join(source, 'member'), 0o750)
  const final = await copy()
  expect(contents(target)).toEqual(contents(source))
  expect(final.bytesSent).toBe(blockBytes + 3000 + 3)
  expect(existsSync(join(target, incomingMark))).toBe(false)
})

test('a warm pass does not mind what changes and vanishes under it', async () => {
  const change = (): void => {
    rmSync(join(source, 'member/wal/0.wal'), { force: true })
    truncateSync(join(source, 'member/snap/db'), blockBytes)
    write(source, 'member/wal/1.wal', 'new')
  }
  await copy({ verify: false, onProgress: ({ phase }) => void (phase === 'sending' && change()) })
  await copy()
  expect(contents(target)).toEqual(contents(source))
})

test('a byte that rotted at the destination is found and mended', async () => {
  await copy({ verify: false, key: 'warm' })
  overwrite(join(target, 'member/snap/db'), 2 * blockBytes, 'rot')
  expect((await copy()).bytesSent).toBe(blockBytes)
  expect(contents(target)).toEqual(contents(source))
})

test('a byte that changes after it was sent is found by the proof', async () => {
  let proofs = 0
  const rotOnce = (): void => void (proofs++ === 0 && overwrite(join(target, 'member/snap/db'), 5, 'rot'))
  await copy({ onProgress: ({ phase }) => void (phase === 'proving' && rotOnce()) })
  expect(proofs).toBe(2)
  expect(contents(target)).toEqual(contents(source))
})

test('a destination that does not keep what it is given ends the copy', async () => {
  let proofs = 0
  const rot = (): void => overwrite(join(target, 'member/snap/db'), 5, `rot ${proofs++}`)
  await expect(
    copy({ onProgress: ({ phase }) => void (phase === 'proving' && rot()) }),
  ).rejects.toMatchObject({
    name: 'ActionError',
    message: expect.stringMatching(
      /is not the same as .* after 4 passes\. They differ in member\/snap\/db\./,
    ),
  })
  expect(existsSync(join(target, incomingMark))).toBe(true)
})

test('a worker killed while it sends: the sending goes on, and the next attempt waits for it', async () => {
  const link = await slowLink()
  await link.killWorkerInTheMiddle('direct')
  link.proxy.resume()
  const result = await copy({}, link.hosts)
  expect(contents(target)).toEqual(contents(source))
  expect(result.bytesSent).toBe(sentAnewBytes)
  expect(sendings()).toBe(1)
  await link.close()
})

test('worker and sending killed: the copy resumes', async () => {
  const link = await slowLink()
  await link.killWorkerInTheMiddle('direct')
  killSending()
  link.proxy.resume()
  const result = await copy({}, link.hosts)
  expect(contents(target)).toEqual(contents(source))
  expect(result.bytesSent).toBeLessThanOrEqual(sentAnewBytes - 2 * blockBytes)
  expect(sendings()).toBe(2)
  await link.close()
})

test('a worker killed while it relays: the copy resumes', async () => {
  const link = await slowLink()
  await link.killWorkerInTheMiddle('relay')
  link.proxy.resume()
  const result = await copy({ transport: 'relay' }, link.hosts)
  expect(contents(target)).toEqual(contents(source))
  expect(result.bytesSent).toBeLessThanOrEqual(sentAnewBytes - 2 * blockBytes)
  await link.close()
})

test.each(['direct', 'relay'] as const)(
  'links cut while it sends, %s: it goes on by itself',
  async (transport) => {
    const link = await slowLink()
    const copying = copy({ transport }, link.hosts)
    await until('the middle', link.proxy.stalled)
    await lab.processes['a']?.dropConnections()
    await lab.processes['b']?.dropConnections()
    await until('the links are cut', () => !link.proxy.stalled())
    link.proxy.resume()
    const result = await copying
    expect(contents(target)).toEqual(contents(source))
    expect(result.bytesSent).toBeLessThan(1.5 * result.bytesTotal)
    await link.close()
  },
)

test('where the source has no ssh it goes through the worker, and says so', async () => {
  const bare = await launchHosts(['a', 'b'], { path: toolsWithoutSsh() })
  const through = createHosts(bare.inventory)
  try {
    const [fromPath, toPath] = [join(bare.home('a'), 'data'), join(bare.home('b'), 'data')]
    makeDataDirectory(fromPath)
    const result = await copy({ fromPath, toPath }, through)
    expect(result).toMatchObject({ via: 'relay', viaBecause: 'there is no ssh here' })
    expect(contents(toPath)).toEqual(contents(fromPath))
    await expect(copy({ fromPath, toPath: `${toPath}2`, transport: 'direct' }, through)).rejects.toThrow(
      /a cannot send to b: there is no ssh/,
    )
    expect(readFileSync(join(bare.home('b'), '.ssh', 'authorized_keys'), 'utf8')).not.toContain(
      'quorate-copy',
    )
  } finally {
    await through.close()
    await bare.stop()
  }
})

test('with sudo at both ends the receiver has its rights too', async () => {
  const tools = join(lab.dir, 'with-sudo')
  mkdirSync(tools)
  const log = join(lab.dir, 'sudo-log')
  const script = `#!/bin/sh\n[ "$1 $2" = "-n --" ] || exit 1\nshift 2\necho "$4 $5 $6" >>${log}\nexec env -i PATH="$PATH" "$@"\n`
  writeFileSync(join(tools, 'sudo'), script, { mode: 0o755 })
  const rooted = await launchHosts(['a', 'b'], { path: `${tools}:${process.env['PATH']}` })
  const entries = Object.entries(rooted.inventory.hosts)
  const withSudo = entries.map(([name, host]) => [name, { ...host, ssh: { ...host.ssh, sudo: true } }])
  const through = createHosts({ ...rooted.inventory, hosts: Object.fromEntries(withSudo) })
  try {
    const [fromPath, toPath] = [join(rooted.home('a'), 'data'), join(rooted.home('b'), 'data')]
    makeDataDirectory(fromPath)
    expect(await copy({ fromPath, toPath }, through)).toMatchObject({ via: 'direct' })
    expect(contents(toPath)).toEqual(contents(fromPath))
    expect(readFileSync(log, 'utf8')).toMatch(/put 1 0/)
    expect(readFileSync(join(rooted.home('b'), '.ssh', 'authorized_keys'), 'utf8')).not.toContain(
      'quorate-copy',
    )
  } finally {
    await through.close()
    await rooted.stop()
  }
})

test('authorized_keys that is a link is left alone', async () => {
  const elsewhere = join(lab.home('b'), 'keys-elsewhere')
  renameSync(keysOfB(), elsewhere)
  symlinkSync(elsewhere, keysOfB())
  try {
    expect(await copy()).toMatchObject({ via: 'relay', viaBecause: expect.stringContaining('is a link') })
  } finally {
    renameSync(elsewhere, keysOfB())
  }
})

test.each<[string, () => Partial<CopyRequest>, string, RegExp]>([
  [
    'a source that is not there',
    () => ({ fromPath: `${source}-not` }),
    'RefusedError',
    /There is no .*-not on a/,
  ],
  ['a source that is a link', () => ({ fromPath: linkTo(source) }), 'RefusedError', /is a symbolic link/],
  [
    'a source that is a file',
    () => ({ fromPath: join(source, 'member/snap/db') }),
    'RefusedError',
    /is no directory/,
  ],
  [
    'a WAL kept elsewhere',
    () => withLinkInside(),
    'RefusedError',
    /holds \.\/member\/wal2, which is neither/,
  ],
  ['a name with a newline', () => withNewline(), 'RefusedError', /control characters/],
  ['a source that is an unfinished copy', () => withMark(), 'RefusedError', /itself an unfinished copy/],
  [
    'a destination that holds something else',
    () => withForeign(),
    'RefusedError',
    /holds something that is no unfinished copy \(precious, 1 entries\)/,
  ],
  ['a relative path', () => ({ toPath: 'data' }), 'InputError', /no absolute path/],
  ['a path that climbs', () => ({ toPath: '/x/../y' }), 'InputError', /no absolute path/],
])('%s is refused, and nothing is touched', async (_name, change, name, message) => {
  const request = change()
  const before = existsSync(target) ? contents(target) : undefined
  await expect(copy(request)).rejects.toMatchObject({ name, message: expect.stringMatching(message) })
  expect(existsSync(target) ? contents(target) : undefined).toEqual(before)
})

test('a receiver takes numbers of files it was told of, with the token of now, and nothing else', async () => {
  const transfer = transferOf()
  const to = transfer.to
  const token = await takeOver(transfer, ['file'], [{ kind: 'directory', path: '.' }])
  const receive = async (request: string, word = token): Promise<number> =>
    (await to.exec({ argv: [...receiveArgv(transfer.toDir, word), request], stdin: 'data' })).code
  expect(await receive('hello')).toBe(0)
  for (const odd of [
    '',
    'sh',
    'put',
    'put 1',
    'put 2 0',
    'put 0 0',
    'put ../x 0',
    'put 1 -1',
    'put 1;id 0',
    '$(id)',
  ]) {
    expect([odd, await receive(odd)]).toEqual([odd, 78])
  }
  expect(await receive('put 1 0', 'another')).toBe(77)
  expect(existsSync(join(target, 'file'))).toBe(false)
  expect(await receive('put 1 0')).toBe(0)
  expect(readFileSync(join(target, 'file'), 'utf8')).toBe('data')
})

test('a new pass ends whoever still writes for an old one', async () => {
  const transfer = transferOf()
  const token = await takeOver(transfer, ['file'], [{ kind: 'directory', path: '.' }])
  const stale = transfer.to.exec({
    argv: [
      'sh',
      '-c',
      '(echo begun; sleep 60) | "$@"',
      'sh',
      ...receiveArgv(transfer.toDir, token),
      'put 1 0',
    ],
    timeoutMs: 50_000,
  })
  await until('the old one writes', () => existsSync(join(target, 'file')))
  const after = await takeOver(transfer, [], [])
  const old = await transfer.to.exec({
    argv: [...receiveArgv(transfer.toDir, token), 'put 1 0'],
    stdin: 'late',
  })
  expect([old.code, after === token]).toEqual([77, false])
  expect(readdirSync(transfer.toDir).filter((name) => name.startsWith('receiver.'))).toEqual([])
  await hosts.close()
  await stale.catch(() => {})
})

function transferOf(): Transfer {
  const [from, to] = [hosts.host('a'), hosts.host('b')]
  if (!(from instanceof SshHost) || !(to instanceof SshHost)) throw new Error('expected hosts over SSH')
  return {
    from,
    to,
    fromPath: source,
    toPath: target,
    key: 'k',
    fromDir: join(lab.home('a'), 'quorate', 'transfers', 'hand'),
    toDir: join(lab.home('b'), 'quorate', `by-hand-${number}`),
    tag: 'quorate-copy-hand',
    report: () => {},
  }
}

const linkTo = (path: string): string => {
  symlinkSync(path, `${path}-link`)
  return `${path}-link`
}
const withLinkInside = (): Partial<CopyRequest> => {
  symlinkSync('/tmp', join(source, 'member', 'wal2'))
  return {}
}
const withNewline = (): Partial<CopyRequest> => {
  write(source, 'a\nb', '')
  return {}
}
const withMark = (): Partial<CopyRequest> => {
  write(source, incomingMark, '')
  return {}
}
const withForeign = (): Partial<CopyRequest> => {
  mkdirSync(target)
  write(target, 'precious', 'keep')
  return {}
}

function overwrite(path: string, position: number, text: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, text, position)
  closeSync(file)
}

const jobsOfA = (): string => join(lab.home('a'), 'quorate', 'jobs')
const sendingJobs = (): readonly string[] =>
  readdirSync(jobsOfA()).filter((name) => name.startsWith(`copy-${number}.send-`))
/** By the source's own records. */
const sendings = (): number =>
  sendingJobs().reduce(
    (sum, name) => sum + readFileSync(join(jobsOfA(), name, 'started'), 'utf8').split('\n').length - 1,
    0,
  )

function killSending(): void {
  for (const name of sendingJobs()) {
    const pid = Number(readFileSync(join(jobsOfA(), name, '1', 'pid'), 'utf8').split(' ')[0])
    process.kill(-pid, 'SIGKILL')
  }
}

interface SlowLink {
  readonly proxy: LinkProxy
  readonly hosts: Hosts
  killWorkerInTheMiddle(transport: 'direct' | 'relay'): Promise<void>
  close(): Promise<void>
}

/** Host b behind a link that holds up in the middle of a big file. */
async function slowLink(): Promise<SlowLink> {
  write(source, 'big', randomBytes(bigBytes))
  const b = lab.inventory.hosts['b']
  if (b === undefined) throw new Error('the lab has no host b')
  const proxy = await proxyTo(b.ssh.port)
  proxy.stallAfter(middleBytes)
  appendFileSync(b.ssh.knownHosts, `[127.0.0.1]:${proxy.port} ${lab.processes['b']?.publicKey}\n`)
  const inventory = {
    ...lab.inventory,
    hosts: { ...lab.inventory.hosts, b: { ...b, ssh: { ...b.ssh, port: proxy.port } } },
  }
  const through = createHosts(inventory)
  return {
    proxy,
    hosts: through,
    killWorkerInTheMiddle: async (transport) => {
      const worker = workerThatCopies(inventory, transport)
      await until('the middle', proxy.stalled)
      // What passed the link is not yet on the destination's disk.
      await until('the destination holds two blocks', () => held(join(target, 'big')) >= 2 * blockBytes)
      await killed(worker)
    },
    close: async () => {
      await through.close()
      await proxy.close()
    },
  }
}

/** Bytes really written: a file that is being copied has its full length from the beginning. */
function held(file: string): number {
  return (statSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512
}

/** A worker process of its own, so that it can be killed. */
function workerThatCopies(inventory: Inventory, transport: 'direct' | 'relay'): ChildProcess {
  const module = (name: string): string =>
    JSON.stringify(pathToFileURL(resolve(`dist/activities/ssh/${name}.js`)).href)
  const request = { fromPath: source, toPath: target, key: `copy-${number}`, verify: true, transport }
  const script = `
    import { createHosts } from ${module('hosts')}
    import { copyDirectory } from ${module('copy')}
    const hosts = createHosts(${JSON.stringify(inventory)})
    await copyDirectory({ ...${JSON.stringify(request)}, from: hosts.host('a'), to: hosts.host('b') })`
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    child.once('exit', () => done())
    child.kill('SIGKILL')
  })
}

function toolsWithoutSsh(): string {
  const directory = join(lab.dir, 'tools')
  mkdirSync(directory)
  for (const from of ['/bin', '/usr/bin']) {
    for (const tool of readdirSync(from)) {
      if (!tool.startsWith('ssh') && !existsSync(join(directory, tool)))
        symlinkSync(join(from, tool), join(directory, tool))
    }
  }
  return directory
}

async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms until ${what}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}
