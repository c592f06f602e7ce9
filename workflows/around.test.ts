import { describe, expect, test } from '@jest/globals'
import type { Program } from '../dsl/program.ts'
import {
  always,
  approve,
  assert,
  call,
  forEach,
  group,
  notify,
  program,
  rescuedBy,
  undoneBy,
  uses,
  wait,
} from '../test/replay/build.ts'
import { type Script, ScriptedWorld } from '../test/replay/scripted-world.ts'
import { interpret } from './interpreter.ts'
import { describeEnd } from './run-end.ts'

/** What rescues a step and what is always done after it, over ports. */

async function play(subject: Program, script: Script = {}) {
  const world = new ScriptedWorld(script)
  const end = await interpret(subject, { inputs: { list: ['x', 'y'], no: false }, run: {} }, world)
  const steps = Object.fromEntries(world.views.at(-1)?.steps.map(({ step, status }) => [step, status]) ?? [])
  return { end, world, steps, said: end.kind === 'done' ? 'done' : describeEnd(end) }
}

describe('rescue', () => {
  const told = uses('r', 'mend', {
    host: '${{ failure.step }} ${{ failure.kind }}: ${{ failure.message }}',
  })
  const inGroup = (options: Parameters<typeof uses>[3] = {}) =>
    program('g', [
      rescuedBy(group('g', [uses('a', 'do'), uses('b', 'do', {}, options), uses('c', 'do')]), told),
      uses('d', 'do'),
    ])

  test.each(['failed', 'unknown', 'refused'] as const)(
    'a group that %s is rescued, and the run goes on',
    async (answer) => {
      const { end, world, steps } = await play(inGroup(), { answers: { 'g/b': [answer] } })
      expect(end.kind).toBe('done')
      expect(world.called).toEqual(['g/a', 'g/b', 'g/rescue/r', 'd'])
      expect(world.calls[2]?.with).toEqual({ host: `g/b ${answer}: g/b ${answer}` })
      expect(world.waits).toEqual([])
      expect(steps).toMatchObject({
        g: 'rescued',
        'g/a': 'done',
        'g/b': 'failed',
        'g/c': 'pending',
        d: 'done',
      })
    },
  )

  test.each(['pause', 'fail', 'rollback'] as const)('whatever its step says: %s', async (onFailure) => {
    const { world } = await play(inGroup({ onFailure }), { answers: { 'g/b': ['failed'] } })
    expect(world.called).toEqual(['g/a', 'g/b', 'g/rescue/r', 'd'])
  })

  test('but what is passed over needs none', async () => {
    const { world, steps } = await play(inGroup({ onFailure: 'continue' }), {
      answers: { 'g/b': ['failed'] },
    })
    expect(world.called).toEqual(['g/a', 'g/b', 'g/c', 'd'])
    expect(steps['g']).toBe('done')
  })

  test('retries come first, and a step that went well in the end is not rescued', async () => {
    const retry = { attempts: 2, intervalMs: 1, backoff: 1 }
    const { world } = await play(inGroup({ retry }), { answers: { 'g/b': ['failed'] } })
    expect(world.called).toEqual(['g/a', 'g/b', 'g/b', 'g/c', 'd'])
  })

  test.each([
    ['a step of its own', rescuedBy(uses('x', 'do'), uses('r', 'mend')), ['x', 'x/rescue/r']],
    [
      'a loop, at the iteration that failed',
      rescuedBy(forEach('e', 'inputs.list', [uses('x', 'do')]), uses('r', 'mend')),
      ['e[x]/x', 'e/rescue/r'],
    ],
    ['a loop over no list', rescuedBy(forEach('e', 'inputs.no', []), uses('r', 'mend')), ['e/rescue/r']],
    [
      'a called runbook, whose check wanted to end the run',
      rescuedBy(call('c', {}, [assert('x', 'inputs.no', 'no', { onFailure: 'fail' })]), uses('r', 'mend')),
      ['c/rescue/r'],
    ],
    [
      'the innermost of two',
      rescuedBy(group('o', [rescuedBy(group('i', [uses('x', 'do')]), uses('r', 'mend'))]), uses('s', 'mend')),
      ['o/i/x', 'o/i/rescue/r'],
    ],
  ])('%s', async (_what, step, called) => {
    const answers = { x: ['failed'], 'e[x]/x': ['failed'], 'o/i/x': ['failed'] } as const
    const { end, world } = await play(program('p', [step]), { answers })
    expect(end.kind).toBe('done')
    expect(world.called).toEqual(called)
  })

  test('a rescue that fails itself is rescued further out', async () => {
    const inner = rescuedBy(group('i', [uses('x', 'do')]), uses('r', 'mend'))
    const { end, world, steps } = await play(
      program('p', [rescuedBy(group('o', [inner, uses('y', 'do')]), told)]),
      { answers: { 'o/i/x': ['failed'], 'o/i/rescue/r': ['failed'] } },
    )
    expect(end.kind).toBe('done')
    expect(world.called).toEqual(['o/i/x', 'o/i/rescue/r', 'o/rescue/r'])
    expect(world.calls[2]?.with['host']).toBe(
      'o/i/rescue/r failed: o/i/rescue/r failed (It was to rescue “do”, which had failed: o/i/x failed)',
    )
    expect(steps).toMatchObject({ o: 'rescued', 'o/i': 'failed', 'o/y': 'pending' })
  })

  test('one that nothing rescues pauses at the step that failed, with both failures', async () => {
    const { end, world } = await play(inGroup(), {
      answers: { 'g/b': ['failed'], 'g/rescue/r': ['failed'] },
      decide: () => 'retry',
    })
    expect(end.kind).toBe('done')
    expect(world.waits.map(({ failure }) => [failure.step, failure.message])).toEqual([
      ['g/rescue/r', 'g/rescue/r failed (It was to rescue “do”, which had failed: g/b failed)'],
    ])
    expect(world.called).toEqual(['g/a', 'g/b', 'g/rescue/r', 'g/rescue/r', 'd'])
  })

  test.each([
    ['fail', 'pause', 'Failed at "'],
    ['rollback', 'pause', 'Rolled back after "'],
    ['pause', 'fail', 'Failed at "'],
  ] as const)('or does as the rescued step (%s) or it itself (%s) says', async (outer, inner, said) => {
    const subject = program('p', [
      undoneBy(uses('a', 'do'), uses('ua', 'undo')),
      rescuedBy(
        group('g', [uses('x', 'do')], { onFailure: outer }),
        uses('r', 'mend', {}, { onFailure: inner }),
      ),
    ])
    const played = await play(subject, { answers: { 'g/x': ['refused'], 'g/rescue/r': ['refused'] } })
    expect(played.said).toContain(said)
    expect(played.said).toContain('(It was to rescue “do”, which had failed: g/x refused)')
  })

  test('what was done in a group that was rescued is taken back later, in the reverse of its order', async () => {
    const undone = (id: string) => undoneBy(uses(id, 'do'), uses(`u${id}`, 'undo'))
    const subject = program('p', [
      rescuedBy(
        undoneBy(group('g', [undone('a'), undone('b'), undone('c')]), uses('ug', 'undo')),
        undone('r'),
      ),
      uses('last', 'finish'),
    ])
    const { world } = await play(subject, {
      answers: { 'g/b': ['unknown'], last: ['failed'] },
      decide: () => 'rollback',
    })
    expect(world.called.slice(4)).toEqual(['g/undo/ug', 'g/rescue/r/undo/ur', 'g/b/undo/ub', 'g/a/undo/ua'])
  })

  test('an approval that is rejected is rescued, one that is answered with the end of the run is not', async () => {
    const subject = program('p', [
      uses('a', 'do'),
      rescuedBy(group('g', [approve('ok', 'go on?')]), uses('r', 'mend')),
    ])
    const rejected = await play(subject, { decide: () => 'reject' })
    expect([rejected.end.kind, rejected.world.called]).toEqual(['done', ['a', 'g/rescue/r']])
    const aborted = await play(subject, { decide: () => 'abort' })
    expect([aborted.end.kind, aborted.world.called]).toEqual(['aborted', ['a']])
  })

  test('a cancel rescues nothing', async () => {
    const { end, world } = await play(inGroup(), { at: (number) => (number === 2 ? 'cancel' : 'go') })
    expect([end.kind, world.called]).toEqual(['cancelled', ['g/a']])
  })
})

describe('always', () => {
  const clean = uses('z', 'clean', { host: '${{ outcome }}' })
  const subject = (options: Parameters<typeof uses>[3] = {}) =>
    program('p', [
      undoneBy(uses('first', 'do'), uses('u', 'undo')),
      always(group('g', [uses('a', 'do'), uses('b', 'do', {}, options)]), clean),
      uses('d', 'do'),
    ])
  const outcome = (world: ScriptedWorld) =>
    world.calls.filter(({ step }) => step === 'g/always/z').map((cleaned) => cleaned.with['host'])

  test.each<[string, Script, string, readonly string[]]>([
    ['done', {}, 'done', ['first', 'g/a', 'g/b', 'g/always/z', 'd']],
    [
      'aborted',
      { answers: { 'g/b': ['failed'] }, decide: () => 'abort' },
      'aborted',
      ['first', 'g/a', 'g/b', 'g/always/z'],
    ],
    [
      'rolled back',
      { answers: { 'g/b': ['failed'] }, decide: () => 'rollback' },
      'rolledBack',
      ['first', 'g/a', 'g/b', 'first/undo/u', 'g/always/z'],
    ],
    [
      'cancelled between two of its steps',
      { at: (number) => (number === 3 ? 'cancel' : 'go') },
      'cancelled',
      ['first', 'g/a', 'g/always/z'],
    ],
    [
      'cancelled while it waits',
      { answers: { 'g/b': ['failed'] }, decide: () => 'cancel' },
      'cancelled',
      ['first', 'g/a', 'g/b', 'g/always/z'],
    ],
  ])('is done when the step was %s', async (_what, script, kind, called) => {
    const { end, world } = await play(subject(), script)
    expect(end.kind).toBe(kind)
    expect(outcome(world)).toEqual([kind])
    expect(world.called).toEqual(called)
  })

  test('is done when the run ends by itself, and is in the tally', async () => {
    const { said, world } = await play(subject({ onFailure: 'fail' }), { answers: { 'g/b': ['refused'] } })
    expect(outcome(world)).toEqual(['failed'])
    expect(said).toBe('Failed at "do": g/b refused. Done and left as it is: do; do; failed: clean.')
  })

  test('is done once a step was rescued, after what rescued it', async () => {
    const { world } = await play(
      program('p', [
        always(rescuedBy(group('g', [uses('a', 'do')]), uses('r', 'mend')), clean),
        uses('d', 'do'),
      ]),
      { answers: { 'g/a': ['failed'] } },
    )
    expect(world.called).toEqual(['g/a', 'g/rescue/r', 'g/always/z', 'd'])
    expect(outcome(world)).toEqual(['rescued'])
  })

  test('is done on the way to a rescue further out, from the inside to the outside', async () => {
    const inner = always(group('i', [uses('a', 'do')]), uses('y', 'clean'))
    const { world, steps } = await play(
      program('p', [always(rescuedBy(group('g', [inner]), uses('r', 'mend')), clean)]),
      { answers: { 'g/i/a': ['failed'] } },
    )
    expect(world.called).toEqual(['g/i/a', 'g/i/always/y', 'g/rescue/r', 'g/always/z'])
    expect(steps).toMatchObject({ g: 'rescued', 'g/i': 'failed' })
  })

  test.each([
    ['a step that was not needed', always(uses('g', 'do', {}, { if: 'inputs.no' }), clean), {}],
    ['a step that never began', always(uses('g', 'do'), clean), { at: () => 'cancel' as const }],
  ])('is not done after %s', async (_what, step, script) => {
    const { world } = await play(program('p', [step]), script)
    expect(world.called).toEqual([])
  })

  test('a step of it that fails hides nothing, and the next one follows', async () => {
    const after = [
      group('h', [uses('y', 'clean'), uses('x', 'clean')]),
      notify('n', 'it ${{ outcome }}'),
      clean,
    ]
    const { said, world, steps } = await play(
      program('p', [always(uses('g', 'do', {}, { onFailure: 'fail' }), ...after)]),
      { answers: { g: ['failed'], 'g/always/h/y': ['unknown'] } },
    )
    expect(world.called).toEqual(['g', 'g/always/h/y', 'g/always/z'])
    expect(world.notices.map(({ text }) => text)).toEqual(['it failed'])
    expect(steps).toMatchObject({ g: 'failed', 'g/always/h': 'failed', 'g/always/z': 'done' })
    expect(said).toBe(
      'Failed at "do": g failed. Done and left as it is: failed: clean. Possibly half done: do; clean.',
    )
  })

  test('a cancel that comes meanwhile does not call it off', async () => {
    const { end, world } = await play(
      program('p', [always(uses('g', 'do'), uses('y', 'clean'), wait('w', 5), clean), uses('d', 'do')]),
      { at: (number) => (number === 3 ? 'cancel' : 'go') },
    )
    expect(end.kind).toBe('cancelled')
    expect(world.called).toEqual(['g', 'g/always/y', 'g/always/z'])
    expect(world.calls.map(({ steadfast }) => steadfast)).toEqual([undefined, true, true])
  })
})
