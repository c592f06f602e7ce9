import { expect, test } from '@jest/globals'
import { printProblems, problemsJson } from './print.ts'
import type { Problem } from './problem.ts'

const problem = (more: Partial<Problem> = {}): Problem => ({
  code: 'UNKNOWN_ACTION',
  file: 'a.yaml',
  from: { line: 2, column: 7 },
  to: { line: 2, column: 10 },
  message: 'There is no such action.',
  ...more,
})
const print = (text: string, more: Partial<Problem> = {}): string =>
  printProblems([problem(more)], new Map([['a.yaml', text]]))

test('a problem stands with its line and a hint', () => {
  expect(`\n${print('first\nuses: abc', { hint: 'Did you mean "abd"?' })}\n`).toBe(`
a.yaml:2:7 UNKNOWN_ACTION
  There is no such action.
    2 | uses: abc
      |       ^^^
  Did you mean "abd"?
`)
})

test('without the text a problem goes without its line', () => {
  expect(printProblems([problem()], new Map())).toBe('a.yaml:2:7 UNKNOWN_ACTION\n  There is no such action.')
})

test.each([
  ['a tab stays under a tab', 'x\n\tuses: abc', { from: { line: 2, column: 8 } }, '      | \t      ^^'],
  [
    'a range over lines ends with its line',
    'x\nuses: abc\ny',
    { to: { line: 3, column: 2 } },
    '      |       ^^^',
  ],
  ['Windows line ends are no part of the line', 'x\r\nuses: abc\r\n', {}, '      |       ^^^'],
  ['a place after the end of the line', 'x\nuses:', {}, '      |      ^'],
  ['a place after the end of the file', 'x', { from: { line: 9, column: 1 } }, '  There is no such action.'],
])('%s', (_what, text, more, last) => {
  expect(print(text, more).split('\n').at(-1)).toBe(last)
})

test('a long line is cut around the place', () => {
  const text = `x\n${'a'.repeat(500)}BAD${'b'.repeat(500)}`
  const [, , line = '', carets = ''] = print(text, {
    from: { line: 2, column: 501 },
    to: { line: 2, column: 504 },
  }).split('\n')
  expect(line.length).toBeLessThan(120)
  expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('BAD')
})

test('for machines it is one JSON object', () => {
  expect(JSON.parse(problemsJson([problem()]))).toEqual({ problems: [problem()] })
})
