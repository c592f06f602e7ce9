import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface HostProcess {
  readonly pid: number
  readonly port: number
  /** `ssh-ed25519 AAAA…`: the host's public key. */
  readonly publicKey: string
  /** Cuts every connection to it, as a broken link would; resolves once they are cut. */
  dropConnections(): Promise<void>
  stop(): Promise<void>
}

export interface HostProcessOptions {
  /** The built `lab/host/main.js`. */
  readonly main: string
  readonly dir: string
  readonly lab: string
  /** 0 takes a free one. */
  readonly port?: number
  /** The search path that its commands get; by default this process's own. */
  readonly path?: string
}

/** Starts a lab host as a process of its own; resolves once it can be reached, throws with what it said if it ends. */
export async function launchHost(options: HostProcessOptions): Promise<HostProcess> {
  const { main, dir, lab, port = 0, path = process.env['PATH'] } = options
  const argv = [main, '--dir', dir, '--lab', lab, '--port', `${port}`]
  const child = spawn(process.execPath, argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: path },
  })
  const listening = await portOf(child)
  const key = readFileSync(join(dir, 'ssh_host_ed25519_key.pub'), 'utf8')
  return {
    pid: child.pid ?? 0,
    port: listening,
    publicKey: key.split(' ').slice(0, 2).join(' ').trim(),
    dropConnections: () => dropConnections(child),
    stop: () => stop(child),
  }
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = ''
    const listen = (chunk: Buffer): void => {
      said += chunk.toString('utf8')
      const port = /^listening on \S+:(\d+) /m.exec(said)?.[1]
      if (port !== undefined) resolve(Number(port))
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The lab host ended with ${code}: ${said.trim()}`)))
  })
}

function dropConnections(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const listen = (chunk: Buffer): void => {
      if (!chunk.includes('cut ')) return
      child.stdout?.off('data', listen)
      resolve()
    }
    child.stdout?.on('data', listen)
    child.kill('SIGUSR2')
  })
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
