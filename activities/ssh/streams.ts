import type { Readable } from 'node:stream'
import { ActionError } from '../failure.ts'
import { SshHost } from './hosts.ts'
import type { Exited, RemoteHost } from './remote-host.ts'

/**
 * Hands what a command prints to `take`, as bytes, until it returns false or the command has ended. Throws
 * `ActionError` when the command fails.
 */
export async function readBytes(
  host: RemoteHost,
  argv: readonly string[],
  take: (chunk: Buffer) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const enough = new AbortController()
  const onStdout = (chunk: Buffer): void => {
    if (!enough.signal.aborted && !take(chunk)) enough.abort()
  }
  const ssh = overSsh(host.readFrom ?? host)
  try {
    const { code, stderr } = await ssh.run(ssh.privilegedArgv(argv), {
      ...{ onStdout, keepBytes: 4096, signal: AbortSignal.any([signal, enough.signal]) },
    })
    if (code !== 0)
      throw new ActionError(`${argv.join(' ')} on ${host.name} ended with ${code}: ${stderr.trim()}`)
  } catch (error) {
    if (!enough.signal.aborted) throw error
  }
}

export interface Pipe {
  readonly from: RemoteHost
  /** Prints what is sent. */
  readonly read: readonly string[]
  readonly to: RemoteHost
  /** Takes it on its stdin. */
  readonly write: readonly string[]
  /** What the worker makes of it on its way. */
  readonly through?: (read: Readable) => Readable
  readonly signal: AbortSignal
}

/** Sends a command's output into another host's command, through this process. See `SshHost.receiveFrom`. */
export function pipeBetween({ from, read, to, write, through, signal }: Pipe): Promise<Exited> {
  to.refuseTransfer?.(`what \`${read.join(' ')}\` reads on ${from.name}`)
  return overSsh(to).receiveFrom(overSsh(from), read, write, signal, through)
}

function overSsh(host: RemoteHost): SshHost {
  if (host instanceof SshHost) return host
  throw new TypeError('Bytes are read from hosts made by createHosts.')
}
