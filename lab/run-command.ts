import { spawn } from 'node:child_process'
import { endWithParent } from './end-with-parent.ts'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly timeoutMs: number
}

/**
 * Runs a program to its end and returns what it printed on both outputs, the last 64 KiB of it.
 * Throws one sentence with the end of its output when it cannot be started, ends with another code than 0,
 * or takes longer than `timeoutMs`. It ends when this process does.
 */
export function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const callOff = child.pid === undefined ? () => undefined : endWithParent(child.pid)
    let output = ''
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, options.timeoutMs)
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-KEPT_OUTPUT_CHARACTERS)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const settle = (problem: string | undefined) => {
      clearTimeout(timer)
      callOff()
      if (problem === undefined) resolve(output)
      else reject(new Error(problem))
    }
    child.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code === 'ENOENT' ? `"${program}" is not on the PATH` : `${program}: ${error.message}`),
    )
    child.once('close', (code, signal) => {
      if (timedOut) settle(`${program} did not end within ${options.timeoutMs / 1000} s`)
      else if (code !== 0) settle(`${program} ended with ${code ?? signal}: ${lastLine(output)}`)
      else settle(undefined)
    })
  })
}

const KEPT_OUTPUT_CHARACTERS = 64 * 1024

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim() ?? ''
}
