import { expect, test } from '@jest/globals'
import { compileRunbook } from './compile.ts'
import { runbookPage } from './runbook-page.ts'
import { sampleCatalogue } from './sample-catalogue.ts'

const text = `runbook: 1
name: around
title: What is around steps
inputs: { cluster: { type: cluster }, soak: { type: duration, default: 5s } }
cluster: \${{ inputs.cluster }}
steps:
  - wait: 90s
  - name: settle
    wait: \${{ inputs.soak }}
  - id: fill
    steps:
      - uses: dir.copy
        with: { from: a, to: b }
    rescue:
      - notify: { message: 'it failed: \${{ failure.message }}', to: [ops] }
    always:
      - notify: { message: 'it is \${{ outcome }}' }
`

const compiled = compileRunbook({ file: 'around.yaml', text, catalogue: sampleCatalogue })
const page = compiled.ok
  ? runbookPage(compiled.value, text, { madeBy: 'a test', file: 'around.yaml', link: 'around.yaml' })
  : ''

test('waits, notices, rescues and what is always done stand in the list of steps', () => {
  expect(page).toContain(`1. **wait** · waits 1m30s
2. **settle** · waits \`inputs.soak\`
3. **fill**
   1. **dir copy** · [\`dir.copy\`](../actions.md#dircopy) · \`change\`

   - When it fails, rescued by:
     1. **tell people** · tells people
        - Told: it failed: *failure.message* To \`["ops"]\`
   - Always, once it is over:
     1. **tell people** · tells people
        - Told: it is *outcome*
`)
})

test('and in the flow', () => {
  const diagram = /```mermaid\n([^]*?)\n```/.exec(page)?.[1] ?? ''
  expect(diagram.split('\n').slice(6, -1)).toEqual([
    '  subgraph s3["fill"]',
    '    direction TB',
    '    s4("dir copy")',
    '  end',
    '  s2 --> s3',
    '  subgraph s3r["rescue"]',
    '    direction TB',
    '    s5(["tell people"])',
    '  end',
    '  s3 -.->|"if it fails"| s3r',
    '  subgraph s3a["always"]',
    '    direction TB',
    '    s6(["tell people"])',
    '  end',
    '  s3 --> s3a',
    '  s3r --> s3a',
    '  s3a --> done',
  ])
})
