import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join, relative } from 'node:path'
import { InputError } from '../activities/failure.ts'
import type { Catalogue } from '../dsl/action-spec.ts'
import { compileRunbook } from '../dsl/compile.ts'
import { suggest } from '../dsl/near.ts'
import { printProblems } from '../dsl/print.ts'
import type { Checked } from '../dsl/problem.ts'
import type { Program } from '../dsl/program.ts'
import { packageRoot } from './package-root.ts'

export interface RunbookFound {
  /** As a person would name it: relative to the working directory where it lies below it. */
  readonly file: string
  readonly text: string
  readonly compiled: Checked<Program>
}

/** The runbooks that come with the package. */
export const ownRunbooks = (): string => join(packageRoot(), 'runbooks')

/** Every YAML file in these directories, compiled; in the order of directories and names. */
export async function findRunbooks(
  directories: readonly string[],
  catalogue: Catalogue,
): Promise<readonly RunbookFound[]> {
  const files = await Promise.all(directories.map(filesIn))
  return Promise.all(files.flat().map((path) => compileFile(path, catalogue)))
}

/** Throws `InputError` when there is none of this name, several, or the one there is has errors. */
export function runbookNamed(name: string, found: readonly RunbookFound[]): Program {
  const named = found.filter((runbook) => nameOf(runbook) === name)
  const [first, second] = named
  if (!first) throw new InputError(unknown(name, found.map(nameOf)))
  if (second)
    throw new InputError(
      `The runbook "${name}" is there twice: ${first.file} and ${second.file}. Remove or rename one.`,
    )
  if (first.compiled.ok) return first.compiled.value
  throw new InputError(
    `The runbook "${name}" has errors.\n${printProblems(first.compiled.problems, new Map([[first.file, first.text]]))}`,
  )
}

/** One with errors has no program to tell its name: it is taken to be called as its file. */
const nameOf = ({ file, compiled }: RunbookFound): string =>
  compiled.ok ? compiled.value.name : basename(file, extname(file))

function unknown(name: string, names: readonly string[]): string {
  const hint = suggest(name, names) ?? 'There are no runbooks where this worker looks.'
  return `There is no runbook "${name}". ${hint} \`quorate runbooks\` lists them all.`
}

async function filesIn(directory: string): Promise<readonly string[]> {
  if (!existsSync(directory)) return []
  const names = await readdir(directory)
  return names
    .filter((name) => /\.ya?ml$/.test(name))
    .toSorted()
    .map((name) => join(directory, name))
}

async function compileFile(path: string, catalogue: Catalogue): Promise<RunbookFound> {
  const text = await readFile(path, 'utf8')
  const shorter = relative(process.cwd(), path)
  const file = shorter.startsWith('..') ? path : shorter
  return { file, text, compiled: compileRunbook({ file, text, catalogue }) }
}
