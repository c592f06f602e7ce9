import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { compileRunbook } from './compile.ts'
import { printProblems } from './print.ts'
import type { Program, Step } from './program.ts'
import { sampleCatalogue } from './sample-catalogue.ts'

const compile = (text: string) => compileRunbook({ file: 'book.yaml', text, catalogue: sampleCatalogue })

const findings = (text: string): readonly string[] => {
  const result = compile(text)
  return result.ok ? [] : result.problems.map(({ code, from }) => `${code} ${from.line}:${from.column}`)
}

const program = (text: string): Program => {
  const result = compile(text)
  if (!result.ok) throw new Error(printProblems(result.problems, new Map([['book.yaml', text]])))
  return result.value
}

/** Steps from line 9 on, in a runbook that is right. */
const runbook = (steps: string): string => `runbook: 1
name: some-book
title: For a test
inputs:
  cluster: { type: cluster }
  soak: { type: duration, default: 10s }
cluster: \${{ inputs.cluster }}
steps:
${steps}`

const inspect = `  - id: before
    uses: etcd.inspect
    with: { cluster: demo }
`

test.each([
  ['a step that is no map', '  - just text', ['WRONG_TYPE 9:5']],
  ['a step without a kind', '  - id: x', ['STEP_KIND 9:5']],
  ['a kind misspelt', '  - use: etcd.inspect\n    with: { cluster: a }', ['STEP_KIND 9:5']],
  ['two kinds in one step', '  - uses: etcd.inspect\n    set: { a: 1 }', ['STEP_KIND 10:5']],
  ['an approval without a message', '  - approve: {}', ['MISSING 9:14']],
  [
    'an approval with what it does not have',
    '  - approve: { message: go, confirm: x }',
    ['UNKNOWN_KEY 9:29'],
  ],
  ['an approval by nobody', '  - approve: { message: go, by: [] }', ['WRONG_VALUE 9:33']],
  ['a role that cannot be', '  - approve: { message: go, by: "the lead" }', ['WRONG_VALUE 9:33']],
  ['an approval of no people', '  - approve: { message: go, people: 0 }', ['WRONG_VALUE 9:37']],
  ['an expiry that is no duration', '  - approve: { message: go, expires: soon }', ['WRONG_TYPE 9:38']],
  ['an expiry of nothing', '  - approve: { message: go, expires: 1ms }', ['WRONG_VALUE 9:38']],
  [
    'an expiry of the wrong type',
    "  - approve: { message: go, expires: '${{ inputs.cluster }}' }",
    ['WRONG_TYPE 9:38'],
  ],
  ['what is done by hand without saying what', '  - manual: { by: lead }', ['MISSING 9:15']],
  ['what is done by hand by two', '  - manual: { message: go, people: 2 }', ['UNKNOWN_KEY 9:28']],
  [
    'what is done by hand does not give',
    "  - id: swap\n    manual: { message: go }\n  - set: { a: '${{ steps.swap.who }}' }",
    ['UNKNOWN_NAME 11:31'],
  ],
  [
    'what an approval does not give',
    "  - id: ok\n    approve: { message: go }\n  - set: { a: '${{ steps.ok.who }}' }",
    ['UNKNOWN_NAME 11:29'],
  ],
  [
    'an approval in an undo',
    '  - uses: service.stop\n    with: { cluster: a, host: b }\n    undo: [{ approve: { message: go } }]',
    ['STEP_KEY 11:14'],
  ],
  ['a notice without a message', '  - notify: { to: [a] }', ['MISSING 9:15']],
  ['a notice that is a text', '  - notify: hello', ['WRONG_TYPE 9:13']],
  ['a notice to one name', '  - notify: { message: a, to: oncall }', ['WRONG_TYPE 9:31']],
  ['a notice to a number', '  - notify: { message: a, to: [1] }', ['WRONG_TYPE 9:31']],
  [
    'a notice to what an input does not list',
    '  - notify: { message: a, to: "${{ inputs.soak }}" }',
    ['WRONG_TYPE 9:31'],
  ],
  ['a notice about what is not there', '  - notify: { message: "${{ steps.x.y }}" }', ['UNKNOWN_NAME 9:35']],
  ['a notice that may fail', '  - notify: { message: a }\n    onFailure: rollback', ['STEP_KEY 10:5']],
  ['a rescue of nothing', `${inspect}    rescue: []`, ['WRONG_VALUE 12:13']],
  ['a rescue that is no list', `${inspect}    rescue: { wait: 1s }`, ['WRONG_TYPE 12:13']],
  ['the id "rescue"', '  - id: rescue\n    wait: 1s', ['WRONG_VALUE 9:9']],
  [
    'a rescue of what is passed over',
    `${inspect}    onFailure: continue\n    rescue: [{ wait: 1s }]`,
    ['STEP_KEY 13:5'],
  ],
  ['an unknown key in a rescue', `${inspect}    rescue: [{ wait: 1s, wat: 2 }]`, ['UNKNOWN_KEY 12:26']],
  [
    'an unknown field of the failure',
    `${inspect}    rescue: [{ notify: { message: '\${{ failure.msg }}' } }]`,
    ['UNKNOWN_NAME 12:48'],
  ],
  [
    'the failure outside of a rescue',
    `${inspect}    always: [{ notify: { message: '\${{ failure.message }}' } }]`,
    ['UNKNOWN_NAME 12:40'],
  ],
  [
    'what the step gives, in its rescue',
    `${inspect}    rescue: [{ notify: { message: '\${{ steps.before.skew }}' } }]`,
    ['MAY_BE_ABSENT 12:46'],
  ],
  [
    'what the step gives, after it may have been rescued',
    `${inspect}    rescue: [{ wait: 1s }]\n  - notify: { message: '\${{ steps.before.skew }}' }`,
    ['MAY_BE_ABSENT 13:35'],
  ],
  [
    'what a rescue gives, after it',
    `  - wait: 1s\n    rescue: [{ id: look, uses: etcd.inspect, with: { cluster: a } }]\n  - notify: { message: '\${{ steps.look.skew }}' }`,
    ['UNKNOWN_NAME 11:35'],
  ],
  [
    'a loop variable called failure in a rescue',
    `${inspect}    rescue: [{ forEach: '[1]', as: failure, steps: [{ wait: 1s }] }]`,
    ['NAME_TAKEN 12:36'],
  ],
  [
    'a rescue in an undo',
    '  - uses: service.stop\n    with: { cluster: a, host: b }\n    undo: [{ wait: 1s, rescue: [{ wait: 1s }] }]',
    ['STEP_KEY 11:24'],
  ],
  [
    'an always in an always',
    `${inspect}    always: [{ wait: 1s, always: [{ wait: 1s }] }]`,
    ['STEP_KEY 12:26'],
  ],
  [
    'something by hand in an always',
    `${inspect}    always: [{ steps: [{ manual: { message: a } }] }]`,
    ['STEP_KEY 12:26'],
  ],
  ['an approval in an always', `${inspect}    always: [{ approve: { message: a } }]`, ['STEP_KEY 12:16']],
  [
    'an always that a person could be asked about',
    `${inspect}    always: [{ wait: 1s, onFailure: pause, skippable: true, noReturn: a }]`,
    ['STEP_KEY 12:26', 'STEP_KEY 12:44', 'STEP_KEY 12:61'],
  ],
  [
    'an undo in an always',
    `${inspect}    always: [{ uses: service.start, with: { cluster: a, host: b }, undo: [{ wait: 1s }] }]`,
    ['STEP_KEY 12:68'],
  ],
  [
    'a disruption in an always, in a group',
    `${inspect}    always: [{ steps: [{ uses: service.stop, with: { cluster: a, host: b } }] }]`,
    ['EFFECT_HERE 12:32'],
  ],
  [
    'a destruction in an always',
    `${inspect}    always: [{ uses: dir.remove, with: { host: b, path: c } }]`,
    ['EFFECT_HERE 12:22'],
  ],
  [
    'an id twice, once in a rescue',
    `${inspect}    rescue: [{ id: before, wait: 1s }]`,
    ['DUPLICATE_ID 12:20'],
  ],
  ['a wait that is no duration', '  - wait: a while', ['WRONG_TYPE 9:11']],
  ['a wait for a number', '  - wait: 30', ['WRONG_TYPE 9:11']],
  ['a wait of nothing', '  - wait: 0s', ['WRONG_VALUE 9:11']],
  ['a wait of more than a month', '  - wait: 32d', ['WRONG_VALUE 9:11']],
  ['a wait for a text of an expression', '  - wait: ${{ inputs.cluster }}', ['WRONG_TYPE 9:11']],
  ['a wait for an unknown input', '  - wait: ${{ inputs.soka }}', ['UNKNOWN_NAME 9:22']],
  ['a wait with a timeout', '  - wait: 30s\n    timeout: 5s', ['STEP_KEY 10:5']],
  ['a key of another kind', '  - set: { a: 1 }\n    retry: { attempts: 2 }', ['STEP_KEY 10:5']],
  ['an unknown key', `${inspect}    timeot: 5s`, ['UNKNOWN_KEY 12:5']],
  ['an unknown key of retry', `${inspect}    retry: { attempts: 2, intervall: 5s }`, ['UNKNOWN_KEY 12:27']],
  ['a retry without attempts', `${inspect}    retry: { interval: 5s }`, ['MISSING 12:14']],
  ['a duration that is none', `${inspect}    timeout: 5 minutes`, ['WRONG_VALUE 12:14']],
  ['a timeout of nothing', `${inspect}    timeout: 0s`, ['WRONG_VALUE 12:14']],
  ['a number for a duration', `${inspect}    timeout: 5`, ['WRONG_TYPE 12:14']],
  ['an unknown way to fail', `${inspect}    onFailure: stop`, ['WRONG_VALUE 12:16']],
  ['an id with a dash', '  - id: a-b\n    uses: etcd.inspect\n    with: { cluster: a }', ['WRONG_VALUE 9:9']],
  ['the id "undo"', '  - id: undo\n    uses: etcd.inspect\n    with: { cluster: a }', ['WRONG_VALUE 9:9']],
  ['an id twice', inspect + inspect, ['DUPLICATE_ID 12:9']],
  [
    'an id twice, once in an undo',
    `${inspect}  - uses: service.stop\n    with: { cluster: a, host: b }\n    undo:\n      - id: before\n        uses: service.start\n        with: { cluster: a, host: b }`,
    ['DUPLICATE_ID 15:13'],
  ],
  ['an unknown action', '  - uses: etcd.inspct\n    with: { cluster: a }', ['UNKNOWN_ACTION 9:11']],
  ['an input that is missing, without "with"', '  - uses: etcd.inspect', ['MISSING 9:5']],
  ['an input that is missing', '  - uses: etcd.inspect\n    with: {}', ['MISSING 10:5']],
  ['an unknown input', '  - uses: etcd.inspect\n    with: { cluster: a, lvl: 1 }', ['UNKNOWN_INPUT 10:25']],
  ['a literal of the wrong type', '  - uses: etcd.inspect\n    with: { cluster: 3 }', ['WRONG_TYPE 10:22']],
  [
    'a literal that may not be',
    '  - uses: etcd.inspect\n    with: { cluster: a, level: ful }',
    ['WRONG_VALUE 10:32'],
  ],
  [
    'a literal out of bounds',
    '  - uses: dir.copy\n    with: { from: a, to: b, limit: 0 }',
    ['WRONG_VALUE 10:36'],
  ],
  ['a list for a text', '  - uses: etcd.inspect\n    with: { cluster: [a] }', ['WRONG_TYPE 10:22']],
  [
    'an expression of the wrong type',
    "  - uses: etcd.inspect\n    with: { cluster: '${{ inputs.soak }}' }",
    ['WRONG_TYPE 10:22'],
  ],
  [
    'an expression that may be null',
    `${inspect}  - uses: etcd.inspect\n    with: { cluster: '\${{ steps.before.alarm }}' }`,
    ['WRONG_TYPE 13:22'],
  ],
  [
    'text around an expression where a number is wanted',
    "  - uses: dir.copy\n    with: { from: a, to: b, limit: '1${{ inputs.soak }}' }",
    ['WRONG_TYPE 10:36'],
  ],
  [
    'an expression in a key',
    "  - uses: etcd.inspect\n    with: { '${{ inputs.cluster }}': a, cluster: a }",
    ['TEMPLATE 10:13', 'UNKNOWN_INPUT 10:13'],
  ],
  [
    'an open ${{',
    "  - uses: etcd.inspect\n    with: { cluster: 'x ${{ inputs.cluster' }",
    ['TEMPLATE 10:25'],
  ],
  ['an empty ${{ }}', "  - uses: etcd.inspect\n    with: { cluster: '${{ }}' }", ['TEMPLATE 10:23']],
  [
    'a gate on an action that changes',
    '  - gate: service.stop\n    with: { cluster: a, host: b }\n    until: true',
    ['GATE_EFFECT 9:11'],
  ],
  ['a gate without until', '  - gate: etcd.inspect\n    with: { cluster: a }', ['MISSING 9:5']],
  [
    'a gate that must hold longer than it has',
    '  - gate: etcd.inspect\n    with: { cluster: a }\n    until: gate.skew == 0\n    stable: 2m\n    timeout: 1m',
    ['WRONG_VALUE 12:13'],
  ],
  [
    'stable that is no duration',
    '  - gate: etcd.inspect\n    with: { cluster: a }\n    until: gate.skew == 0\n    stable: ${{ inputs.cluster }}',
    ['WRONG_TYPE 12:13'],
  ],
  [
    'an unknown field of the gate',
    '  - gate: etcd.inspect\n    with: { cluster: a }\n    until: gate.members.all(m, m.lagg < 1)',
    ['UNKNOWN_NAME 11:34'],
  ],
  ['the gate outside of until', `${inspect}    name: '\${{ gate.skew }}'`, ['UNKNOWN_NAME 12:16']],
  ['an unknown step', '  - if: steps.befor.skew > 1\n    set: { a: 1 }', ['UNKNOWN_NAME 9:15']],
  [
    'an unknown field',
    `${inspect}  - if: steps.before.membrs.size() > 1\n    set: { a: 1 }`,
    ['UNKNOWN_NAME 12:22'],
  ],
  [
    'an unknown field in has()',
    `${inspect}  - if: has(steps.before.membrs)\n    set: { a: 1 }`,
    ['UNKNOWN_NAME 12:26'],
  ],
  [
    'an unknown field in a folded block',
    `${inspect}  - if: >-\n      steps.before.skew == 1 &&\n      steps.before.latenzy < 2.0\n    set: { a: 1 }`,
    ['UNKNOWN_NAME 14:20'],
  ],
  [
    'an unknown field after an escape',
    `${inspect}  - set: { a: "\\"\${{ steps.before.skw }}\\"" }`,
    ['UNKNOWN_NAME 12:35'],
  ],
  ['an unknown variable', '  - if: input.soak > 1\n    set: { a: 1 }', ['UNKNOWN_NAME 9:9']],
  ['an unknown function', '  - if: inputs.cluster.startWith("a")\n    set: { a: 1 }', ['UNKNOWN_NAME 9:9']],
  [
    'a function on the wrong type',
    '  - if: inputs.soak.startsWith("a")\n    set: { a: 1 }',
    ['EXPRESSION_TYPE 9:9'],
  ],
  [
    'a step that comes later',
    `  - if: steps.before.skew > 1\n    set: { a: 1 }\n${inspect}`,
    ['UNKNOWN_NAME 9:15'],
  ],
  [
    'an output of a set step',
    '  - id: a\n    set: { x: 1 }\n  - set: { y: "${{ steps.a.x }}" }',
    ['UNKNOWN_NAME 11:26'],
  ],
  ['a condition that is no bool', '  - if: inputs.soak\n    set: { a: 1 }', ['EXPRESSION_TYPE 9:9']],
  ['a condition that is text', '  - if: \'"true"\'\n    set: { a: 1 }', ['EXPRESSION_TYPE 9:10']],
  ['a condition with text around', '  - if: x ${{ true }}\n    set: { a: 1 }', ['TEMPLATE 9:9']],
  ['types that do not fit', '  - if: inputs.soak > "a"\n    set: { a: 1 }', ['EXPRESSION_TYPE 9:9']],
  [
    'int and double',
    `${inspect}  - if: steps.before.latency * 2 > 1.0\n    set: { a: 1 }`,
    ['EXPRESSION_TYPE 12:9'],
  ],
  ['no expression', '  - if: inputs.soak >\n    set: { a: 1 }', ['EXPRESSION_SYNTAX 9:21']],
  [
    'a timestamp as a value',
    '  - set: { a: \'${{ timestamp("2026-01-01T00:00:00Z") }}\' }',
    ['EXPRESSION_TYPE 9:20'],
  ],
  [
    'a pattern that is not written out',
    '  - if: inputs.cluster.matches(inputs.cluster)\n    set: { a: 1 }',
    ['PATTERN 9:32'],
  ],
  [
    'a pattern that takes for ever',
    '  - if: inputs.cluster.matches("(a+)+$")\n    set: { a: 1 }',
    ['PATTERN 9:32'],
  ],
  [
    'four loops inside one another',
    `${inspect}  - if: >-\n      steps.before.members.all(a, steps.before.members.all(b, steps.before.members.all(c,\n      steps.before.members.all(d, true))))\n    set: { a: 1 }`,
    ['EXPRESSION_LIMIT 13:7'],
  ],
  [
    'an expression too large',
    `  - if: ${Array.from({ length: 300 }, () => 'true').join(' && ')}\n    set: { a: 1 }`,
    ['EXPRESSION_LIMIT 9:9'],
  ],
  [
    'forEach over a text',
    '  - forEach: inputs.cluster\n    steps: [{ set: { a: 1 } }]',
    ['EXPRESSION_TYPE 9:14'],
  ],
  [
    'a loop variable that hides something',
    '  - forEach: "[1]"\n    as: steps\n    steps: [{ set: { a: 1 } }]',
    ['NAME_TAKEN 10:9'],
  ],
  [
    'a loop variable with a name of CEL',
    '  - forEach: "[1]"\n    as: list\n    steps: [{ set: { a: 1 } }]',
    ['NAME_TAKEN 10:9'],
  ],
  [
    'a loop variable after the loop',
    '  - forEach: "[1]"\n    as: one\n    steps: [{ set: { a: 1 } }]\n  - set: { b: "${{ one }}" }',
    ['UNKNOWN_NAME 12:20'],
  ],
  [
    'an unknown field of a loop variable',
    `${inspect}  - forEach: steps.before.members\n    as: m\n    steps: [{ if: m.isLeadr, set: { a: 1 } }]`,
    ['UNKNOWN_NAME 14:21'],
  ],
  ['a variable that changes its type', '  - set: { a: 1 }\n  - set: { a: x }', ['EXPRESSION_TYPE 10:15']],
  ['an undo of a step that reads', `${inspect}    undo:\n      - set: { a: 1 }`, ['NOTHING_TO_UNDO 12:5']],
  [
    'an undo in an undo',
    '  - uses: service.stop\n    with: { cluster: a, host: b }\n    undo:\n      - uses: service.start\n        with: { cluster: a, host: b }\n        undo: [{ set: { a: 1 } }]',
    ['STEP_KEY 14:9'],
  ],
  [
    'a point of no return with an undo',
    '  - uses: service.stop\n    with: { cluster: a, host: b }\n    noReturn: gone\n    undo: [{ set: { a: 1 } }]',
    ['NO_RETURN 11:5'],
  ],
  ['an assert without else', '  - assert: [{ that: true }]', ['MISSING 9:16']],
  ['a group of nothing', '  - steps: []', ['WRONG_VALUE 9:12']],
])('%s', (_what, steps, expected) => {
  expect(findings(runbook(steps))).toEqual(expected)
})

const messageOf = (condition: string): string => {
  const result = compile(runbook(`${inspect}  - if: ${condition}\n    set: { a: 1 }`))
  return result.ok
    ? ''
    : result.problems.map(({ message, hint }) => `${message} ${hint ?? ''}`.trim()).join('\n')
}

test.each([
  [
    'steps.before.alarm + 1 == "x"',
    '"+" does not take string or null on its left and int on its right. Write string(…) around the other side.',
  ],
  [
    'null == steps.before.alarm',
    '"==" does not take null on its left and string or null on its right. Write the null on the right: x == null.',
  ],
  [
    'steps.before.members == 3',
    '"==" does not take list<etcd.inspect.members> on its left and int on its right.',
  ],
  [
    'steps.before.latency * 2 > 1.0',
    '"*" does not take double on its left and int on its right. Write double(…) around the int, or 2.0 for 2.',
  ],
  ['inputs.soak.matches("x")', 'There is a function "matches", but not int.matches(string).'],
  ['inputs.cluster.mtches("x")', 'There is no function "mtches". Did you mean "matches"?'],
  ['steps.before.leader.nam == "x"', 'There is no "nam" in "steps.before.leader". Did you mean "name"?'],
  ['inputs.cluster', 'This must be a condition (bool), but it is string.'],
  ['steps.soon.x == 1', 'There is no "soon" in "steps". There is before.'],
  ['"a', 'This is not an expression: unterminated string.'],
  ['(1 == 1', 'This is not an expression: expected ")", got the end.'],
])('what is said about %s', (condition, message) => {
  expect(messageOf(`'${condition}'`)).toBe(message)
})

const guarded = (more: string, use: string) => `  - id: copy
    uses: dir.copy
    with: { from: a, to: b }
    ${more}
  - set: { a: "\${{ ${use} }}" }`

test.each([
  ['a step under an if', guarded('if: true', 'steps.copy.bytes'), ['MAY_BE_ABSENT 13:26']],
  ['a step that may be skipped', guarded('skippable: true', 'steps.copy.bytes'), ['MAY_BE_ABSENT 13:26']],
  ['a step that may fail', guarded('onFailure: continue', 'steps.copy.bytes'), ['MAY_BE_ABSENT 13:26']],
  ['a step that fails the run', guarded('onFailure: fail', 'steps.copy.bytes'), []],
  [
    'a step in a group under an if',
    '  - if: true\n    steps:\n      - id: copy\n        uses: dir.copy\n        with: { from: a, to: b }\n      - set: { a: "${{ steps.copy.bytes }}" }\n  - set: { b: "${{ steps.copy.bytes }}" }',
    ['MAY_BE_ABSENT 15:26'],
  ],
  [
    'a step in a forEach',
    '  - forEach: "[1]"\n    steps:\n      - id: copy\n        uses: dir.copy\n        with: { from: a, to: b }\n      - set: { a: "${{ steps.copy.bytes }}" }\n  - set: { b: "${{ steps.copy.bytes }}" }',
    ['MAY_BE_ABSENT 15:26'],
  ],
  [
    'a step in a plain group',
    '  - steps:\n      - id: copy\n        uses: dir.copy\n        with: { from: a, to: b }\n  - set: { b: "${{ steps.copy.bytes }}" }',
    [],
  ],
  [
    'a variable set under an if only',
    '  - if: true\n    set: { x: 1 }\n  - set: { y: "${{ vars.x }}" }',
    ['MAY_BE_ABSENT 11:25'],
  ],
  [
    'a variable set before and changed under an if',
    '  - set: { x: 0 }\n  - if: true\n    set: { x: 1 }\n  - set: { y: "${{ vars.x + 1 }}" }',
    [],
  ],
])('what may be read after %s', (_what, steps, expected) => {
  expect(findings(runbook(steps))).toEqual(expected)
})

test.each([
  [
    'an unknown key at the top',
    'runbok: 1\n',
    ['MISSING 1:1', 'MISSING 1:1', 'MISSING 1:1', 'MISSING 1:1', 'UNKNOWN_KEY 1:1'],
  ],
  ['a list for a runbook', '- a', ['WRONG_TYPE 1:1']],
  ['another version', runbook(inspect).replace('runbook: 1', 'runbook: 2'), ['WRONG_VALUE 1:10']],
  ['a name that is none', runbook(inspect).replace('some-book', 'Some_Book'), ['WRONG_VALUE 2:7']],
  ['no steps', runbook(' []'), ['WRONG_VALUE 9:2']],
  ['steps that are a map', runbook(' a: 1'), ['WRONG_TYPE 9:2']],
  [
    'a step with an effect and no cluster',
    runbook('  - uses: service.stop\n    with: { cluster: a, host: b }').replace(/^cluster.*$/m, ''),
    ['NO_CLUSTER 2:1'],
  ],
  [
    'a cluster that is no name',
    runbook(inspect).replace('inputs.cluster }}', 'inputs.soak }}'),
    ['EXPRESSION_TYPE 7:10'],
  ],
  ['an input of no type', runbook(inspect).replace('{ type: cluster }', '{}'), ['MISSING 5:12']],
  [
    'an input of an unknown type',
    runbook(inspect).replace('type: cluster', 'type: clustr'),
    ['WRONG_VALUE 5:20'],
  ],
  ['a default that does not fit', runbook(inspect).replace('10s', 'ten'), ['WRONG_VALUE 6:36']],
  [
    'a bound without a meaning',
    runbook(inspect).replace('type: cluster', 'type: cluster, min: 3'),
    ['WRONG_VALUE 5:29'],
  ],
  ['a bound in the wrong unit', runbook(inspect).replace('default: 10s', 'max: much'), ['WRONG_VALUE 6:32']],
  ['an enum without values', runbook(inspect).replace('duration, default: 10s', 'enum'), ['MISSING 6:11']],
  [
    'a pattern that takes for ever',
    runbook(inspect).replace('duration, default: 10s', "string, pattern: '(a|b*)*c'"),
    ['PATTERN 6:34'],
  ],
  ['an input with a dash', runbook(inspect).replace('soak:', 'so-ak:'), ['WRONG_VALUE 6:3']],
  [
    'an output that does not exist',
    `${runbook(inspect)}outputs:\n  x: \${{ steps.before.skw }}`,
    ['UNKNOWN_NAME 13:23'],
  ],
])('%s', (_what, text, expected) => {
  expect(findings(text)).toEqual(expected)
})

test('all that is wrong in a file is said at once, in order, as a compiler says it', () => {
  const text = readFileSync('dsl/golden/wrong.yaml', 'utf8')
  const golden = readFileSync('dsl/golden/wrong.txt', 'utf8')
  const result = compileRunbook({ file: 'wrong.yaml', text, catalogue: sampleCatalogue })
  expect(result.ok ? '' : `${printProblems(result.problems, new Map([['wrong.yaml', text]]))}\n`).toBe(golden)
})

const upgrade = `runbook: 1
name: etcd-rolling-upgrade
title: Upgrade every member, one at a time, the leader last
description: Trimmed to what is there.
inputs:
  cluster: { type: cluster, description: The cluster to upgrade }
  version: { type: string, pattern: '^3\\.\\d+\\.\\d+$', description: The etcd version to reach }
  soak: { type: duration, default: 10s, description: How long a member must stay healthy }
cluster: \${{ inputs.cluster }}
quorum: kept
steps:
  - id: before
    uses: etcd.inspect
    with: { cluster: '\${{ inputs.cluster }}' }
  - assert:
      - that: steps.before.skew <= 1
        else: "one minor version at a time: \${{ steps.before.skew }} apart"
  - forEach: steps.before.members.filter(m, m.version != inputs.version).sortedBy(m, m.isLeader)
    as: member
    steps:
      - if: member.isLeader
        uses: etcd.leader.move
        with: { cluster: '\${{ inputs.cluster }}', member: '\${{ member.name }}' }
      - id: stop
        name: '\${{ member.name }}: stop'
        uses: service.stop
        with: { cluster: '\${{ inputs.cluster }}', host: '\${{ member.host }}' }
        timeout: 90s
        retry: { attempts: 3, interval: 2s }
        onFailure: rollback
        undo:
          - uses: service.start
            if: steps.stop.pid != null
            with: { cluster: '\${{ inputs.cluster }}', host: '\${{ member.host }}' }
      - gate: etcd.inspect
        with: { cluster: '\${{ inputs.cluster }}' }
        until: \${{ gate.byName[member.name].version == inputs.version && gate.latency < 1.5 }}
        stable: \${{ inputs.soak }}
        every: 200ms
        timeout: 5m
        noReturn: '\${{ member.name }} has run the new version'
outputs:
  skew: \${{ steps.before.skew }}
  text: 'from \${{ steps.before.skew }}'
`

test("the design's example, trimmed to what is there, compiles", () => {
  const { steps, effect, actions, inputs, cluster, outputs } = program(upgrade)
  const keys = (list: readonly Step[]): readonly string[] =>
    list.flatMap((step) => [
      step.key,
      ...('steps' in step ? keys(step.steps) : []),
      ...(step.undo === undefined ? [] : keys(step.undo)),
    ])
  expect(keys(steps)).toEqual([
    'before',
    'assert-2',
    'forEach-3',
    'forEach-3/uses-1',
    'forEach-3/stop',
    'forEach-3/stop/undo/uses-1',
    'forEach-3/gate-3',
  ])
  expect(effect).toBe('disrupt')
  expect(Object.keys(actions)).toEqual(['etcd.inspect', 'etcd.leader.move', 'service.start', 'service.stop'])
  expect(inputs['soak']).toEqual({
    type: 'duration',
    description: 'How long a member must stay healthy',
    required: false,
    default: 10_000,
  })
  expect(cluster).toMatchObject({
    kind: 'expression',
    expression: { source: 'inputs.cluster', roots: ['inputs'] },
  })
  expect(outputs['text']).toMatchObject({ kind: 'text', parts: ['from ', { source: 'steps.before.skew' }] })
})

test('a step carries what the interpreter needs', () => {
  const loop = program(upgrade).steps[2]
  const [, stop, gate] = loop?.kind === 'forEach' ? loop.steps : []
  expect(stop).toMatchObject({
    kind: 'uses',
    id: 'stop',
    timeoutMs: 90_000,
    retry: { attempts: 3, intervalMs: 2000, backoff: 2 },
    onFailure: 'rollback',
    skippable: false,
    at: { line: 24, column: 9 },
  })
  expect(gate).toMatchObject({
    kind: 'gate',
    everyMs: 200,
    gateTimeoutMs: 300_000,
    stableMs: { kind: 'expression', expression: { source: 'inputs.soak' } },
    until: {
      source: 'gate.byName[member.name].version == inputs.version && gate.latency < 1.5',
      at: { line: 37, column: 20 },
      roots: ['gate', 'inputs', 'member'],
      doubles: ['gate.byName.*.latency', 'gate.latency'],
    },
    noReturn: { kind: 'text' },
  })
})

test('values of different actions fit together when their fields do', () => {
  const either = 'inputs.cluster == "a" ? steps.before.members[0] : steps.before.byName["a"]'
  const read = `  - set:\n      one: '\${{ ${either} }}'\n  - if: vars.one.lag > 3 && vars.one in steps.before.members\n    set: { a: 1 }`
  expect(findings(runbook(inspect + read))).toEqual([])
})

test('a program is plain JSON', () => {
  const compiled = program(upgrade)
  expect(JSON.parse(JSON.stringify(compiled))).toEqual(compiled)
})

test('a runbook that only reads needs no cluster', () => {
  expect(findings(runbook(inspect).replace(/^cluster.*$/m, ''))).toEqual([])
})

/** A good runbook with pieces cut out, doubled or put elsewhere: near enough to right to get far. */
const damaged = fc
  .array(
    fc.record({
      at: fc.nat(upgrade.length),
      cut: fc.nat(12),
      put: fc.constantFrom(
        '',
        ' ',
        '\n',
        '}',
        '${{',
        '"',
        ': ',
        '- ',
        '[',
        'steps',
        'x',
        '.',
        '(',
        '1',
        'null',
        '*',
        '|',
      ),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((edits) =>
    edits.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), upgrade),
  )

test('however a runbook is damaged, compiling throws nothing and every problem lies within the file', () => {
  fc.assert(
    fc.property(damaged, (text) => {
      const result = compile(text)
      const problems = result.ok ? [] : result.problems
      const lines = text.split('\n')
      const outside = problems.filter(({ from }) => from.column > (lines[from.line - 1]?.length ?? -1) + 1)
      expect({ outside, silent: !result.ok && problems.length === 0 }).toEqual({ outside: [], silent: false })
    }),
    { numRuns: 300 },
  )
})

test('any step may be rescued, and have what is always done after it', () => {
  const { steps, effect } = program(
    runbook(`  - id: g
    steps:
      - uses: service.stop
        with: { cluster: a, host: b }
    undo: [{ wait: 1s }]
    rescue:
      - uses: service.start
        with: { cluster: a, host: '\${{ failure.step }}' }
        undo: [{ uses: service.stop, with: { cluster: a, host: b } }]
      - { steps: [{ wait: 1s }], rescue: [{ notify: { message: '\${{ failure.message }}' } }] }
    always:
      - { uses: service.start, with: { cluster: a, host: '\${{ outcome }}' }, retry: { attempts: 2 } }
      - { uses: service.start, with: { cluster: a, host: b }, if: outcome == 'done' }
`),
  )
  expect(effect).toBe('disrupt')
  expect(steps[0]).toMatchObject({
    rescue: [
      { key: 'g/rescue/uses-1', undo: [{ key: 'g/rescue/uses-1/undo/uses-1' }] },
      { key: 'g/rescue/steps-2', rescue: [{ key: 'g/rescue/steps-2/rescue/notify-1' }] },
    ],
    always: [{ key: 'g/always/uses-1' }, { key: 'g/always/uses-2' }],
  })
})

test('a notice has a message, and perhaps channels', () => {
  const { steps } = program(
    runbook(
      "  - notify: { message: 'look at ${{ inputs.cluster }}', to: [ops, '${{ inputs.cluster }}'] }\n  - notify: { message: done }",
    ),
  )
  expect(steps).toMatchObject([
    { kind: 'notify', message: { kind: 'text' }, to: { kind: 'list' } },
    { kind: 'notify', message: { kind: 'literal', value: 'done' } },
  ])
})

test('a wait is milliseconds, or what an expression gives', () => {
  const { steps } = program(
    runbook(
      "  - wait: 1m30s\n  - name: let it settle\n    wait: ${{ inputs.soak }}\n  - { wait: '${{ inputs.soak * 2 }}', if: 'inputs.soak > 0' }",
    ),
  )
  expect(steps).toMatchObject([
    { kind: 'wait', key: 'wait-1', waitMs: { kind: 'literal', value: 90_000 } },
    { kind: 'wait', waitMs: { kind: 'expression', expression: { source: 'inputs.soak' } } },
    { kind: 'wait', waitMs: { kind: 'expression', expression: { source: 'inputs.soak * 2' } } },
  ])
})

test('what people are asked, and by hand, as the program has it', () => {
  const { steps } = program(
    runbook(`  - approve: { message: go, by: lead, people: 2, notRequester: true, expires: 4h }
  - approve: { message: go, by: [lead, operator], expires: '\${{ inputs.soak }}' }
  - approve: { message: go, people: 1, notRequester: false }
  - id: swap
    manual: { message: 'swap \${{ inputs.cluster }}', confirm: '\${{ inputs.cluster }}', by: lead, expires: 1h }
    undo: [{ manual: { message: put it back } }]
  - set: { who: '\${{ steps.swap.by }}' }`),
  )
  const [first, second, third, swap] = steps
  const message = { kind: 'literal', value: 'go' }
  const four = { kind: 'literal', value: 14_400_000 }
  expect(first).toMatchObject({ message, by: ['lead'], people: 2, notRequester: true, expiresMs: four })
  expect(second).toMatchObject({
    by: ['lead', 'operator'],
    expiresMs: { expression: { source: 'inputs.soak' } },
  })
  expect(Object.keys(third ?? {})).toEqual(['key', 'at', 'onFailure', 'skippable', 'kind', 'message'])
  expect(swap).toMatchObject({
    kind: 'manual',
    confirm: { expression: { source: 'inputs.cluster' } },
    by: ['lead'],
    expiresMs: { value: 3_600_000 },
    undo: [{ kind: 'manual', key: 'swap/undo/manual-1' }],
  })
})
