import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Catalogue } from '../dsl/action-spec.ts'
import type { Problem } from '../dsl/problem.ts'
import type { Program } from '../dsl/program.ts'
import { checkTests } from '../rehearsal/check-tests.ts'
import { readTests, type TestFile } from '../rehearsal/read-tests.ts'
import { UsageError } from './command.ts'
import { compileFiles } from './runbook-files.ts'

/** A test file with the program its tests are about, or what is wrong with either. */
export interface LoadedTests {
  /** As a person would name it. */
  readonly file: string
  readonly loaded:
    { readonly tests: TestFile; readonly program: Program } | { readonly problems: readonly Problem[] }
  /** To print problems with. */
  readonly texts: ReadonlyMap<string, string>
}

const testFile = /\.test\.ya?ml$/

/** The test files that are meant: of directories all, of a runbook its own. Throws `UsageError` when there is none. */
export function testFilesOf(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.flatMap(filesMeant))]
}

function filesMeant(path: string): readonly string[] {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) throw new UsageError(`There is no file or directory ${path}.`)
  if (!found.isDirectory()) return [testFile.test(path) ? path : besideRunbook(path)]
  const files = readdirSync(path).filter((name) => testFile.test(name))
  if (files.length > 0) return files.toSorted().map((name) => join(path, name))
  throw new UsageError(
    `There are no tests in ${path}: write NAME.test.yaml beside NAME.yaml there; \`quorate new NAME\` begins both.`,
  )
}

function besideRunbook(path: string): string {
  const beside = path.replace(/(\.ya?ml)$/, '.test$1')
  if (beside !== path && existsSync(beside)) return beside
  throw new UsageError(
    `${path} has no tests: they would be in ${beside === path ? `${path}.test.yaml` : beside}.`,
  )
}

/** Reads test files and compiles what they are about. */
export async function loadTests(
  paths: readonly string[],
  catalogue: Catalogue,
  environment: NodeJS.ProcessEnv,
): Promise<readonly LoadedTests[]> {
  const read = paths.map((path) => {
    const shorter = relative(process.cwd(), resolve(path))
    const file = shorter.startsWith('..') ? path : shorter
    const text = readFileSync(path, 'utf8')
    const tests = readTests(file, text)
    return { file, text, tests, runbook: tests.ok ? runbookOf(path, tests.value) : undefined }
  })
  const runbooks = [...new Set(read.flatMap(({ runbook }) => runbook ?? []))]
  const { files, texts } = await compileFiles(runbooks, environment)
  const compiled = new Map(runbooks.map((path, index) => [path, files[index]?.compiled]))
  return read.map(({ file, text, tests, runbook }) => {
    const loaded = () => {
      const program = runbook === undefined ? undefined : compiled.get(runbook)
      if (!tests.ok) return { problems: tests.problems }
      if (program?.ok !== true) return { problems: program?.problems ?? [] }
      const problems = checkTests(tests.value, program.value, catalogue)
      return problems.length > 0 ? { problems } : { tests: tests.value, program: program.value }
    }
    return { file, texts: new Map([...texts, [file, text]]), loaded: loaded() }
  })
}

function runbookOf(path: string, { runbook, source }: TestFile): string {
  const file = runbook === undefined ? path.replace(/\.test(\.ya?ml)$/, '$1') : join(dirname(path), runbook)
  if (existsSync(file)) return file
  throw new UsageError(
    runbook === undefined
      ? `${source.file} stands beside no runbook: there is no ${file}. Name it with "runbook:".`
      : `${source.file} is about "${runbook}", and there is no ${file}.`,
  )
}
