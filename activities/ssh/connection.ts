import { constants } from 'node:os'
import type { Duplex, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, ClientChannel } from 'ssh2'
import type { Host } from '../../dsl/inventory.ts'
import { shellCommand } from './quote.ts'
import { Slots } from './slots.ts'
import { Tail } from './tail.ts'

/** The link broke. Without `sent` the command never left this machine. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
  readonly sent: boolean

  constructor(message: string, sent: boolean) {
    super(message)
    this.sent = sent
  }
}

/** The command did not end in its time; it was killed as far as SSH can. */
export class CommandTimeout extends Error {
  override readonly name = 'CommandTimeout'
}

export interface RunOptions {
  readonly stdin?: string | Readable
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** What happens to the command when it is given up: killed, unless it only watches something that goes on. */
  readonly onStop?: 'kill' | 'leave'
  /** What makes a killer of this command run with its rights. */
  readonly killWith?: readonly string[]
  /** How much of each output is kept, from its end. Default 1 MiB. */
  readonly keepBytes?: number
  /** Sees all of the output; what `Ran` keeps is bounded. */
  readonly onStdout?: (chunk: Buffer) => void
}

export interface Ran {
  /** 128 + N when signal N ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Bytes that came before what was kept of each, where more came than is kept. */
  readonly lost?: { readonly stdout: number; readonly stderr: number }
}

const keptBytes = 1024 * 1024
/** OpenSSH allows 10 (MaxSessions) and frees one a moment after its channel closed. */
const sessions = 8
const refusedPauseMs = 50
const refusedLimitMs = 5_000
/** How long a host may take to close its end of a connection. */
const farewellMs = 2_000

/** One login to one host, shared by everybody who has something to run there. */
export class Connection {
  readonly host: Host
  readonly closed: Promise<void>
  readonly #client: Client
  readonly #slots = new Slots(sessions)
  #open = true
  #lastError = 'the host closed the connection'

  constructor(host: Host, client: Client) {
    this.host = host
    this.#client = client
    this.closed = new Promise((resolve) => {
      client.once('close', () => {
        this.#open = false
        resolve()
      })
    })
    client.on('error', (error) => {
      this.#open = false
      this.#lastError = error.message
    })
  }

  get open(): boolean {
    return this.#open
  }

  /** Runs one command line to its end. Throws `ConnectionLost`, `CommandTimeout` or the signal's reason. */
  async run(commandLine: string, options: RunOptions = {}): Promise<Ran> {
    const killable = options.onStop !== 'leave'
    const channel = await this.channel(killable ? `echo $$; ${commandLine}` : commandLine)
    return this.#finish(channel, options, new LeadingLine(killable))
  }

  /** Starts a command line; its place is free again when the channel closes. */
  async channel(commandLine: string): Promise<ClientChannel> {
    const release = await this.#slots.take()
    try {
      const channel = await this.#execWhenFree(commandLine)
      channel.once('close', release)
      return channel
    } catch (error) {
      release()
      throw error
    }
  }

  /** sshd frees a session some time after its channel closed, the later the busier the host. */
  async #execWhenFree(commandLine: string): Promise<ClientChannel> {
    for (let waitedMs = 0; ; waitedMs += refusedPauseMs) {
      try {
        return await this.#exec(commandLine)
      } catch (error) {
        const refused = error instanceof ConnectionLost && !error.sent && this.#open
        if (!refused || waitedMs >= refusedLimitMs) throw error
        await sleep(refusedPauseMs)
      }
    }
  }

  /** A TCP connection made by the host. */
  forward(address: string, port: number): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      this.#client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
        if (error === undefined) resolve(channel)
        else reject(error)
      })
    })
  }

  async close(): Promise<void> {
    this.#open = false
    this.#client.end()
    // A host that lost its power never says goodbye.
    const late = setTimeout(() => this.#client.destroy(), farewellMs)
    await this.closed
    clearTimeout(late)
  }

  /** ssh2 says "Unable to exec" only once the request is out; every other error comes before it. */
  #exec(commandLine: string): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        const message = error instanceof Error ? error.message : String(error)
        reject(new ConnectionLost(this.#open ? message : this.#lastError, message === 'Unable to exec'))
      }
      try {
        this.#client.exec(commandLine, (error, channel) => {
          if (error === undefined) resolve(channel)
          else fail(error)
        })
      } catch (error) {
        fail(error)
      }
    })
  }

  /** By another command: sshd passes no signals on for root, and ssh2 sends none after the end of input. */
  async #kill(processGroup: string | undefined, prefix: readonly string[] = []): Promise<void> {
    if (processGroup === undefined || !this.#open) return
    const argv = [...prefix, 'sh', '-c', 'kill -9 "-$1"', 'quorate-kill', processGroup]
    await this.run(shellCommand(argv), { timeoutMs: 5_000 }).catch(() => {})
  }

  #finish(channel: ClientChannel, options: RunOptions, leading: LeadingLine): Promise<Ran> {
    const stdout = new Tail(options.keepBytes ?? keptBytes)
    const stderr = new Tail(options.keepBytes ?? keptBytes)
    return new Promise((resolve, reject) => {
      const stop = (error: unknown): void => {
        cleanUp()
        channel.close()
        void this.#kill(leading.processGroup, options.killWith)
        reject(error instanceof Error ? error : new Error(String(error)))
      }
      const onAbort = (): void => stop(options.signal?.reason)
      const timer =
        options.timeoutMs === undefined
          ? undefined
          : setTimeout(() => stop(tooSlow(options)), options.timeoutMs)
      const cleanUp = (): void => {
        clearTimeout(timer)
        options.signal?.removeEventListener('abort', onAbort)
      }
      channel.on('error', () => {})
      // Not from `exit`: a quick command's comes in one piece with the answer to `exec`, before anybody can listen.
      // `close` repeats it, and waits until the output was read.
      channel.on('close', (status?: number | null, signal?: string) => {
        cleanUp()
        const code = status === undefined ? undefined : (status ?? signalCode(signal))
        if (code === undefined) reject(new ConnectionLost(this.#lastError, true))
        else resolve({ code, stdout: stdout.text(), stderr: stderr.text(), ...lostOf(stdout, stderr) })
      })
      channel.on('data', (received: Buffer) => {
        const chunk = leading.rest(received)
        stdout.push(chunk)
        options.onStdout?.(chunk)
      })
      channel.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
      options.signal?.addEventListener('abort', onAbort)
      if (options.signal?.aborted === true) onAbort()
      else feed(channel, options.stdin ?? '')
    })
  }
}

function lostOf(stdout: Tail, stderr: Tail): Pick<Ran, 'lost'> {
  const lost = { stdout: stdout.lostBytes, stderr: stderr.lostBytes }
  return lost.stdout + lost.stderr > 0 ? { lost } : {}
}

const tooSlow = ({ timeoutMs }: RunOptions): CommandTimeout =>
  new CommandTimeout(`it did not end within ${(timeoutMs ?? 0) / 1000} s and was killed`)

function feed(channel: ClientChannel, stdin: string | Readable): void {
  if (typeof stdin === 'string') channel.end(stdin)
  else stdin.on('error', () => channel.close()).pipe(channel)
}

/** The process group that a command says before anything else. */
class LeadingLine {
  #line = Buffer.alloc(0)
  #complete: boolean

  constructor(expected: boolean) {
    this.#complete = !expected
  }

  /** What follows the line. */
  rest(chunk: Buffer): Buffer {
    if (this.#complete) return chunk
    const end = chunk.indexOf('\n')
    this.#line = Buffer.concat([this.#line, end < 0 ? chunk : chunk.subarray(0, end)])
    this.#complete = end >= 0
    return end < 0 ? Buffer.alloc(0) : chunk.subarray(end + 1)
  }

  get processGroup(): string | undefined {
    const line = this.#line.toString()
    return this.#complete && /^\d+$/.test(line) ? line : undefined
  }
}

function signalCode(name: string | undefined): number {
  const numbers: Readonly<Record<string, number>> = constants.signals
  return 128 + (numbers[name ?? ''] ?? 0)
}
