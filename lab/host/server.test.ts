import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { type HostsFixture, launchHosts } from './fixture.ts'
import { soundKeyPair } from './host-key.ts'
import { type HostProcess, launchHost } from './launch.ts'

jest.setTimeout(30_000)

let lab: HostsFixture

beforeAll(async () => {
  lab = await launchHosts(['a'])
})
afterAll(() => lab.stop())

const host = (): HostProcess => {
  const process = lab.processes['a']
  if (process === undefined) throw new Error('the lab has no host a')
  return process
}

/** OpenSSH's own client, with nothing of this machine's configuration. */
function sshArgs(
  command: readonly string[],
  options: readonly string[] = [],
  key = 'id_ed25519',
): readonly string[] {
  const fixed = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'GlobalKnownHostsFile=/dev/null',
    `UserKnownHostsFile=${lab.dir}/known_hosts`,
  ]
  const all = [...fixed, ...options].flatMap((option) => ['-o', option])
  return [
    '-F',
    '/dev/null',
    '-i',
    join(lab.dir, key),
    '-p',
    `${host().port}`,
    ...all,
    '127.0.0.1',
    ...command,
  ]
}

const ssh = (
  command: readonly string[],
  options: readonly string[] = [],
  key?: string,
  input = '',
): SpawnSyncReturns<string> =>
  spawnSync('ssh', sshArgs(command, options, key), { input, encoding: 'utf8', maxBuffer: 16_000_000 })

test("OpenSSH's client logs in; input, outputs and exit code pass through", () => {
  const { status, stdout, stderr } = ssh(['cat; echo err >&2; pwd; exit 7'], [], undefined, 'in\n')
  expect({ status, stdout, stderr }).toEqual({ status: 7, stdout: `in\n${lab.home('a')}\n`, stderr: 'err\n' })
})

test('much data passes both ways', () => {
  const data = randomBytes(6_000_000).toString('base64')
  expect(ssh(['cat'], [], undefined, data).stdout === data).toBe(true)
})

test('one login serves many commands', () => {
  const mux = [`ControlPath=${lab.dir}/mux`]
  expect(ssh(['true'], [...mux, 'ControlMaster=yes', 'ControlPersist=10']).status).toBe(0)
  expect(ssh(['echo shared'], [...mux, 'IdentityFile=/dev/null'], 'no-such-key').stdout).toBe('shared\n')
  spawnSync('ssh', ['-F', '/dev/null', '-o', mux[0] ?? '', '-O', 'exit', 'x'])
})

test('a key may be held to one command, and counts as soon as it is there', () => {
  const pair = soundKeyPair('forced')
  writeFileSync(join(lab.dir, 'forced'), pair.private, { mode: 0o600 })
  expect(ssh(['echo free'], [], 'forced').status).toBe(255)
  appendFileSync(
    join(lab.home('a'), '.ssh', 'authorized_keys'),
    `restrict,command="echo \\"got $SSH_ORIGINAL_COMMAND\\"" ${pair.public}\n`,
  )
  expect(ssh(['rm -rf /'], [], 'forced').stdout).toBe('got rm -rf /\n')
})

test('another user is refused', () => {
  expect(ssh(['true'], ['User=nobody-here'])).toMatchObject({ status: 255 })
})

test('what left the session outlives the client; the command itself does not', async () => {
  const pids = join(lab.home('a'), 'pids')
  const command =
    'nohup sleep 60 >/dev/null 2>&1 & echo $! >pids; setsid sleep 60 >/dev/null 2>&1 & echo $! >>pids; echo $$ >>pids; sleep 60'
  const client = spawn('ssh', sshArgs([command]), { stdio: 'ignore' })
  await until('all run', () => existsSync(pids) && readFileSync(pids, 'utf8').split('\n').length === 4)
  client.kill('SIGKILL')
  const [nohup = '', own = '', shell = ''] = readFileSync(pids, 'utf8').split('\n')
  await until('the command is gone', () => !runs(shell))
  expect([runs(nohup), runs(own)]).toEqual([true, true])
  for (const pid of [nohup, own]) process.kill(Number(pid), 'SIGKILL')
})

test('a host that was started anew is the same host', async () => {
  const options = { main: resolve('dist/lab/host/main.js'), dir: join(lab.dir, 'again'), lab: 'test' }
  const first = await launchHost(options)
  await first.stop()
  const second = await launchHost({ ...options, port: first.port })
  await second.stop()
  expect([second.publicKey, second.port]).toEqual([first.publicKey, first.port])
})

test('a port that is taken is said', async () => {
  const options = {
    main: resolve('dist/lab/host/main.js'),
    dir: join(lab.dir, 'taken'),
    lab: 'test',
    port: host().port,
  }
  await expect(launchHost(options)).rejects.toThrow(/ended with 1: .*EADDRINUSE/)
})

/** A zombie runs no more, however long its new parent takes to notice. */
function runs(pid: string): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.startsWith('Z')
}

async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms until ${what}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}
