import type { ExitCode } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

export interface FlagSpec {
  readonly type: 'string' | 'boolean'
  /** May be given more than once. */
  readonly multiple?: boolean
  readonly short?: string
  /** How its value is called in the usage: `FILE`. */
  readonly value?: string
  readonly help: string
}

export interface Command {
  readonly name: string
  /** After the name: `RUNBOOK --cluster C`. */
  readonly usage: string
  readonly summary: string
  /** More for `help NAME`, lines as they are. */
  readonly details?: string
  readonly flags: Readonly<Record<string, FlagSpec>>
  readonly positionals: { readonly min: number; readonly max: number }
  run(invocation: Invocation): Promise<ExitCode>
}

export interface Invocation {
  readonly positionals: readonly string[]
  readonly flags: Flags
  readonly terminal: Terminal
  readonly environment: NodeJS.ProcessEnv
}

export interface Flags {
  text(name: string): string | undefined
  texts(name: string): readonly string[]
  on(name: string): boolean
}

/** The command line is wrong: nothing was started. The message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Every command has these. */
export const commonFlags: Readonly<Record<string, FlagSpec>> = {
  json: { type: 'boolean', help: 'print JSON for machines' },
  help: { type: 'boolean', short: 'h', help: 'print what the command does' },
}
