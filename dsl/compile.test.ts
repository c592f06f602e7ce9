import { expect, test } from '@jest/globals'
import { compileRunbook } from './compile.ts'
import { printProblems } from './print.ts'
import { testCatalogue } from './test-catalogue.test.ts'

const good = `
runbook: 1
name: etcd-rolling-restart
title: Restart every member
inputs:
  cluster: { type: cluster, description: The cluster }
  soak: { type: duration, default: 10s, description: how long }
cluster: \${{ inputs.cluster }}
steps:
  - id: before
    uses: etcd.inspect
    with: { cluster: "\${{ inputs.cluster }}" }
  - assert:
      - that: steps.before.skew <= 1 && steps.before.members.all(m, m.isLeader || m.lag < 100)
        else: "the skew is \${{ steps.before.skew }}"
  - forEach: steps.before.members.filter(m, m.version != "3.6.1").sortedBy(m, m.isLeader)
    as: member
    steps:
      - if: member.isLeader
        uses: etcd.leader.move
        with: { cluster: "\${{ inputs.cluster }}", member: "\${{ member.name }}" }
      - uses: service.stop
        with: { cluster: "\${{ inputs.cluster }}", host: "\${{ member.host }}" }
        undo:
          - uses: service.start
            with: { cluster: "\${{ inputs.cluster }}", host: "\${{ member.host }}" }
      - gate: etcd.inspect
        with: { cluster: "\${{ inputs.cluster }}" }
        until: gate.members.all(m, m.lag < 100) && gate.latency < 1.5
        stable: \${{ inputs.soak }}
outputs:
  skew: \${{ steps.before.skew }}
`

test('x', () => {
  const result = compileRunbook({ file: 'a.yaml', text: good, catalogue: testCatalogue })
  if (!result.ok) console.log(printProblems(result.problems, new Map([['a.yaml', good]])))
  else console.log(JSON.stringify(result.value, null, 1))
  expect(result.ok).toBe(true)
})
test('bad', () => {
  const bad = good
    .replace('before.skew <', 'befor.skew <')
    .replace('m.lag < 100)', 'm.lagg < 100)')
    .replace('etcd.leader.move', 'etcd.leadr.move')
    .replace('undo:', 'undoo:')
    .replace('host: "', 'hots: "')
    .replace('gate.latency', 'gate.latenci')
  const result = compileRunbook({ file: 'a.yaml', text: bad, catalogue: testCatalogue })
  if (!result.ok) console.log(printProblems(result.problems, new Map([['a.yaml', bad]])))
})
