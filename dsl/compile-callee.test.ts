import { expect, test } from '@jest/globals'
import { compileRunbook } from './compile.ts'
import type { RunbookText } from './compiler.ts'
import { printProblems } from './print.ts'
import type { CallStep, Program, Step } from './program.ts'
import { sampleCatalogue } from './sample-catalogue.ts'

/** Stops a service on a host and says what it knows of it. */
const stopper = `runbook: 1
name: stopper
title: Stop a service
inputs:
  cluster: { type: cluster }
  host: { type: host, description: Where }
  soak: { type: duration, default: 10s, max: 1m }
  note: { type: string, required: false }
  others: { type: list, default: [] }
cluster: \${{ inputs.cluster }}
steps:
  - id: stop
    uses: service.stop
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
    undo:
      - uses: service.start
        with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
outputs:
  pid: '\${{ steps.stop.pid }}'
  where: 'on \${{ inputs.host }}'
`

const looker = `runbook: 1
name: looker
title: Look
inputs:
  cluster: { type: cluster }
steps:
  - id: seen
    uses: etcd.inspect
    with: { cluster: '\${{ inputs.cluster }}' }
outputs:
  skew: '\${{ steps.seen.skew }}'
  members: '\${{ steps.seen.members }}'
`

const lost = looker.replace('looker', 'lost-looker').replace('title: Look', 'title: Look\nquorum: lost')
const broken = looker.replace('looker', 'broken').replace('etcd.inspect', 'etcd.inspct')
const again = (name: string, other: string): string => `runbook: 1
name: ${name}
title: Call another
steps:
  - call: ${other}
`

const library = new Map<string, RunbookText>([
  ['stopper', { file: 'stopper.yaml', text: stopper }],
  ['looker', { file: 'looker.yaml', text: looker }],
  ['lost-looker', { file: 'lost-looker.yaml', text: lost }],
  ['broken', { file: 'broken.yaml', text: broken }],
  ['ping', { file: 'ping.yaml', text: again('ping', 'pong') }],
  ['pong', { file: 'pong.yaml', text: again('pong', 'ping') }],
  ['twice', { file: 'a.yaml', text: again('twice', 'looker'), also: 'b.yaml' }],
  ['no-yaml', { file: 'no-yaml.yaml', text: 'name: [' }],
])

/** Steps from line 9 on. */
const book = (steps: string, head = ''): string => `runbook: 1
name: book
title: For a test${head === '' ? '' : `\n${head}`}
inputs:
  cluster: { type: cluster }
  member: { type: member, required: false }
cluster: \${{ inputs.cluster }}
steps:
${steps}`

const compile = (text: string, books = library) =>
  compileRunbook({ file: 'book.yaml', text, catalogue: sampleCatalogue, library: books })

function program(text: string): Program {
  const result = compile(text)
  if (!result.ok) throw new Error(printProblems(result.problems, new Map([['book.yaml', text]])))
  return result.value
}

const stop = "  - id: s\n    call: stopper\n    with: { cluster: '${{ inputs.cluster }}', host: h1"

test.each<[string, string, readonly string[]]>([
  ['an unknown runbook', '  - call: stoper', ['UNKNOWN_RUNBOOK book.yaml 9:11']],
  ['an input that is missing', '  - call: looker', ['MISSING book.yaml 9:5']],
  ['another that is missing', '  - call: stopper\n    with: { cluster: a }', ['MISSING book.yaml 10:5']],
  ['an unknown input', `${stop}, hots: h }`, ['UNKNOWN_INPUT book.yaml 11:57']],
  [
    'a literal of the wrong type',
    '  - call: looker\n    with: { cluster: [a] }',
    ['WRONG_VALUE book.yaml 10:22'],
  ],
  ['a literal that does not fit', `${stop}, soak: 2m }`, ['WRONG_VALUE book.yaml 11:63']],
  [
    'nothing where something is needed',
    '  - call: looker\n    with: { cluster: null }',
    ['WRONG_VALUE book.yaml 10:22'],
  ],
  [
    'an expression of the wrong type',
    `${stop}, others: '\${{ inputs.cluster }}' }`,
    ['WRONG_TYPE book.yaml 11:65'],
  ],
  [
    'what may be null',
    "  - call: looker\n    with: { cluster: '${{ inputs.member }}' }",
    ['WRONG_TYPE book.yaml 10:22'],
  ],
  [
    'an output that is none',
    `${stop} }\n  - if: steps.s.pidd == 3\n    set: { a: 1 }`,
    ['UNKNOWN_NAME book.yaml 12:17'],
  ],
  [
    'an output of another type',
    `${stop} }\n  - if: steps.s.where == 3\n    set: { a: 1 }`,
    ['EXPRESSION_TYPE book.yaml 12:9'],
  ],
  [
    "the called's steps",
    `${stop} }\n  - if: steps.stop.pid == 3\n    set: { a: 1 }`,
    ['UNKNOWN_NAME book.yaml 12:15'],
  ],
  [
    'outputs under an if',
    `${stop} }\n    if: inputs.cluster == "a"\n  - if: steps.s.pid == 3\n    set: { a: 1 }`,
    ['MAY_BE_ABSENT book.yaml 13:15'],
  ],
  [
    'a called runbook with errors',
    '  - call: broken\n    with: { cluster: a }',
    ['CALLED_BROKEN book.yaml 9:11', 'UNKNOWN_ACTION broken.yaml 8:11'],
  ],
  [
    'one that is no YAML',
    '  - call: no-yaml',
    ['CALLED_BROKEN book.yaml 9:11', 'YAML_SYNTAX no-yaml.yaml 1:8'],
  ],
  [
    'one that calls itself by way of another',
    '  - call: ping',
    ['CALLED_BROKEN book.yaml 9:11', 'CALLED_BROKEN ping.yaml 5:11', 'CALL pong.yaml 5:11'],
  ],
  ['itself', '  - call: book', ['CALL book.yaml 9:11']],
  ['a name that two files say', '  - call: twice', ['CALL book.yaml 9:11']],
  ['one for a lost quorum', '  - call: lost-looker\n    with: { cluster: a }', ['CALL book.yaml 9:11']],
  ['a timeout', `${stop} }\n    timeout: 5s`, ['STEP_KEY book.yaml 12:5']],
  [
    'an undo of what changes nothing',
    '  - call: looker\n    with: { cluster: a }\n    undo: [{ set: { a: 1 } }]',
    ['NOTHING_TO_UNDO book.yaml 11:5'],
  ],
])('%s', (_what, steps, expected) => {
  const result = compile(book(steps))
  expect(
    result.ok
      ? []
      : result.problems.map(({ code, file, from }) => `${code} ${file} ${from.line}:${from.column}`),
  ).toEqual(expected)
})

test('the circle is said', () => {
  const result = compile(book('  - call: ping'))
  expect(result.ok ? [] : result.problems.map(({ message }) => message)).toContain(
    'A runbook cannot call itself: ping → pong → ping.',
  )
})

test('a runbook that changes something by calling needs a cluster', () => {
  const text = book(stop.replace('${{ inputs.cluster }}', 'a') + ' }').replace(
    'cluster: ${{ inputs.cluster }}\n',
    '',
  )
  const result = compile(text)
  expect(result.ok ? [] : result.problems.map(({ code }) => code)).toEqual(['NO_CLUSTER'])
})

test('what is called is compiled in, under the keys of its call', () => {
  const { steps, effect, actions } = program(
    book(
      `  - id: all\n    forEach: '["h1", "h2"]'\n    as: host\n    steps:\n${stop.replace('h1', "'${{ host }}'").replace(/^/gm, '    ')} }`,
    ),
  )
  const [call] = callsOf(steps)
  expect(call).toMatchObject({
    ...{ key: 'all/s', call: 'stopper', title: 'Stop a service', quorum: 'kept' },
    steps: [
      {
        key: 'all/s/stop',
        at: { line: 12, column: 5, file: 'stopper.yaml' },
        undo: [{ key: 'all/s/stop/undo/uses-1' }],
      },
    ],
    cluster: { kind: 'expression', expression: { at: { file: 'stopper.yaml' } } },
    inputs: { soak: { default: 10_000 } },
  })
  expect(effect).toBe('disrupt')
  expect(Object.keys(actions)).toEqual(['service.start', 'service.stop'])
})

test('a call from an undo leaves out its own ways back', () => {
  const { steps } = program(
    book(
      `${stop} }\n    undo:\n      - call: stopper\n        with: { cluster: '\${{ inputs.cluster }}', host: h2 }`,
    ),
  )
  const [call] = callsOf(steps)
  expect(call?.undo).toMatchObject([
    { kind: 'call', key: 's/undo/call-1', steps: [{ key: 's/undo/call-1/stop' }] },
  ])
  expect(JSON.stringify(call?.undo)).not.toContain('service.start"')
})

test('one that only reads may be of any cluster, and its outputs have types', () => {
  const { steps } = program(
    book(
      '  - id: l\n    call: looker\n    with: { cluster: other }\n  - if: steps.l.skew > 3 && steps.l.members.all(m, m.latency < 2.0)\n    set: { a: 1 }',
    ),
  )
  expect(callsOf(steps)[0]?.cluster).toBeUndefined()
})

test('one for a lost quorum may call both kinds', () => {
  const { steps, quorum } = program(
    book(
      '  - call: lost-looker\n    with: { cluster: a }\n  - call: looker\n    with: { cluster: a }',
      'quorum: lost',
    ),
  )
  expect([quorum, ...callsOf(steps).map((call) => call.quorum)]).toEqual(['lost', 'lost', 'kept'])
})

test('calls cannot grow without bound', () => {
  const names = Array.from({ length: 8 }, (_, index) => `b${index}`)
  const text = (name: string, next: string) => `${again(name, next)}${`  - call: ${next}\n`.repeat(19)}`
  const books = new Map(
    names.map((name, index) => [
      name,
      { file: `${name}.yaml`, text: index < 7 ? text(name, `b${index + 1}`) : again(name, 'looker') },
    ]),
  )
  const result = compile(book('  - call: b0'), books)
  expect(result.ok ? [] : result.problems.map(({ message }) => message)).toContain(
    'All that is called may have 2000 steps at most.',
  )
})

const callsOf = (steps: readonly Step[]): readonly CallStep[] =>
  steps.flatMap((step) => [
    ...(step.kind === 'call' ? [step] : []),
    ...('steps' in step ? callsOf(step.steps) : []),
  ])
