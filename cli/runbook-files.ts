import { readFileSync } from 'node:fs'
import { delimiter, relative, resolve } from 'node:path'
import type { RunbookFound } from '../worker/runbooks.ts'

/** Every runbook a worker with these settings would find: those of the package and of `QUORATE_RUNBOOKS`. */
export async function localRunbooks({
  QUORATE_RUNBOOKS: set = '',
}: NodeJS.ProcessEnv): Promise<readonly RunbookFound[]> {
  const { catalogue } = await import('../activities/catalogue.ts')
  const { findRunbooks, ownRunbooks } = await import('../worker/runbooks.ts')
  const more = set.split(delimiter).filter((directory) => directory !== '')
  return findRunbooks([ownRunbooks(), ...more.map((directory) => resolve(directory))], catalogue)
}

/** Compiles files against the catalogue. Throws when one cannot be read. */
export async function compileFiles(files: readonly string[]): Promise<readonly RunbookFound[]> {
  const { catalogue } = await import('../activities/catalogue.ts')
  const { compileRunbook } = await import('../dsl/compile.ts')
  return files.map((path) => {
    const text = readFileSync(path, 'utf8')
    const shorter = relative(process.cwd(), path)
    const file = shorter.startsWith('..') ? path : shorter
    return { file, text, compiled: compileRunbook({ file, text, catalogue }) }
  })
}
