import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { checkExpression } from './check-expression.ts'
import { typedEnvironment } from './cel-types.ts'
import { evaluate, ExpressionError, holds, narrow, render, type Scope } from './expression.ts'
import type { Expression, Json } from './program.ts'
import { dyn, objectType, text, type Type } from './types.ts'

const int: Type = { kind: 'int' }
const double: Type = { kind: 'double' }
const member = objectType('member', { name: text, lag: int, latency: double, isLeader: { kind: 'bool' } })

const types = {
  inputs: objectType('inputs', {
    count: int,
    ratio: double,
    name: text,
    spare: { kind: 'nullable', of: text },
  }),
  steps: objectType('steps', {
    before: objectType('before', {
      members: { kind: 'list', of: member },
      byName: { kind: 'map', of: member },
      leader: { kind: 'nullable', of: member },
      hashes: { kind: 'map', of: double },
      anything: dyn,
    }),
  }),
} as const

const a = { name: 'a', lag: 3, latency: 1, isLeader: true }
const b = { name: 'b', lag: 0, latency: 2.5, isLeader: false }
const scope: Scope = {
  inputs: { count: 3, ratio: 2, name: 'etcd-1', spare: null },
  steps: {
    before: {
      members: [a, b],
      byName: { a, b },
      leader: null,
      hashes: { a: 7 },
      anything: { x: 1, y: 1.5, z: [1] },
    },
  },
}

const typed = typedEnvironment(types)

/** As the compiler makes it; `wrong` when it would refuse it. */
function expression(source: string): Expression {
  const checked = checkExpression(source, typed, () => undefined)
  if (!checked.ok) throw new Error(`${checked.complaint.code}: ${checked.complaint.message}`)
  const { roots, doubles } = checked
  return { source, at: { line: 1, column: 1 }, roots, ...(doubles.length > 0 ? { doubles } : {}) }
}

const valueOf = (source: string): Json => evaluate(expression(source), scope)

/** Numbers come from JSON, where `2` may be an int or a double: the type decides. */
test.each<[string, Json]>([
  ['inputs.count + 1', 4],
  ['inputs.count == 3', true],
  ['inputs.count > 2', true],
  ['inputs.count / 2', 1],
  ['inputs.count % 2', 1],
  ['-inputs.count', -3],
  ['inputs.count in [1, 2, 3]', true],
  ['inputs.ratio / 4.0', 0.5],
  ['inputs.ratio + 0.5', 2.5],
  ['inputs.ratio == 2.0', true],
  ['inputs.ratio == 2', true],
  ['2 == inputs.ratio', true],
  ['inputs.ratio != 2', false],
  ['inputs.ratio > 1', true],
  ['inputs.ratio >= inputs.count', false],
  ['inputs.count > inputs.ratio', true],
  ['inputs.count == inputs.ratio', false],
  ['double(inputs.count) / 2.0', 1.5],
  ['int(inputs.ratio) / 4', 0],
  ['steps.before.members[0].latency / 4.0', 0.25],
  ['steps.before.members.map(m, m.latency / 2.0)', [0.5, 1.25]],
  ['steps.before.members.map(m, m.lag * 2)', [6, 0]],
  ['steps.before.members.filter(m, m.latency < 2).map(m, m.name)', ['a']],
  ['steps.before.byName["a"].latency / 2.0', 0.5],
  ['steps.before.byName.a.lag / 2', 1],
  ['steps.before.hashes["a"] / 2.0', 3.5],
  ['steps.before.hashes.all(k, steps.before.hashes[k] > 6)', true],
  ['steps.before.anything.x + 1', 2],
  ['steps.before.anything.x == 1', true],
  ['steps.before.anything.x == 1.0', true],
  ['steps.before.anything.y > 1', true],
  ['steps.before.anything.z[0] + 1', 2],
  ['steps.before.members.size() == 2', true],
  ['size(steps.before.members) + 1', 3],
  ['[1, 2.0 > 1.0 ? 2 : 3]', [1, 2]],
  ['string(inputs.count) + "!"', '3!'],
])('%s', (source, value) => {
  expect(valueOf(source)).toEqual(value)
})

test.each<[string, Json]>([
  ['steps.before.members.sortedBy(m, m.isLeader).map(m, m.name)', ['b', 'a']],
  ['steps.before.members.sortedBy(m, -m.latency).map(m, m.name)', ['b', 'a']],
  ['steps.before.members.sortedBy(m, m.name)[1].name', 'b'],
  ['["b", "a"].sortedBy(x, x)', ['a', 'b']],
  ['steps.before.members.map(m, m.name).join(", ")', 'a, b'],
  ['steps.before.leader == null', true],
  ['steps.before.leader != null && steps.before.leader.lag > 0', false],
  ['inputs.spare == null ? "none" : inputs.spare', 'none'],
  ['has(steps.before.leader)', true],
  ['steps.before.members.exists(m, m.isLeader) && !steps.before.members.all(m, m.isLeader)', true],
  ['steps.before.members.exists_one(m, m.isLeader)', true],
  ['"a" in steps.before.byName', true],
  ['inputs.name in steps.before.byName', false],
  ['inputs.name.matches("^etcd-[0-9]+$")', true],
  ['inputs.name.startsWith("etcd") && inputs.name.size() == 6', true],
  ['asDuration(90000)', '1m30s'],
  ['asBytes(1536)', '1.5 KiB'],
  ['{inputs.name: inputs.count}', { 'etcd-1': 3 }],
  ['steps.before.members[0]', a],
  ['inputs', { count: 3, ratio: 2, name: 'etcd-1', spare: null }],
  ['timestamp("2026-11-21T00:00:00Z").getFullYear()', 2026],
])('%s', (source, value) => {
  expect(valueOf(source)).toEqual(value)
})

test.each([
  ['a list is too short', 'steps.before.members[5].name', /index out of bounds/],
  ['a map lacks the key', 'steps.before.byName["zz"].name', /no such key: zz/i],
  ['something is null', 'steps.before.leader.name', /name/],
  ['there is a division by zero', 'inputs.count / (inputs.count - 3)', /division by zero/],
  ['a number JSON cannot keep', 'inputs.count * 9007199254740991', /beyond what JSON keeps/],
  ['a number overflows', 'inputs.count * 9223372036854775807 > 0', /overflow/],
  ['a double is infinite', 'inputs.ratio / 0.0', /Infinity/],
  [
    'keys to sort by are of two kinds',
    '[1, 2].sortedBy(x, x == 1 ? dyn("a") : dyn(1))',
    /all texts, all numbers/,
  ],
  ['what is dynamic turns out wrong', 'steps.before.anything.x + "a"', /no such overload/],
  [
    'a text to match is too long',
    '["0123456789"].map(x, x + x + x + x + x + x + x + x + x + x).map(x, x + x + x + x + x + x + x + x + x + x + x)[0].matches("1")',
    /1000 characters at most/,
  ],
])('when %s, it is an ExpressionError that says where', (_what, source, reason) => {
  expect(() => valueOf(source)).toThrow(ExpressionError)
  expect(() => valueOf(source)).toThrow(reason)
  expect(() => valueOf(source)).toThrow(/line 1, column 1/)
})

test('a variable without a value is an error, not false', () => {
  expect(() => holds(expression('steps.before.leader == null'), {})).toThrow(ExpressionError)
  expect(() => holds(expression('inputs.count > 1'), { inputs: {} })).toThrow(/count/)
})

test.each<[string, Json]>([
  ['text', 'true'],
  ['a number', 1],
  ['null', null],
  ['a list', [true]],
])('a condition that gives %s does not hold: it is an error', (_what, value) => {
  const condition: Expression = { source: 'x', at: { line: 3, column: 9 }, roots: ['x'] }
  expect(() => holds(condition, { x: value })).toThrow('a condition must be true or false')
  expect(holds(condition, { x: true })).toBe(true)
  expect(holds(condition, { x: false })).toBe(false)
})

const failing = 'steps.before.leader.lag == 0'

test.each([
  `${failing} || false`,
  `${failing} || true`,
  `${failing} && true`,
  `${failing} && false`,
  `false || ${failing}`,
  `true && ${failing}`,
  `[false, true].exists(x, x || ${failing})`,
  `[true, false].all(x, x && ${failing})`,
])('an error opens no door, other than in plain CEL: %s', (source) => {
  expect(() => holds(expression(source), scope)).toThrow(ExpressionError)
})

test.each([
  [`true || ${failing}`, true],
  [`false && ${failing}`, false],
  [`[true, false].exists(x, x || ${failing})`, true],
  [`[false, true].all(x, x && ${failing})`, false],
  ['steps.before.leader == null || steps.before.leader.lag == 0', true],
])('what stands right is not looked at once the left decides: %s', (source, held) => {
  expect(holds(expression(source), scope)).toBe(held)
})

test('keys that JavaScript knows are keys like any other', () => {
  const odd: Json = JSON.parse(
    '{"constructor": 1, "toString": 2, "__proto__": {"lag": 9}, "hasOwnProperty": 3}',
  )
  const read = (source: string) => evaluate({ source, at: { line: 1, column: 1 }, roots: ['x'] }, { x: odd })
  expect(read('x["constructor"] + x["toString"] + x["hasOwnProperty"]')).toBe(6)
  expect(() => read('x.lag')).toThrow(ExpressionError)
  expect(() => read('x.valueOf')).toThrow(ExpressionError)
  expect(JSON.stringify(read('x'))).toBe(JSON.stringify(odd))
})

test('templates keep the type of a lone expression and write others as text', () => {
  const one = expression('inputs.count')
  const all = expression('steps.before.members.map(m, m.name)')
  expect(render({ kind: 'expression', expression: one }, scope)).toBe(3)
  expect(render({ kind: 'text', parts: ['n=', one, ' of ', all] }, scope)).toBe('n=3 of ["a","b"]')
  expect(
    render(
      {
        kind: 'map',
        entries: {
          list: {
            kind: 'list',
            items: [
              { kind: 'literal', value: 1.5 },
              { kind: 'expression', expression: one },
            ],
          },
        },
      },
      scope,
    ),
  ).toEqual({ list: [1.5, 3] })
})

test('a scope is narrowed to what an expression reads', () => {
  const wide = { ...scope, steps: { ...Object(scope['steps']), other: { big: true } }, item: 1 }
  expect(narrow(expression('steps.before.leader == null && inputs.count > 1'), wide)).toEqual({
    inputs: { count: 3 },
    steps: Object(scope['steps']),
  })
})

test('lists inside lists inside lists are bounded by what they hold', () => {
  const long = { x: Array.from({ length: 300 }, (_, index) => index) }
  const loops = (source: string) => evaluate({ source, at: { line: 1, column: 1 }, roots: ['x'] }, long)
  expect(loops('x.all(a, x.exists(b, a == b))')).toBe(true)
  expect(() => loops('x.all(a, x.all(b, x.exists(c, c == a)))')).toThrow(/300 items is too long/)
})

const jsonValue = fc.jsonValue({ maxDepth: 3 }).map((value): Json => JSON.parse(JSON.stringify(value)))
const sources = [
  'x',
  'x.a',
  'x[0]',
  'x["a"]',
  '[x, x]',
  '{"k": x}',
  'x == x',
  'x.map(i, i)',
  'x.filter(i, true)',
  'size(x)',
  'has(x.a) ? x.a : x',
  'x.sortedBy(i, i)',
  'x == null ? dyn(1) : dyn("a")',
  'timestamp("2026-01-01T00:00:00Z")',
  'duration("1s")',
  'b"abc"',
  'type(x)',
  '1.0 / 0.0',
  '9223372036854775807',
  '1u',
]

const outcomeOf = (source: string, x: Json): unknown => {
  try {
    return evaluate({ source, at: { line: 1, column: 1 }, roots: ['x'] }, { x })
  } catch (error) {
    return error instanceof ExpressionError ? null : error
  }
}

test('whatever the values are, evaluating gives JSON or an ExpressionError', () => {
  fc.assert(
    fc.property(fc.constantFrom(...sources), jsonValue, (source, x) => {
      const outcome = outcomeOf(source, x)
      expect(JSON.parse(JSON.stringify(outcome))).toEqual(outcome)
    }),
    { numRuns: 1000 },
  )
})

test('JSON goes through an expression unchanged', () => {
  fc.assert(
    fc.property(jsonValue, (x) => {
      const safe = JSON.stringify(x).length < 5000 && !/\d{16}|e\+/.test(JSON.stringify(x))
      fc.pre(safe)
      expect(evaluate({ source: 'x', at: { line: 1, column: 1 }, roots: ['x'] }, { x })).toEqual(x)
    }),
  )
})
