import type { Program } from '../dsl/program.ts'
import { judge, type Miss } from './judge.ts'
import { play, type Played } from './play.ts'
import type { Test, TestFile } from './read-tests.ts'
import type { Complete, Saying } from './scripted-ports.ts'
import { decisionSchema } from './test-schema.ts'

export interface TestResult {
  readonly name: string
  readonly misses: readonly Miss[]
  /** What may have been the cause, where that can be seen. */
  readonly hint?: string
}

/** Plays one test of a file that was checked, and holds what came against what it expects. */
export async function runTest(
  file: TestFile,
  test: Test,
  program: Program,
  complete: Complete,
): Promise<TestResult> {
  const script = {
    inputs: { ...file.inputs, ...test.inputs },
    given: [file.given, test.given] as const,
    decide: test.decide.map(sayingOf),
  }
  const played = await play(program, script, complete)
  const misses = judge(file, test, program, played)
  const hint = misses.length === 0 ? undefined : missingHint(played)
  return { name: test.name, misses, ...(hint === undefined ? {} : { hint }) }
}

function sayingOf(item: unknown): Saying {
  if (typeof item === 'string') return { kind: item, by: 'tester', comment: '' }
  const { by = 'tester', comment = '', ...rest } = decisionSchema.parse(item)
  const [[kind, step] = ['', '']] = Object.entries(rest)
  return { kind, step, by, comment }
}

/** An answer holds only what is given; what the runbook reads of it beyond that is not there. */
function missingHint({ message, waits }: Played): string | undefined {
  const said = [message, ...waits.map(({ failure }) => failure.message)].join(' ')
  const missing = /no such key: (\w+)/i.exec(said)?.[1]
  return missing === undefined
    ? undefined
    : `No answer has "${missing}" where the runbook reads it: write it under "given".`
}
