import { expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'

/**
 * A parser that is brought down takes its process with it, so hostile files are read in a child. There the
 * sources are compiled as they are loaded.
 */
const child = `
const { readFileSync } = require('node:fs')
const { transformFileSync } = require('@swc/core')
require.extensions['.ts'] = (module, file) => {
  const options = { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } }
  module._compile(transformFileSync(file, options).code, file)
}
const { compileRunbook } = require('./dsl/compile.ts')
const { readInventory } = require('./dsl/inventory-file.ts')
const texts = JSON.parse(readFileSync(0, 'utf8'))
for (const text of texts) {
  const book = compileRunbook({ file: 'hostile.yaml', text, catalogue: new Map() })
  const inventory = readInventory({ file: 'hostile.yaml', text, baseDirectory: '/', home: '/' })
  console.log([book.ok ? 'fine' : book.problems[0].code, inventory.ok ? 'fine' : inventory.problems[0].code].join(' '))
}
`

/** What a child says of each text: the first code as a runbook and as an inventory. Fails when it dies. */
function verdicts(texts: readonly string[]): readonly string[] {
  const run = spawnSync(process.execPath, ['--no-warnings', '-e', child], {
    cwd: process.cwd(),
    input: JSON.stringify(texts),
    encoding: 'utf8',
    timeout: 240_000,
    maxBuffer: 64 * 2 ** 20,
  })
  expect({ status: run.status, signal: run.signal, stderr: run.stderr.slice(0, 500) }).toEqual({
    status: 0,
    signal: null,
    stderr: '',
  })
  return run.stdout.trim().split('\n')
}

const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth)
const inRunbook = (expression: string): string =>
  `runbook: 1\nname: x\ntitle: x\nsteps:\n  - if: ${JSON.stringify(expression)}\n    set: { a: 1 }\n`

test('files made to bring a parser down get an error each, and the process lives', () => {
  const hostile: readonly (readonly [string, string])[] = [
    [deep('[', ']', 100_000), 'NESTED_TOO_DEEP'],
    ['{"a":'.repeat(50_000), 'NESTED_TOO_DEEP'],
    ['- '.repeat(120_000), 'NESTED_TOO_DEEP'],
    ['? '.repeat(120_000), 'NESTED_TOO_DEEP'],
    [`a: ${'!'.repeat(200_000)}`, 'TAG'],
    [`a: ${'&x '.repeat(10_000)}`, 'YAML_SYNTAX'],
    ['a: &a [1]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]', 'ALIAS'],
    [`a: "${'\\'.repeat(100_001)}`, 'YAML_SYNTAX'],
    [Array.from({ length: 10_000 }, (_, line) => `k${line}: 1`).join('\n'), 'MISSING'],
    [`a: ${'x'.repeat(300_000)}`, 'FILE_TOO_BIG'],
    ['__proto__: { polluted: true }', 'FORBIDDEN_KEY'],
  ]
  const said = verdicts(hostile.map(([text]) => text))
  expect(said.map((line) => line.split(' ')[0])).toEqual(hostile.map(([, code]) => code))
})

test('expressions made to bring a parser down get an error each, and the process lives', () => {
  const hostile: readonly (readonly [string, string])[] = [
    [deep('(', ')', 50_000), 'EXPRESSION_LIMIT'],
    [`${'!'.repeat(100_000)}true`, 'EXPRESSION_LIMIT'],
    [`${'-'.repeat(100_000)}1`, 'EXPRESSION_LIMIT'],
    [`true${' ? true : true'.repeat(10_000)}`, 'EXPRESSION_LIMIT'],
    [`inputs${'.a'.repeat(50_000)}`, 'EXPRESSION_LIMIT'],
    [`inputs${'[0]'.repeat(50_000)}`, 'EXPRESSION_LIMIT'],
    [Array.from({ length: 50_000 }, () => '1').join('+'), 'EXPRESSION_LIMIT'],
    [`[${'1,'.repeat(100_000)}1]`, 'EXPRESSION_LIMIT'],
    [`"${'a'.repeat(200_000)}" == ""`, 'EXPRESSION_LIMIT'],
  ]
  const said = verdicts(hostile.map(([expression]) => inRunbook(expression)))
  expect(said.map((line) => line.split(' ')[0])).toEqual(hostile.map(([, code]) => code))
})

test('four thousand random files bring nothing down', () => {
  const pieces = [
    'a',
    ': ',
    '- ',
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
    '|\n',
    '>\n',
    '${{',
    '}}',
  ]
  const words = [
    'runbook: 1\n',
    'steps:\n',
    '- uses: x\n',
    '- forEach: y\n',
    'inventory: 1\n',
    'hosts:\n',
    '<<',
    '\t',
    '\r\n',
    '\0',
  ]
  const random = generator(20_261_121)
  const pick = (from: readonly string[]): string => from[Math.floor(random() * from.length)] ?? ''
  const text = (): string =>
    Array.from({ length: Math.floor(random() * 60) }, () => pick(random() < 0.8 ? pieces : words)).join('')
  const texts = Array.from({ length: 4000 }, text)
  expect(verdicts(texts)).toHaveLength(texts.length)
})

/** A linear congruential generator: the same texts each time. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
