import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { runbookSchema } from '../../dsl/runbook-schema.ts'
import { type Command, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { newRunbook, newTest } from '../new-runbook.ts'

export const newCommand: Command = {
  name: 'new',
  usage: 'NAME [--title TEXT] [--out DIR]',
  summary: 'begin a runbook with its test: both work as they are',
  details: 'Writes NAME.yaml and NAME.test.yaml, with comments, and overwrites nothing.',
  flags: {
    title: { type: 'string', value: 'TEXT', help: 'what it does, in one line' },
    out: { type: 'string', short: 'o', value: 'DIR', help: 'where; this directory unless said' },
  },
  positionals: { min: 1, max: 1 },
  async run({ positionals, flags, terminal }) {
    const [name = ''] = positionals
    const fits = runbookSchema.shape.name.safeParse(name)
    if (!fits.success)
      throw new UsageError(
        `"${name}" cannot be a runbook's name. ${fits.error.issues[0]?.message ?? ''}`.trim(),
      )
    const title = flags.text('title') ?? 'Restart one member that does not lead'
    const directory = flags.text('out') ?? '.'
    mkdirSync(directory, { recursive: true })
    const schemas = await schemasFrom(directory)
    const files = [
      [join(directory, `${name}.yaml`), newRunbook({ name, title, schemas })],
      [join(directory, `${name}.test.yaml`), newTest({ name, title, schemas })],
    ] as const
    const there = files.map(([path]) => path).find((path) => existsSync(path))
    if (there !== undefined)
      throw new UsageError(
        `${there} is there already, and nothing was written. Choose another name, or a directory with --out.`,
      )
    for (const [path, text] of files) writeFileSync(path, text, { flag: 'wx' })
    const written = files.map(([path]) => path)
    if (flags.on('json')) terminal.out(JSON.stringify({ written }))
    else
      terminal.out([`Written: ${written.join(' and ')}. Now:`, ...nextLines(written, directory)].join('\n'))
    return exitCodes.done
  },
}

/** Where the schemas lie, as seen from the new files. */
async function schemasFrom(directory: string): Promise<string> {
  const { packageRoot } = await import('../../worker/package-root.ts')
  return relative(resolve(directory), join(packageRoot(), 'docs'))
}

function nextLines([file = '', test = '']: readonly string[], directory: string): readonly string[] {
  const rows = [
    [`quorate test ${test}`, 'runs its tests: no cluster is needed'],
    [`quorate lint ${file}`, 'says what is wrong in it'],
    ['quorate actions', 'lists what its steps may use'],
    [`QUORATE_RUNBOOKS=${directory} quorate up`, 'starts a lab with a worker that finds it'],
  ] as const
  const width = Math.max(...rows.map(([command]) => command.length))
  return rows.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`)
}
