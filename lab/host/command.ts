import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { ServerChannel } from 'ssh2'

export interface RunningCommand {
  /** Passes a signal on to the command and what it started in its own process group. */
  signal(name: string): void
  /** The client is gone: the command gets SIGHUP and its pipes are closed; what has left the group lives on. */
  hangUp(): void
}

/** Runs `sh -c COMMAND` over a channel, in a session of its own, as sshd does. */
export function runCommand(
  channel: ServerChannel,
  command: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): RunningCommand {
  const child = spawn('/bin/sh', ['-c', command], { cwd, env, detached: true, stdio: 'pipe' })
  connectStreams(channel, child)
  reportEnd(channel, child)
  const signal = (name: string): void => signalGroup(child, name)
  const hangUp = (): void => {
    signal('HUP')
    child.stdin?.destroy()
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
  channel.on('close', hangUp)
  return { signal, hangUp }
}

function connectStreams(channel: ServerChannel, child: ChildProcess): void {
  for (const stream of [channel, channel.stderr, child.stdin, child.stdout, child.stderr]) {
    stream?.on('error', ignore)
  }
  if (child.stdin !== null) channel.pipe(child.stdin)
  child.stdout?.pipe(channel, { end: false })
  child.stderr?.pipe(channel.stderr, { end: false })
}

/** A broken pipe is told by its end. */
function ignore(): void {}

/** The exit status goes out when the command ends, the channel's end when nothing holds its output any more. */
function reportEnd(channel: ServerChannel, child: ChildProcess): void {
  child.on('error', (error) => {
    channel.stderr.write(`cannot start /bin/sh: ${error.message}\n`)
    channel.exit(127)
    channel.end()
  })
  child.on('exit', (code, signal) => {
    if (code !== null) channel.exit(code)
    else if (signal !== null) channel.exit(signal.slice('SIG'.length), false, '')
  })
  child.on('close', () => channel.end())
}

function signalGroup(child: ChildProcess, name: string): void {
  const signals: Readonly<Record<string, number>> = constants.signals
  const number = signals[`SIG${name}`]
  if (child.pid === undefined || number === undefined) return
  try {
    process.kill(-child.pid, number)
  } catch {
    // The group is gone already.
  }
}
