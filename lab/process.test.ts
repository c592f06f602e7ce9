import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readInventory } from '../dsl/inventory-file.ts'
import { createBinaryFinder } from './binaries.ts'
import type { HostPrograms } from './lab-host.ts'
import { packageRoot } from './layout.ts'
import { findMarked } from './marker.ts'
import { createProcessLab, type Lab, startProcessLab } from './process.ts'

const directories: string[] = []
let programs: HostPrograms

beforeAll(async () => {
  const { etcd, etcdctl, etcdutl } = await createBinaryFinder().etcd('3.6')
  programs = { etcd, etcdctl, etcdutl }
}, 300_000)
afterAll(() => directories.forEach((directory) => rmSync(directory, { recursive: true, force: true })))

describe('a lab', () => {
  let lab: Lab
  beforeAll(async () => {
    // A space in the path is where scripts and environment files go wrong first.
    lab = await startProcessLab({ directory: newDirectory('a lab '), programs, singles: ['lone'] })
  }, 60_000)
  afterAll(() => lab.stop())

  test('has five hosts with SSH, three members and a cluster of one beside them, in processes that all carry its mark', async () => {
    const commands = (await lab.processes()).map(({ command }) => command)
    expect(commands.filter((command) => command.includes('/lab/host/main.js'))).toHaveLength(5)
    expect(commands.filter((command) => command.endsWith('/bin/etcd'))).toHaveLength(4)
  })

  test('writes an inventory that the language reads, with every host, member and spare', () => {
    const text = readFileSync(lab.inventory, 'utf8')
    const read = readInventory({ file: lab.inventory, text, baseDirectory: lab.directory, home: '/' })
    const host = lab.host('h4')
    expect(read).toMatchObject({
      ok: true,
      value: {
        hosts: Object.fromEntries(lab.hosts.map(({ name, sshPort }) => [name, { ssh: { port: sshPort } }])),
        clusters: {
          demo: {
            members: { 'etcd-1': 'h1', 'etcd-2': 'h2', 'etcd-3': 'h3' },
            spares: ['h4'],
            etcd: { h4: { clientPort: host.clientPort, dataDir: host.layout.dataDir } },
          },
          lone: { members: { 'etcd-1': 'h5' }, spares: [] },
        },
      },
    })
  })

  test('keeps private what is private', () => {
    const { layout } = lab.host('h1')
    expect(mode(layout.dataDir)).toBe(0o700)
    expect(mode(join(lab.directory, 'ssh', 'id_ed25519'))).toBe(0o600)
    expect(mode(join(layout.root, 'ssh_host_ed25519_key'))).toBe(0o600)
  })

  test('starts, stops and asks for etcd by scripts that may be repeated', async () => {
    const codes = []
    for (const script of [
      'etcd-start',
      'etcd-status',
      'etcd-stop',
      'etcd-status',
      'etcd-stop',
      'etcd-start',
    ]) {
      codes.push([script, (await lab.run('h1', script)).code])
    }
    expect(codes).toEqual([
      ['etcd-start', 0],
      ['etcd-status', 0],
      ['etcd-stop', 0],
      ['etcd-status', 3],
      ['etcd-stop', 0],
      ['etcd-start', 0],
    ])
  }, 60_000)

  test('two starts at once start one etcd', async () => {
    await lab.run('h1', 'etcd-stop')
    const starts = await Promise.all([1, 2, 3].map(() => lab.run('h1', 'etcd-start')))
    expect(starts.map(({ code }) => code)).toEqual([0, 0, 0])
    const ofHost = (await lab.processes()).filter(
      ({ command }) => command === `${lab.host('h1').layout.bin}/etcd`,
    )
    expect(ofHost).toHaveLength(1)
  }, 60_000)

  test('a disabled etcd is not started, neither by hand nor at boot, until it is enabled', async () => {
    await lab.run('h2', 'etcd-stop')
    await lab.run('h2', 'etcd-disable')
    const refused = await lab.run('h2', 'etcd-start')
    expect(refused.code).toBe(4)
    expect(refused.output).toMatch(/^etcd is disabled on this host \(since .*\): run etcd-enable first$/)
    await lab.stopHost('h2')
    await lab.startHost('h2')
    expect((await lab.run('h2', 'etcd-status')).code).toBe(3)
    await lab.run('h2', 'etcd-enable')
    expect((await lab.run('h2', 'etcd-start')).code).toBe(0)
  }, 60_000)

  test('a start that cannot succeed says why', async () => {
    const { environment } = lab.host('h4').layout
    expect(await lab.run('h4', 'etcd-start')).toEqual({
      code: 6,
      output: `etcd has no configuration on this host: ${environment} is missing`,
    })
    writeFileSync(environment, 'ETCD_LISTEN_CLIENT_URLS=http://127.0.0.1:99999\n')
    const { code, output } = await lab.run('h4', 'etcd-start')
    expect(code).toBe(1)
    expect(output).toContain('--advertise-client-urls is required')
    rmSync(environment)
  }, 60_000)

  test('a frozen etcd counts as running, a killed one does not', async () => {
    await lab.freeze('h3')
    expect((await lab.run('h3', 'etcd-status')).code).toBe(0)
    await lab.thaw('h3')
    await lab.kill('h3')
    expect((await lab.run('h3', 'etcd-status')).code).toBe(3)
    expect((await lab.run('h3', 'etcd-start')).code).toBe(0)
  }, 60_000)

  test('a second lab in the same directory is refused with the name of the first', async () => {
    await expect(createProcessLab({ directory: lab.directory, programs })).rejects.toThrow(
      `belongs to process ${process.pid}`,
    )
    expect(await lab.processes()).not.toHaveLength(0)
  })
})

describe('the end of a lab', () => {
  test('stop ends everything, frozen members and jobs with another parent included', async () => {
    const lab = await startProcessLab({ directory: newDirectory(), programs })
    await lab.freeze('h2')
    writeFileSync(
      join(lab.host('h3').layout.bin, 'stray'),
      '#!/bin/sh\nsetsid sleep 600 >/dev/null 2>&1 &\n',
      {
        mode: 0o755,
      },
    )
    await lab.run('h3', 'stray')
    await lab.stop()
    await lab.stop()
    expect(await lab.processes()).toEqual([])
  }, 60_000)

  test('one that cannot start leaves nothing and says where to look', async () => {
    const lab = await createProcessLab({
      directory: newDirectory(),
      programs,
      environment: { ETCD_HEARTBEAT_INTERVAL: 'often' },
    })
    await expect(lab.start()).rejects.toThrow(/etcd did not start on lab host h1: .*etcd ended right after/s)
    expect(await lab.processes()).toEqual([])
  }, 60_000)

  test('a directory that holds something else is left alone', async () => {
    const directory = newDirectory()
    writeFileSync(join(directory, 'thesis.txt'), 'do not lose me')
    await expect(createProcessLab({ directory, programs })).rejects.toThrow('is not empty and holds no lab')
    expect(existsSync(join(directory, 'thesis.txt'))).toBe(true)
  })

  test.each([0, 60, 120, 200, 300, 450, 700, 1500])(
    'SIGINT %i ms into the start leaves no process',
    async (afterMs) => {
      const { child, id, ended } = await labInChild(newDirectory())
      await delay(afterMs)
      child.kill('SIGINT')
      await ended
      expect(await findMarked({ lab: id })).toEqual([])
    },
    60_000,
  )

  test('what a killed lab left is ended by the next in the same directory', async () => {
    const directory = newDirectory()
    const { child, id, ended } = await labInChild(directory)
    const etcds = async (): Promise<number> =>
      (await findMarked({ lab: id })).filter(({ command }) => /^\S*\/etcd$/.test(command)).length
    const deadline = Date.now() + 30_000
    while ((await etcds()) < 3 && Date.now() < deadline) await delay(20)
    child.kill('SIGKILL')
    await ended
    expect(await etcds()).toBe(3)
    const lab = await createProcessLab({ directory, programs })
    expect(lab.id).toBe(id)
    expect(await lab.processes()).toEqual([])
    await lab.stop()
  }, 60_000)
})

function newDirectory(prefix = 'quorate-lab-'): string {
  const directory = mkdtempSync(join(tmpdir(), prefix))
  directories.push(directory)
  return directory
}

/** A process that starts a lab and stops it when interrupted, as `quorate demo` does. */
async function labInChild(directory: string) {
  const module = JSON.stringify(join(packageRoot(), 'dist/lab/process.js'))
  const code = `
    const { createProcessLab } = await import(${module})
    const lab = await createProcessLab(${JSON.stringify({ directory, programs })})
    process.once('SIGINT', () => lab.stop().then(() => process.exit(130), () => process.exit(1)))
    console.log(lab.id)
    await lab.start().catch(() => undefined)
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const id = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(line.toString().trim()))
    child.once('exit', () => reject(new Error('the child ended before its lab was made')))
  })
  return { child, id, ended }
}

const mode = (path: string): number => statSync(path).mode & 0o777

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
