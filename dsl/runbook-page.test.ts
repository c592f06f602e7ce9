import { expect, test } from '@jest/globals'
import { compileRunbook } from './compile.ts'
import { printProblems } from './print.ts'
import type { Program } from './program.ts'
import { runbookPage, runbooksIndex } from './runbook-page.ts'
import { sampleCatalogue } from './sample-catalogue.ts'

const origin = {
  madeBy: '`npm run docs`',
  file: 'runbooks/everything.yaml',
  link: '../../runbooks/everything.yaml',
}

const looker = `runbook: 1
name: looker
title: Look
inputs: { cluster: { type: cluster } }
steps: [{ uses: etcd.inspect, with: { cluster: '\${{ inputs.cluster }}' } }]
`

const text = `runbook: 1
name: everything
title: All kinds | of step
description: When it is needed.
inputs:
  cluster: { type: cluster, description: The cluster }
  soak: { type: duration, default: 90s, min: 1s, description: How long }
  mode: { type: enum, values: [a, b], default: a }
cluster: \${{ inputs.cluster }}
steps:
  # Look *first*.
  # It is cheap.
  - id: before
    uses: etcd.inspect
    with: { cluster: '\${{ inputs.cluster }}' }
    onFailure: fail
  - onFailure: fail
    assert:
      - that: steps.before.skew < 3
        else: '\${{ inputs.cluster }} is | not well, [skew](x) \${{ steps.before.skew }}'
  - id: ok
    name: lose "it" <all>
    approve: { message: "Lose it?\\n\\nAll of it." }
  - call: looker
    with: { cluster: '\${{ inputs.cluster }}' }
  - forEach: steps.before.members
    as: member
    steps:
      - if: member.lag > 5
        uses: service.stop
        with: { cluster: a, host: '\${{ member.host }}' }
        skippable: true
        undo:
          - uses: service.start
            with: { cluster: a, host: '\${{ member.host }}' }
      - gate: etcd.inspect
        with: { cluster: a }
        until: gate.skew == 0
        stable: \${{ inputs.soak }}
        noReturn: '\${{ member.name }} has run'
outputs:
  who: '\${{ steps.ok.by }} of \${{ inputs.cluster }}'
`

function program(source: string): Program {
  const library = new Map([['looker', { file: 'looker.yaml', text: looker }]])
  const result = compileRunbook({
    file: 'everything.yaml',
    text: source,
    catalogue: sampleCatalogue,
    library,
  })
  if (!result.ok) throw new Error(printProblems(result.problems, new Map([['everything.yaml', source]])))
  return result.value
}

const page = runbookPage(program(text), text, origin)

test.each<[string, readonly string[]]>([
  [
    'what it is',
    ['# everything', 'When it is needed.', '[`runbooks/everything.yaml`](../../runbooks/everything.yaml)'],
  ],
  ['how it is run', ['quorate run everything --cluster CLUSTER\n']],
  [
    'its inputs',
    [
      '| `cluster` | cluster | needed | The cluster |',
      '| `soak` | duration, at least 1s | `1m30s` | How long |',
      '| `mode` | `a` or `b` | `a` |  |',
    ],
  ],
  ['what it refuses', ['- *cluster* is \\\\| not well, \\[skew\\](x) *before.skew*']],
  ['what it asks', ['It asks for an approval: Lose it? All of it.']],
  ['what may be skipped', ['`skip` is offered for: *member.host*: service stop.']],
  [
    'the way back',
    [
      'what was done of: *member.host*: service stop.',
      'The point of no return is “a: etcd inspect”: *member.name* has run',
    ],
  ],
  ['comments above steps', ['_Look \\*first\\*. It is cheap._']],
  [
    'guards, conditions and ways back of steps',
    [
      '- Only if `member.lag > 5`',
      '- Guarded: refused unless the other members are a healthy quorum',
      '- Taken back by:',
      '- **Point of no return**: *member.name* has run',
    ],
  ],
  [
    'gates',
    ['- Goes on once `gate.skew == 0` holds, and stays so for `inputs.soak`; asked every 1s, for 5m at most'],
  ],
  [
    'calls, by their own pages',
    [
      'runbook [looker](looker.md)',
      '- With `cluster` = `inputs.cluster`',
      'What is done by [looker](looker.md)',
    ],
  ],
  ['its outputs', ['| `who` | `${{ steps.ok.by }} of ${{ inputs.cluster }}` |']],
])('a page says %s', (_what, parts) => {
  for (const part of parts) expect(page).toContain(part)
})

test('the flow is a diagram', () => {
  const diagram = /```mermaid\n([^]*?)\n```/.exec(page)?.[1]
  expect(diagram?.split('\n')).toEqual([
    'flowchart TD',
    '  begin([start])',
    '  s1["‹cluster›: etcd inspect"]',
    '  begin --> s1',
    '  s2{"check"}',
    '  s1 --> s2',
    '  s3[/"lose #34;it#34; #60;all#62;"/]',
    '  s2 --> s3',
    '  s4[["Look"]]',
    '  s3 --> s4',
    '  subgraph s5["for each member"]',
    '    direction TB',
    '    s6[["‹member.host›: service stop ↩"]]',
    '    s7{"a: etcd inspect"}',
    '    s6 --> s7',
    '    s7x{{"point of no return"}}',
    '    s7 --> s7x',
    '  end',
    '  s4 --> s5',
    '  s5 --> done',
    '  done([done])',
  ])
})

test('the index lists them all', () => {
  expect(runbooksIndex([program(text)], 'All of them.')).toContain(
    '| [everything](everything.md) | All kinds \\| of step | `disrupt` |',
  )
})
