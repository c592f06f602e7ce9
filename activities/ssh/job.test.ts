import { type ChildProcess, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals'
import { type HostsFixture, launchHosts } from '../../lab/host/fixture.ts'
import { proxyTo } from '../../lab/host/proxy.ts'
import type { Inventory } from '../../dsl/inventory.ts'
import { createHosts, type Hosts, type HostScope, type HostsOptions } from './hosts.ts'
import { jobDirectory } from './job.ts'
import type { RemoteHost } from './remote-host.ts'

jest.setTimeout(60_000)

let lab: HostsFixture
const opened: Hosts[] = []

beforeAll(async () => {
  lab = await launchHosts(['a'])
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((hosts) => hosts.close()))
})
afterAll(() => lab.stop())

function host(
  scope: HostScope = {},
  inventory: Inventory = lab.inventory,
  options: HostsOptions = {},
): RemoteHost {
  const hosts = createHosts(inventory, options)
  opened.push(hosts)
  return hosts.host('a', scope)
}

const inHome = (name: string): string => join(lab.home('a'), name)
const ofJob = (key: string, file: string): string =>
  join(lab.home('a'), 'quorate', 'jobs', jobDirectory(key), file)
/** The host's own record of how often a job was started. */
const starts = (key: string): number => read(ofJob(key, 'started')).split('\n').length - 1
/** Leaves a trace of each time it really ran. */
const traced = (trace: string, script: string): { readonly argv: readonly string[] } => ({
  argv: ['sh', '-c', `echo ran >>"$1"; ${script}`, 'sh', inHome(trace)],
})

test('a job runs once and its result is kept for whoever asks later', async () => {
  const command = traced('once', 'cat; echo warned >&2')
  const first = await host().job('once', { ...command, stdin: 'in' })
  expect(first).toMatchObject({ code: 0, stdout: 'in', stderr: 'warned\n' })
  expect(await host().job('once', { ...command, stdin: 'in' })).toMatchObject({
    code: 0,
    stdout: 'in',
    stderr: 'warned\n',
  })
  expect(read(inHome('once'))).toBe('ran\n')
  expect(starts('once')).toBe(1)
})

test('the record says what was asked for; only its owner may read it; stdin is gone', async () => {
  await host({ attempt: 'try-1' }).job('record', { argv: ['sh', '-c', 'echo out'], stdin: 'secret' })
  expect(JSON.parse(read(ofJob('record', '1/job.json')))).toEqual({
    key: 'record',
    argv: ['sh', '-c', 'echo out'],
    attempt: 'try-1',
  })
  expect(read(ofJob('record', '1/code'))).toMatch(/^0 \d{10} \d{10}\n$/)
  expect(readdirSync(ofJob('record', '1')).toSorted()).toEqual(['code', 'err', 'job.json', 'out', 'pid'])
  expect(statSync(ofJob('record', '.')).mode & 0o777).toBe(0o700)
  expect(statSync(ofJob('record', '1/out')).mode & 0o777).toBe(0o600)
})

test('a job runs with the umask and environment of a login, in a session of its own', async () => {
  const script = 'umask; env | cut -d= -f1 | grep -vx -e PWD -e OLDPWD -e _ -e SHLVL | sort | tr "\\n" " "'
  const sessions = 'ps -o sid= -p $$; ps -o sid= -p $PPID; ps -o pgid= -p $PPID'
  const { stdout } = await host().job('login', { argv: ['sh', '-c', `${script}; echo; ${sessions}`] })
  const [mask, names, session, parent, group] = stdout.split('\n')
  expect([mask, names]).toEqual(['0022', 'HOME LOGNAME PATH QUORATE_LAB SHELL USER '])
  expect(session).toBe(parent)
  expect(group).toBe(session)
})

test.each([
  ['exit', ['exit', '3'], 3],
  ['a command that is not there', ['no-such-command-here'], 127],
  ['an assignment', ['A=b'], 127],
])('%s is a command like any other', async (key, argv, code) => {
  const error = await failure(host().job(key, { argv }))
  expect(error).toMatchObject({ name: 'ActionError', code })
})

test('a failed job is told with its last words, and a retry runs it anew', async () => {
  const command = traced('twice', 'echo broken >&2; [ -e fixed ] || exit 4')
  const error = await failure(host().job('twice', command))
  expect(error).toMatchObject({
    name: 'ActionError',
    message: expect.stringMatching(/Job twice on a ended with 4; .*broken/),
  })
  writeFileSync(inHome('fixed'), '')
  expect((await host().job('twice', command)).code).toBe(0)
  expect((await host().job('twice', command)).code).toBe(0)
  expect(starts('twice')).toBe(2)
  expect(read(ofJob('twice', '1/code'))).toMatch(/^4 /)
})

test('the same attempt is told the same failure again; only another one runs it anew', async () => {
  const command = traced('attempts', 'exit 5')
  await failure(host({ attempt: 'one' }).job('attempts', command))
  expect(await failure(host({ attempt: 'one', repeated: true }).job('attempts', command))).toMatchObject({
    code: 5,
  })
  expect(starts('attempts')).toBe(1)
  await failure(host({ attempt: 'two' }).job('attempts', command))
  expect(starts('attempts')).toBe(2)
})

test('many who ask at once start it once', async () => {
  const command = traced('many', 'sleep 0.5; echo done')
  const all = await Promise.all(Array.from({ length: 12 }, () => host().job('many', command)))
  expect(all.map(({ stdout }) => stdout)).toEqual(all.map(() => 'done\n'))
  expect(starts('many')).toBe(1)
  expect(read(inHome('many'))).toBe('ran\n')
})

test('a cut link neither ends it nor runs it twice', async () => {
  const running = host().job('cut', traced('cut', 'sleep 1.5; echo done'))
  await until('it runs', () => read(inHome('cut')) !== '')
  await lab.processes['a']?.dropConnections()
  expect(await running).toMatchObject({ code: 0, stdout: 'done\n' })
  expect(starts('cut')).toBe(1)
})

test.each([1, 3_000, 7_000, 30_000, 60_000, 90_000])(
  'a link that breaks %i bytes into the claim: it is started once, with all of its input',
  async (bytes) => {
    const proxy = await proxyTo(lab.processes['a']?.port ?? 0)
    try {
      const through = host({}, inventoryThrough(proxy.port))
      await through.exec({ argv: ['true'] })
      const key = `claim-${bytes}`
      proxy.cutAfter(bytes)
      const result = await through.job(key, { ...traced(key, 'wc -c'), stdin: 'x'.repeat(90_000) })
      expect(result.stdout.trim()).toBe('90000')
      expect(starts(key)).toBe(1)
      expect(read(inHome(key))).toBe('ran\n')
      expect(proxy.cuts()).toBe(1)
    } finally {
      await proxy.close()
    }
  },
)

test('a killed worker leaves it running; another worker attaches', async () => {
  const command = traced('orphan', 'sleep 2; echo done')
  const worker = workerThatStarts('orphan', command.argv)
  await until('the job runs', () => read(inHome('orphan')) !== '')
  await killed(worker)
  expect(await host({ repeated: true }).job('orphan', command)).toMatchObject({ code: 0, stdout: 'done\n' })
  expect(starts('orphan')).toBe(1)
})

test('where sh is bash and there is no setsid, a cut link neither ends it nor runs it twice', async () => {
  const bare = await launchHosts(['a'], { path: toolsWithout('setsid') })
  try {
    const running = host({}, bare.inventory).job('bare', {
      argv: ['sh', '-c', 'echo ran >>~/bare; sleep 1.5; echo $BASH_VERSION'],
    })
    await until('it runs', () => read(join(bare.home('a'), 'bare')) !== '')
    await bare.processes['a']?.dropConnections()
    expect((await running).stdout).toMatch(/^\d/)
    expect(read(join(bare.home('a'), 'bare'))).toBe('ran\n')
  } finally {
    await bare.stop()
  }
})

/** A search path with everything but one tool, and with bash as sh. */
function toolsWithout(missing: string): string {
  const directory = inHome('tools')
  mkdirSync(directory)
  for (const from of ['/bin', '/usr/bin']) {
    for (const tool of readdirSync(from)) {
      if (tool !== missing && tool !== 'sh' && !existsSync(join(directory, tool)))
        symlinkSync(join(from, tool), join(directory, tool))
    }
  }
  symlinkSync(join(directory, 'bash'), join(directory, 'sh'))
  return directory
}

test('a vanished job is unknown, said once; the next ask runs it anew', async () => {
  const command = traced('lost', '[ -e second ] && exit 0; sleep 60')
  const running = failure(host().job('lost', command))
  await until('the job runs', () => read(inHome('lost')) !== '')
  writeFileSync(inHome('second'), '')
  process.kill(-Number(read(ofJob('lost', '1/pid')).split(' ')[0]), 'SIGKILL')
  expect(await running).toMatchObject({
    name: 'UnknownOutcomeError',
    message: expect.stringMatching(/Job lost on a vanished/),
  })
  expect((await host().job('lost', command)).code).toBe(0)
  expect(starts('lost')).toBe(2)
})

test('another process with the pid of a vanished job is not taken for it', async () => {
  mkdirSync(ofJob('reused', '1'), { recursive: true })
  writeFileSync(ofJob('reused', '1/pid'), `${process.pid} another-boot:1\n`)
  const error = await failure(host().job('reused', { argv: ['true'] }))
  expect(error).toMatchObject({ name: 'UnknownOutcomeError' })
})

test('output so far is shown while it runs', async () => {
  const seen: string[] = []
  const onOutput = (output: string): void => void seen.push(output)
  await host().job(
    'shown',
    { argv: ['sh', '-c', 'echo one; sleep 1.3; echo two; sleep 1.2; echo three'] },
    { onOutput },
  )
  expect(seen.at(0)).toBe('one\n')
  expect(seen.at(-1)).toBe('one\ntwo\nthree\n')
})

test('a chatty job keeps its last words and little disk', async () => {
  const chatty = 'i=0; while [ $i -lt 12 ]; do seq 1 200000; sleep 0.2; i=$((i + 1)); done; echo last'
  const { stdout } = await host().job('chatty', { argv: ['sh', '-c', chatty] })
  expect(stdout.endsWith('200000\nlast\n')).toBe(true)
  expect(Buffer.byteLength(stdout)).toBeLessThanOrEqual(1024 * 1024)
  expect(statSync(ofJob('chatty', '1/out')).size).toBeLessThan(12_000_000)
})

test('who stops waiting leaves it running', async () => {
  const command = traced('left', 'sleep 1; echo done')
  const stop = new AbortController()
  const waiting = failure(host().job('left', command, { signal: stop.signal }))
  await until('the job runs', () => read(inHome('left')) !== '')
  stop.abort()
  expect(await waiting).toMatchObject({
    name: 'UnknownOutcomeError',
    message: expect.stringContaining('goes on there'),
  })
  expect(await host().job('left', command)).toMatchObject({ code: 0, stdout: 'done\n' })
  expect(starts('left')).toBe(1)
})

test('a host that went away for good leaves the outcome unknown', async () => {
  const proxy = await proxyTo(lab.processes['a']?.port ?? 0)
  const away = host({}, inventoryThrough(proxy.port), { reconnectMs: 500 })
  const running = failure(away.job('away', traced('away', 'sleep 3')))
  await until('the job runs', () => read(inHome('away')) !== '')
  await proxy.close()
  expect(await running).toMatchObject({
    name: 'UnknownOutcomeError',
    message: expect.stringMatching(/may be running on a.*refused/),
  })
})

test('where jobs cannot be kept nothing is started', async () => {
  writeFileSync(inHome('in-the-way'), '')
  const error = await failure(
    host({}, inventoryWith({ workDir: inHome('in-the-way/quorate') })).job('nowhere', { argv: ['true'] }),
  )
  expect(error).toMatchObject({
    name: 'ActionError',
    message: expect.stringMatching(/could not be started on a.*Nothing was run/),
  })
})

test('jobs of long ago are cleaned up', async () => {
  await host().job('old', { argv: ['true'] })
  const longAgo = new Date(Date.now() - 40 * 24 * 3600 * 1000)
  utimesSync(ofJob('old', '.'), longAgo, longAgo)
  await host().job('new', { argv: ['true'] })
  await until('the old job is gone', () => starts('old') === 0)
  expect(starts('new')).toBe(1)
})

test.each([
  ['plain keys stay readable', 'run-1.move', /^run-1\.move$/],
  ['others stay unique', 'run/1', /^jrun_1\.[0-9a-f]{12}$/],
  ['nothing climbs out', '..', /^j\.\.\.[0-9a-f]{12}$/],
  ['long keys are cut', 'k'.repeat(300), /^jk{100}\.[0-9a-f]{12}$/],
])('%s', (_name, key, expected) => {
  expect(jobDirectory(key)).toMatch(expected)
})

function inventoryWith(change: { readonly port?: number; readonly workDir?: string }): Inventory {
  const a = lab.inventory.hosts['a']
  if (a === undefined) throw new Error('the lab has no host a')
  const { port = a.ssh.port, workDir = a.workDir } = change
  return { ...lab.inventory, hosts: { a: { ...a, workDir, ssh: { ...a.ssh, port } } } }
}

function inventoryThrough(port: number): Inventory {
  const inventory = inventoryWith({ port })
  const file = inventory.hosts['a']?.ssh.knownHosts ?? ''
  writeFileSync(file, `[127.0.0.1]:${port} ${lab.processes['a']?.publicKey}\n`, { flag: 'a' })
  return inventory
}

/** A worker process of its own, so that it can be killed. */
function workerThatStarts(key: string, argv: readonly string[]): ChildProcess {
  const built = pathToFileURL(resolve('dist/activities/ssh/hosts.js')).href
  const script = `
    import { createHosts } from ${JSON.stringify(built)}
    const hosts = createHosts(${JSON.stringify(lab.inventory)})
    await hosts.host('a').job(${JSON.stringify(key)}, { argv: ${JSON.stringify(argv)} })`
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    child.once('exit', () => done())
    child.kill('SIGKILL')
  })
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome: unknown = await promise.catch((error: unknown) => error)
  if (outcome instanceof Error) return outcome
  throw new Error(`expected a failure, got ${JSON.stringify(outcome)}`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms until ${what}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}
