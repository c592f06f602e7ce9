import { suggest } from '../../dsl/near.ts'
import { type Command, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { table } from '../table.ts'
import { wrapped } from '../terminal.ts'

export const actions: Command = {
  name: 'actions',
  usage: '[NAME]',
  summary: 'list what a runbook may use, or show one action in full',
  flags: {},
  positionals: { min: 0, max: 1 },
  async run({ positionals, flags, terminal }) {
    const { catalogue } = await import('../../activities/catalogue.ts')
    const all = [...catalogue.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1))
    const [name] = positionals
    const chosen = name === undefined ? all : all.filter((action) => action.name === name)
    if (name !== undefined && chosen.length === 0) {
      throw new UsageError(
        `There is no action "${name}". ${
          suggest(
            name,
            all.map(({ name }) => name),
          ) ?? ''
        }`.trim(),
      )
    }
    const { columns } = terminal.size()
    if (flags.on('json')) {
      terminal.out(
        JSON.stringify(
          chosen.map(({ name, title, doc, effect, input, output, timeoutMs, retry }) => ({
            name,
            title,
            doc,
            effect,
            input,
            output,
            timeoutMs,
            retry,
          })),
          null,
          2,
        ),
      )
    } else if (name === undefined) {
      terminal.out(
        table(
          ['ACTION', 'EFFECT', 'WHAT IT DOES'],
          all.map(({ name, effect, title }) => [name, effect, title]),
          columns,
        ),
      )
    } else {
      for (const { name, effect, title, doc, input, output } of chosen) {
        const fields = (schema: unknown) => fieldRows(schema).map(([field, what]) => `  ${field}  ${what}`)
        terminal.out(
          [
            `${name} (${effect}): ${title}`,
            '',
            ...wrapped(doc, columns),
            '',
            'with:',
            ...fields(input),
            '',
            'gives:',
            ...fields(output),
          ].join('\n'),
        )
      }
    }
    return exitCodes.done
  },
}

function fieldRows(schema: unknown): readonly (readonly [string, string])[] {
  const properties: unknown =
    typeof schema === 'object' && schema !== null ? Reflect.get(schema, 'properties') : undefined
  if (typeof properties !== 'object' || properties === null) return []
  const rows = Object.entries(properties).map(
    ([name, field]: [string, unknown]) => [name, describe(field)] as const,
  )
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  return rows.map(([name, what]) => [name.padEnd(width), what])
}

function describe(field: unknown): string {
  if (typeof field !== 'object' || field === null) return ''
  const [type, description]: readonly unknown[] = [
    Reflect.get(field, 'type'),
    Reflect.get(field, 'description'),
  ]
  return [typeof type === 'string' ? type : '', typeof description === 'string' ? description : '']
    .filter((part) => part !== '')
    .join(': ')
}
