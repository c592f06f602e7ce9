import { describe, expect, test } from '@jest/globals'
import type { ClusterModel } from '../dsl/cluster-model.ts'
import type { Json, Program, Step } from '../dsl/program.ts'
import {
  always,
  approve,
  assert,
  call,
  forEach,
  gate,
  group,
  parallel,
  program,
  rescuedBy,
  set,
  undoneBy,
  uses,
} from '../test/replay/build.ts'
import { StepFailure } from './failure.ts'
import type { PlannedStep, Preview } from './plan.ts'
import { makePlan } from './planner.ts'

const model: ClusterModel = {
  leader: 'm1',
  members: ['m1', 'm2', 'm3'].map((name, at) => ({
    ...{ name, id: name, host: `h${at + 1}`, learner: false, up: true, version: '3.6.0' },
  })),
}

interface Played {
  readonly looks?: Readonly<Record<string, Json | StepFailure>>
  readonly previews?: Readonly<Record<string, Partial<Preview>>>
  readonly inputs?: Readonly<Record<string, Json>>
}

/** Makes a plan against made-up answers; `asked` is every look and preview, in order. */
async function play(built: Program, { looks = {}, previews = {}, inputs = {} }: Played = {}) {
  const asked: string[] = []
  const run = { id: 'plan-1', runbook: built.name, startedAt: '2026-11-21T00:00:00.000Z' }
  const planned = await makePlan({
    program: built,
    given: { inputs, run },
    model,
    ports: {
      read: async ({ action, with: given }) => {
        asked.push(`${action} ${JSON.stringify(given)}`)
        const answer = looks[action] ?? {}
        if (answer instanceof StepFailure) throw answer
        return answer
      },
      preview: async ({ action, with: given }, _model, unknown) => {
        asked.push(
          `preview ${action} ${JSON.stringify(given)}${unknown.length > 0 ? ` ?${unknown.join()}` : ''}`,
        )
        return { changes: [], complete: true, ...previews[action] }
      },
      report: () => undefined,
    },
  })
  const step = (path: string): PlannedStep => {
    const found = planned.steps.find((one) => one.step === path)
    if (found === undefined)
      throw new Error(`no ${path} in ${planned.steps.map((one) => one.step).join(', ')}`)
    return found
  }
  return { ...planned, asked, step }
}

describe('what is known', () => {
  test('a look is asked for real, and what follows from it is sure', async () => {
    const { asked, step, verdict } = await play(
      program('sure', [
        uses('a', 'look', { host: 'h1' }),
        assert('c', 'steps.a.n == 1', 'no'),
        uses('b', 'look.more', { n: '${{ steps.a.n }}' }),
      ]),
      { looks: { look: { n: 1 } } },
    )
    expect(asked).toEqual(['look {"host":"h1"}', 'look.more {"n":1}'])
    expect(step('b')).toMatchObject({ certainty: 'sure', happens: 'yes' })
    expect(verdict).toEqual({ kind: 'ready' })
  })

  test('the same look is asked once', async () => {
    const { asked } = await play(program('once', [uses('a', 'look'), gate('g', 'look', 'gate.ok')]))
    expect(asked).toEqual(['look {}'])
  })

  test('an effect is previewed, and a look after it is as it is now', async () => {
    const { asked, step, open } = await play(
      program('later', [
        uses('d', 'do', { host: 'h1' }, { name: 'stop it' }),
        uses('a', 'look'),
        group('g', [uses('x', 'do.more')], { if: 'steps.a.n == 2' }),
      ]),
      { looks: { look: { n: 1 } } },
    )
    expect(asked).toEqual(['preview do {"host":"h1"}', 'look {}'])
    expect(step('a')).toMatchObject({ certainty: 'now', because: '“stop it” is done before' })
    expect(step('g')).toMatchObject({ happens: 'no', if: { holds: false, certainty: 'now' } })
    expect(open).toEqual([expect.stringContaining('“g” is not needed as things are now')])
  })

  test('what follows from an effect is not known, its step perhaps done, and its model followed', async () => {
    const { asked, step, open } = await play(
      program('unknown', [
        uses('d', 'do'),
        group('g', [uses('x', 'do.more', { host: 'h1' })], { if: 'steps.d.n == 1' }),
        uses('y', 'look', { n: '${{ steps.d.n }}' }),
        uses('z', 'do.more', { host: 'h1', n: '${{ steps.d.n }}' }),
      ]),
    )
    expect(asked).toEqual([
      'preview do {}',
      'preview do.more {"host":"h1"}',
      'preview do.more {"host":"h1"} ?n',
    ])
    expect(step('g')).toMatchObject({ happens: 'perhaps' })
    expect(step('g').if).not.toHaveProperty('holds')
    expect(step('g/x')).toMatchObject({ happens: 'perhaps' })
    expect(step('y')).toMatchObject({ certainty: 'unknown', because: '“do” runs first' })
    expect(open).toEqual([
      'Whether “g” is needed: “do” runs first.',
      'The commands of “h1: do more”: “do” runs first.',
    ])
  })

  test.each([
    ['false && steps.d.n == 1', false],
    ['true || steps.d.n == 1', true],
  ])('%s does not wait for what it does not read', async (condition, holds) => {
    const { step } = await play(program('short', [uses('d', 'do'), uses('x', 'look', {}, { if: condition })]))
    expect(step('x').if).toMatchObject({ holds })
  })

  test('that a name is missing now does not answer whether it will be there', async () => {
    const { step } = await play(
      program('has', [uses('d', 'do'), uses('x', 'look', {}, { if: 'has(steps.d.n)' })]),
    )
    expect(step('x')).toMatchObject({ happens: 'perhaps' })
  })

  test('an effect that is there already gives its output', async () => {
    const { step } = await play(
      program('there', [uses('d', 'do'), uses('a', 'look', { n: '${{ steps.d.n }}' })]),
      { previews: { do: { there: { n: 7 } } } },
    )
    expect(step('d').preview).toMatchObject({ there: true })
    expect(step('a')).toMatchObject({ certainty: 'sure', with: { n: 7 } })
  })

  test('a variable of an earlier iteration is not taken for one that is not known yet', async () => {
    const { asked } = await play(
      program('stale', [
        forEach('each', '[1, 2]', [
          uses('a', 'look', { n: '${{ item }}' }),
          set('s', { v: '${{ item == 1 ? 1 : steps.a.n }}' }),
          uses('b', 'look.more', { v: '${{ vars.v }}' }),
          uses('d', 'do'),
          set('t', { v: '${{ steps.d.n }}' }),
          uses('c', 'look.more', { v: '${{ vars.v }}' }),
        ]),
      ]),
      { looks: { look: { n: 5 } } },
    )
    expect(asked.filter((line) => line.startsWith('look.more'))).toEqual([
      'look.more {"v":1}',
      'look.more {"v":5}',
    ])
  })
})

describe('where a run would end', () => {
  const after = uses('never', 'do')
  test.each<[string, Program, Played, string]>([
    [
      'a check',
      program('p', [uses('a', 'look'), assert('c', 'steps.a.n == 1', 'it is ${{ steps.a.n }}'), after]),
      { looks: { look: { n: 2 } } },
      'it is 2',
    ],
    [
      'a look',
      program('p', [uses('a', 'look'), after]),
      { looks: { look: new StepFailure('refused', 'no such host') } },
      'no such host',
    ],
    [
      'a guard',
      program('p', [uses('a', 'do'), after]),
      { previews: { do: { guard: { passes: false, why: 'one is down' } } } },
      'one is down',
    ],
    [
      'what an action checks itself',
      program('p', [uses('a', 'do'), after]),
      { previews: { do: { stopped: { kind: 'refused', message: 'not here' } } } },
      'not here',
    ],
    [
      'a condition that cannot be worked out',
      program('p', [uses('a', 'look', {}, { if: 'inputs.x.y' }), after]),
      {},
      'x',
    ],
  ])('%s before anything is changed', async (_what, built, played, why) => {
    const { verdict, asked } = await play(built, played)
    expect(verdict).toMatchObject({ kind: 'refused', why: expect.stringContaining(why) })
    expect(asked.filter((line) => line.includes('never'))).toEqual([])
  })

  test('not by a check after an effect: that may come otherwise', async () => {
    const { verdict, open } = await play(
      program('p', [
        uses('d', 'do'),
        uses('a', 'look'),
        assert('c', 'steps.a.n == 1', 'no', { name: 'it is one' }),
      ]),
      { looks: { look: { n: 2 } } },
    )
    expect(verdict).toEqual({ kind: 'ready' })
    expect(open).toEqual([expect.stringContaining('Whether “it is one” succeeds then')])
  })

  test('not where the runbook goes on', async () => {
    const { verdict } = await play(program('p', [uses('a', 'look', {}, { onFailure: 'continue' })]), {
      looks: { look: new StepFailure('failed', 'no') },
    })
    expect(verdict).toEqual({ kind: 'ready' })
  })
})

describe('groups, loops and calls', () => {
  test('a loop over what is known is unrolled, over what is not shown once', async () => {
    const { steps } = await play(
      program(
        'loops',
        [
          forEach('known', '["h1", "h2"]', [uses('x', 'do', { host: '${{ item }}' })]),
          forEach('open', 'steps.d.list', [uses('y', 'do.more', { host: '${{ item }}' })]),
        ].toSpliced(0, 0, uses('d', 'do')),
      ),
    )
    expect(steps.map(({ step, happens }) => `${step} ${happens}`)).toEqual([
      'd yes',
      ...['known yes', 'known[h1] yes', 'known[h1]/x yes', 'known[h2] yes', 'known[h2]/x yes'],
      ...['open yes', 'open/y perhaps'],
    ])
  })

  test('a called runbook sees what is known of its inputs, and gives what is known of its outputs', async () => {
    const { step } = await play(
      program('calls', [
        uses('d', 'do'),
        call(
          'c',
          { a: 'x', b: '${{ steps.d.n }}' },
          [uses('l', 'look', { a: '${{ inputs.a }}' }), uses('m', 'look', { b: '${{ inputs.b }}' })],
          {
            outputs: { a: '${{ inputs.a }}', b: '${{ inputs.b }}' },
          },
        ),
        uses('e', 'look.more', { a: '${{ steps.c.a }}' }),
        uses('f', 'look.more', { b: '${{ steps.c.b }}' }),
      ]),
    )
    expect(step('c/l')).toMatchObject({ with: { a: 'x' } })
    expect(step('c/m')).toMatchObject({ certainty: 'unknown' })
    expect(step('e')).toMatchObject({ with: { a: 'x' } })
    expect(step('f')).toMatchObject({ certainty: 'unknown' })
  })
})

describe('what is done at the same time, when something fails, and in any case', () => {
  test('each branch has its lines', async () => {
    const { steps, step } = await play(
      program('branches', [
        parallel('p', [uses('a', 'look'), group('g', [uses('b', 'do')])]),
        uses('c', 'look.more', { n: '${{ steps.a.n }}' }),
      ]),
      { looks: { look: { n: 1 } } },
    )
    expect(steps.map(({ step: path, kind, depth }) => `${depth} ${path} ${kind}`)).toEqual([
      '0 p parallel',
      '1 p/a uses',
      '1 p/g steps',
      '2 p/g/b uses',
      '0 c uses',
    ])
    expect(step('c')).toMatchObject({ with: { n: 1 } })
  })

  test('what rescues is said and not looked at, and what is always done is', async () => {
    const { asked, steps, step } = await play(
      program('around', [
        always(
          rescuedBy(uses('a', 'look'), uses('r', 'do')),
          uses('z', 'look.more', { how: '${{ outcome }}' }),
          uses('y', 'look.last'),
        ),
        uses('c', 'look.then'),
      ]),
    )
    expect(steps.map(({ step: path, summary, happens }) => `${path} ${happens} ${summary}`)).toEqual([
      'a yes look',
      'a/rescue perhaps if it fails',
      'a/rescue/r perhaps do',
      'a/always yes always',
      'a/always/z yes look more',
      'a/always/y yes look last',
      'c yes look then',
    ])
    expect(asked).toEqual(['look {}', 'look.last {}', 'look.then {}'])
    expect(step('a/rescue/r').because).toBe('it is done only if “look” fails')
    expect(step('a/always/z').because).toContain('“look” ends first')
  })

  test('what would be rescued does not end a run', async () => {
    const { steps, verdict } = await play(
      program('rescued', [
        rescuedBy(group('g', [assert('no', '1 == 2', 'never')]), uses('r', 'do')),
        uses('c', 'look'),
      ]),
    )
    expect(verdict).toEqual({ kind: 'ready' })
    expect(steps.at(-1)?.step).toBe('c')
  })
})

describe('what a person wants to know before', () => {
  test('what is asked, what takes it back, and from where on nothing does', async () => {
    const { approvals, noReturn, step } = await play(
      program('person', [
        approve('ok', 'Lose ${{ inputs.what }}?', { name: 'consent' }),
        undoneBy(uses('d', 'do'), uses('u', 'undo', { host: 'h1' })),
        uses('e', 'do.more', {}, { noReturn: 'it is gone', name: 'the end' }),
      ]),
      { inputs: { what: 'all' } },
    )
    expect(approvals).toEqual([{ step: 'ok', summary: 'consent', message: 'Lose all?' }])
    expect(step('d').undo).toEqual(['h1: undo'])
    expect(noReturn).toEqual([{ step: 'e', summary: 'the end', why: 'it is gone' }])
  })

  test('what becomes of the cluster, and the lowest margin on the way', async () => {
    const down = {
      ...model,
      members: model.members.map((member) => ({ ...member, up: member.name !== 'm2' })),
    }
    const { membership, step } = await play(
      program('margin', [uses('d', 'do', {}, { name: 'stop m2' }), uses('e', 'do.more')]),
      { previews: { do: { model: down }, 'do.more': { model } } },
    )
    expect(step('d').standing).toEqual({ voters: 3, up: 2, margin: 0 })
    expect(step('e').standing).toEqual({ voters: 3, up: 3, margin: 1 })
    expect(membership).toMatchObject({
      lowest: { margin: 0, summary: 'stop m2' },
      differences: [],
      unsure: [],
    })
  })

  test('a gate says what it waits for and whether it holds now', async () => {
    const { step, open } = await play(
      program('gates', [gate('g', 'look', 'gate.ok', { name: 'it is well' })]),
      {
        looks: { look: { ok: false, problems: ['m2 is down.'] } },
      },
    )
    expect(step('g')).toMatchObject({ gate: { source: 'gate.ok', holds: false }, said: 'm2 is down.' })
    expect(open).toEqual(['“it is well” does not hold now; a run would wait for it.'])
  })

  test('a kind of step it does not know is said to be there', async () => {
    const odd = {
      kind: 'dance',
      key: 'odd',
      name: { kind: 'literal', value: 'dance' },
      at: { line: 1, column: 1 },
      onFailure: 'pause',
      skippable: false,
    }
    const built = program('odd', [])
    const { steps, open } = await play({ ...built, steps: [odd as unknown as Step] })
    expect(steps).toEqual([expect.objectContaining({ step: 'odd', certainty: 'unknown' })])
    expect(open).toHaveLength(1)
  })
})
