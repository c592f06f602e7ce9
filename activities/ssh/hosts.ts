import type { Readable } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import type { Host, Inventory } from '../../dsl/inventory.ts'
import { ActionError, InputError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { type ConnectSettings, defaultConnectSettings, describeHost } from './connect.ts'
import { CommandTimeout, ConnectionLost, type Ran, type RunOptions } from './connection.ts'
import { JobFailed, runJob } from './job.ts'
import { ConnectionPool } from './pool.ts'
import { shellCommand } from './quote.ts'
import type { Command, Exited, JobOptions, RemoteHost } from './remote-host.ts'

export interface HostsOptions extends Partial<ConnectSettings> {
  /** How long a job's host that went away is looked for. Default 60 s. */
  readonly reconnectMs?: number
}

/** Whose commands these are: one a run's attempt. */
export interface HostScope {
  /** Told of each command. */
  readonly onCommand?: CommandObserver
  /** The same for each repetition of an attempt whose worker died, another for each retry. See `JobRequest`. */
  readonly attempt?: string
  /** This is such a repetition: jobs may have been started by the worker that died. */
  readonly repeated?: boolean
  /** Aborts `exec`; a job takes its own. */
  readonly signal?: AbortSignal
}

/**
 * Awaited before a command is sent: where it throws, nothing is. What it returns is awaited once the command's
 * outcome is known, or that it never will be.
 */
export type CommandObserver = (command: CommandSent) => Promise<(outcome: CommandOutcome) => Promise<void>>

export interface CommandSent {
  readonly kind: 'exec' | 'job'
  readonly host: string
  readonly argv: readonly string[]
  /** The job's. */
  readonly key?: string
  /** As in `Command`. */
  readonly reads?: true
  readonly prints?: 'data'
}

export interface CommandOutcome extends Pick<Ran, 'stdout' | 'stderr' | 'lost'> {
  /** By the monotonic clock. */
  readonly ms: number
  /** Absent when it never came, or nothing was run. */
  readonly code?: number
  /** Why there is no good outcome, and whether it may yet have had its effect. */
  readonly error?: string
  readonly unknown?: true
}

export interface Hosts {
  /** Connected on first use; throws `InputError` for an unknown name. */
  host(name: string, scope?: HostScope): RemoteHost
  close(): Promise<void>
}

/** All hosts of an inventory, each over one shared connection. The caller closes it. */
export function createHosts(inventory: Inventory, options: HostsOptions = {}): Hosts {
  const { reconnectMs = 60_000, ...connecting } = options
  const pool = new ConnectionPool(inventory.hosts, { ...defaultConnectSettings, ...connecting })
  const shared: Shared = { pool, reconnectMs, workDirs: new Map() }
  return {
    host: (name, scope = {}) => new SshHost(shared, findHost(inventory, name), scope),
    close: () => pool.close(),
  }
}

function findHost(inventory: Inventory, name: string): Host {
  const host = inventory.hosts[name]
  if (host !== undefined) return host
  const names = Object.keys(inventory.hosts).join(', ')
  throw new InputError(`${inventory.file} has no host ${name}; its hosts are ${names}.`)
}

/** What all hosts of one inventory have in common. */
interface Shared {
  readonly pool: ConnectionPool
  readonly reconnectMs: number
  /** Hosts whose work directory is known to be there and their user's own. */
  readonly workDirs: Map<string, Promise<void>>
}

/** A host over SSH. */
export class SshHost implements RemoteHost {
  readonly name: string
  readonly address: string
  readonly workDir: string
  readonly host: Host
  readonly #pool: ConnectionPool
  readonly #shared: Shared
  readonly #scope: HostScope

  constructor(shared: Shared, host: Host, scope: HostScope) {
    this.name = host.name
    this.address = host.address
    this.workDir = host.workDir
    this.host = host
    this.#pool = shared.pool
    this.#shared = shared
    this.#scope = scope
  }

  async exec(command: Command): Promise<Exited> {
    const argv = this.#privileged(command.argv, command.privileged === true)
    const { signal } = this.#scope
    const options: RunOptions = {
      stdin: command.stdin ?? '',
      timeoutMs: command.timeoutMs ?? 30_000,
      ...(signal === undefined ? {} : { signal }),
    }
    const sent = {
      kind: 'exec',
      host: this.name,
      argv,
      ...told(command),
    } as const
    return this.#observed(sent, async () => {
      const startMs = Date.now()
      const ran = await this.#sendTwice(argv, options)
      return { ...ran, durationMs: Date.now() - startMs }
    })
  }

  async job(key: string, command: Command, options: JobOptions = {}): Promise<Exited> {
    const argv = this.#privileged(command.argv, true)
    const { attempt, repeated = false } = this.#scope
    const request = {
      key,
      argv,
      stdin: command.stdin ?? '',
      repeated,
      reconnectMs: this.#shared.reconnectMs,
      ...(attempt === undefined ? {} : { attempt }),
    }
    return this.#observed({ kind: 'job', host: this.name, argv, key }, async () => {
      await this.#ownWorkDir()
      return runJob(this, request, options)
    })
  }

  /** A user who is no root cannot make a directory such as /var/lib/quorate; who may use sudo is given one. */
  #ownWorkDir(): Promise<void> {
    if (!this.host.ssh.sudo) return Promise.resolve()
    const { workDirs } = this.#shared
    const known = workDirs.get(this.name)
    if (known) return known
    const made = this.#makeWorkDir()
    workDirs.set(this.name, made)
    made.catch(() => workDirs.delete(this.name))
    return made
  }

  async #makeWorkDir(): Promise<void> {
    const argv = ['sh', '-c', workDirScript, 'workDir', this.workDir, ...sudo]
    const { code, stderr } = await this.#sendTwice(argv, { timeoutMs: 30_000 })
    if (code === 0) return
    throw new ActionError(
      `${this.workDir} on ${describeHost(this.host)} could not be made for ${this.host.ssh.user}: ${stderr.trim()}. Let that user run sudo without a password, or correct workDir in the inventory.`,
    )
  }

  /** One try over the connection of now, without evidence. Throws `ConnectionLost`, or what `connect` throws. */
  async run(argv: readonly string[], options: RunOptions): Promise<Ran> {
    const line = this.#commandLine(argv)
    const connection = await this.#pool.connection(this.name)
    return connection.run(line, { ...options, killWith: rightsOf(argv) })
  }

  /** As `exec`, with the rights to change something, sent once, with a stream as its stdin. */
  async send(argv: readonly string[], options: RunOptions): Promise<Ran> {
    const all = this.privilegedArgv(argv)
    return this.#observed({ kind: 'exec', host: this.name, argv: all }, () => this.run(all, options))
  }

  /**
   * As `exec`, with `source`'s output of `readArgv` as its stdin, through this process and what `through` makes of it.
   * Sent once. That the source came to its end is for the caller to see by a digest.
   */
  async receiveFrom(
    source: SshHost,
    readArgv: readonly string[],
    argv: readonly string[],
    signal: AbortSignal | undefined,
    through: (read: Readable) => Readable = (read) => read,
  ): Promise<Exited> {
    const writing = this.privilegedArgv(argv)
    return this.#observed({ kind: 'exec', host: this.name, argv: writing }, async () => {
      const startMs = Date.now()
      const reader = await source.#channel(source.privilegedArgv(readArgv))
      const connection = await this.#pool.connection(this.name)
      try {
        const ran = await connection.run(this.#commandLine(writing), {
          stdin: through(reader),
          killWith: rightsOf(writing),
          ...(signal === undefined ? {} : { signal }),
        })
        return { ...ran, durationMs: Date.now() - startMs }
      } finally {
        reader.close()
      }
    })
  }

  async #channel(argv: readonly string[]): Promise<ClientChannel> {
    const connection = await this.#pool.connection(this.name)
    const channel = await connection.channel(this.#commandLine(argv))
    channel.stderr.resume()
    channel.end()
    return channel
  }

  /** The argv as it runs where something is changed, or where only root may read. */
  privilegedArgv(argv: readonly string[]): readonly string[] {
    return this.#privileged(argv, true)
  }

  #privileged(argv: readonly string[], wanted: boolean): readonly string[] {
    return wanted && this.host.ssh.sudo ? [...sudo, ...argv] : argv
  }

  /** Linux takes no more than 128 KiB as one argument, and sshd hands the whole command to a shell as one. */
  #commandLine(argv: readonly string[]): string {
    const line = shellCommand(argv)
    if (Buffer.byteLength(line) <= 128 * 1024 - 64) return line
    throw new InputError(
      `The command for ${this.name} is longer than 128 KiB; pass what is long as its stdin.`,
    )
  }

  /** A connection may turn out dead only when it is used: then nothing was sent, and a new one is opened, once. */
  async #sendTwice(argv: readonly string[], options: RunOptions): Promise<Ran> {
    try {
      return await this.run(argv, options)
    } catch (error) {
      if (!(error instanceof ConnectionLost) || error.sent) throw this.#explain(argv, error)
    }
    return this.run(argv, options).catch((error: unknown) => {
      throw this.#explain(argv, error)
    })
  }

  #explain(argv: readonly string[], cause: unknown): unknown {
    const what = `${argv[0]} on ${describeHost(this.host)}`
    if (cause instanceof CommandTimeout) return new ActionError(`${what}: ${cause.message}.`, { cause })
    if (!(cause instanceof ConnectionLost)) return cause
    if (!cause.sent) return new ActionError(`${what} was not run: ${cause.message}.`, { cause })
    return new UnknownOutcomeError(
      `The connection broke while ${what} ran (${cause.message}); its exit code never came.`,
      { cause },
    )
  }

  async #observed<Result extends Ran>(sent: CommandSent, run: () => Promise<Result>): Promise<Result> {
    const said = await this.#scope.onCommand?.(sent)
    const startMs = performance.now()
    const took = (): number => Math.round(performance.now() - startMs)
    let result: Result
    try {
      result = await run()
    } catch (cause) {
      await said?.({ ms: took(), ...failedOutcome(cause) })
      throw cause
    }
    const { code, stdout, stderr, lost } = result
    await said?.({ ms: took(), code, stdout, stderr, ...(lost && { lost }) })
    return result
  }
}

const told = ({ reads, prints }: Command): Pick<CommandSent, 'reads' | 'prints'> => ({
  ...(reads && { reads }),
  ...(prints && { prints }),
})

function failedOutcome(cause: unknown): Omit<CommandOutcome, 'ms'> {
  const error = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof JobFailed) return { ...cause.printed, code: cause.code, error }
  const notSent = cause instanceof ConnectionLost && !cause.sent
  const notRun = notSent || (cause instanceof ActionError && !(cause.cause instanceof CommandTimeout))
  const refused = cause instanceof InputError || cause instanceof RefusedError
  return { stdout: '', stderr: '', error, ...(notRun || refused ? {} : { unknown: true }) }
}

const sudo: readonly string[] = ['sudo', '-n', '--']

/** Arguments: the directory, then what runs a command as root. What lies in it has rights of its own. */
const workDirScript = String.raw`
dir=$1; shift
[ ! -w "$dir" ] || [ ! -x "$dir" ] || exit 0
"$@" sh -c 'umask 022; mkdir -p -- "$1" && chown "$2" "$1"' workDir "$dir" "$(id -u):$(id -g)"
`

const rightsOf = (argv: readonly string[]): readonly string[] => (argv[0] === sudo[0] ? sudo : [])
