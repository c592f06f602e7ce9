import { describe, expect, test } from '@jest/globals'
import type { Policy } from '../dsl/policy.ts'
import type { Approval } from './ports.ts'
import { type Deciding, mayNot, termsOf } from './who-may.ts'

const policy: Policy = {
  roles: { operator: ['ada', 'grace'], lead: ['grace', 'Linus@office'] },
  decisions: { rollback: ['operator'], abort: ['lead', 'operator'], skip: ['lead'] },
}
const asked = (terms: Partial<Approval> = {}): Approval => ({ message: 'Go on?', markdown: '', ...terms })
const deciding = (rest: Partial<Deciding>): Deciding => ({
  ...{ decision: 'approve', by: 'ada@laptop', policy, requester: 'eve@laptop' },
  ...rest,
})
const ada = { kind: 'approve', by: 'ada@laptop', reason: '' } as const

describe('they may', () => {
  test.each<[string, Partial<Deciding>]>([
    ['everybody, where nothing is said', { decision: 'retry', by: 'mallory' }],
    ['everybody, without a policy', { decision: 'skip', policy: undefined, by: undefined }],
    ['nobody in particular approves, where nothing is said', { by: undefined, approval: asked() }],
    ['whoever has the role, from any machine', { decision: 'rollback' }],
    ['letter case aside', { decision: 'rollback', by: 'ADA' }],
    ['whoever has one of several roles', { decision: 'abort', by: 'grace' }],
    ['a name with its machine, from there', { decision: 'skip', by: 'linus@office' }],
    ['the role of the step', { by: 'grace', approval: asked({ by: ['lead'] }) }],
    ['another than who started it', { approval: asked({ notRequester: true }) }],
    ['who started it may say no', { decision: 'reject', by: 'eve', approval: asked({ notRequester: true }) }],
    [
      'whoever started it overrides a guard, without a policy',
      { by: 'eve', policy: undefined, approval: asked({ overrides: 'health' }) },
    ],
    ['another overrides it, with one', { approval: asked({ overrides: 'health' }) }],
    ['the second of two', { by: 'grace', approval: asked({ people: 2, given: [ada] }) }],
    [
      'a step’s role is not asked of whoever aborts',
      { decision: 'abort', approval: asked({ by: ['lead'] }) },
    ],
  ])('%s', (_what, rest) => expect(mayNot(deciding(rest))).toBeUndefined())
})

describe('they may not', () => {
  test.each<[string, Partial<Deciding>, string]>([
    [
      'without the role',
      { decision: 'skip' },
      '"skip" is for the role lead (grace, Linus@office), and ada@laptop does not have it.',
    ],
    [
      'override a guard in a run of their own',
      { by: 'eve', approval: asked({ overrides: 'health' }) },
      'eve started this run, so another person has to approve it.',
    ],
    ['from another machine', { decision: 'skip', by: 'linus@home' }, 'and linus@home does not have it.'],
    [
      'without a name',
      { decision: 'skip', by: undefined },
      'Say who you are ({"by": "…"}): "skip" is for the role lead',
    ],
    [
      'without one of several roles',
      { decision: 'abort', by: 'bob' },
      'for the role lead (grace, Linus@office) or operator (ada, grace)',
    ],
    ['without the role of the step', { approval: asked({ by: ['lead'] }) }, '"approve" is for the role lead'],
    [
      'reject without it',
      { decision: 'reject', approval: asked({ by: ['lead'] }) },
      '"reject" is for the role lead',
    ],
    [
      'confirm without it',
      { decision: 'confirm', approval: asked({ manual: true, by: ['lead'] }) },
      '"confirm" is for the role lead',
    ],
    ['with a role nobody knows', { approval: asked({ by: ['boss'] }) }, '"approve" is for the role boss ()'],
    [
      'who started it',
      { by: 'eve@phone', approval: asked({ notRequester: true }) },
      'eve@phone started this run, so another person has to approve it.',
    ],
    [
      'nobody in particular, where it matters',
      { by: undefined, approval: asked({ notRequester: true }) },
      'Say who you are',
    ],
    [
      'twice',
      { by: 'Ada@phone', approval: asked({ people: 2, given: [ada] }) },
      'ada@laptop has approved this already; it takes 1 more, from another person.',
    ],
  ])('%s', (_what, rest, sentence) => expect(mayNot(deciding(rest))).toContain(sentence))
})

test('the terms, for whoever reads what is asked', () => {
  const approval = asked({
    by: ['lead'],
    people: 2,
    notRequester: true,
    given: [ada],
    expiresMs: 0,
    typed: 'h1',
  })
  expect(termsOf({ approval, offers: ['approve', 'rollback'] }, { policy, requester: 'eve' })).toEqual([
    'Only the role lead (grace, Linus@office) may answer.',
    '2 different people have to approve; ada@laptop did so far.',
    'eve, who started the run, cannot approve it.',
    'To confirm it, "h1" has to be typed.',
    'At 1970-01-01T00:00:00Z the step fails unless it is approved.',
    'Only the role operator (ada, grace) may roll back.',
  ])
  expect(termsOf({ offers: ['retry'] }, { policy: undefined, requester: '' })).toEqual([])
})
