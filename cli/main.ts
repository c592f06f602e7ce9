import { exitCodes } from './exit-codes.ts'
import { commandHelp } from './commands/help.ts'
import { commands } from './commands/all.ts'
import { readCommandLine } from './command-line.ts'
import { explain } from './errors.ts'
import { processTerminal } from './terminal.ts'

/** The `quorate` command: argv without the program's name; returns the exit code. Never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  const { env: environment } = process
  const terminal = processTerminal(environment)
  // A reader that has seen enough, `head` say, is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.done)
  })
  try {
    const { command, positionals, flags, help } = readCommandLine(withDefault(argv), commands)
    if (help) {
      terminal.out(commandHelp(command))
      return exitCodes.done
    }
    return await command.run({ positionals, flags, terminal, environment })
  } catch (error) {
    const { text, code } = explain(error, environment)
    terminal.err(text)
    if (argv.includes('--json')) terminal.out(JSON.stringify({ error: text, code }))
    return code
  }
}

/** As people try it: nothing, `--help`, `-h`. */
function withDefault(argv: readonly string[]): readonly string[] {
  const [first] = argv
  return first === undefined || first === '--help' || first === '-h' ? ['help', ...argv.slice(1)] : argv
}
