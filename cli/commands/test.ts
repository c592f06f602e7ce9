import { printProblems } from '../../dsl/print.ts'
import { plainLine, styled } from '../terminal.ts'
import type { TestResult } from '../../rehearsal/run-tests.ts'
import { type Command, type Invocation, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import type { LoadedTests } from '../test-files.ts'

interface Tested extends TestResult {
  readonly file: string
  readonly tookMs: number
}

export const test: Command = {
  name: 'test',
  usage: '[FILE|DIRECTORY ...]',
  summary: 'run the tests of runbooks: no cluster, no Temporal, no network',
  details:
    'Tests of NAME.yaml are in NAME.test.yaml beside it. A directory means all in it, a runbook its own; without\nanything, those of this directory. Exit code 1 when one failed, 2 when one could not be run.',
  flags: {
    test: { type: 'string', short: 't', value: 'TEXT', help: 'only tests with this in their name' },
  },
  positionals: { min: 0, max: Infinity },
  async run(invocation) {
    const { positionals, flags, terminal, environment } = invocation
    const { loadTests, testFilesOf } = await import('../test-files.ts')
    const { catalogue } = await import('../../activities/catalogue.ts')
    const paths = testFilesOf(positionals.length === 0 ? ['.'] : positionals)
    const files = await loadTests(paths, catalogue, environment)
    const json = flags.on('json')
    const results: Tested[] = []
    for (const file of files) {
      const tested = await testedIn(file, flags.text('test'))
      results.push(...tested)
      if (!json) show(invocation, file, tested)
    }
    const broken = files.filter(({ loaded }) => 'problems' in loaded)
    if (results.length === 0 && broken.length === 0)
      throw new UsageError(`No test has "${flags.text('test') ?? ''}" in its name.`)
    if (json) terminal.out(asJson(files, results))
    else terminal.out(summary(results, broken.length))
    if (broken.length > 0) return exitCodes.usage
    return results.every(passed) ? exitCodes.done : exitCodes.failed
  },
}

const passed = ({ misses }: Tested): boolean => misses.length === 0

async function testedIn({ file, loaded }: LoadedTests, only: string | undefined): Promise<readonly Tested[]> {
  if ('problems' in loaded) return []
  const { runTest } = await import('../../rehearsal/run-tests.ts')
  const { catalogue } = await import('../../activities/catalogue.ts')
  const { tests, program } = loaded
  const results: Tested[] = []
  for (const one of tests.tests.filter(({ name }) => only === undefined || name.includes(only))) {
    const startedMs = performance.now()
    const result = await runTest(
      tests,
      one,
      program,
      (action, given) => catalogue.get(action)?.complete?.(given) ?? given,
    )
    results.push({ ...result, file, tookMs: Math.round(performance.now() - startedMs) })
  }
  return results
}

function show(
  { terminal }: Invocation,
  { file, loaded, texts }: LoadedTests,
  tested: readonly Tested[],
): void {
  const { colour } = terminal
  if ('problems' in loaded) return terminal.out(`${printProblems(loaded.problems, texts)}\n`)
  if (tested.length === 0) return
  const lines = tested.flatMap((result) => {
    const { name, tookMs, misses, hint } = result
    const mark = passed(result) ? styled('✓', 'green', colour) : styled('✗', 'red', colour)
    const took = styled(`${tookMs} ms`, 'dim', colour)
    return [
      `  ${mark} ${plainLine(name)}  ${took}`,
      ...misses.flatMap(({ at, what, lines: said }) => [
        `      ${file}:${at.line}:${at.column} ${what}`,
        ...said.map((line) => `        ${drawn(line, colour)}`),
      ]),
      ...(hint === undefined ? [] : [`      ${hint}`]),
    ]
  })
  terminal.out([file, ...lines, ''].join('\n'))
}

/** Texts come from runbooks and tests: no line may draw. */
function drawn(line: string, colour: boolean): string {
  const indent = /^ */.exec(line)?.[0] ?? ''
  const plain = `${indent}${plainLine(line)}`
  if (plain.startsWith('- ')) return styled(plain, 'red', colour)
  return plain.startsWith('+ ') ? styled(plain, 'green', colour) : plain
}

function summary(results: readonly Tested[], broken: number): string {
  const good = results.filter(passed).length
  const line = `${good} passed, ${results.length - good} failed`
  return broken === 0 ? line : `${line}; ${broken} ${broken === 1 ? 'file' : 'files'} could not be run`
}

function asJson(files: readonly LoadedTests[], results: readonly Tested[]): string {
  const problems = files.flatMap(({ loaded }) => ('problems' in loaded ? loaded.problems : []))
  const good = results.filter(passed).length
  const tests = results.map((result) => ({ ...result, passed: passed(result) }))
  return JSON.stringify({ passed: good, failed: results.length - good, tests, problems }, null, 2)
}
