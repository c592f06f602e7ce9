import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { canonicalText } from '../dsl/canonical.ts'
import type { Json } from '../dsl/program.ts'
import { isCanonical, link, noHash } from './chain.ts'

const isSame = (text: string): boolean => {
  const value = JSON.parse(text) as Json
  return isCanonical(value, text) === (canonicalText(value) === text)
}

test('the quick look says what writing it anew would say', () => {
  const key = fc.constantFrom(
    'a',
    'b',
    'ab',
    '1',
    '10',
    '9',
    '-1',
    '01',
    '4294967294',
    '4294967295',
    '__proto__',
    'ü',
    '',
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, 1, 'x'),
      fc.array(tie('tree')),
      fc.array(fc.tuple(key, tie('tree'))),
    ),
  }))
  /** Maps are written as they come: keys in any order, and more than once. */
  const written = (value: unknown): string => {
    if (!Array.isArray(value)) return JSON.stringify(value)
    const isMap =
      value.length > 0 &&
      value.every((part) => Array.isArray(part) && part.length === 2 && typeof part[0] === 'string')
    return isMap
      ? `{${value.map(([name, part]: [string, unknown]) => `${JSON.stringify(name)}:${written(part)}`).join(',')}}`
      : `[${value.map(written).join(',')}]`
  }
  fc.assert(
    fc.property(tree, (value) => {
      expect(isSame(written(value))).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ['{"a":1,"b":{"c":[{"d":1,"e":2}]}}', true],
  ['{"b":1,"a":2}', false],
  ['{"a":[{"c":1,"b":2}]}', false],
  ['{"a": 1}', false],
  ['{"a":1,"a":1}', false],
  ['{"9":1,"10":2,"-":3,"a":4}', true],
  ['{"10":1,"9":2}', false],
  ['{"a":1.0}', false],
  ['{"a":"\\u0041"}', false],
])('%s: %s', (text, canonical) => {
  expect(isCanonical(JSON.parse(text), text)).toBe(canonical)
  expect(isSame(text)).toBe(true)
})

test('a link is the sha256 of the one before, a line break, and the text', () => {
  // printf '%064d\n{"a":"ü"}' 0 | sha256sum
  expect(link(noHash, '{"a":"ü"}')).toBe('39fe7ac9dc36ae3851c4c4762b360f9b509dc21c1086a5ef074f08d5d3e0d914')
})
