import { describe, expect, test } from '@jest/globals'
import { type Json, type Program } from '../dsl/program.ts'
import {
  action,
  assert,
  forEach,
  gate,
  group,
  program,
  set,
  template,
  undoneBy,
  uses,
} from '../test/replay/build.ts'
import { type Script, ScriptedWorld } from '../test/replay/scripted-world.ts'
import { interpret } from './interpreter.ts'
import { describeEnd, type RunEnd } from './run-end.ts'

async function play(subject: Program, script: Script = {}, inputs: Record<string, Json> = {}) {
  const world = new ScriptedWorld(script)
  const end = await interpret(subject, { inputs, run: { id: 'r', runbook: 'b', startedAt: 't' } }, world)
  return { end, world, view: world.views.at(-1) }
}

const said = (end: RunEnd): string => (end.kind === 'done' ? 'done' : describeEnd(end))

/** Stop (undo: start), move (undo: move back), then check. */
const mover = (options: Parameters<typeof uses>[3] = {}): Program =>
  program('mover', [
    uses('look', 'look.at'),
    undoneBy(uses('stop', 'stop', { host: 'h1' }), uses('start', 'start')),
    undoneBy(uses('move', 'move', {}, options), uses('back', 'move.back'), uses('check', 'look.again')),
    uses('last', 'finish'),
  ])

describe('the way forward', () => {
  test('steps run in order, and outputs are read by id', async () => {
    const subject = program(
      'outputs',
      [
        uses('a', 'look.at'),
        set('s', { twice: '${{ steps.a.n + steps.a.n }}' }),
        uses('b', 'do', { n: '${{ vars.twice }}' }),
      ],
      { outputs: { n: template('${{ vars.twice }}'), text: template('n is ${{ vars.twice }}') } },
    )
    const { end, world } = await play(subject, { answers: { a: [{ output: { n: 21 } }] } })
    expect(end).toEqual({ kind: 'done', outputs: { n: 42, text: 'n is 42' } })
    expect(world.calls.at(-1)).toMatchObject({
      action: 'do',
      step: 'b',
      with: { n: 42 },
      undo: false,
      timeoutMs: 5000,
    })
  })

  test('a loop runs its body an item, under readable names, with outputs of its own', async () => {
    const subject = program('loop', [
      forEach('each', 'inputs.members', [
        uses('a', 'look.at', { host: '${{ item.name }}' }),
        uses('b', 'do', { from: '${{ steps.a.host }}' }),
      ]),
    ])
    const members = [{ name: 'm 1' }, { name: 'm-1' }, { name: 'm 1' }]
    const answers = {
      'each[m-1]/a': [{ output: { host: 'x' } }],
      'each[m-1.2]/a': [{ output: { host: 'y' } }],
      'each[m-1.3]/a': [{ output: { host: 'z' } }],
    }
    const { world, view } = await play(subject, { answers }, { members })
    expect(world.called).toEqual([
      'each[m-1]/a',
      'each[m-1]/b',
      'each[m-1.2]/a',
      'each[m-1.2]/b',
      'each[m-1.3]/a',
      'each[m-1.3]/b',
    ])
    expect(world.calls.filter(({ action: name }) => name === 'do').map((call) => call.with.from)).toEqual([
      'x',
      'y',
      'z',
    ])
    expect(view?.steps.map(({ summary, depth }) => `${depth} ${summary}`)).toContain('2 m 1: look at')
  })

  test.each([
    ['a list of texts', ['a', 'b'], ['e[a]/x', 'e[b]/x']],
    ['a list of numbers', [3, 3], ['e[3]/x', 'e[3.2]/x']],
    ['things without a name', [{ size: 1 }, [2]], ['e[1]/x', 'e[2]/x']],
    ['an empty list', [], []],
  ])('iterations of %s', async (_what, list, expected) => {
    const { world } = await play(
      program('loop', [forEach('e', 'inputs.list', [uses('x', 'do')])]),
      {},
      { list },
    )
    expect(world.called).toEqual(expected)
  })

  test('expressions see whose run it is', async () => {
    const subject = program('about', [
      uses('a', 'do', { text: '${{ run.id }} ${{ run.runbook }} ${{ run.startedAt }}' }),
    ])
    const { world } = await play(subject)
    expect(world.calls[0]?.with).toEqual({ text: 'r b t' })
  })

  test('a failed assert is not tried again: it would look at the same answers', async () => {
    const subject = program('assert', [uses('a', 'do'), assert('b', 'inputs.n == 2', 'n is ${{ inputs.n }}')])
    const { world } = await play(subject, { decide: () => 'abort' }, { n: 1 })
    expect(world.waits[0]?.offers).not.toContain('retry')
    expect(world.waits[0]?.withheld.retry).toMatch(/same answers/)
  })

  test('what `if` rules out is not needed, and is not called', async () => {
    const subject = program('if', [
      uses('a', 'do', {}, { if: 'inputs.no' }),
      group('g', [uses('b', 'do')], { if: '!inputs.no' }),
      group('h', [uses('c', 'do')], { if: 'inputs.no' }),
    ])
    const { world, view } = await play(subject, {}, { no: false })
    expect(world.called).toEqual(['g/b'])
    expect(view?.steps.map(({ step, status }) => [step, status])).toEqual([
      ['a', 'notNeeded'],
      ['g', 'done'],
      ['g/b', 'done'],
      ['h', 'notNeeded'],
      ['h/c', 'pending'],
    ])
  })

  test('a step is tried as often as it says, waiting longer each time', async () => {
    const subject = program('retry', [
      uses('a', 'do', {}, { retry: { attempts: 3, intervalMs: 100, backoff: 2 } }),
    ])
    const { end, world } = await play(subject, { answers: { a: ['failed', 'unknown'] } })
    expect(end.kind).toBe('done')
    expect(world.sleeps).toEqual([100, 200])
  })

  test('a refusal is not tried again', async () => {
    const subject = program('retry', [
      uses('a', 'do', {}, { retry: { attempts: 3, intervalMs: 1, backoff: 1 } }),
    ])
    const { world } = await play(subject, { answers: { a: ['refused'] } })
    expect(world.called).toEqual(['a'])
  })

  test('the retry of the action holds where the step has none, but not for a gate', async () => {
    const retry = { attempts: 2, intervalMs: 1, backoff: 1 }
    const subject = program('retry', [uses('a', 'look.at'), gate('g', 'look.at', 'gate.ok')], {
      actions: { 'look.at': action('look.at', 'read', { retry }) },
    })
    const { world } = await play(subject, { answers: { a: ['failed'], g: ['failed'] } })
    expect(world.called).toEqual(['a', 'a', 'g'])
  })

  test('a gate carries its condition and only what that reads', async () => {
    const subject = program('gate', [
      uses('a', 'look.at'),
      gate('g', 'look.at', 'gate.n == steps.a.n', { timeoutMs: 7 }),
    ])
    const { world } = await play(subject, { answers: { a: [{ output: { n: 1 } }] } })
    expect(world.calls[1]?.gate).toMatchObject({
      scope: { steps: { a: { n: 1 } } },
      everyMs: 10,
      stableMs: 0,
      timeoutMs: 1000,
    })
    expect(world.calls[1]?.timeoutMs).toBe(7)
  })

  test.each<[string, Parameters<typeof program>[1], string]>([
    ['an assertion that does not hold', [assert('a', 'inputs.n == 2', 'n is ${{ inputs.n }}')], 'n is 1'],
    [
      'a condition that cannot be worked out',
      [uses('a', 'do', {}, { if: 'steps.no.where' })],
      'could not be worked out',
    ],
    ['a condition that is no bool', [assert('a', 'inputs.n', 'never said')], 'true or false'],
    [
      'an input that cannot be worked out',
      [uses('a', 'do', { x: '${{ vars.no }}' })],
      'could not be worked out',
    ],
    ['a loop over what is no list', [forEach('a', 'inputs.n', [])], 'needs a list'],
    [
      'a gate that says why it matters',
      [gate('g', 'look.at', 'gate.ok', { else: 'not ${{ inputs.n }}' })],
      'not 1 (g failed)',
    ],
  ])('%s fails its step and calls nothing', async (_what, steps, message) => {
    const { end, world } = await play(
      program('bad', [...steps, uses('after', 'do')]),
      { answers: { g: ['failed'] } },
      { n: 1 },
    )
    expect(world.waits[0]?.failure.message).toContain(message)
    expect(end.kind).toBe('aborted')
    expect(world.called).not.toContain('after')
  })

  test('outputs that cannot be worked out fail the run, and say that all was done', async () => {
    const { end } = await play(
      program('outputs', [uses('a', 'do')], { outputs: { x: template('${{ vars.no }}') } }),
    )
    expect(said(end)).toMatch(/every step is done, but the output "x".*Done and left as it is: do\./)
  })
})

describe('a step that failed', () => {
  test.each([
    ['retry', 'done', ['look', 'stop', 'move', 'move', 'last']],
    ['skip', 'done', ['look', 'stop', 'move', 'last']],
    ['abort', 'aborted', ['look', 'stop', 'move']],
    [
      'rollback',
      'rolledBack',
      ['look', 'stop', 'move', 'move/undo/back', 'move/undo/check', 'stop/undo/start'],
    ],
    ['cancel', 'cancelled', ['look', 'stop', 'move']],
  ] as const)('waits; %s', async (decision, kind, calls) => {
    const { end, world, view } = await play(mover({ skippable: true }), {
      answers: { move: ['failed'] },
      decide: () => decision,
    })
    expect(end.kind).toBe(kind)
    expect(world.called).toEqual(calls)
    expect(view?.phase).toBe(kind)
  })

  test('offers what may be done, and says why not the rest and what a rollback would do', async () => {
    const { world } = await play(mover(), { answers: { move: ['failed'] } })
    expect(world.waits).toEqual([
      expect.objectContaining({
        failure: { kind: 'failed', message: 'move failed', step: 'move', summary: 'move' },
        offers: ['retry', 'rollback', 'abort'],
        withheld: { skip: 'the runbook does not allow this step to be skipped' },
        takesBack: ['move', 'h1: stop'],
        rollingBack: false,
      }),
    ])
  })

  test.each([
    ['failed', ['move/undo/back', 'move/undo/check', 'stop/undo/start']],
    ['unknown', ['move/undo/back', 'move/undo/check', 'stop/undo/start']],
    ['refused', ['stop/undo/start']],
  ] as const)('%s: what may be half there is taken back too', async (kind, undone) => {
    const { world } = await play(mover(), { answers: { move: [kind] }, decide: () => 'rollback' })
    expect(world.called.slice(3)).toEqual(undone)
    expect(world.calls.slice(3).every(({ undo }) => undo)).toBe(true)
  })

  test('what may have happened stays so when the next try is refused', async () => {
    const { world } = await play(mover(), {
      answers: { move: ['unknown', 'refused'] },
      decide: (_waiting, number) => (number === 1 ? 'retry' : 'rollback'),
    })
    expect(world.called.slice(4)).toEqual(['move/undo/back', 'move/undo/check', 'stop/undo/start'])
  })

  test.each([
    ['fail', 'failed', ['look', 'stop', 'move']],
    ['continue', 'done', ['look', 'stop', 'move', 'last']],
    [
      'rollback',
      'rolledBack',
      ['look', 'stop', 'move', 'move/undo/back', 'move/undo/check', 'stop/undo/start'],
    ],
  ] as const)('onFailure: %s asks nobody', async (onFailure, kind, calls) => {
    const { end, world } = await play(mover({ onFailure }), { answers: { move: ['failed'] } })
    expect(end.kind).toBe(kind)
    expect(world.called).toEqual(calls)
    expect(world.waits).toEqual([])
  })

  describe('onFailure: rollback, where nothing can be taken back,', () => {
    const subject = program('nothing', [uses('kept', 'do'), uses('a', 'do', {}, { onFailure: 'rollback' })])

    test('waits when the step may have done something', async () => {
      const { world } = await play(subject, { answers: { a: ['failed'] } })
      expect(world.waits[0]?.withheld.rollback).toBe('nothing was done that could be taken back')
    })

    test('ends the run when the step was refused: all is as it was before it', async () => {
      const { end, world } = await play(subject, { answers: { a: ['refused'] } })
      expect(end).toMatchObject({ kind: 'failed', tally: { done: ['do'], unsure: [] } })
      expect(world.waits).toEqual([])
    })
  })

  test('what was tried and then done is not half done', async () => {
    const { end } = await play(mover(), {
      answers: { move: ['unknown'], last: ['refused'] },
      decide: ({ failure }) => (failure.step === 'move' ? 'retry' : 'abort'),
    })
    expect(said(end)).toMatch(/Done and left as it is: h1: stop; move\.$/)
  })

  test('a decision that is not offered is asked for again', async () => {
    const { world } = await play(mover(), {
      answers: { move: ['failed'] },
      decide: (_waiting, number) => (number === 1 ? 'skip' : 'abort'),
    })
    expect(world.waits).toHaveLength(2)
  })

  test('a skipped step that may be half done is taken back later', async () => {
    const { world } = await play(mover({ skippable: true }), {
      answers: { move: ['unknown'], last: ['failed'] },
      decide: ({ failure }) => (failure.step === 'move' ? 'skip' : 'rollback'),
    })
    expect(world.called).toEqual([
      'look',
      'stop',
      'move',
      'last',
      'move/undo/back',
      'move/undo/check',
      'stop/undo/start',
    ])
  })
})

describe('the point of no return', () => {
  const crossing = (options: Parameters<typeof uses>[3] = {}): Program =>
    program('crossing', [
      undoneBy(uses('stop', 'stop'), uses('start', 'start')),
      uses('cross', 'cross', {}, { noReturn: 'the old data is stale', ...options }),
      undoneBy(uses('next', 'next'), uses('back', 'back')),
      uses('last', 'finish'),
    ])

  test('before it, all is taken back', async () => {
    const { world } = await play(crossing(), { answers: { cross: ['failed'] }, decide: () => 'rollback' })
    expect(world.called).toEqual(['stop', 'cross', 'stop/undo/start'])
  })

  test('after it, only what came later is taken back, and the end says so', async () => {
    const { end, world } = await play(crossing(), { answers: { last: ['failed'] }, decide: () => 'rollback' })
    expect(world.called).toEqual(['stop', 'cross', 'next', 'last', 'next/undo/back'])
    expect(said(end)).toBe(
      'Rolled back by ada after "finish" failed: last failed. Taken back: next. Done and left as it is: stop; cross. ' +
        'Possibly half done: finish. No more could be taken back: the old data is stale.',
    )
  })

  test('right after it, rollback is withheld with its reason', async () => {
    const { world } = await play(crossing(), { answers: { next: ['refused'] } })
    expect(world.waits[0]?.withheld.rollback).toBe('the old data is stale')
    expect(world.waits[0]?.offers).toEqual(['retry', 'abort'])
  })

  test('when it is not known whether it was crossed, rollback is withheld', async () => {
    const { world } = await play(crossing(), { answers: { cross: ['unknown'] } })
    expect(world.waits[0]?.withheld.rollback).toContain('the old data is stale')
  })

  test('a gate that did not come true was not crossed', async () => {
    const subject = program('gate', [
      undoneBy(uses('stop', 'stop'), uses('start', 'start')),
      gate('joined', 'look.at', 'gate.ok', { noReturn: 'stale' }),
    ])
    const { world } = await play(subject, { answers: { joined: ['unknown'] }, decide: () => 'rollback' })
    expect(world.called).toEqual(['stop', 'joined', 'stop/undo/start'])
  })
})

describe('a rollback', () => {
  const guarded = (options: Parameters<typeof uses>[3] = {}): Program =>
    program('guarded', [
      undoneBy(uses('stop', 'stop'), uses('start', 'start', {}, options)),
      undoneBy(
        uses('run', 'run'),
        uses('same', 'look.same'),
        assert('ok', 'steps.same.same', 'they differ'),
        uses('halt', 'halt', {}, options),
      ),
      uses('last', 'finish'),
    ])

  test('is withdrawn when it fails before it changed anything, and may be tried again', async () => {
    const { end, world, view } = await play(guarded(), {
      answers: {
        last: ['failed'],
        'run/undo/same': [{ output: { same: false } }, { output: { same: true } }],
      },
      decide: () => 'rollback',
    })
    expect(world.waits.map(({ rollingBack, note }) => [rollingBack, note])).toEqual([
      [false, undefined],
      [false, 'The rollback was withdrawn before it changed anything: "check ok" failed: they differ'],
    ])
    expect(end.kind).toBe('rolledBack')
    expect(world.called.slice(3)).toEqual([
      'run/undo/same',
      'run/undo/same',
      'run/undo/halt',
      'stop/undo/start',
    ])
    expect(view?.steps.filter(({ status }) => status === 'undone').map(({ step }) => step)).toEqual([
      'stop',
      'run',
    ])
  })

  test('once withdrawn, the run can go on', async () => {
    const { end, world } = await play(guarded(), {
      answers: { last: ['failed'], 'run/undo/same': ['failed'] },
      decide: (_waiting, number) => (number === 1 ? 'rollback' : 'retry'),
    })
    expect(end.kind).toBe('done')
    expect(world.called).toEqual(['stop', 'run', 'last', 'run/undo/same', 'last'])
  })

  test('waits where it stands when it fails later, and cannot be rolled back again', async () => {
    const { end, world } = await play(guarded(), {
      answers: {
        last: ['failed'],
        'run/undo/same': [{ output: { same: true } }],
        'stop/undo/start': ['failed'],
      },
      decide: (_waiting, number) => (number === 1 ? 'rollback' : 'retry'),
    })
    expect(world.waits[1]).toMatchObject({
      rollingBack: true,
      offers: ['retry', 'abort'],
      withheld: {
        rollback: 'the run is already rolling back',
        skip: 'the runbook does not allow this step to be skipped',
      },
    })
    expect(end.kind).toBe('rolledBack')
    expect(world.called.at(-1)).toBe('stop/undo/start')
  })

  test('an effect that failed first is not "nothing changed"', async () => {
    const { world } = await play(guarded(), {
      answers: {
        last: ['failed'],
        'run/undo/same': [{ output: { same: true } }],
        'run/undo/halt': ['failed'],
      },
      decide: (_waiting, number) => (number === 1 ? 'rollback' : 'abort'),
    })
    expect(world.waits[1]?.rollingBack).toBe(true)
  })

  test('skipping part of it is not called taken back', async () => {
    const { end } = await play(guarded({ skippable: true }), {
      answers: {
        last: ['failed'],
        'run/undo/same': [{ output: { same: true } }],
        'stop/undo/start': ['failed'],
      },
      decide: (_waiting, number) => (number === 1 ? 'rollback' : 'skip'),
    })
    expect(said(end)).toContain('Taken back: run.')
    expect(said(end)).toMatch(/Possibly half done: .*stop/)
  })

  test('aborted in the middle, it says what was taken back and what not', async () => {
    const { end } = await play(guarded(), {
      answers: {
        last: ['failed'],
        'run/undo/same': [{ output: { same: true } }],
        'stop/undo/start': ['failed'],
      },
      decide: (_waiting, number) => (number === 1 ? 'rollback' : 'abort'),
    })
    expect(said(end)).toBe(
      'Aborted by ada at "start", which had failed: stop/undo/start failed. Taken back: run. ' +
        'Done and left as it is: stop. Possibly half done: finish; start.',
    )
  })

  test('a group is taken back after its steps were done, and before them', async () => {
    const subject = program('group', [
      undoneBy(
        group('g', [undoneBy(uses('a', 'a'), uses('ua', 'ua')), undoneBy(uses('b', 'b'), uses('ub', 'ub'))]),
        uses('ug', 'ug'),
      ),
      uses('last', 'finish'),
    ])
    const done = await play(subject, { answers: { last: ['failed'] }, decide: () => 'rollback' })
    expect(done.world.called.slice(3)).toEqual(['g/undo/ug', 'g/b/undo/ub', 'g/a/undo/ua'])
    const inside = await play(subject, { answers: { 'g/b': ['failed'] }, decide: () => 'rollback' })
    expect(inside.world.called.slice(2)).toEqual(['g/undo/ug', 'g/b/undo/ub', 'g/a/undo/ua'])
    const refused = await play(subject, { answers: { 'g/a': ['refused'] } })
    expect(refused.world.waits[0]?.withheld.rollback).toBe('nothing was done that could be taken back')
  })

  test('undo steps see what their step saw, not what came later', async () => {
    const subject = program('scope', [
      set('s', { where: 'here' }),
      undoneBy(uses('a', 'a'), uses('ua', 'ua', { where: '${{ vars.where }}', out: '${{ steps.a.out }}' })),
      set('t', { where: 'there' }),
      uses('last', 'finish'),
    ])
    const { world } = await play(subject, {
      answers: { a: [{ output: { out: 1 } }], last: ['failed'] },
      decide: () => 'rollback',
    })
    expect(world.calls.at(-1)?.with).toEqual({ where: 'here', out: 1 })
  })
})

describe('cancel', () => {
  test('takes effect at the next boundary and says what was done', async () => {
    const { end, world } = await play(mover(), { at: (boundary) => (boundary === 3 ? 'cancel' : 'go') })
    expect(world.called).toEqual(['look', 'stop'])
    expect(said(end)).toBe('Cancelled between two steps. Done and left as it is: h1: stop.')
  })

  test('before anything was done, it says that nothing was changed', async () => {
    const { end } = await play(mover(), { at: () => 'cancel' })
    expect(said(end)).toBe('Cancelled between two steps. Nothing was changed.')
  })
})

describe('what a person sees', () => {
  test('all steps from the start, with what is not known yet left open', async () => {
    const subject = program('views', [
      uses('a', 'look.at', { host: 'h1' }),
      uses('b', 'do', { host: '${{ steps.a.host }}' }),
      forEach('e', 'steps.a.list', [uses('c', 'do', {}, { name: 'do ${{ item }} of ${{ steps.a.host }}' })]),
    ])
    const { world } = await play(subject, { answers: { a: [{ output: { host: 'h2', list: ['x'] } }] } })
    const lines = (index: number) =>
      world.views.at(index)?.steps.map(({ summary, status }) => `${summary} ${status}`)
    expect(lines(0)).toEqual([
      'h1: look at running',
      '…: do pending',
      'for each item pending',
      'do … of … pending',
    ])
    expect(lines(-1)).toEqual([
      'h1: look at done',
      'h2: do done',
      'for each item done',
      'x done',
      'do x of h2 done',
    ])
  })
})
