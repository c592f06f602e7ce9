import { statSync } from 'node:fs'
import { printProblems, problemsJson } from '../../dsl/print.ts'
import { sortProblems } from '../../dsl/source.ts'
import { type Command, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { compileFiles } from '../runbook-files.ts'

export const lint: Command = {
  name: 'lint',
  usage: 'FILE|DIRECTORY ...',
  summary: 'check runbooks and print every problem at its place',
  flags: {},
  positionals: { min: 1, max: Infinity },
  async run({ positionals, flags, terminal, environment }) {
    const paths = await Promise.all(positionals.map(filesMeant))
    const { files, texts } = await compileFiles([...new Set(paths.flat())], environment)
    const found = files.flatMap(({ compiled }) => (compiled.ok ? [] : compiled.problems))
    // What is wrong in a file that several call is said once.
    const problems = files.length > 1 ? sortProblems(found) : found
    if (flags.on('json')) terminal.out(problemsJson(problems))
    else if (problems.length > 0) terminal.out(printProblems(problems, texts))
    else
      terminal.out(
        files.length === 1 ? `${files[0]?.file ?? ''} is sound.` : `All ${files.length} files are sound.`,
      )
    return problems.length === 0 ? exitCodes.done : exitCodes.usage
  },
}

/** Of a directory the runbooks in it. */
async function filesMeant(path: string): Promise<readonly string[]> {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isFile() === true) return [path]
  if (found?.isDirectory() !== true) throw new UsageError(`There is no file or directory ${path}.`)
  const { runbookFilesIn } = await import('../../worker/runbooks.ts')
  const files = await runbookFilesIn(path)
  if (files.length > 0) return files
  throw new UsageError(`There are no runbooks in ${path}: \`quorate new NAME\` begins one.`)
}
