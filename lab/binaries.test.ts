import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  BinaryMissingError,
  cacheDirectory,
  createBinaryFinder,
  etcdFits,
  type EtcdMinor,
  type FinderOptions,
  temporalFits,
} from './binaries.ts'
import { etcdVersions, temporalVersion } from './pinned.ts'
import { versionIn } from './program.ts'
import type { Way } from './ways.ts'

let directory = ''
let cache = ''
let bin = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-binaries-test-'))
  cache = join(directory, 'cache')
  bin = join(directory, 'bin')
  mkdirSync(bin)
})

afterEach(() => rmSync(directory, { recursive: true }))

test.each([
  ['etcd Version: 3.6.16\nGit SHA: Not provided\nGo Version: go1.26.8', '3.6.16'],
  ['etcdctl version: 3.5.35\nAPI version: 3.5', '3.5.35'],
  ['etcd Version: 3.7.0-rc.1\n', '3.7.0-rc.1'],
  ['temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)', '1.9.1'],
  ['usage: etcd [options]', undefined],
])('the version in %j', (output, version) => {
  expect(versionIn(output)).toBe(version)
})

test.each<[string, EtcdMinor, boolean]>([
  ['3.6.16', '3.6', true],
  ['3.6.0', '3.6', true],
  ['3.6.0-rc.1', '3.6', false],
  ['3.5.35', '3.6', false],
  ['3.60.1', '3.6', false],
])('etcd %s for %s: %s', (version, minor, fits) => {
  expect(etcdFits(version, minor)).toBe(fits)
})

test.each([
  ['1.9.1', true],
  ['1.5.0', true],
  ['1.10.0', true],
  ['1.4.1', false],
  ['0.13.2', false],
  ['2.0.0', false],
  ['1.9.1-rc.1', false],
])('Temporal CLI %s: %s', (version, fits) => {
  expect(temporalFits(version)).toBe(fits)
})

test.each<[string, NodeJS.ProcessEnv, NodeJS.Platform, string]>([
  ['our own variable first', { QUORATE_CACHE: '/own', XDG_CACHE_HOME: '/xdg' }, 'linux', '/own'],
  ['then XDG', { XDG_CACHE_HOME: '/xdg' }, 'linux', '/xdg/quorate'],
  ['a relative XDG folder is ignored', { XDG_CACHE_HOME: 'xdg' }, 'linux', join(homedir(), '.cache/quorate')],
  ['Linux', {}, 'linux', join(homedir(), '.cache/quorate')],
  ['macOS', {}, 'darwin', join(homedir(), 'Library/Caches/quorate')],
])('the cache: %s', (_situation, env, platform, expected) => {
  expect(cacheDirectory(env, platform)).toBe(expected)
})

test('a relative QUORATE_CACHE is refused', () => {
  expect(() => cacheDirectory({ QUORATE_CACHE: 'here' })).toThrow('must be an absolute path')
})

test('what fits on the PATH is used, and nothing is fetched', async () => {
  onPath({
    etcd: 'etcd Version: 3.6.4',
    etcdctl: 'etcdctl version: 3.6.4',
    etcdutl: 'etcdutl version: 3.6.4',
  })
  onPath({ temporal: 'temporal version 1.8.0 (Server 1.31.0, UI 2.50.0)' })
  const { finder } = find({})
  expect(await finder.etcd('3.6')).toEqual({
    version: '3.6.4',
    etcd: join(bin, 'etcd'),
    etcdctl: join(bin, 'etcdctl'),
    etcdutl: join(bin, 'etcdutl'),
  })
  expect(await finder.temporal()).toEqual({ version: '1.8.0', path: join(bin, 'temporal') })
  expect(existsSync(cache)).toBe(false)
})

test.each([
  [
    'one program is missing',
    { etcd: 'etcd Version: 3.6.4', etcdctl: 'etcdctl version: 3.6.4' },
    'the PATH: no etcdutl',
  ],
  [
    'one program is of another minor',
    { etcd: 'etcd Version: 3.6.4', etcdctl: 'etcdctl version: 3.5.9', etcdutl: 'etcdutl version: 3.6.4' },
    'the PATH: etcdctl is 3.5.9',
  ],
  [
    'one program tells no version',
    { etcd: 'hello', etcdctl: 'etcdctl version: 3.6.4', etcdutl: 'etcdutl version: 3.6.4' },
    'the PATH: etcd is of no known version',
  ],
])('on the PATH %s: another way is taken, or the error says so', async (_situation, programs, reason) => {
  onPath(programs)
  const good = find({ etcd: [etcdWay('the only way')] })
  expect((await good.finder.etcd('3.6')).etcd).toMatch(cache)
  const bad = find({ etcd: [] }, { cacheDirectory: join(directory, 'empty') })
  await expect(bad.finder.etcd('3.6')).rejects.toThrow(reason)
})

test('ways are tried in order; the next start finds the cache; nothing else is left there', async () => {
  const log: string[] = []
  const ways = [failingWay('first', 'no net', log), etcdWay('second', log), etcdWay('third', log)]
  const { finder, progress } = find({ etcd: ways })
  const found = await finder.etcd('3.6')
  expect(execFileSync(found.etcdctl, ['version'], { encoding: 'utf8' })).toBe(
    `version: ${etcdVersions['3.6']}\n`,
  )
  expect(log).toEqual(['first', 'second'])
  expect(progress).toEqual(['etcd 3.6.16: first: no net', 'etcd 3.6.16: ready, from second'])
  expect(await find({ etcd: ways }).finder.etcd('3.6')).toEqual(found)
  expect(log).toEqual(['first', 'second'])
  expect(readdirSync(cache)).toEqual([`etcd-3.6.16-${process.platform}-${process.arch}`])
})

test('a way that gives another version is not believed', async () => {
  const { finder } = find({ etcd: [etcdWay('stale', [], '3.6.15')] })
  await expect(finder.etcd('3.6')).rejects.toThrow('stale: it says it is version 3.6.15, not 3.6.16')
  expect(readdirSync(cache)).toEqual([])
})

test('the error is one sentence: what was tried, why each failed, what to do', async () => {
  const { finder } = find({
    etcd: [
      failingWay('the official release', 'no answer from example.org (ENOTFOUND)'),
      failingWay('a build with Go', '"go" is not on the PATH'),
    ],
  })
  await expect(finder.etcd('3.7')).rejects.toThrow(
    new BinaryMissingError(
      'Etcd 3.7.3 is needed but no way to get it worked (the PATH: no etcd, no etcdctl, no etcdutl; ' +
        'the official release: no answer from example.org (ENOTFOUND); a build with Go: "go" is not on the PATH): ' +
        'put etcd, etcdctl and etcdutl 3.7 on the PATH, or install Go 1.26.0 or newer, and try again.',
    ),
  )
  await expect(finder.etcd('3.7')).rejects.toBeInstanceOf(BinaryMissingError)
})

test('after a failure, asking again tries again', async () => {
  let attempts = 0
  const way: Way = {
    name: 'the way',
    async install(target) {
      attempts += 1
      if (attempts === 1) throw new Error('not yet')
      writeEtcd(target, '3.5.35')
    },
  }
  const { finder } = find({ etcd: [way] })
  await expect(finder.etcd('3.5')).rejects.toThrow('not yet')
  expect((await finder.etcd('3.5')).version).toBe('3.5.35')
})

test('of several that ask at once one works, and the others wait for it', async () => {
  const log: string[] = []
  const slow: Way = {
    name: 'slow',
    async install(target) {
      log.push('began')
      await sleep(500)
      writeEtcd(target, '3.6.16')
      log.push('ended')
    },
  }
  const finders = Array.from({ length: 5 }, () => find({ etcd: [slow] }))
  const found = await Promise.all(finders.map(({ finder }) => finder.etcd('3.6')))
  expect(log).toEqual(['began', 'ended'])
  expect(new Set(found.map(({ etcd }) => etcd)).size).toBe(1)
  const waited = finders.flatMap(({ progress }) => progress).filter((line) => line.includes('waiting'))
  expect(waited).toEqual(
    Array(4).fill(`etcd 3.6.16: waiting for process ${process.pid}, which is getting it`),
  )
})

test('what a killed process left behind is cleared away and made anew', async () => {
  const name = `etcd-3.6.16-${process.platform}-${process.arch}`
  mkdirSync(join(cache, `${name}.lock`), { recursive: true })
  const dead = { pid: 2 ** 30, host: hostname(), since: '', token: 'dead' }
  writeFileSync(join(cache, `${name}.lock`, 'holder.json'), JSON.stringify(dead))
  mkdirSync(join(cache, `.${name}.half`))
  mkdirSync(join(cache, name))
  writeFileSync(join(cache, name, 'etcd'), '')
  const { etcd } = await find({ etcd: [etcdWay('the way')] }).finder.etcd('3.6')
  expect(execFileSync(etcd, { encoding: 'utf8' })).toContain('3.6.16')
  expect(readdirSync(cache)).toEqual([name])
})

test.each<EtcdMinor>(['3.4', '3.5', '3.6', '3.7'])(
  'real: etcd, etcdctl and, from 3.5 on, etcdutl %s say so themselves',
  async (minor) => {
    const found = await createBinaryFinder().etcd(minor)
    expect(etcdFits(found.version, minor)).toBe(true)
    expect(prints(found.etcd, '--version')).toContain(`etcd Version: ${found.version}\n`)
    expect(prints(found.etcdctl, 'version')).toContain(`etcdctl version: ${found.version}\n`)
    expect(found.etcdutl === undefined).toBe(minor === '3.4')
    if (found.etcdutl !== undefined)
      expect(prints(found.etcdutl, 'version')).toContain(`etcdutl version: ${found.version}\n`)
  },
  5 * 60_000,
)

test(
  'real: the Temporal CLI says its version',
  async () => {
    const { path, version } = await createBinaryFinder().temporal()
    expect(prints(path, '--version')).toMatch(
      new RegExp(`^temporal version ${version.replaceAll('.', '\\.')} `),
    )
    expect(temporalFits(version)).toBe(true)
    expect(temporalFits(temporalVersion)).toBe(true)
  },
  5 * 60_000,
)

function find(
  ways: { readonly etcd?: readonly Way[]; readonly temporal?: readonly Way[] },
  options: FinderOptions = {},
) {
  const progress: string[] = []
  const finder = createBinaryFinder({
    cacheDirectory: cache,
    path: bin,
    onProgress: (line) => progress.push(line),
    ways: { etcd: () => ways.etcd ?? [], temporal: () => ways.temporal ?? [] },
    ...options,
  })
  return { finder, progress }
}

function etcdWay(name: string, log: string[] = [], version = '3.6.16'): Way {
  return {
    name,
    async install(target) {
      log.push(name)
      writeEtcd(target, version)
    },
  }
}

function failingWay(name: string, reason: string, log: string[] = []): Way {
  return {
    name,
    async install() {
      log.push(name)
      throw new Error(reason)
    },
  }
}

function writeEtcd(target: string, version: string): void {
  for (const program of ['etcd', 'etcdctl', 'etcdutl'])
    writeProgram(join(target, program), `version: ${version}`)
}

function onPath(programs: Readonly<Record<string, string | undefined>>): void {
  for (const [name, output] of Object.entries(programs)) writeProgram(join(bin, name), output ?? '')
}

function writeProgram(path: string, output: string): void {
  writeFileSync(path, `#!/bin/sh\necho '${output}'\n`)
  chmodSync(path, 0o755)
}

function prints(program: string, argument: string): string {
  return execFileSync(program, [argument], { encoding: 'utf8' })
}
