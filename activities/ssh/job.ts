import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ActionError, InputError, UnknownOutcomeError } from '../failure.ts'
import { lastWords } from '../redact/secrets.ts'
import type { RunOptions, Ran } from './connection.ts'
import { ConnectionLost } from './connection.ts'
import { type JobFrame, JobFrames } from './job-frames.ts'
import { markReported, waitForJob } from './job-script.ts'
import type { Exited, JobOptions } from './remote-host.ts'

/** What a job needs of its host. */
export interface JobHost {
  readonly name: string
  readonly workDir: string
  /** Runs over whatever connection there is now. Throws `ConnectionLost`, or what `connect` throws. */
  run(argv: readonly string[], options: RunOptions): Promise<Ran>
}

export interface JobRequest {
  readonly key: string
  readonly argv: readonly string[]
  /** Without it the job is only attached to, never started. */
  readonly stdin?: string
  /**
   * Names the asker's attempt, the same when a dead worker's attempt is repeated: a failure already told to it
   * is told again, while another attempt runs the command anew.
   */
  readonly attempt?: string
  /** Somebody may have started it before, so that not reaching the host says nothing about it. */
  readonly repeated: boolean
  /** How long to look for a host that went away in the middle. */
  readonly reconnectMs: number
}

/** The command ran to its end and failed. */
export class JobFailed extends ActionError {
  readonly code: number
  /** Its last words. */
  readonly said: string
  /** What it printed, as a job that succeeded gives it. */
  readonly printed: Pick<Exited, 'stdout' | 'stderr'>

  constructor(message: string, end: Pick<JobEnd, 'code' | 'stdout' | 'stderr'>, said: string) {
    super(message)
    this.code = end.code
    this.said = said
    this.printed = { stdout: end.stdout, stderr: end.stderr }
  }
}

/** Runs a command once under its key, or attaches to it, and waits for its end. See `RemoteHost.job`. */
export async function runJob(host: JobHost, request: JobRequest, options: JobOptions = {}): Promise<Exited> {
  const startMs = Date.now()
  const end = await watchToEnd(host, request, options)
  const where = `Job ${request.key} on ${host.name}`
  const dir = `${jobsDirectory(host)}/${jobDirectory(request.key)}/${end.n}`
  if (end.kind === 'ended' && end.code === 0) return exited(end, startMs)
  await report(host, request, dir)
  if (end.kind === 'lost') {
    throw new UnknownOutcomeError(
      `${where} vanished: its process is gone and left no exit code (host restarted, or killed). ` +
        `See ${dir} there, look what it did, then retry.${tailOf(end.stderr)}`,
    )
  }
  const said = lastWords(end.stderr.trim() || end.stdout, 2000)
  throw new JobFailed(`${where} ended with ${end.code}; its record is ${dir}.${tailOf(said)}`, end, said)
}

/**
 * Waits for a job that somebody else started. `undefined` when there is none, or when it vanished; its exit code
 * is data here, and nothing is marked as told.
 */
export async function attachToJob(
  host: JobHost,
  key: string,
  options: JobOptions = {},
): Promise<Exited | undefined> {
  const startMs = Date.now()
  const request: JobRequest = { key, argv: [], repeated: true, reconnectMs: 60_000 }
  const end = await watchToEnd(host, request, options)
  return end.kind === 'ended' ? exited(end, startMs) : undefined
}

/** A key as a directory's name: readable, and unique even where characters had to go. */
export function jobDirectory(key: string): string {
  const plain = key.replace(/[^A-Za-z0-9._-]/g, '_')
  if (plain === key && key.length <= 120 && /^[A-Za-z0-9]/.test(key)) return key
  return `j${plain.slice(-100)}.${createHash('sha256').update(key).digest('hex').slice(0, 12)}`
}

export const jobsDirectory = ({ workDir }: { readonly workDir: string }): string => `${workDir}/jobs`

interface JobEnd {
  readonly kind: 'ended' | 'lost' | 'none'
  readonly n: number
  readonly fresh: boolean
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly tookMs: number
}

const exited = ({ code, stdout, stderr, fresh, tookMs }: JobEnd, startMs: number): Exited => ({
  code,
  stdout,
  stderr,
  durationMs: fresh ? Date.now() - startMs : tookMs,
})

const tailOf = (text: string): string => (text.trim() === '' ? '' : ` It said: ${lastWords(text, 2000)}`)

/** Attaches again for as long as the link breaks; the job does not mind. */
async function watchToEnd(host: JobHost, request: JobRequest, options: JobOptions): Promise<JobEnd> {
  let maybeStarted = request.repeated
  let awaySinceMs: number | undefined
  for (let round = 0; ; round++) {
    try {
      const end = await watchOnce(host, request, options)
      if (end !== undefined) return end
      maybeStarted = true
      awaySinceMs = undefined
    } catch (error) {
      if (options.signal?.aborted === true)
        throw stoppedWaiting(host, request, error, maybeStarted || wasSent(error))
      maybeStarted ||= error instanceof ConnectionLost && error.sent
      awaySinceMs ??= Date.now()
      if (!maybeStarted && !(error instanceof ConnectionLost)) throw error
      if (Date.now() - awaySinceMs > request.reconnectMs) throw gaveUp(host, request, error, maybeStarted)
    }
    await sleep(Math.min(2000, 50 * 2 ** Math.min(round, 6)), undefined, { signal: options.signal }).catch(
      () => {},
    )
  }
}

/** A wait is given up only once its command is out; all that may go wrong before has a name of its own. */
function wasSent(error: unknown): boolean {
  if (error instanceof ConnectionLost) return error.sent
  return !(error instanceof ActionError || error instanceof InputError)
}

function stoppedWaiting(host: JobHost, request: JobRequest, cause: unknown, maybeStarted: boolean): unknown {
  if (!maybeStarted && !(cause instanceof UnknownOutcomeError)) return cause
  return new UnknownOutcomeError(
    `Stopped waiting for job ${request.key} on ${host.name}; it goes on there. A retry attaches to it.`,
    { cause },
  )
}

function gaveUp(host: JobHost, request: JobRequest, cause: unknown, maybeStarted: boolean): Error {
  const why = cause instanceof Error ? cause.message : String(cause)
  if (!maybeStarted)
    return new ActionError(`Job ${request.key} was not started on ${host.name}: ${why}`, { cause })
  return new UnknownOutcomeError(
    `Job ${request.key} may be running on ${host.name}, which could not be asked for ` +
      `${request.reconnectMs / 1000} s: ${why} A retry attaches to it.`,
    { cause },
  )
}

/** One attachment. `undefined` where it broke off and another should follow. */
async function watchOnce(
  host: JobHost,
  request: JobRequest,
  options: JobOptions,
): Promise<JobEnd | undefined> {
  const seen = new JobSeen(options)
  const frames = new JobFrames((frame) => seen.take(frame))
  const onStdout = (chunk: Buffer): void => frames.push(chunk)
  try {
    const ran = await host.run(waitArgv(host, request), {
      stdin: request.stdin ?? '',
      onStdout,
      onStop: 'leave',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    const end = seen.end()
    if (end !== undefined || seen.attached || ran.code === stdinTorn) return end
    throw new ActionError(
      `Job ${request.key} could not be started on ${host.name}: ${startFailure(host, ran)}`,
    )
  } catch (error) {
    if (seen.attached && options.signal?.aborted === true) {
      throw new UnknownOutcomeError(`Job ${request.key} on ${host.name} was not waited for.`, {
        cause: error,
      })
    }
    throw error
  }
}

const stdinTorn = 92

function startFailure(host: JobHost, ran: Ran): string {
  const said = ran.stderr.trim()
  return `the shell ended with ${ran.code}${said === '' ? '' : ` (${lastWords(said, 500)})`}. Nothing was run; check that ${jobsDirectory(host)} can be written.`
}

function waitArgv(host: JobHost, request: JobRequest): readonly string[] {
  const { key, argv, stdin, attempt } = request
  return waitForJob({
    jobs: jobsDirectory(host),
    key: jobDirectory(key),
    attempt: attempt ?? '-',
    stdinBytes: stdin === undefined ? -1 : Buffer.byteLength(stdin),
    record: JSON.stringify({ key, argv, ...(attempt === undefined ? {} : { attempt }) }),
    argv,
  })
}

/** What one attachment was told. */
class JobSeen {
  #attached: Extract<JobFrame, { kind: 'attached' }> | undefined
  #ended: Extract<JobFrame, { kind: 'code' } | { kind: 'lost' }> | undefined
  #none = false
  #complete = false
  #stdout = ''
  #stderr = ''
  readonly #options: JobOptions

  constructor(options: JobOptions) {
    this.#options = options
  }

  get attached(): boolean {
    return this.#attached !== undefined
  }

  take(frame: JobFrame): void {
    if (frame.kind === 'attached') this.#attached = frame
    else if (frame.kind === 'end') this.#complete = true
    else if (frame.kind === 'none') this.#none = true
    else if (frame.kind === 'out') this.#output(frame.text)
    else if (frame.kind === 'err') this.#stderr = frame.text
    else this.#ended = frame
  }

  end(): JobEnd | undefined {
    if (this.#none) return noJob
    const [attached, ended] = [this.#attached, this.#ended]
    if (attached === undefined || ended === undefined || !this.#complete) return undefined
    const { n, fresh } = attached
    const output = { n, fresh, stdout: this.#stdout, stderr: this.#stderr }
    if (ended.kind === 'lost') return { kind: 'lost', ...output, code: -1, tookMs: 0 }
    return { kind: 'ended', ...output, code: ended.code, tookMs: ended.endedMs - ended.claimedMs }
  }

  #output(text: string): void {
    if (text !== this.#stdout) this.#options.onOutput?.(text)
    this.#stdout = text
  }
}

const noJob: JobEnd = { kind: 'none', n: 0, fresh: false, code: -1, stdout: '', stderr: '', tookMs: 0 }

/** So that the next ask runs it anew. Where this does not get through, the next ask is told the same once more. */
async function report(host: JobHost, { attempt }: JobRequest, dir: string): Promise<void> {
  await host.run(markReported(dir, attempt ?? '-'), { timeoutMs: 10_000 }).catch(() => {})
}
