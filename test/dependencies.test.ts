import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'

const root = resolve(__dirname, '..')

interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what is in the file
const read = <Shape>(file: string): Shape => JSON.parse(readFileSync(resolve(root, file), 'utf8')) as Shape

/** Stands in for `npm audit`, which is not available everywhere. */
const denied: readonly { name: string; version: RegExp; why: string }[] = [
  { name: 'temporalio', version: /.*/, why: 'a stale meta-package: @temporalio/* it is' },
  { name: 'better-sqlite3', version: /^1[3-9]\./, why: 'crashes on Node 20' },
  { name: 'matrix-bot-sdk', version: /.*/, why: 'brings the abandoned package request' },
  { name: 'request', version: /.*/, why: 'abandoned' },
  { name: 'event-stream', version: /^3\.3\.6$/, why: 'carried a thief' },
  { name: 'node-ipc', version: /^(9\.2\.[23]|1[01]\.)/, why: 'carried sabotage' },
  { name: 'ssh2', version: /^(0\.|1\.[0-3]\.)/, why: 'command injection (CVE-2020-26301), old key exchange' },
  {
    name: '@grpc/grpc-js',
    version: /^1\.([0-9]\.|10\.[0-8]$)/,
    why: 'memory without bound (CVE-2024-37168)',
  },
  {
    name: 'protobufjs',
    version: /^(6\.|7\.[01]\.|7\.2\.[0-4]$)/,
    why: 'prototype pollution (CVE-2023-36665)',
  },
]

function deniedIn(lock: Lock): string[] {
  return Object.entries(lock.packages).flatMap(([path, { version = '' }]) => {
    const name = path.replace(/^.*node_modules\//, '')
    return denied
      .filter((entry) => entry.name === name && entry.version.test(version))
      .map((entry) => `${name}@${version}: ${entry.why}`)
  })
}

describe('dependencies', () => {
  const manifest = read<Manifest>('package.json')
  const all = { ...manifest.dependencies, ...manifest.devDependencies }

  test('no version known to be bad is in the lock file', () => {
    expect(deniedIn(read<Lock>('package-lock.json'))).toEqual([])
  })

  test('the deny-list can deny', () => {
    const lock = { packages: { 'node_modules/a/node_modules/better-sqlite3': { version: '13.0.1' } } }
    expect(deniedIn(lock)).toEqual(['better-sqlite3@13.0.1: crashes on Node 20'])
  })

  test('every one is pinned to an exact version', () => {
    expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })

  test('every one has its reason in docs/dependencies.md', () => {
    const reasons = readFileSync(resolve(root, 'docs/dependencies.md'), 'utf8')
    const family = (name: string): string => name.replace(/^@temporalio\/(?!testing).*/, '@temporalio/worker')
    expect(Object.keys(all).filter((name) => !reasons.includes(`\`${family(name)}\``))).toEqual([])
  })

  test('the lock file names no place that packages were fetched from', () => {
    const { packages } = read<Lock>('package-lock.json')
    expect(Object.entries(packages).filter(([, entry]) => entry.resolved !== undefined)).toEqual([])
  })

  // A registry mirror may lack other systems' packages; npm then leaves them out, and `npm ci` refuses the lock.
  test('the lock file has the packages of every system, so that npm ci takes it anywhere', () => {
    const { packages } = read<Lock>('package-lock.json')
    const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    const names = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')))
    expect(wanted.filter((name) => !names.has(name))).toEqual([])
  })
})
