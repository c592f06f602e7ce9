import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { printProblems } from '../../dsl/print.ts'
import { referencePages } from '../../dsl/reference.ts'
import type { RunbookFound } from '../../worker/runbooks.ts'
import { type Command, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { localRunbooks } from '../runbook-files.ts'

const madeBy = '`quorate docs`'

export const docs: Command = {
  name: 'docs',
  usage: '[DIRECTORY ...] [--out DIR]',
  summary: 'write the reference of all actions and runbooks, with a diagram of each',
  details:
    'Markdown with Mermaid, made from the definitions: of the runbooks that came with Quorate, those in\nQUORATE_RUNBOOKS and those in the directories given. Pages it wrote before are written anew.',
  flags: {
    out: { type: 'string', short: 'o', value: 'DIR', help: 'where; runbook-docs here unless said' },
  },
  positionals: { min: 0, max: Infinity },
  async run({ positionals, flags, terminal, environment }) {
    const { catalogue } = await import('../../activities/catalogue.ts')
    for (const directory of positionals)
      if (!existsSync(directory)) throw new UsageError(`There is no directory ${directory}.`)
    const found = await localRunbooks(environment, positionals)
    const out = flags.text('out') ?? 'runbook-docs'
    const pages = referencePages({
      actions: [...catalogue.values()],
      runbooks: firstOfEachName(found).flatMap(({ compiled, file, text }) =>
        compiled.ok ? [{ program: compiled.value, text, file, link: linkTo(file, out) }] : [],
      ),
      madeBy,
      about: `Made from the runbooks' files by ${madeBy}.`,
    })
    refuseForeign(out, Object.keys(pages))
    for (const [name, text] of Object.entries(pages)) {
      const path = join(out, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    const written = Object.keys(pages).map((name) => join(out, name))
    const complaints = complaintsOf(found)
    for (const complaint of complaints) terminal.err(complaint)
    if (flags.on('json')) terminal.out(JSON.stringify({ written, problems: complaints }, null, 2))
    else terminal.out(`Written: ${written.length} pages; begin with ${join(out, 'runbooks', 'README.md')}.`)
    return complaints.length === 0 ? exitCodes.done : exitCodes.failed
  },
}

const linkTo = (file: string, out: string): string => relative(resolve(out, 'runbooks'), resolve(file))

/** A page that somebody else wrote is nobody's to overwrite. */
function refuseForeign(out: string, names: readonly string[]): void {
  const foreign = names
    .map((name) => join(out, name))
    .find((path) => existsSync(path) && !readFileSync(path, 'utf8').includes(`by ${madeBy}`))
  if (foreign === undefined) return
  throw new UsageError(
    `${foreign} was not written by quorate docs, and nothing was written. Choose another directory with --out.`,
  )
}

const firstOfEachName = (found: readonly RunbookFound[]): readonly RunbookFound[] =>
  found.filter(({ name }, index) => found.findIndex((other) => other.name === name) === index)

function complaintsOf(found: readonly RunbookFound[]): readonly string[] {
  const texts = new Map(found.map(({ file, text }) => [file, text]))
  const written = firstOfEachName(found)
  return found.flatMap((one) => {
    if (!one.compiled.ok) return [printProblems(one.compiled.problems, texts)]
    const first = written.find(({ name }) => name === one.name)
    return first === one || first === undefined
      ? []
      : [
          `The runbook "${one.name}" is there twice: ${first.file} and ${one.file}. Only the first has a page.`,
        ]
  })
}
