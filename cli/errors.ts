import { type ExitCode, exitCodes } from './exit-codes.ts'
import { plainLine } from './terminal.ts'

/** What a person is told of an error, and the exit code. Nobody who did nothing wrong sees a stack trace. */
export function explain(
  error: unknown,
  environment: NodeJS.ProcessEnv,
): { readonly text: string; readonly code: ExitCode } {
  if (!(error instanceof Error)) return { text: String(error), code: exitCodes.failed }
  const code = codes[error.name]
  if (code !== undefined) return { text: error.message, code }
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError)
    return bug(error, environment)
  return { text: withStack(error, error.message, environment), code: exitCodes.failed }
}

const codes: Readonly<Record<string, ExitCode>> = {
  UsageError: exitCodes.usage,
  InputError: exitCodes.usage,
  Rejected: exitCodes.usage,
  Unreachable: exitCodes.unreachable,
  BinaryMissingError: exitCodes.failed,
}

function bug(error: Error, environment: NodeJS.ProcessEnv) {
  const text = `This is a bug in Quorate (${plainLine(error.message)}): please report it, with what QUORATE_DEBUG=1 prints.`
  return { text: withStack(error, text, environment), code: exitCodes.failed }
}

function withStack(error: Error, text: string, { QUORATE_DEBUG: debug }: NodeJS.ProcessEnv): string {
  return debug === undefined || debug === '' ? text : `${text}\n${error.stack ?? ''}`
}
