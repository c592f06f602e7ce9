import { spawn } from 'node:child_process'
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostScripts } from './host-scripts.ts'
import type { LabHostFacts } from './lab-inventory.ts'
import { type Mark, markEnvironment } from './marker.ts'

/** What a host of the lab needs to be set up and started. */
export interface LabHostSetup {
  readonly facts: LabHostFacts
  readonly lab: string
  readonly user: string
  /** `dist/lab/host/main.js`. */
  readonly sshServer: string
}

/** The programs on every host; absolute paths. */
export interface HostPrograms {
  readonly etcd: string
  readonly etcdctl: string
  /** Came with etcd 3.5. */
  readonly etcdutl?: string | undefined
}

/** Makes a host's directories, scripts and links, as its owner would find them. */
export function layOutHost(
  { facts: { layout } }: LabHostSetup,
  programs: HostPrograms,
  publicKey: string,
): void {
  const directories = ['bin', 'etc', 'home/.ssh', 'var/lib', 'var/log', 'var/run']
  for (const name of directories) mkdirSync(join(layout.root, name), { recursive: true, mode: 0o700 })
  for (const [name, path] of Object.entries(programs))
    if (path !== undefined) symlinkSync(path, join(layout.bin, name))
  for (const [name, text] of Object.entries(hostScripts())) {
    writeFileSync(join(layout.bin, name), text)
    chmodSync(join(layout.bin, name), 0o755)
  }
  writeFileSync(layout.authorizedKeys, publicKey, { mode: 0o600 })
}

export function markOfHost({ lab, facts }: LabHostSetup): Mark {
  return { lab, host: facts.name }
}

/** Starts the host's SSH server; returns once it greets. Throws with the end of its log when it does not. */
export async function startSsh(setup: LabHostSetup, signal: AbortSignal): Promise<number> {
  const { facts, user, sshServer } = setup
  const args = ['--dir', facts.layout.root, '--port', String(facts.sshPort), '--address', facts.address]
  signal.throwIfAborted()
  const log = openSync(facts.layout.sshLog, 'a')
  const lab = markEnvironment(markOfHost(setup))['QUORATE_LAB'] ?? ''
  const child = spawn(process.execPath, [sshServer, ...args, '--user', user, '--lab', lab], {
    detached: true,
    stdio: ['ignore', log, log],
    env: hostEnvironment(setup),
  })
  closeSync(log)
  let ended = false
  child.once('exit', () => (ended = true)).once('error', () => (ended = true))
  child.unref()
  const deadline = Date.now() + SSH_START_TIMEOUT_MS
  while (!(await greets(facts.address, facts.sshPort))) {
    signal.throwIfAborted()
    if (ended || child.pid === undefined || Date.now() > deadline) {
      const what = ended ? 'did not start' : `did not answer within ${SSH_START_TIMEOUT_MS / 1000} s`
      throw new Error(
        `The SSH server of lab host ${facts.name} ${what} on ${facts.address}:${facts.sshPort}; ${logTail(facts.layout.sshLog)}`,
      )
    }
    await sleep(30)
  }
  return child.pid ?? 0
}

/** Runs one of the host's own scripts (or another program in its `bin`); the exit code is data. */
export function runOnHost(
  setup: LabHostSetup,
  name: string,
  args: readonly string[] = [],
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(setup.facts.layout.bin, name), args, {
      env: hostEnvironment(setup),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-64 * 1024))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 255, output: output.trim() }))
  })
}

/** The process number of the host's etcd, as its own script sees it; undefined while it does not run. */
export async function etcdPid(setup: LabHostSetup): Promise<number | undefined> {
  const { code, output } = await runOnHost(setup, 'etcd-status')
  const pid = /process (\d+)/.exec(output)?.[1]
  return code === 0 && pid !== undefined ? Number(pid) : undefined
}

/** The end of a log for an error's text. */
export function logTail(file: string, lines = 8): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trimEnd()
  } catch {
    return `there is no log ${file}`
  }
  const tail = text.split('\n').slice(-lines)
  return text === '' ? `its log ${file} is empty` : `its log ${file} ends with:\n${tail.join('\n')}`
}

const SSH_START_TIMEOUT_MS = 30_000

function hostEnvironment(setup: LabHostSetup): NodeJS.ProcessEnv {
  const { layout } = setup.facts
  return {
    HOME: layout.home,
    USER: setup.user,
    PATH: [layout.bin, process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'].join(delimiter),
    ...markEnvironment(markOfHost(setup)),
  }
}

function greets(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1000, () => done(false))
    socket.once('error', () => done(false))
    socket.once('data', (chunk) => done(chunk.toString().startsWith('SSH-')))
  })
}
