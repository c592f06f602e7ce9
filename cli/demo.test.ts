import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { packageRoot } from '../lab/layout.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'quorate-demo-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

describe('quorate demo', () => {
  test('moves a member with nothing lost, says so with what it measured, and leaves no process', async () => {
    const { code, stdout, stderr } = await quorate(['demo', '--json']).ended
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    const report: Report = JSON.parse(stdout)
    expect(report.findings.filter(({ held }) => !held)).toEqual([])
    expect(report.held).toBe(true)
    expect(report.before.keys).toBe(20_000)
    expect(report.after.keys).toBe(20_000 + report.writer.acknowledged)
    expect(report.after.member.memberId).toBe(report.before.member.memberId)
    expect(existsSync(report.record)).toBe(true)
    expect(processesOf(home)).toEqual([])
  }, 240_000)

  // From the first files to the middle of the move.
  test.each([400, 3_000, 10_000])(
    'ended by Ctrl-C after %i ms it leaves no process',
    async (afterMs) => {
      const { child, ended } = quorate(['demo'])
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      child.kill('SIGINT')
      const { code } = await ended
      expect([130, null]).toContain(code)
      expect(processesOf(home)).toEqual([])
    },
    120_000,
  )
})

describe('quorate demo --keep', () => {
  test('stays up with the next move ready to try, and exits 0 when it is ended', async () => {
    const { ended, stdout } = quorate(['demo', '--keep'])
    await until(() => existsSync(join(home, 'up.json')), 120_000)
    await until(() => stdout().includes('quorate down'))
    expect(stdout()).toContain('--input member=etcd-1 --input to=h2')
    expect((await quorate(['runs', '--json']).ended).stdout).toContain('"phase": "done"')
    expect(await quorate(['down']).ended).toMatchObject({ code: 0 })
    expect((await ended).code).toBe(0)
    expect(processesOf(home)).toEqual([])
  }, 240_000)
})

describe('quorate up', () => {
  test('is found by other commands, tells that it is up, and ends when told to', async () => {
    const { ended } = quorate(['up'])
    await until(() => existsSync(join(home, 'up.json')), 120_000)

    const again = await quorate(['up', '--json']).ended
    expect(JSON.parse(again.stdout)).toMatchObject({ alreadyUp: true, command: 'up' })
    const runs = await quorate(['runs', '--json']).ended
    expect(runs).toMatchObject({ code: 0, stdout: '[]\n' })
    const check = await quorate(['inventory', 'check', '--json']).ended
    expect(JSON.parse(check.stdout)).toMatchObject({ clusters: ['demo'], differences: [] })
    const wrong = await quorate([
      'run',
      'etcd-migrate-node',
      '-c',
      'demo',
      '-i',
      'member=etcd-9',
      '-i',
      'to=h4',
    ]).ended
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('etcd-9')
    expect((await quorate(['runs', '--json']).ended).stdout).toBe('[]\n')

    // Kill what can be killed in the middle of a run: the one who watches sees it through.
    const move = quorate([
      'run',
      'etcd-migrate-node',
      '-c',
      'demo',
      '-i',
      'member=etcd-1',
      '-i',
      'to=h4',
      '-i',
      'stable=1s',
    ])
    await until(() => move.stdout().includes('✔ look at every member'))
    process.kill(Number(readFileSync(join(home, 'up', 'worker.pid'), 'utf8')), 'SIGKILL')
    await until(() => move.stdout().includes('✔ demo: take a verified snapshot'))
    process.kill(temporalOf(home), 'SIGKILL')
    expect(await move.ended).toMatchObject({ code: 0 })
    const [run] = JSON.parse((await quorate(['runs', '--json']).ended).stdout)
    expect(run).toMatchObject({ runbook: 'etcd-migrate-node', phase: 'done', open: false, cluster: 'demo' })

    expect(await quorate(['down']).ended).toMatchObject({ code: 0, stdout: 'It is down.\n' })
    expect((await ended).code).toBe(0)
    expect(processesOf(home)).toEqual([])
    expect((await quorate(['runs']).ended).code).toBe(4)
  }, 240_000)
})

interface Sight {
  readonly keys: number
  readonly member: { readonly memberId: string }
}
interface Report {
  readonly held: boolean
  readonly findings: readonly { readonly held: boolean; readonly name: string; readonly text: string }[]
  readonly before: Sight
  readonly after: Sight
  readonly writer: { readonly acknowledged: number }
  readonly record: string
}

/** The built command, as bootstrap.mjs starts it once all is ready. */
function quorate(args: readonly string[]) {
  const main = JSON.stringify(join(packageRoot(), 'dist/cli/main.js'))
  const code = `process.exitCode = await (await import(${main})).main(${JSON.stringify(args)})`
  const { TEMPORAL_ADDRESS: _address, QUORATE_INVENTORY: _inventory, ...environment } = process.env
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    env: { ...environment, QUORATE_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = new Promise<{
    readonly code: number | null
    readonly stdout: string
    readonly stderr: string
  }>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
  return { child, ended, stdout: () => stdout }
}

function temporalOf(directory: string): number {
  const found = readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      return command.includes('start-dev') && command.includes(directory)
    } catch {
      return false
    }
  })
  if (found === undefined) throw new Error('Temporal does not run')
  return Number(found)
}

async function until(condition: () => boolean, withinMs = 60_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Not within ${withinMs} ms: ${condition.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Whatever has the directory in its command line or environment: hosts, members, Temporal, worker, jobs. */
function processesOf(directory: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
        return command.includes(directory) || environment.includes(directory)
          ? [command.replaceAll('\0', ' ')]
          : []
      } catch {
        return []
      }
    })
}
