import { suggest } from '../../dsl/near.ts'
import { durationText } from '../../dsl/duration.ts'
import type { InputSpec, Program } from '../../dsl/program.ts'
import { type Command, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { localRunbooks } from '../runbook-files.ts'
import { table } from '../table.ts'

export const runbooks: Command = {
  name: 'runbooks',
  usage: '[NAME]',
  summary: 'list the runbooks, or the inputs of one',
  details:
    'They are looked for in the directories of QUORATE_RUNBOOKS, else in those that came with Quorate.',
  flags: {},
  positionals: { min: 0, max: 1 },
  async run({ positionals, flags, terminal, environment }) {
    const found = await localRunbooks(environment)
    const programs = found.flatMap(({ compiled }) => (compiled.ok ? [compiled.value] : []))
    const broken = found.filter(({ compiled }) => !compiled.ok).map(({ file }) => file)
    const [name] = positionals
    const chosen = name === undefined ? programs : programs.filter((program) => program.name === name)
    if (name !== undefined && chosen.length === 0) {
      throw new UsageError(
        `There is no runbook "${name}". ${
          suggest(
            name,
            programs.map(({ name }) => name),
          ) ?? ''
        }`.trim(),
      )
    }
    const { columns } = terminal.size()
    if (flags.on('json')) terminal.out(JSON.stringify(chosen.map(asJson), null, 2))
    else if (name !== undefined) terminal.out(chosen.map((program) => page(program, columns)).join('\n'))
    else
      terminal.out(
        table(
          ['RUNBOOK', 'EFFECT', 'WHAT IT DOES'],
          programs.map(({ name, effect, title }) => [name, effect, title]),
          terminal.live ? columns : Infinity,
        ),
      )
    for (const file of broken) terminal.err(`${file} has problems: quorate lint ${file}`)
    return exitCodes.done
  },
}

function asJson({ name, title, description, effect, file, inputs }: Program): object {
  return { name, title, description, effect, file, inputs }
}

function page(program: Program, columns: number): string {
  const { name, title, description, inputs } = program
  const rows = Object.entries(inputs).map(([input, spec]) => [
    `  ${input}`,
    spec.type,
    standard(spec),
    spec.description,
  ])
  const required = Object.entries(inputs).filter(([input, { required }]) => required && input !== 'cluster')
  const example = required.map(([input]) => ` --input ${input}=…`).join('')
  return [
    title,
    '',
    description.trim(),
    '',
    table(['  INPUT', 'TYPE', 'DEFAULT', 'WHAT IT IS'], rows, columns),
    '',
    `  quorate run ${name} --cluster …${example}`,
  ].join('\n')
}

function standard({ type, default: value, required }: InputSpec): string {
  if (value === undefined || value === null) return required ? '(needed)' : ''
  return type === 'duration' && typeof value === 'number'
    ? durationText(value)
    : typeof value === 'string'
      ? value
      : JSON.stringify(value)
}
