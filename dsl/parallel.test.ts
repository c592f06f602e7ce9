import { expect, test } from '@jest/globals'
import { compileRunbook } from './compile.ts'
import type { RunbookText } from './compiler.ts'
import { diagramOf } from './page-diagram.ts'
import type { Problem } from './problem.ts'
import type { Program } from './program.ts'
import { sampleCatalogue } from './sample-catalogue.ts'

/** Steps at the same time: what the compiler takes, and what it refuses, where. */

const head = (name: string): string => `runbook: 1
name: ${name}
title: For a test
inputs:
  cluster: { type: cluster }
cluster: \${{ inputs.cluster }}
steps:
`

const called = (name: string, steps: string): readonly [string, RunbookText] => [
  name,
  { file: `${name}.yaml`, text: head(name) + steps },
]

const library = new Map([
  called('stops', '  - uses: service.stop\n    with: { cluster: "${{ inputs.cluster }}", host: h1 }\n'),
  called('asks', '  - approve: { message: Go on? }\n'),
  called(
    'looks',
    '  - uses: etcd.inspect\n    with: { cluster: "${{ inputs.cluster }}" }\n  - set: { seen: 1 }\n',
  ),
])

/** Steps from line 8 on. */
const compile = (steps: string) =>
  compileRunbook({ file: 'book.yaml', text: head('book') + steps, catalogue: sampleCatalogue, library })

const problems = (steps: string): readonly Problem[] => {
  const result = compile(steps)
  return result.ok ? [] : result.problems
}

const program = (steps: string): Program => {
  const result = compile(steps)
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 1))
  return result.value
}

const inspect = (id: string): string => `{ id: ${id}, uses: etcd.inspect, with: { cluster: a } }`
const stop = '{ uses: service.stop, with: { cluster: a, host: b } }'
const each = (steps: string, more = ''): string =>
  `  - forEach: '["x", "y"]'\n    maxParallel: 2\n    ${more}steps: [${steps}]\n`

test.each([
  ['no list', '  - parallel: {}', ['WRONG_TYPE 8:15']],
  ['one branch', '  - parallel: [{ wait: 1s }]', ['WRONG_VALUE 8:15']],
  ['a branch that is no step', '  - parallel: [{ wait: 1s }, { id: x }]', ['STEP_KIND 8:32']],
  ['two kinds', '  - parallel: [{ wait: 1s }, { wait: 1s }]\n    wait: 1s', ['STEP_KIND 9:5']],
  [
    'maxParallel of nothing',
    "  - forEach: '[1]'\n    maxParallel: 0\n    steps: [{ wait: 1s }]",
    ['WRONG_VALUE 9:18'],
  ],
  [
    'maxParallel that is an expression',
    "  - forEach: '[1]'\n    maxParallel: '${{ 2 }}'\n    steps: [{ wait: 1s }]",
    ['WRONG_TYPE 9:18'],
  ],
  [
    'maxParallel on a parallel',
    '  - parallel: [{ wait: 1s }, { wait: 1s }]\n    maxParallel: 2',
    ['STEP_KEY 9:5'],
  ],
  ['a disruption', `  - parallel: [${inspect('a')}, ${stop}]`, ['EFFECT_HERE 8:77']],
  ['a disruption in a group', `  - parallel: [{ steps: [${stop}] }, { wait: 1s }]`, ['EFFECT_HERE 8:34']],
  [
    'a destruction in a loop',
    each('{ uses: dir.remove, with: { host: b, path: c } }'),
    ['EFFECT_HERE 10:21'],
  ],
  [
    'a disruption in a rescue',
    `  - parallel: [{ wait: 1s, rescue: [${stop}] }, { wait: 1s }]`,
    ['EFFECT_HERE 8:45'],
  ],
  [
    'a disruption in what is called',
    "  - parallel: [{ call: stops, with: { cluster: '${{ inputs.cluster }}' } }, { wait: 1s }]",
    ['CALLED_BROKEN 8:24', 'EFFECT_HERE stops.yaml 8:11'],
  ],
  [
    'an approval in what is called',
    "  - parallel: [{ call: asks, with: { cluster: '${{ inputs.cluster }}' } }, { wait: 1s }]",
    ['CALLED_BROKEN 8:24', 'STEP_KEY asks.yaml 8:5'],
  ],
  ['an approval', '  - parallel: [{ approve: { message: a } }, { wait: 1s }]', ['STEP_KEY 8:18']],
  ['something by hand, in a loop', each('{ manual: { message: a } }'), ['STEP_KEY 10:15']],
  [
    'a point of no return',
    '  - parallel: [{ uses: service.start, with: { cluster: a, host: b }, noReturn: gone }, { wait: 1s }]',
    ['NO_RETURN 8:70'],
  ],
  [
    'what is always done in a branch',
    '  - parallel: [{ steps: [{ wait: 1s }], always: [{ wait: 2s }] }, { wait: 1s }]',
    ['STEP_KEY 8:41'],
  ],
  [
    'what is always done in a loop of several at once',
    each('{ steps: [{ wait: 1s }], always: [{ wait: 2s }] }'),
    ['STEP_KEY 10:38'],
  ],
  [
    'the output of a sibling before it',
    `  - parallel: [${inspect('a')}, { wait: 1s, if: steps.a.skew > 1 }]`,
    ['MAY_BE_ABSENT 8:91'],
  ],
  [
    'the output of a sibling after it, in a group',
    `  - parallel: [{ wait: 1s, if: steps.a.skew > 1 }, { steps: [${inspect('a')}] }]`,
    ['MAY_BE_ABSENT 8:38'],
  ],
  [
    'a variable of a sibling',
    '  - parallel: [{ set: { n: 1 } }, { wait: 1s, if: vars.n > 1 }]',
    ['MAY_BE_ABSENT 8:56'],
  ],
  [
    'a variable of a branch, afterwards',
    '  - parallel: [{ set: { n: 1 } }, { wait: 1s }]\n  - wait: 1s\n    if: vars.n > 1',
    ['MAY_BE_ABSENT 10:14'],
  ],
  [
    'a variable that is there before, set in a branch',
    '  - set: { n: 1 }\n  - parallel: [{ set: { n: 2 } }, { wait: 1s }]',
    ['NAME_TAKEN 9:25'],
  ],
  [
    'the same in a loop',
    `  - set: { n: 1 }\n${each('{ steps: [{ set: { n: 2 } }] }')}`,
    ['NAME_TAKEN 11:32'],
  ],
  [
    'what a loop in a branch gives',
    `  - parallel: [{ forEach: '[1]', steps: [${inspect('a')}] }, { wait: 1s }]\n  - wait: 1s\n    if: steps.a.skew > 1`,
    ['MAY_BE_ABSENT 10:15'],
  ],
  [
    'what may have been rescued',
    `  - parallel: [${inspect('a')}, { wait: 1s }]\n    rescue: [{ wait: 1s }]\n  - wait: 1s\n    if: steps.a.skew > 1`,
    ['MAY_BE_ABSENT 11:15'],
  ],
  ['an id twice', `  - parallel: [${inspect('a')}, ${inspect('a')}]`, ['DUPLICATE_ID 8:75']],
])('%s is refused', (_what, steps, expected) => {
  const found = problems(steps).map(({ code, file, from }) =>
    [code, ...(file === 'book.yaml' ? [] : [file]), `${from.line}:${from.column}`].join(' '),
  )
  expect(found.toSorted()).toEqual(expected.toSorted())
})

test('what is refused says why, and what to do instead', () => {
  const said = (steps: string) =>
    problems(steps).map(({ message, hint }) => [message, hint ?? ''].join(' ').trim())
  expect(said(`  - parallel: [${stop}, { wait: 1s }]`)).toEqual([
    '"service.stop" may disrupt something, and what is done beside something else must not: two members could be out at once. Do it before or after, or in a forEach without "maxParallel".',
  ])
  expect(said('  - parallel: [{ approve: { message: a } }, { wait: 1s }]')).toEqual([
    'Nobody is asked while something else is done at the same time: a run asks one thing at a time. Put it before or after the parallel steps.',
  ])
  expect(said(`  - parallel: [${inspect('a')}, { wait: 1s, if: steps.a.skew > 1 }]`)).toEqual([
    'Step "a" is done at the same time, in another branch; what it gives can be read after the parallel step.',
  ])
})

test('outputs of all branches can be read afterwards, and keys are unique', () => {
  const { steps } = program(
    `  - id: looks\n    parallel:\n      - ${inspect('a')}\n      - steps: [${inspect('b')}, { set: { n: '\${{ steps.b.skew }}' } }, { wait: 1s, if: vars.n > 1 }]\n` +
      '      - steps: [{ set: { n: 2 } }]\n' +
      '  - wait: 1s\n    if: steps.a.skew == steps.b.skew\n',
  )
  const [looks] = steps
  expect(looks).toMatchObject({ kind: 'parallel', key: 'looks' })
  expect(looks?.kind === 'parallel' && looks.steps.map(({ key }) => key)).toEqual([
    'looks/a',
    'looks/steps-2',
    'looks/steps-3',
  ])
})

test.each([
  ['a called runbook that only looks', '  - parallel: [{ call: looks, with: { cluster: a } }, { wait: 1s }]'],
  [
    'a change with its undo, which may disrupt',
    `  - parallel: [{ uses: service.start, with: { cluster: a, host: b }, undo: [${stop}] }, { wait: 1s }]`,
  ],
  [
    'what is always done after them all',
    '  - parallel: [{ wait: 1s }, { wait: 2s }]\n    always: [{ wait: 1s }]',
  ],
  [
    'an undo and a point of no return of them all',
    `  - parallel: [{ uses: service.start, with: { cluster: a, host: b } }, { wait: 1s }]\n    noReturn: gone`,
  ],
  [
    'parallel steps in an undo',
    `  - uses: service.stop\n    with: { cluster: a, host: b }\n    undo: [{ parallel: [{ uses: service.start, with: { cluster: a, host: b } }, { wait: 1s }] }]`,
  ],
  ['parallel steps in a branch', '  - parallel: [{ parallel: [{ wait: 1s }, { wait: 2s }] }, { wait: 1s }]'],
])('%s is taken', (_what, steps) => {
  expect(problems(steps)).toEqual([])
})

test('a loop says how many at a time only where it is more than one', () => {
  const loop = (max: number) =>
    program(`  - forEach: '["x"]'\n    maxParallel: ${max}\n    steps: [{ wait: 1s }]`).steps[0]
  expect(loop(1)).not.toHaveProperty('maxParallel')
  expect(loop(3)).toMatchObject({ kind: 'forEach', maxParallel: 3 })
  // One after the other, it may disrupt.
  expect(problems(`  - forEach: '["x"]'\n    maxParallel: 1\n    steps: [${stop}]`)).toEqual([])
})

test('a diagram draws branches side by side', () => {
  const drawn = diagramOf(
    program('  - id: p\n    parallel: [{ wait: 1s }, { steps: [{ wait: 2s }, { wait: 3s }] }]\n'),
  )
  expect(drawn).not.toContain('s2 --> s3')
  expect(drawn).toContain('s4 --> s5')
})
