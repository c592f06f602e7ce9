import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { readYaml } from './read-yaml.ts'
import { nodeAt, toJson } from './yaml-node.ts'
import { placeAt, sourceOf } from './source.ts'

const findings = (text: string): readonly string[] => {
  const read = readYaml('file.yaml', text)
  return read.ok ? [] : read.problems.map(({ code, from }) => `${code} ${from.line}:${from.column}`)
}

test.each([
  ['256 KiB and one byte', `a: ${'x'.repeat(256 * 1024 - 2)}`, ['FILE_TOO_BIG 1:1']],
  ['256 KiB in letters of three bytes', `a: ${'€'.repeat(90_000)}`, ['FILE_TOO_BIG 1:1']],
  ['flow lists, 65 deep', `${'['.repeat(66)}${']'.repeat(66)}`, ['NESTED_TOO_DEEP 1:66']],
  ['flow lists, 100000 deep and never closed', '['.repeat(100_000), ['NESTED_TOO_DEEP 1:257']],
  ['flow maps, 100000 deep', '{a: '.repeat(60_000), ['NESTED_TOO_DEEP 1:1025']],
  ['dashes, 100000 deep', '- '.repeat(100_000), ['NESTED_TOO_DEEP 1:258']],
  ['keys that are asked for, 100000 deep', '? '.repeat(100_000), ['NESTED_TOO_DEEP 1:258']],
  [
    'block maps, 300 deep',
    Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    ['NESTED_TOO_DEEP 258:258'],
  ],
  ['nothing', '', ['EMPTY_FILE 1:1']],
  ['comments only', '# nothing\n', ['EMPTY_FILE 1:1']],
  ['an open quote', 'a: "x', ['YAML_SYNTAX 1:6']],
  ['a tab as indentation', 'a:\n\tb: 1', ['YAML_SYNTAX 2:1']],
  ['two documents', 'a: 1\n---\nb: 2', ['MORE_THAN_ONE_DOCUMENT 2:1']],
  ['a key twice', 'a: 1\nb: 2\na: 3', ['DUPLICATE_KEY 3:1']],
  ['a key twice, deep inside', 'a:\n  b: { c: 1, c: 2 }', ['DUPLICATE_KEY 2:14']],
  ['__proto__', 'a: { __proto__: { x: 1 } }', ['FORBIDDEN_KEY 1:6']],
  ['constructor and prototype', 'constructor: 1\nprototype: 2', ['FORBIDDEN_KEY 1:1', 'FORBIDDEN_KEY 2:1']],
  ['an alias', 'a: &x 1\nb: *x', ['ALIAS 2:4']],
  ['an alias of nothing', 'b: *x', ['ALIAS 1:4']],
  ['a merge', 'a: 1\n<<: { b: 1 }', ['ALIAS 2:1']],
  ["a tag of one's own", 'a: !include other.yaml', ['TAG 1:4', 'TAG 1:13']],
  ['a tag of YAML', 'a: !!str 1', ['TAG 1:10']],
  ['a list as a key', '? [a]\n: b', ['KEY_NOT_TEXT 1:3']],
  ['infinity', 'a: .inf', ['NUMBER 1:4']],
  ['a number beyond 2^53', 'a: 9007199254740993', ['NUMBER 1:4']],
  ['two mistakes at once', 'a: .nan\nb: *x', ['NUMBER 1:4', 'ALIAS 2:4']],
])('%s', (_what, text, expected) => {
  expect(findings(text)).toEqual(expected)
})

test('64 deep is still read', () => {
  expect(findings(`${'['.repeat(64)}${']'.repeat(64)}`)).toEqual([])
})

test('brackets that are only text do no harm until there are very many', () => {
  expect(findings(Array.from({ length: 100 }, () => `- "[" # {`).join('\n'))).toEqual([])
})

test('values keep their type, and a date or a "yes" is text', () => {
  const read = readYaml('f', 'a: 1\nb: 1.5\nc: yes\nd: 2020-01-01\ne: null\nf: [true, "1"]\ng:\n')
  expect(read.ok && toJson(read.value.root)).toEqual({
    a: 1,
    b: 1.5,
    c: 'yes',
    d: '2020-01-01',
    e: null,
    f: [true, '1'],
    g: null,
  })
})

test('every node knows its place', () => {
  const text = 'a:\n  - b: one\n    c: [x, "y"]\n'
  const read = readYaml('f', text)
  const at = (...path: (string | number)[]) =>
    read.ok ? placeAt(read.value.source, nodeAt(read.value.root, path).range.start) : undefined
  expect(at('a', 0, 'b')).toEqual({ line: 2, column: 8 })
  expect(at('a', 0, 'c', 1)).toEqual({ line: 3, column: 12 })
  expect(at('a', 0, 'nowhere')).toEqual({ line: 2, column: 5 })
})

test('lines may end as on Windows', () => {
  const source = sourceOf('f', 'a\r\nbc\r\nd')
  expect(placeAt(source, 4)).toEqual({ line: 2, column: 2 })
})

/** Pieces that YAML means something by, so that random texts come near to what hurts. */
const yamlish = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'a',
        ': ',
        '- ',
        '? ',
        '\n',
        '  ',
        '[',
        ']',
        '{',
        '}',
        ',',
        '"',
        "'",
        '#',
        '&a ',
        '*a',
        '!t ',
      ),
      fc.constantFrom(
        '|\n',
        '>-\n',
        '%YAML 1.1\n',
        '---\n',
        '...\n',
        '<<',
        '__proto__',
        '\t',
        '\r\n',
        '\0',
        '\\x',
        '1e999',
      ),
      fc.string({ maxLength: 4 }),
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(''))

test('whatever the text is, reading it throws nothing and gives plain JSON or problems within the file', () => {
  fc.assert(
    fc.property(fc.oneof(yamlish, fc.string()), (text) => {
      const read = readYaml('f', text)
      const value = read.ok ? toJson(read.value.root) : null
      const problems = read.ok ? [] : read.problems
      const lines = text.split('\n').length
      expect(JSON.parse(JSON.stringify(value))).toEqual(value)
      expect(problems.length > 0).toBe(!read.ok)
      expect(problems.filter(({ from }) => from.line > lines)).toEqual([])
    }),
    { numRuns: 500 },
  )
})
