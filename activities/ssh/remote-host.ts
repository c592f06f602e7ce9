/** A host as actions see it. Implemented over ssh2 in this folder; nothing else here speaks SSH. */
export interface RemoteHost {
  readonly name: string
  readonly address: string
  /** Where jobs and backups of Quorate are kept on it. */
  readonly workDir: string
  /**
   * Runs a command that changes nothing. The exit code is data. Throws `ActionError` when the host cannot be reached
   * or the time is up (the command is killed), `RefusedError` for its host key, `UnknownOutcomeError` when the
   * connection broke before the exit code came.
   */
  exec(command: Command): Promise<Exited>
  /**
   * Runs a command that changes something, once, whatever happens to the connection or the worker:
   * the same `key` attaches to the same job. Throws `ActionError` when it ended with another code than 0,
   * `UnknownOutcomeError` when it vanished.
   */
  job(key: string, command: Command, options?: JobOptions): Promise<Exited>
  /** Of a host in a plan: ends the action before data is brought there, noting what it would be. */
  readonly refuseTransfer?: (what: string) => never
  /** Of a host in a plan: the real one, for reading bytes from it. */
  readonly readFrom?: RemoteHost
}

export interface Command {
  /** Quoted by one function; there is no string pasted into a shell. `['sh', '-c', SCRIPT, 'name', ...args]` for scripts. */
  readonly argv: readonly string[]
  readonly stdin?: string
  /**
   * For `exec`, said where it is called: nothing at all is changed, not even a file of our own for a moment. A
   * plan runs no other command.
   */
  readonly reads?: true
  /** What it prints is what a cluster holds, which is nobody's business: the record has its digest alone. */
  readonly prints?: 'data'
  /** For `exec`: under `sudo -n` where the host's settings say so, as every job is: to read what only root may. */
  readonly privileged?: boolean
  /** Default 30 s for `exec`; a job has no time of its own. */
  readonly timeoutMs?: number
}

export interface Exited {
  readonly code: number
  /** Bounded to the last MiB. */
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
}

export interface JobOptions {
  readonly signal?: AbortSignal
  /** Called with the job's output so far (its tail, when long), about once a second while it changes. */
  readonly onOutput?: (stdout: string) => void
}
