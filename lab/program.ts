import { delimiter, isAbsolute, join } from 'node:path'
import { isExecutable } from './install.ts'
import { runCommand } from './run-command.ts'

/** The version a program printed about itself, or undefined: `3.6.16` in `etcd Version: 3.6.16\nGit SHA: …`. */
export function versionIn(output: string): string | undefined {
  return /version:?\s+v?(\d+\.\d+\.\d+[^\s,)]*)/i.exec(output)?.[1]
}

/** The absolute path of a program; undefined when no directory of `path` (as in `PATH`) has it. */
export function programOnPath(program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .map((directory) => join(directory, program))
    .find((candidate) => isExecutable(candidate))
}

/** Throws unless the program says it is of this version. */
export async function checkVersion(program: string, args: readonly string[], version: string): Promise<void> {
  const printed = versionIn(await runCommand(program, args, { timeoutMs: VERSION_TIMEOUT_MS }))
  if (printed !== version) throw new Error(`it says it is version ${printed ?? 'unknown'}, not ${version}`)
}

/** Undefined when it cannot be run or says none. */
export async function printedVersion(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return versionIn(await runCommand(program, args, { timeoutMs: VERSION_TIMEOUT_MS }))
  } catch {
    return undefined
  }
}

/** Generous: on macOS the first start of a new program waits for its check by the system. */
const VERSION_TIMEOUT_MS = 30_000
