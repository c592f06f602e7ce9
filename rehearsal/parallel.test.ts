import { expect, test } from '@jest/globals'
import { compileRunbook } from '../dsl/compile.ts'
import { sampleCatalogue } from '../dsl/sample-catalogue.ts'
import type { Program } from '../dsl/program.ts'
import { checkTests } from './check-tests.ts'
import { readTests } from './read-tests.ts'
import { runTest } from './run-tests.ts'

/** What is done at the same time, in the tests of a runbook: each branch keeps its order, and no more is promised. */

const runbook = `
runbook: 1
name: start
title: Start services at the same time
inputs:
  cluster: { type: cluster, description: The cluster }
cluster: \${{ inputs.cluster }}
steps:
  - id: both
    parallel:
      - steps:
          - id: one
            uses: service.start
            with: { cluster: '\${{ inputs.cluster }}', host: h1 }
            undo:
              - uses: service.stop
                with: { cluster: '\${{ inputs.cluster }}', host: h1 }
          - id: then
            uses: etcd.inspect
            with: { cluster: '\${{ inputs.cluster }}' }
      - id: two
        uses: service.start
        with: { cluster: '\${{ inputs.cluster }}', host: h2 }
        undo:
          - uses: service.stop
            with: { cluster: '\${{ inputs.cluster }}', host: h2 }
  - id: each
    forEach: '["h3", "h4", "h5"]'
    as: host
    maxParallel: 2
    steps:
      - id: three
        uses: service.start
        with: { cluster: '\${{ inputs.cluster }}', host: '\${{ host }}' }
`

const program: Program = (() => {
  const compiled = compileRunbook({ file: 'start.yaml', text: runbook, catalogue: sampleCatalogue })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return compiled.value
})()

test.each([
  [
    'all is done, each branch in its order',
    'expect: { includes: [one, then, "each[h3]/three", "each[h4]/three", "each[h5]/three"], steps: { both: done, three: done } }',
  ],
  [
    'the others end their step when one fails, begin none, and are taken back',
    `given: { one: { fails: no } }
    decide: [rollback: one]
    expect: { end: rolledBack, includes: [two, service.stop: { host: h2 }], never: [then, three] }`,
  ],
  [
    'several that fail are decided one after another',
    `given: { one: [{ fails: no }, {}], two: [{ fails: no }, {}] }
    decide: [retry, retry]
    expect: { includes: [one, one, then, three], steps: { both: done } }`,
  ],
  [
    'it is left where it waits',
    'given: { two: { fails: no } }\n    expect: { end: waiting, steps: { two: waiting, then: pending } }',
  ],
])('%s', async (name, lines) => {
  const text = `inputs: { cluster: demo }\ntests:\n  - name: ${name}\n    ${lines}\n`
  const file = readTests('start.test.yaml', text)
  if (!file.ok) throw new Error(JSON.stringify(file.problems))
  expect(checkTests(file.value, program, sampleCatalogue)).toEqual([])
  const [first] = file.value.tests
  if (!first) throw new Error('no test')
  const { misses } = await runTest(file.value, first, program, (_action, given) => given)
  expect(misses).toEqual([])
})
