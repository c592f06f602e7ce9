import { suggest } from '../../dsl/near.ts'
import { wrapped } from '../terminal.ts'
import { type Command, commonFlags, type FlagSpec, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'

/** `help` knows all commands, itself included. */
export function helpCommand(all: () => readonly Command[]): Command {
  return {
    name: 'help',
    usage: '[COMMAND]',
    summary: 'say what there is, or what one command does',
    flags: {},
    positionals: { min: 0, max: 3 },
    run({ positionals, terminal }) {
      const name = positionals.join(' ')
      if (name === '') {
        terminal.out(overview(all()))
        return Promise.resolve(exitCodes.done)
      }
      const command = all().find((one) => one.name === name)
      if (command === undefined) {
        const hint =
          suggest(
            name,
            all().map((one) => one.name),
          ) ?? ''
        throw new UsageError(`There is no command "${name}". ${hint}`.trim())
      }
      terminal.out(commandHelp(command))
      return Promise.resolve(exitCodes.done)
    },
  }
}

export function commandHelp({ name, usage, summary, details, flags }: Command): string {
  const rows = Object.entries({ ...flags, ...commonFlags }).map(
    ([flag, spec]) => [flagText(flag, spec), spec.help] as const,
  )
  const width = Math.max(...rows.map(([text]) => text.length))
  return [
    ...usageLines(name, usage),
    '',
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    ...(details === undefined ? [] : ['', ...paragraphs(details).flatMap((text) => fitted(text, ''))]),
    '',
    ...rows.flatMap(([text, help]) => fitted(help, `  ${text.padEnd(width)}  `)),
  ].join('\n')
}

const helpColumns = 110

/** A line that was filled goes on in the next. */
const paragraphs = (details: string): readonly string[] =>
  details.replaceAll(/(?<=[^\n]{85,})\n(?! )/g, ' ').split('\n')

/** `text` after `head`, further lines below where it begins. A line that is set with care stays as it is. */
function fitted(text: string, head: string): readonly string[] {
  if (head.length + text.length <= helpColumns) return [`${head}${text}`]
  const lines = wrapped(text, helpColumns - head.length)
  return lines.map((line, i) => `${i === 0 ? head : ' '.repeat(head.length)}${line}`)
}

const usageLines = (name: string, usage: string): readonly string[] =>
  fitted(usage, `quorate ${name} `).map((line) => line.trimEnd())

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return [
    'quorate COMMAND: durable runbooks for clusters that must not lose quorum',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Every command has --json and --help. RUN is an id or a part of one, and may be left out while one run is open.',
    'Exit codes: 0 done, 1 the run failed, was rolled back, aborted or cancelled, 2 wrong usage or input (nothing was',
    'started), 3 waiting for a person, 4 Temporal or a worker does not answer, 5 the cluster is locked by another run.',
  ].join('\n')
}

function flagText(name: string, { type, short, value }: FlagSpec): string {
  const long = `--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`
  return short === undefined ? long : `-${short}, ${long}`
}
