import { describe, expect, test } from '@jest/globals'
import { compileRunbook } from '../dsl/compile.ts'
import { sampleCatalogue } from '../dsl/sample-catalogue.ts'
import type { Program } from '../dsl/program.ts'
import { checkTests } from './check-tests.ts'
import { readTests, type TestFile } from './read-tests.ts'
import { runTest } from './run-tests.ts'

const runbook = `
runbook: 1
name: restart
title: Restart two hosts
inputs:
  cluster: { type: cluster, description: The cluster }
  soak: { type: duration, default: 1h, description: How long }
cluster: \${{ inputs.cluster }}
steps:
  - id: before
    uses: etcd.inspect
    with: { cluster: '\${{ inputs.cluster }}' }
  - name: the versions are near enough
    assert:
      - that: steps.before.skew <= 1
        else: 'the skew is \${{ steps.before.skew }}'
    onFailure: fail
  - id: consent
    approve: { message: 'Restart \${{ inputs.cluster }}?' }
  - id: each
    forEach: '["h1", "h2"]'
    as: host
    steps:
      - id: stop
        uses: service.stop
        with: { cluster: '\${{ inputs.cluster }}', host: '\${{ host }}' }
        undo:
          - uses: service.start
            with: { cluster: '\${{ inputs.cluster }}', host: '\${{ host }}' }
      - id: start
        uses: service.start
        with: { cluster: '\${{ inputs.cluster }}', host: '\${{ host }}' }
        retry: { attempts: 2, interval: 10m }
  - id: well
    gate: etcd.inspect
    with: { cluster: '\${{ inputs.cluster }}' }
    until: gate.skew == 0
    stable: \${{ inputs.soak }}
    every: 1m
    timeout: 3h
  - wait: 2h
  - notify: { message: '\${{ inputs.cluster }} was restarted' }
outputs:
  skew: \${{ steps.before.skew }}
`

const program: Program = (() => {
  const compiled = compileRunbook({ file: 'restart.yaml', text: runbook, catalogue: sampleCatalogue })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return compiled.value
})()

const head = `
inputs: { cluster: demo }
given: { etcd.inspect: { skew: 0 } }
tests:
  - name: one
`

/** With four spaces in front of each line. */
const fileOf = (lines: string): string => `${head}${lines.trim().replace(/^/gm, '    ')}\n`

function read(text: string): TestFile {
  const file = readTests('restart.test.yaml', text)
  if (!file.ok) throw new Error(JSON.stringify(file.problems))
  return file.value
}

async function missed(lines: string): Promise<readonly string[]> {
  const file = read(fileOf(lines))
  expect(checkTests(file, program, sampleCatalogue)).toEqual([])
  const [first] = file.tests
  if (!first) throw new Error('no test')
  const { misses, hint } = await runTest(file, first, program, (_action, given) => given)
  const said = misses.flatMap(({ at, what, lines: why }) => [`${at.line}:${at.column} ${what}`, ...why])
  return hint === undefined ? said : [...said, hint]
}

describe('what comes true', () => {
  test.each([
    ['who is told what', 'decide: [approve]\nexpect: { notices: [/^d.mo was/] }'],
    ['the whole way', 'decide: [approve]\nexpect: { outputs: { skew: 0 }, steps: { stop: done } }'],
    [
      'all calls, by action, by step and with arguments',
      `decide: [approve: consent]
expect:
  calls:
    - before
    - service.stop: { host: h1 }
    - each[h1]/start
    - each[h2]/stop: { cluster: demo, host: h2 }
    - service.start
    - well`,
    ],
    ['changes only', 'decide: [approve]\nexpect: { changes: [stop, start, stop, start] }'],
    ['some, in their order', 'decide: [approve]\nexpect: { includes: ["each[h1]/start", "each[h2]/start"] }'],
    [
      'who was asked what',
      `decide: [{ approve: consent, by: ada, comment: go }]
expect: { waits: [{ at: consent, message: /^Restart d.mo.$/, offers: [reject, approve] }] }`,
    ],
    [
      'a rejection',
      'decide: [{ reject: consent, comment: not now }]\nexpect: { end: failed, message: not now, changes: [] }',
    ],
    ['nobody decides', 'expect: { end: waiting, message: Restart demo }'],
    ['a run that is cancelled while it waits', 'decide: [cancel]\nexpect: { end: cancelled }'],
    [
      'a check that says no',
      'given: { before: { skew: 2 } }\nexpect: { end: failed, message: the skew is 2, calls: [before] }',
    ],
    [
      'a failure that is tried again by the runbook, after ten minutes that cost nothing',
      'decide: [approve]\ngiven: { start: [{ fails: busy }, {}] }\nexpect: { changes: [stop, start, start, stop, start] }',
    ],
    [
      'a failure in one turn of a loop alone, taken back',
      `decide: [approve, { rollback: 'each[h2]/start' }]
given: { 'each[h2]/start': { unknown: the link broke } }
expect:
  end: rolledBack
  waits: [consent, { at: start, failure: the link broke, withheld: { skip: does not allow } }]
  includes: [stop/undo/uses-1: { host: h2 }, stop/undo/uses-1: { host: h1 }]`,
    ],
    [
      'a refusal is not tried again',
      'decide: [approve, abort]\ngiven: { start: { refused: no } }\nexpect: { end: aborted, changes: [stop, start] }',
    ],
    [
      'a gate asks until it holds for as long as it shall',
      'decide: [approve]\ngiven: { well: [{ skew: 1 }, { fails: no answer }, { skew: 0 }, { skew: 1 }, {}] }\nexpect: {}',
    ],
    [
      'a gate whose time is up',
      'decide: [approve]\ngiven: { well: { skew: 3 } }\nexpect: { end: waiting, message: /did not hold within 10800 s. Seen last.*"skew":3/ }',
    ],
    [
      'wrong inputs',
      'inputs: { soak: soon }\nexpect: { end: failed, message: soak must be a duration, calls: [] }',
    ],
  ])('%s', async (_what, lines) => expect(await missed(lines)).toEqual([]))
})

describe('people who are asked', () => {
  const asking = `
runbook: 1
name: asking
title: Ask
steps:
  - id: consent
    approve: { message: Go on?, people: 2, expires: 1h }
  - id: disk
    manual: { message: Put it back. }
`
  const rows: readonly [string, string, readonly string[]][] = [
    [
      'two of them, then a hand',
      '[{ approve: consent, by: ada }, { approve: consent, by: bob }, confirm: disk]',
      [],
    ],
    [
      'one of them twice',
      '[approve, approve]',
      [
        'tester has approved "consent" already, and it takes 2 people: name another with "by"',
        'expected done, but it waits for a person',
      ],
    ],
    [
      'one of them, until the time is up',
      '[{ approve: consent, by: ada }, expire]',
      ['expected done, but it failed', /only ada approved it within 1h, and it takes 2 people/.source],
    ],
    [
      'a hand, for whom nothing expires',
      '[{ approve: consent, by: ada }, { approve: consent, by: bob }, expire]',
      ['nothing expires at "disk"'],
    ],
  ]
  test.each(rows)('%s', async (_what, decide, expected) => {
    const compiled = compileRunbook({ file: 'asking.yaml', text: asking, catalogue: sampleCatalogue })
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
    const file = read(`tests:\n  - { name: one, decide: ${decide}, expect: {} }\n`)
    expect(checkTests(file, compiled.value, sampleCatalogue)).toEqual([])
    const [first] = file.tests
    const result = first && (await runTest(file, first, compiled.value, (_action, given) => given))
    const said = result?.misses.flatMap(({ lines }) => lines) ?? []
    expect(said.slice(0, expected.length)).toEqual(expected.map((line) => expect.stringContaining(line)))
    expect(said.length === 0).toBe(expected.length === 0)
  })
})

describe('what does not, and where it is written', () => {
  test.each<[string, string, readonly string[]]>([
    [
      'calls, as a difference',
      `decide: [approve]
expect:
  changes:
    - stop
    - service.start: { host: h2 }
    - stop
    - start`,
      [
        '9:9 changes',
        '  service.stop { cluster: demo, host: h1 }   at each[h1]/stop',
        '- service.start { host: h2 }',
        '+ service.start { cluster: demo, host: h1 }   at each[h1]/start',
        '  service.stop { cluster: demo, host: h2 }   at each[h2]/stop',
        '  service.start { cluster: demo, host: h2 }   at each[h2]/start',
      ],
    ],
    [
      'an end, with what it waits for',
      'expect: { end: done }',
      [
        '6:20 end',
        'expected done, but it waits for a person',
        'Restart demo?',
        'it waits at consent, and offers approve and reject',
        'retry is withheld: nothing has failed; it is to be approved or rejected',
        'skip is withheld: nothing has failed; it is to be approved or rejected',
        'confirm is withheld: it is to be approved',
        'rollback is withheld: nothing was done that could be taken back',
        'abort is withheld: nothing was changed yet; reject it, and the run ends',
      ],
    ],
    [
      'a decision that is not offered',
      'decide: [rollback]\nexpect: { end: waiting }',
      ['6:13 decide', 'rollback is not offered at "consent": nothing was done that could be taken back'],
    ],
    [
      'a decision about another step',
      'decide: [approve: stop]\nexpect: { end: waiting }',
      ['6:13 decide', 'the run waits at "consent", and the test decides about "stop"'],
    ],
    [
      'a decision nobody asked for',
      'decide: [approve, retry: well]\nexpect: {}',
      ['6:13 decide', 'the test decides retry at "well", and the run did not wait for it'],
    ],
    [
      'a message',
      'decide: [reject]\nexpect: { end: failed, message: /^no/ }',
      [
        '7:37 message',
        'expected /^no/',
        'but it says: Failed at "approval": rejected by tester. Nothing was changed.',
      ],
    ],
    [
      'a call that should never be',
      'decide: [approve]\nexpect: { never: [stop: { host: h2 }] }',
      ['7:22 never', 'service.stop { cluster: demo, host: h2 }   at each[h2]/stop was called'],
    ],
    [
      'what is called in another order',
      'decide: [approve]\nexpect: { includes: [well, before] }',
      [
        '7:25 includes',
        'before was not called after gate etcd.inspect { cluster: demo }   at well',
        'called were:',
        '  etcd.inspect { cluster: demo }   at before',
      ],
    ],
    [
      'what people are told',
      'decide: [approve]\nexpect: { notices: [all is well] }',
      ['7:24 notices', '- all is well', '+ demo was restarted   at notify-7'],
    ],
    [
      'outputs',
      'decide: [approve]\nexpect: { outputs: { skew: 1 } }',
      ['7:24 outputs', 'skew: expected 1, but it is 0'],
    ],
    [
      'how steps stand',
      'expect: { end: waiting, steps: { stop: done, consent: asking } }',
      ['6:36 steps', 'stop: expected…'],
    ],
    [
      'a wait that was not',
      'decide: [approve]\nexpect: { waits: [] }',
      ['7:22 waits', '+ consent: Restart demo?'],
    ],
    [
      'what may be decided',
      'decide: [approve]\nexpect: { waits: [{ at: consent, offers: [retry] }] }',
      [
        '7:22 waits',
        'consent: expected retry to be offered',
        'it waits at consent, and offers approve and reject',
      ],
    ],
  ])('%s', async (_what, lines, expected) => {
    const said = await missed(lines)
    expect(said.slice(0, expected.length)).toEqual(
      expected.map((line) => (line.endsWith('…') ? expect.stringContaining(line.slice(0, -1)) : line)),
    )
  })

  test('what an answer does not hold is named', async () => {
    const file = read('inputs: { cluster: demo }\ntests:\n  - { name: one, expect: { end: done } }\n')
    const [first] = file.tests
    const result = first && (await runTest(file, first, program, (_action, given) => given))
    expect(result?.hint).toBe('No answer has "skew" where the runbook reads it: write it under "given".')
  })
})

describe('a test file that does not fit is told where, and what is near', () => {
  test.each<[string, string, string]>([
    [
      'an unknown key',
      'expekt: {}\nexpect: {}',
      '6:5 UNKNOWN_KEY A test has no key "expekt". Did you mean "expect"?',
    ],
    ['an unknown end', 'expect: { end: finished }', '6:20 WRONG_VALUE "expect.end" must be one of'],
    [
      'an action that is none',
      'given: { etcd.inspct: {} }\nexpect: {}',
      '6:14 UNKNOWN_ACTION There is no action "etcd.inspct". Did you mean "etcd.inspect"?',
    ],
    [
      'an action that the runbook does not use',
      'given: { dir.copy: {} }\nexpect: {}',
      '6:14 UNKNOWN_ACTION The runbook never uses dir.copy',
    ],
    [
      'a step that is none',
      'given: { befor: {} }\nexpect: {}',
      '6:14 UNKNOWN_NAME The runbook has no step "befor". Did you mean "before"?',
    ],
    [
      'a step that asks no action',
      'given: { consent: {} }\nexpect: {}',
      '6:14 UNKNOWN_NAME The step "consent" asks no action',
    ],
    [
      'a wrong field',
      'given: { before: { skw: 1 } }\nexpect: {}',
      '6:24 UNKNOWN_INPUT There is no "skw" to be given here. Did you mean "skew"?',
    ],
    [
      'a wrong type, deep inside',
      'given: { before: { members: [{ name: 7 }] } }\nexpect: {}',
      '6:42 WRONG_TYPE This must be text, but it is whole number (int). ',
    ],
    [
      'an answer that is none',
      'given: { before: 7 }\nexpect: {}',
      '6:22 WRONG_TYPE An answer is what etcd.inspect gives',
    ],
    [
      'a failure without words',
      'given: { before: { fails: 7 } }\nexpect: {}',
      '6:24 WRONG_VALUE "fails" stands alone, with the failure\'s message.',
    ],
    [
      'an unknown input',
      'inputs: { clster: demo }\nexpect: {}',
      '6:15 UNKNOWN_INPUT The runbook has no input "clster". Did you mean "cluster"?',
    ],
    [
      'an unknown decision',
      'decide: [retri]\nexpect: {}',
      '6:14 WRONG_VALUE Nobody can decide "retri". Did you mean "retry"?',
    ],
    [
      'a decision about no step',
      'decide: [retry: stp]\nexpect: {}',
      '6:21 UNKNOWN_NAME The runbook has no step "stp". Did you mean "stop"?',
    ],
    [
      'a decision about two things',
      'decide: [{ retry: stop, skip: stop }]\nexpect: {}',
      '6:14 WRONG_VALUE A decision is a word',
    ],
    [
      'an argument that is none',
      'expect: { never: [stop: { hst: h1 }] }',
      '6:31 UNKNOWN_INPUT There is no "hst" to be given here. Did you mean "host"?',
    ],
    [
      'an argument of another type',
      'expect: { never: [stop: { host: 1 }] }',
      '6:37 WRONG_TYPE This must be text',
    ],
    ['a call that is none', 'expect: { calls: [[stop]] }', '6:23 WRONG_VALUE A call is an action or a step'],
    [
      'an unknown output',
      'expect: { outputs: { scew: 1 } }',
      '6:26 UNKNOWN_NAME The runbook has no output "scew". Did you mean "skew"?',
    ],
    ['a pattern that is none', 'expect: { message: "/(/" }', '6:24 WRONG_VALUE This is no pattern'],
    [
      'a wait with a wrong key',
      'expect: { waits: [{ at: stop, offer: [retry] }] }',
      '6:35 UNKNOWN_KEY A wait has no key "offer". Did you mean "offers"?',
    ],
  ])('%s', (_what, lines, expected) => {
    const file = readTests('restart.test.yaml', fileOf(lines))
    const problems = file.ok ? checkTests(file.value, program, sampleCatalogue) : file.problems
    const said = problems.map(
      ({ from, code, message, hint }) => `${from.line}:${from.column} ${code} ${message} ${hint ?? ''}`,
    )
    expect(said).toEqual([expect.stringContaining(expected)])
  })

  test('a name that means steps with different actions', () => {
    const text = runbook.replace(
      'as: host\n    steps:',
      'as: host\n    steps:\n      - uses: etcd.inspect\n        with: { cluster: x }',
    )
    const compiled = compileRunbook({ file: 'r.yaml', text, catalogue: sampleCatalogue })
    const file = read('tests:\n  - { name: one, given: { uses-1: {} }, expect: {} }\n')
    const problems = compiled.ok ? checkTests(file, compiled.value, sampleCatalogue) : compiled.problems
    expect(problems).toMatchObject([
      {
        message: '"uses-1" means several steps with different actions.',
        hint: 'Write one of each/uses-1 and each/stop/undo/uses-1.',
      },
    ])
  })
})
