import { expect, test } from '@jest/globals'
import { readYaml } from './read-yaml.ts'
import { childOf } from './yaml-node.ts'
import { rangeInside } from './scalar-positions.ts'
import { placeAt } from './source.ts'

/** Where the letter X of the value of `a` is said to stand. */
const placeOfX = (text: string): string => {
  const read = readYaml('f', text)
  const node = read.ok ? childOf(read.value.root, 'a') : undefined
  if (!read.ok || node?.kind !== 'scalar' || typeof node.value !== 'string') return 'unreadable'
  const start = node.value.indexOf('X')
  const range = rangeInside(read.value.source, node, { start, end: start + 1 })
  const { line, column } = placeAt(read.value.source, range.start)
  return `${text.slice(range.start, range.end)} ${line}:${column}`
}

test.each([
  ['plain', 'a: bcX', 'X 1:6'],
  ['plain, further in', 'b: 1\na:     bX c', 'X 2:9'],
  ['single quotes', "a: 'bX'", 'X 1:6'],
  ['a quote in single quotes', "a: 'it''s X'", 'X 1:11'],
  ['double quotes', 'a: "b X"', 'X 1:7'],
  ['escapes in double quotes', 'a: "\\"\\n\\u00e9\\x41 X"', 'X 1:20'],
  ['an astral escape', 'a: "\\U0001F600X"', 'X 1:15'],
  ['an astral letter', 'a: "😀X"', 'X 1:7'],
  ['plain over two lines', 'a: b\n  cX', 'X 2:4'],
  ['plain with a blank line', 'a: b\n\n  cX', 'X 3:4'],
  ['plain with two blank lines', 'a: b\n\n\n  cX', 'X 4:4'],
  ['double quotes over two lines', 'a: "b\n  cX"', 'X 2:4'],
  ['an escaped line break', 'a: "b\\\n   cX"', 'X 2:5'],
  ['a literal block', 'a: |\n  b\n  cX\n', 'X 3:4'],
  ['a literal block with an indented line', 'a: |\n  b\n    X\n', 'X 3:5'],
  ['a folded block', 'a: >-\n  b &&\n  cX\n', 'X 3:4'],
  ['a folded block with a comment in its head', 'a: >- # why\n  b\n  X\n', 'X 3:3'],
  ['a literal block with a line further in', 'a: |\n  b\n    c\n  X\n', 'X 4:3'],
  ['a literal block that begins further in', 'a: |2\n    b\n  X\n', 'X 3:3'],
  ['a literal block with a blank line', 'a: |\n  b\n\n  X\n', 'X 4:3'],
  ['a folded block that keeps a line further in', 'a: >\n  b\n    c\n  X\n', 'X 4:3'],
  ['a folded block with a blank line', 'a: >\n  b\n\n  cX\n', 'X 4:4'],
  ['Windows line ends', 'a: >-\r\n  b\r\n  cX\r\n', 'X 3:4'],
])('%s', (_what, text, expected) => {
  expect(placeOfX(text)).toBe(expected)
})
