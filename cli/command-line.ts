import { parseArgs } from 'node:util'
import { nearest } from '../dsl/near.ts'
import { type Command, commonFlags, type Flags, type FlagSpec, UsageError } from './command.ts'

export interface CommandLine {
  readonly command: Command
  readonly positionals: readonly string[]
  readonly flags: Flags
  /** `--help` was given: print what the command does instead. */
  readonly help: boolean
}

/**
 * Reads a command line. A command may have up to three words (`inventory check`, `lab hosts up`). Throws `UsageError`, with the name
 * that was probably meant.
 */
export function readCommandLine(argv: readonly string[], commands: readonly Command[]): CommandLine {
  const { command, rest } = findCommand(argv, commands)
  const specs = { ...commonFlags, ...command.flags }
  const { tokens } = parseArgs({
    args: [...rest],
    options: Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, optionOf(spec)])),
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const values = new Map<string, string[]>()
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const value = checkedValue({
      command,
      specs,
      name: token.name,
      written: token.rawName,
      value: token.value,
    })
    values.set(token.name, [...(values.get(token.name) ?? []), value])
  }
  for (const [name, given] of values) {
    if (given.length > 1 && specs[name]?.multiple !== true && specs[name]?.type === 'string') {
      throw wrong(command, `--${name} is given ${given.length} times`)
    }
  }
  const help = values.has('help')
  if (!help) checkCount(command, positionals)
  return { command, positionals, flags: flagsOf(values), help }
}

function findCommand(argv: readonly string[], commands: readonly Command[]) {
  const [first] = argv
  if (first === undefined) throw new UsageError('Which command? `quorate help` lists them.')
  for (const words of [3, 2, 1]) {
    const name = argv.slice(0, words).join(' ')
    const command = commands.find((one) => one.name === name)
    if (command !== undefined) return { command, rest: argv.slice(words) }
  }
  const family = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name)
  if (family.length > 0)
    throw new UsageError(
      `"${first}" needs another word: ${family.map((name) => `\`quorate ${name}\``).join(', ')}.`,
    )
  const near = nearest(
    first,
    commands.map(({ name }) => name),
  )
  const hint = near === undefined ? '`quorate help` lists them' : `did you mean \`quorate ${near}\``
  throw new UsageError(`There is no command "${first}"; ${hint}${near === undefined ? '.' : '?'}`)
}

function optionOf({ type, short, multiple }: FlagSpec) {
  return { type, ...(short === undefined ? {} : { short }), ...(multiple === true ? { multiple: true } : {}) }
}

interface GivenFlag {
  readonly command: Command
  readonly specs: Readonly<Record<string, FlagSpec>>
  readonly name: string
  readonly written: string
  readonly value: string | undefined
}

function checkedValue({ command, specs, name, written, value }: GivenFlag): string {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
  if (spec === undefined) {
    const near = nearest(name, Object.keys(specs))
    const hint =
      near === undefined ? `\`quorate help ${command.name}\` lists what there is` : `did you mean --${near}`
    throw new UsageError(
      `\`quorate ${command.name}\` has no ${written}; ${hint}${near === undefined ? '.' : '?'}`,
    )
  }
  if (spec.type === 'boolean') {
    if (value !== undefined) throw wrong(command, `${written} takes no value`)
    return 'true'
  }
  if (value === undefined || value === '')
    throw wrong(command, `${written} needs a value (${spec.value ?? 'VALUE'})`)
  return value
}

function checkCount(command: Command, given: readonly string[]): void {
  const { min, max } = command.positionals
  if (given.length < min) throw wrong(command, 'Something is missing')
  if (given.length > max) throw wrong(command, `"${given[max] ?? ''}" is too much`)
}

function wrong({ name, usage }: Command, what: string): UsageError {
  return new UsageError(`${what}: \`quorate ${name}${usage === '' ? '' : ` ${usage}`}\`.`)
}

function flagsOf(values: ReadonlyMap<string, readonly string[]>): Flags {
  return {
    text: (name) => values.get(name)?.at(-1),
    texts: (name) => values.get(name) ?? [],
    on: (name) => values.has(name),
  }
}
