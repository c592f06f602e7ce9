import { expect, test } from '@jest/globals'
import type { Alarm } from '../etcd/answers.ts'
import { judgeDisarm, type Raised } from './judge-disarm.ts'

const noSpace: Alarm = { kind: 'NOSPACE', memberId: 'a1' }
const corrupt: Alarm = { kind: 'CORRUPT', memberId: 'b2' }

const raised = (
  alarms: readonly Alarm[],
  more: Partial<Raised> & { readonly sizeA?: number } = {},
): Raised => ({
  members: [
    { id: 'a1', name: 'etcd-1', sizeBytes: more.sizeA ?? 10, quotaBytes: 100 },
    { id: 'b2', name: 'etcd-2', sizeBytes: 10, quotaBytes: 100 },
  ],
  ...{ alarms, agree: true, atMost: 0.9, ...more },
})

test.each<[string, Raised, readonly Alarm[], readonly RegExp[]]>([
  ['no alarm', raised([]), [], []],
  ['room enough everywhere', raised([noSpace]), [noSpace], []],
  [
    'another member is still full',
    raised([{ kind: 'NOSPACE', memberId: 'b2' }], { sizeA: 95 }),
    [],
    [/^NOSPACE is not disarmed: etcd-1 takes 95 % of its quota of 100 B, .*etcd-reconfigure/],
  ],
  [
    'NOSPACE on two, one of them full: said once',
    raised([noSpace, { kind: 'NOSPACE', memberId: 'b2' }], { sizeA: 91 }),
    [],
    [/etcd-1 takes 91 %/],
  ],
  [
    'quotas that are not known stand in nobody’s way',
    raised([noSpace], { members: [{ id: 'a1', name: 'etcd-1', sizeBytes: 9, quotaBytes: 0 }] }),
    [noSpace],
    [],
  ],
  [
    'NOSPACE of a member that is gone',
    raised([{ kind: 'NOSPACE', memberId: 'c3' }]),
    [{ kind: 'NOSPACE', memberId: 'c3' }],
    [],
  ],
  ['CORRUPT', raised([corrupt]), [], [/^CORRUPT is raised on etcd-2: .* \(etcd-replace-member\)/]],
  [
    'CORRUPT beside NOSPACE: only that',
    raised([corrupt, noSpace]),
    [noSpace],
    [/^CORRUPT is raised on etcd-2/],
  ],
  [
    'CORRUPT of a member that is gone, the others agree',
    raised([{ kind: 'CORRUPT', memberId: 'c3' }]),
    [{ kind: 'CORRUPT', memberId: 'c3' }],
    [],
  ],
  [
    'CORRUPT of a member that is gone, the others were not compared or differ',
    raised([{ kind: 'CORRUPT', memberId: 'c3' }], { agree: false }),
    [],
    [/not proven to hold the same keys: .*etcd-replace-member/],
  ],
  [
    'CORRUPT of nobody in particular, as when no majority was found',
    raised([{ kind: 'CORRUPT', memberId: '0' }], { agree: false }),
    [],
    [/not proven to hold the same keys/],
  ],
  ['a kind of a later etcd', raised([{ kind: 'UNKNOWN', memberId: 'a1' }]), [], [/does not know/]],
])('%s', (_situation, seen, disarm, refused) => {
  expect(judgeDisarm(seen)).toEqual({
    disarm,
    refused: refused.map((sentence) => expect.stringMatching(sentence)),
  })
})
