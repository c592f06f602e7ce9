import { execFileSync } from 'node:child_process'
import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { shellCommand } from './quote.ts'

const hasShell = (shell: string): boolean => {
  try {
    execFileSync(shell, ['-c', 'true'])
    return true
  } catch {
    return false
  }
}

/** What a shell makes of the command line, as the words that reach the command. */
function wordsThrough(shell: string, argv: readonly string[]): readonly string[] {
  const line = shellCommand([process.execPath, '-e', printWords, '--', ...argv])
  const words: unknown = JSON.parse(execFileSync(shell, ['-c', line], { encoding: 'utf8' }))
  return Array.isArray(words) ? words.map(String) : []
}
const printWords = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))'

/** Cheaper than Node for many words at once: NUL ends each, as no word can hold one. */
function wordsByPrintf(shell: string, argv: readonly string[]): readonly string[] {
  const line = shellCommand(['printf', '%s\\0', ...argv])
  return execFileSync(shell, ['-c', line], { encoding: 'utf8' }).split('\0').slice(0, -1)
}

const hostile = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
    fc.constantFrom(
      '',
      ' ',
      '\n',
      "'",
      "''",
      '"',
      '\\',
      "\\'",
      '$(id)',
      '`id`',
      '$HOME',
      '~',
      '*',
      '!',
      '-n',
      'a=b',
      'if',
      'ü😀',
    ),
  ),
  { minLength: 1, maxLength: 20 },
)

for (const shell of ['sh', 'dash', 'bash', 'busybox'].filter(hasShell)) {
  test(`${shell} gives every word back as it was`, () => {
    fc.assert(
      fc.property(hostile, (argv) => {
        expect(wordsByPrintf(shell, argv)).toEqual(argv)
      }),
      { numRuns: 200 },
    )
  })
}

test('a command named like a keyword or an assignment is still a command', () => {
  expect(wordsThrough('sh', ['if', 'a=b', '', '--', '\n'])).toEqual(['if', 'a=b', '', '--', '\n'])
  expect(() => execFileSync('sh', ['-c', shellCommand(['A=b'])], { stdio: 'pipe' })).toThrow(/not found/)
})

test.each([
  ['no words', [], /at least one word/],
  ['a NUL byte', ['a\0b'], /NUL/],
  ['half a surrogate pair', ['\ud800'], /not valid unicode/i],
])('%s is refused', (_name, argv, message) => {
  expect(() => shellCommand(argv)).toThrow(message)
})
