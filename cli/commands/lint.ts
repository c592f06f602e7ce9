import { statSync } from 'node:fs'
import { printProblems, problemsJson } from '../../dsl/print.ts'
import { sortProblems } from '../../dsl/source.ts'
import { type Command, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { compileFiles } from '../runbook-files.ts'

export const lint: Command = {
  name: 'lint',
  usage: 'FILE ...',
  summary: 'check runbooks and print every problem at its place',
  flags: {},
  positionals: { min: 1, max: Infinity },
  async run({ positionals, flags, terminal, environment }) {
    for (const file of positionals) {
      if (!statSync(file, { throwIfNoEntry: false })?.isFile()) throw new UsageError(`${file} is no file.`)
    }
    const { files, texts } = await compileFiles(positionals, environment)
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
