import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join, relative } from 'node:path'
import { InputError } from '../activities/failure.ts'
import type { Catalogue } from '../dsl/action-spec.ts'
import { compileRunbook, runbookName } from '../dsl/compile.ts'
import type { Library, RunbookText } from '../dsl/compiler.ts'
import { suggest } from '../dsl/near.ts'
import { printProblems } from '../dsl/print.ts'
import type { Checked } from '../dsl/problem.ts'
import type { Program } from '../dsl/program.ts'
import { packageRoot } from './package-root.ts'

/** A runbook's file as it was read. */
export interface RunbookSource {
  /** As a person would name it: relative to the working directory where it lies below it. */
  readonly file: string
  readonly text: string
  /** What it says its name is; that of its file when it does not. */
  readonly name: string
}

export interface RunbookFound extends RunbookSource {
  readonly compiled: Checked<Program>
}

/** The runbooks that come with the package. */
export const ownRunbooks = (): string => join(packageRoot(), 'runbooks')

/** Every YAML file in these directories but tests, in the order of directories and names. */
export async function readRunbooks(directories: readonly string[]): Promise<readonly RunbookSource[]> {
  const files = await Promise.all([...new Set(directories)].map(runbookFilesIn))
  return Promise.all(files.flat().map(readRunbook))
}

/** Throws when it cannot be read. */
export async function readRunbook(path: string): Promise<RunbookSource> {
  const text = await readFile(path, 'utf8')
  const shorter = relative(process.cwd(), path)
  const file = shorter.startsWith('..') ? path : shorter
  return { file, text, name: runbookName(file, text) ?? basename(path, extname(path)) }
}

/** Every YAML file in these directories, compiled; they may call one another. */
export async function findRunbooks(
  directories: readonly string[],
  catalogue: Catalogue,
): Promise<readonly RunbookFound[]> {
  const sources = await readRunbooks(directories)
  const library = libraryOf(sources)
  return sources.map((source) => compiled(source, catalogue, library))
}

export function compiled(source: RunbookSource, catalogue: Catalogue, library: Library): RunbookFound {
  return { ...source, compiled: compileRunbook({ ...source, catalogue, library }) }
}

/** What may be called, by name. Of the same name in several groups the first is meant; within one, none. */
export function libraryOf(...groups: readonly (readonly RunbookSource[])[]): Library {
  const library = new Map<string, RunbookText>()
  for (const group of groups) {
    const earlier = new Set(library.keys())
    for (const { name, file, text } of group.filter((source) => !earlier.has(source.name))) {
      const first = library.get(name)
      library.set(name, first === undefined ? { file, text } : { ...first, also: file })
    }
  }
  return library
}

/** The text of each file, to print problems with. */
export const textsOf = (sources: readonly RunbookSource[]): ReadonlyMap<string, string> =>
  new Map(sources.map(({ file, text }) => [file, text]))

/** Throws `InputError` when there is none of this name, several, or the one there is has errors. */
export function runbookNamed(name: string, sources: readonly RunbookSource[], catalogue: Catalogue): Program {
  const [first, second] = sources.filter((source) => source.name === name)
  if (!first) throw new InputError(unknown(name, sources))
  if (second)
    throw new InputError(
      `The runbook "${name}" is there twice: ${first.file} and ${second.file}. Remove or rename one.`,
    )
  const program = compiled(first, catalogue, libraryOf(sources)).compiled
  if (program.ok) return program.value
  throw new InputError(
    `The runbook "${name}" has errors.\n${printProblems(program.problems, textsOf(sources))}`,
  )
}

function unknown(name: string, sources: readonly RunbookSource[]): string {
  const names = sources.map((source) => source.name)
  const hint = suggest(name, names) ?? 'There are no runbooks where this worker looks.'
  const own = hint.startsWith('Did you mean')
    ? ''
    : ' One of your own is found when QUORATE_RUNBOOKS names its directory where the worker starts.'
  return `There is no runbook "${name}". ${hint} \`quorate runbooks\` lists them all.${own}`
}

/** NAME.yaml, without the tests beside them. */
export async function runbookFilesIn(directory: string): Promise<readonly string[]> {
  if (!existsSync(directory)) return []
  const names = await readdir(directory)
  return names
    .filter((name) => /\.ya?ml$/.test(name) && !/\.test\.ya?ml$/.test(name))
    .toSorted()
    .map((name) => join(directory, name))
}
