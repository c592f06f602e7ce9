import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { checkInputs, inputProblemsText, type InputSpecs } from './inputs.ts'
import type { InputSpec, Json } from './program.ts'

const spec = (type: InputSpec['type'], more: Partial<InputSpec> = {}): InputSpec => ({
  type,
  description: '',
  required: true,
  ...more,
})

const messages = (
  specs: InputSpecs,
  raw: unknown,
  inventory?: Parameters<typeof checkInputs>[2],
): readonly string[] => {
  const checked = checkInputs(specs, raw, inventory)
  return checked.ok ? [] : checked.problems.map(({ message }) => message)
}

test.each<[string, InputSpec, unknown, Json]>([
  ['a duration in words', spec('duration'), '1m30s', 90_000],
  ['a duration in milliseconds', spec('duration'), 250, 250],
  ['a size in words', spec('bytes'), '64MiB', 67_108_864],
  ['a size in bytes, as a command line gives it', spec('bytes'), '1024', 1024],
  ['a whole number', spec('integer'), 7, 7],
  ['a whole number as text', spec('integer'), '-7', -7],
  ['a boolean', spec('boolean'), false, false],
  ['a boolean as text', spec('boolean'), 'true', true],
  ['a list', spec('list'), ['a', 'b'], ['a', 'b']],
  ['a list as text', spec('list'), 'a, b', ['a', 'b']],
  ['an empty list as text', spec('list'), '', []],
  ['an empty text', spec('string'), '', ''],
  ['a text that matches', spec('string', { pattern: '\\d+' }), '12', '12'],
  ['a value of an enum', spec('enum', { values: ['a', 'b'] }), 'b', 'b'],
  ['a reference to a secret', spec('secret'), 'env:TOKEN', 'env:TOKEN'],
  ['a default', spec('duration', { required: false, default: 10_000 }), undefined, 10_000],
  ['null, where it need not be given', spec('string', { required: false }), undefined, null],
])('%s is taken', (_what, one, raw, value) => {
  expect(checkInputs({ it: one }, { it: raw })).toEqual({ ok: true, value: { it: value } })
})

test.each<[string, InputSpec, unknown, string]>([
  [
    'nothing',
    spec('cluster', { description: 'The cluster' }),
    undefined,
    'it is missing: the name of a cluster (The cluster)',
  ],
  ['a number for a text', spec('string'), 3, 'it must be a text, not 3'],
  ['a fraction', spec('integer'), 1.5, 'it must be a whole number, not 1.5'],
  ['a text that is no number', spec('integer'), '1e3', 'it must be a whole number, not "1e3"'],
  [
    'a number beyond 2^53',
    spec('integer'),
    '9007199254740993',
    'it must be a whole number, not "9007199254740993"',
  ],
  ['yes for true', spec('boolean'), 'yes', 'it must be true or false, not "yes"'],
  [
    'a duration without a unit',
    spec('duration'),
    '10',
    'it must be a duration such as 10s or 1m30s (or whole milliseconds), not "10"',
  ],
  [
    'less than nothing',
    spec('duration'),
    -5,
    'it must be a duration such as 10s or 1m30s (or whole milliseconds), not -5',
  ],
  [
    'a value that is not of the enum',
    spec('enum', { values: ['a', 'b'] }),
    'c',
    'it must be one of a and b, not "c"',
  ],
  ['numbers in a list', spec('list'), [1], 'it must be a list of texts, not a list'],
  ['a text that matches in part', spec('string', { pattern: '\\d+' }), 'a12', 'it must match \\d+'],
  ['too small', spec('integer', { min: 3 }), 2, 'it must be at least 3'],
  ['too long', spec('string', { max: 2 }), 'abc', 'it must be at most 2 characters'],
  ['too many', spec('list', { max: 1 }), ['a', 'b'], 'it must be at most 1 items'],
  ['an empty name', spec('host'), '', 'it must be the name of a host, not ""'],
  [
    'the secret itself',
    spec('secret'),
    'hunter2hunter2',
    'it must be a reference to a secret (env:NAME or file:PATH), never the secret itself',
  ],
])('%s is refused', (_what, one, raw, message) => {
  expect(messages({ it: one }, { it: raw })).toEqual([message])
})

test('a secret typed in by mistake is not said back', () => {
  expect(messages({ it: spec('secret') }, { it: 'hunter2' }).join()).not.toContain('hunter2')
})

test.each([[null], [undefined], ['text'], [3], [[]]])('inputs that are %j are refused as a whole', (raw) => {
  expect(messages({ cluster: spec('cluster') }, raw)).toEqual(['inputs must be one JSON object with cluster'])
})

const inventory = {
  hosts: { 'host-1': {}, 'host-2': {} },
  clusters: { demo: { members: { 'etcd-a': 'host-1' } }, other: { members: { west: 'host-2' } } },
}
const move: InputSpecs = { cluster: spec('cluster'), member: spec('member'), to: spec('host') }

test.each<[string, unknown, readonly string[]]>([
  ['all are known', { cluster: 'demo', member: 'etcd-a', to: 'host-2' }, []],
  [
    'a cluster is misspelt',
    { cluster: 'demmo', member: 'etcd-a', to: 'host-2' },
    ['cluster: the inventory knows no cluster named "demmo"; did you mean "demo"?'],
  ],
  [
    'a member is of another cluster',
    { cluster: 'demo', member: 'west', to: 'host-2' },
    ['member: the inventory knows no member of cluster demo named "west"; there is etcd-a'],
  ],
  [
    'a name is one of JavaScript',
    { cluster: 'constructor', member: 'x', to: 'toString' },
    [
      'cluster: the inventory knows no cluster named "constructor"; there is demo and other',
      'to: the inventory knows no host named "toString"; there is host-1 and host-2',
    ],
  ],
  [
    'everything is wrong, and it is said at once',
    { clusters: 'demo', member: 'nobody', to: 7 },
    [
      'cluster is missing: the name of a cluster',
      'to must be the name of a host, not 7',
      'clusters is no input of this runbook; did you mean "cluster"?',
      'member: the inventory knows no member of any cluster named "nobody"; there is etcd-a and west',
    ],
  ],
])('names are looked up in the inventory: %s', (_what, raw, expected) => {
  expect(messages(move, raw, inventory)).toEqual(expected)
})

test('all problems make one text', () => {
  const checked = checkInputs(move, {})
  expect(checked.ok ? '' : inputProblemsText(checked.problems).split('\n')).toHaveLength(3)
})

test('whatever is given, checking throws nothing and what is taken is JSON', () => {
  const specs: InputSpecs = {
    a: spec('duration'),
    b: spec('list', { required: false }),
    c: spec('string', { required: false, pattern: '[a-z]+' }),
  }
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.record({ a: fc.anything(), b: fc.anything() })), (raw) => {
      const checked = checkInputs(specs, raw, inventory)
      const value = checked.ok ? checked.value : {}
      expect(JSON.parse(JSON.stringify(value))).toEqual(value)
    }),
  )
})
