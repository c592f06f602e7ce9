import { describe, expect, test } from '@jest/globals'
import { approve, group, manual, program, undoneBy, uses } from '../test/replay/build.ts'
import { readPolicy, type Policy } from './policy.ts'
import { unanswerable } from './policy-fits.ts'

const text = `
roles:
  operator: [ada, grace]
  lead: [grace]
decisions:
  rollback: operator
  abort: [operator, lead]
`

test('a policy is read', () => {
  expect(readPolicy('policy.yaml', text)).toEqual({
    ok: true,
    value: {
      roles: { operator: ['ada', 'grace'], lead: ['grace'] },
      decisions: { rollback: ['operator'], abort: ['operator', 'lead'] },
    },
  })
})

test.each([
  ['an unknown key', `${text}people: []`, 'UNKNOWN_KEY', 8, '"people"'],
  ['an unknown decision', `${text}  cancel: lead`, 'UNKNOWN_KEY', 8, '"cancel"'],
  ['an unknown role', `${text}  skip: laed`, 'WRONG_VALUE', 8, `"laed" is none of this policy's roles`],
  ['no roles', 'decisions: {}', 'MISSING', 1, '"roles"'],
  ['a role of nobody', 'roles: { lead: [] }', 'WRONG_VALUE', 1, 'roles.lead'],
  ['a person that is none', 'roles: { lead: [7] }', 'WRONG_TYPE', 1, 'roles.lead'],
  ['a role that cannot be', 'roles: { "the lead": [ada] }', 'WRONG_VALUE', 1, '"the lead" cannot be a name'],
])('%s', (_what, source, code, line, words) => {
  const read = readPolicy('policy.yaml', source)
  if (read.ok) throw new Error('It was taken.')
  expect(read.problems[0]).toMatchObject({ code, from: { line } })
  expect(read.problems[0]?.message).toContain(words)
})

describe('a run that nobody could ever answer is not begun', () => {
  const policy: Policy = { roles: { operator: ['ada', 'grace'], lead: ['grace'] }, decisions: {} }
  const asking = (terms: Parameters<typeof approve>[3]) =>
    program('p', [group('g', [approve('ok', 'Go?', {}, terms)])])

  test.each([
    [
      'no policy',
      asking({ by: ['lead'] }),
      undefined,
      'ada',
      /^Step "g\/ok" may be answered only by the role lead, and this worker has no policy.*QUORATE_POLICY.*roles: \{ lead/,
    ],
    [
      'a role it does not know',
      asking({ by: ['lead', 'boss'] }),
      policy,
      'ada',
      /the role boss, which the worker's policy does not know \(it has operator and lead\): add it/,
    ],
    [
      'too few people',
      asking({ by: ['lead'], people: 2 }),
      policy,
      'ada',
      /needs 2 of the role lead, and only grace has it/,
    ],
    [
      'only who starts it',
      asking({ by: ['lead'], notRequester: true }),
      policy,
      'grace@x',
      /needs 1 of the role lead, and, besides grace@x who starts the run, nobody has it/,
    ],
    [
      'what is done by hand, on the way back',
      program('p', [undoneBy(uses('a', 'do'), manual('m', 'x', {}, { by: ['boss'] }))]),
      policy,
      'ada',
      /^Step "a\/undo\/m"/,
    ],
  ])('%s', (_what, subject, known, requester, sentence) => {
    const sentences = unanswerable(subject, known, requester)
    expect(sentences).toHaveLength(1)
    expect(sentences[0]).toMatch(sentence)
  })

  test.each([
    ['nothing is asked', program('p', [uses('a', 'do')]), undefined],
    ['everybody may answer', asking({ people: 3, notRequester: true }), undefined],
    ['there are enough', asking({ by: ['operator'], people: 2 }), policy],
    ['the roles together are enough', asking({ by: ['lead', 'operator'], people: 2 }), policy],
  ])('but one where %s', (_what, subject, known) => expect(unanswerable(subject, known, 'eve')).toEqual([]))
})
