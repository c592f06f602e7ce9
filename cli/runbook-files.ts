import { delimiter, dirname, resolve } from 'node:path'
import type { RunbookFound } from '../worker/runbooks.ts'

/** Every runbook a worker with these settings would find: those of the package and of `QUORATE_RUNBOOKS`. */
export async function localRunbooks(environment: NodeJS.ProcessEnv): Promise<readonly RunbookFound[]> {
  const { catalogue } = await import('../activities/catalogue.ts')
  const { findRunbooks } = await import('../worker/runbooks.ts')
  return findRunbooks(await directoriesOf(environment), catalogue)
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

async function directoriesOf({ QUORATE_RUNBOOKS: set = '' }: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const { ownRunbooks } = await import('../worker/runbooks.ts')
  const more = set.split(delimiter).filter((directory) => directory !== '')
  return [ownRunbooks(), ...more.map((directory) => resolve(directory))]
}
