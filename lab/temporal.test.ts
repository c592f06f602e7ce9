import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { transformSync } from '@swc/core'
import { Client, Connection } from '@temporalio/client'
import { createBinaryFinder } from './binaries.ts'
import { endWithParent } from './end-with-parent.ts'
import { isAlive } from './lock.ts'
import { isListening } from './ports.ts'
import { startTemporal } from './temporal.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-temporal-test-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

test('a run started on it survives kill -9 and a restart on the same address; stop leaves nothing', async () => {
  const { path: binary } = await createBinaryFinder().temporal()
  const server = await startTemporal({
    binary,
    logFile: join(directory, 'logs/temporal.log'),
    databaseFile: join(directory, 'data/temporal.db'),
  })
  const { address } = server
  const firstPid = server.pid() ?? 0
  try {
    expect(address).toMatch(/^127\.0\.0\.1:2\d{4}$/)
    expect((await fetch(server.uiUrl)).status).toBe(200)
    await startRun(address, 'before the crash')

    await server.kill9()
    expect(server.pid()).toBeUndefined()
    expect(isAlive(firstPid)).toBe(false)
    expect(await isListening(portIn(address))).toBe(false)

    await server.restart()
    expect(server.pid()).not.toBe(firstPid)
    expect(server.address).toBe(address)
    expect(await runStatus(address, 'before the crash')).toBe('RUNNING')

    await server.restart()
    expect(await runStatus(address, 'before the crash')).toBe('RUNNING')
  } finally {
    await server.stop()
  }
  await server.stop()
  expect(server.pid()).toBeUndefined()
  expect(await isListening(portIn(address))).toBe(false)
}, 120_000)

test('a server that ends at once is reported with the end of its log', async () => {
  const binary = program('echo one; echo the disk is full >&2; exit 3')
  const logFile = join(directory, 'log')
  await expect(startTemporal({ binary, logFile })).rejects.toThrow(
    /did not start on 127\.0\.0\.1:\d+: it ended with 3; its log .* ends with:\none\nthe disk is full$/,
  )
})

test('a server that never answers is ended and reported', async () => {
  const binary = program(`echo $$ > ${join(directory, 'pid')}; exec sleep 60`)
  const started = startTemporal({ binary, logFile: join(directory, 'log'), startTimeoutMs: 3_000 })
  await expect(started).rejects.toThrow(/did not answer within 3 s; its log .* is empty\.$/)
  expect(isAlive(Number(readFileSync(join(directory, 'pid'), 'utf8')))).toBe(false)
})

test('a program that does not exist is reported', async () => {
  const binary = join(directory, 'missing')
  await expect(startTemporal({ binary, logFile: join(directory, 'log') })).rejects.toThrow(/missing.*ENOENT/)
})

test('what was tied to a process ends when that process is killed, and not before', async () => {
  const parent = spawn(process.execPath, [parentScript()], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = await new Promise<number>((resolve) => {
    parent.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())))
  })
  await sleep(300)
  expect(isAlive(pid)).toBe(true)
  parent.kill('SIGKILL')
  await until(() => !isAlive(pid))
}, 20_000)

test('what was called off is left alone', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  const callOff = endWithParent(child.pid ?? 0)
  callOff()
  await sleep(300)
  expect(isAlive(child.pid ?? 0)).toBe(true)
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
})

/** A process of its own, because this one cannot be killed to see what happens then. */
function parentScript(): string {
  const source = readFileSync(join(import.meta.dirname, 'end-with-parent.ts'), 'utf8')
  const { code } = transformSync(source, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } })
  writeFileSync(join(directory, 'end-with-parent.mjs'), code)
  const script = join(directory, 'parent.mjs')
  writeFileSync(
    script,
    `import { spawn } from 'node:child_process'
    import { endWithParent } from './end-with-parent.mjs'
    const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
    endWithParent(child.pid, 2000)
    console.log(child.pid)`,
  )
  return script
}

function program(script: string): string {
  const path = join(directory, 'program')
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return path
}

async function withClient<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address })
  try {
    return await use(new Client({ connection }))
  } finally {
    await connection.close()
  }
}

async function startRun(address: string, workflowId: string): Promise<void> {
  await withClient(address, (client) =>
    client.workflow.start('anything', { workflowId, taskQueue: 'nobody-listens', args: [] }),
  )
}

function runStatus(address: string, workflowId: string): Promise<string> {
  return withClient(address, async (client) => {
    const { status } = await client.workflow.getHandle(workflowId).describe()
    return status.name
  })
}

function portIn(address: string): number {
  return Number(address.split(':')[1])
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not become so within 10 s')
    await sleep(50)
  }
}
