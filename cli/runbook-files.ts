import { delimiter, dirname, resolve } from 'node:path'
import { homeDirectory, readUp } from './home.ts'
import type { RunbookFound } from '../worker/runbooks.ts'

/**
 * Every runbook a worker with these settings would find, those of the package and of `QUORATE_RUNBOOKS`, and those
 * of more directories.
 */
export async function localRunbooks(
  environment: NodeJS.ProcessEnv,
  more: readonly string[] = [],
): Promise<readonly RunbookFound[]> {
  const { catalogue } = await import('../activities/catalogue.ts')
  const { findRunbooks } = await import('../worker/runbooks.ts')
  const directories = [...(await directoriesOf(environment)), ...more.map((directory) => resolve(directory))]
  return findRunbooks(directories, catalogue)
}

/** One of them by its name, compiled; the names of all, to say which might have been meant. */
export async function localRunbook(
  name: string,
  environment: NodeJS.ProcessEnv,
): Promise<{
  readonly found: RunbookFound | undefined
  readonly names: readonly string[]
  readonly texts: ReadonlyMap<string, string>
}> {
  const { catalogue } = await import('../activities/catalogue.ts')
  const { compiled, libraryOf, readRunbooks, textsOf } = await import('../worker/runbooks.ts')
  const sources = await readRunbooks(await directoriesOf(environment))
  const mine = sources.find((source) => source.name === name)
  return {
    found: mine && compiled(mine, catalogue, libraryOf(sources)),
    names: sources.map((source) => source.name),
    texts: textsOf(sources),
  }
}

export interface CompiledFiles {
  readonly files: readonly RunbookFound[]
  /** Of these and of all that they may call, by file. */
  readonly texts: ReadonlyMap<string, string>
}

/**
 * Compiles files against the catalogue. Each may call what lies beside it and what a worker would find.
 * Throws when one cannot be read.
 */
export async function compileFiles(
  paths: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<CompiledFiles> {
  const { catalogue } = await import('../activities/catalogue.ts')
  const { compiled, libraryOf, readRunbook, readRunbooks, textsOf } = await import('../worker/runbooks.ts')
  const everywhere = await readRunbooks(await directoriesOf(environment))
  const read = await Promise.all(
    paths.map(async (path) => {
      const [source, beside] = await Promise.all([readRunbook(path), readRunbooks([dirname(resolve(path))])])
      return {
        file: compiled(source, catalogue, libraryOf(beside, everywhere)),
        sources: [source, ...beside],
      }
    }),
  )
  return {
    files: read.map(({ file }) => file),
    texts: textsOf([...everywhere, ...read.flatMap(({ sources }) => sources)]),
  }
}

async function directoriesOf(environment: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const { ownRunbooks } = await import('../worker/runbooks.ts')
  const set = environment['QUORATE_RUNBOOKS'] ?? ofWhatIsUp(environment) ?? ''
  const more = set.split(delimiter).filter((directory) => directory !== '')
  return [ownRunbooks(), ...more.map((directory) => resolve(directory))]
}

/** Without a setting, what the worker of a `quorate up` here finds is found here, too. */
function ofWhatIsUp(environment: NodeJS.ProcessEnv): string | undefined {
  if (environment['TEMPORAL_ADDRESS'] !== undefined) return undefined
  return readUp(homeDirectory(environment))?.runbooks
}
