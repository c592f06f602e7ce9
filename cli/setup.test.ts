import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { packageRoot } from '../lab/layout.ts'
import { makeReady, needsBuild, needsInstall } from './setup.mjs'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quorate-setup-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function put(path: string, text = '', seconds = 1000): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
  utimesSync(join(root, path), seconds, seconds)
}

describe('whether to install', () => {
  test('not without a lock file: then it came as a package of its own', () => {
    expect(needsInstall(root)).toBe(false)
  })
  test('when nothing is installed', () => {
    put('package-lock.json')
    expect(needsInstall(root)).toBe(true)
  })
  test('when the lock file is newer than what is installed', () => {
    put('package-lock.json', '', 2000)
    put('node_modules/.package-lock.json', '', 1000)
    expect(needsInstall(root)).toBe(true)
  })
  test('not when it was installed since', () => {
    put('package-lock.json', '', 1000)
    put('node_modules/.package-lock.json', '', 2000)
    expect(needsInstall(root)).toBe(false)
  })
  test('by content, once we installed it ourselves: a checkout touches files without changing them', () => {
    put('package-lock.json', 'abc', 9000)
    put('node_modules/.package-lock.json', '', 1000)
    put('node_modules/.quorate-stamp', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(needsInstall(root)).toBe(false)
    put('package-lock.json', 'abcd', 1)
    expect(needsInstall(root)).toBe(true)
  })
})

describe('whether to build', () => {
  beforeEach(() => {
    put('tsconfig.json')
    put('cli/commands/run.ts')
    put('dist/cli/main.js')
    put('dist/.quorate-stamp', '', 2000)
  })
  test('not when everything is older than the build', () => {
    expect(needsBuild(root)).toBe(false)
  })
  test.each(['cli/commands/run.ts', 'dsl/new.ts', 'tsconfig.sandbox.json', 'package.json'])(
    'when %s is newer',
    (path) => {
      put(path, '', 3000)
      expect(needsBuild(root)).toBe(true)
    },
  )
  test.each(['cli/commands/run.test.ts', 'docs/page.md', 'runbooks/x.yaml'])(
    'not when only %s is newer',
    (path) => {
      put(path, '', 3000)
      expect(needsBuild(root)).toBe(false)
    },
  )
  test.each(['dist/cli/main.js', 'dist/.quorate-stamp'])('when %s is missing', (path) => {
    rmSync(join(root, path))
    expect(needsBuild(root)).toBe(true)
  })
})

describe('making ready', () => {
  const compiler = (body: string) => put('node_modules/typescript/bin/tsc', body)
  beforeEach(() => {
    put('package.json', '{"type":"commonjs"}')
    put('tsconfig.json')
  })

  test('builds once, and then says nothing any more', async () => {
    compiler(`
      const fs = require('node:fs')
      fs.mkdirSync('dist/cli', { recursive: true })
      fs.writeFileSync('dist/cli/main.js', '')
      fs.appendFileSync('builds', 'x')`)
    const said: string[] = []
    await Promise.all([1, 2, 3].map(() => makeReady(root, (line) => said.push(line))))
    await makeReady(root, (line) => said.push(line))
    expect(readFileSync(join(root, 'builds'), 'utf8')).toBe('x')
    expect(said.filter((line) => line === 'Building Quorate …')).toHaveLength(1)
  })

  test('a build that fails is told in one sentence, and tried again the next time', async () => {
    compiler('process.exit(2)')
    const making = makeReady(root, () => undefined)
    await expect(making).rejects.toThrow(/^Quorate could not be built \(.* ended with 2\); if you changed/)
    expect(needsBuild(root)).toBe(true)
  })

  test('the lock of a process that is gone does not hold up anybody', async () => {
    compiler(`
      const fs = require('node:fs')
      fs.mkdirSync('dist/cli', { recursive: true })
      fs.writeFileSync('dist/cli/main.js', '')`)
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    put('.quorate/setup.lock/pid', String(pid))
    await makeReady(root, () => undefined)
    expect(needsBuild(root)).toBe(false)
  })
})

test('an old Node is told in one sentence, before anything else is read', () => {
  const code = `
    Object.defineProperty(process.versions, 'node', { value: '18.20.0' })
    await import(${JSON.stringify(join(packageRoot(), 'cli/bootstrap.mjs'))})`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  })
  expect(stderr).toMatch(/^Quorate needs Node 20\.19 or newer, and this is 18\.20\.0: .*\n$/)
  expect(status).toBe(2)
})
