import { describe, expect, test } from '@jest/globals'
import type { InputSpec, Json, Program } from '../dsl/program.ts'
import { assert, call, forEach, program, set, template, undoneBy, uses } from '../test/replay/build.ts'
import { type Script, ScriptedWorld } from '../test/replay/scripted-world.ts'
import { interpret } from './interpreter.ts'
import { describeEnd } from './run-end.ts'

async function play(subject: Program, script: Script = {}, inputs: Record<string, Json> = {}) {
  const world = new ScriptedWorld(script)
  const end = await interpret(subject, { inputs, run: { id: 'r', runbook: 'b', startedAt: 't' } }, world)
  const said = end.kind === 'done' ? 'done' : describeEnd(end)
  return { end, said, world, view: world.views.at(-1) }
}

const cluster = template('${{ inputs.cluster }}')

describe('a called runbook', () => {
  test('sees its inputs and the run, gives its outputs, and neither sees nor leaves anything else', async () => {
    const inner = [
      uses('a', 'do', { x: '${{ inputs.host }} ${{ run.id }}' }),
      set('v', { mine: '${{ steps.a.n }}' }),
    ]
    const subject = program('caller', [
      set('s', { mine: 'outer' }),
      call('c', { host: 'on ${{ vars.mine }}' }, inner, { outputs: { n: '${{ vars.mine + 1 }}' } }),
      uses('after', 'do', { n: '${{ steps.c.n }}', mine: '${{ vars.mine }}' }),
    ])
    const { world, end } = await play(subject, { answers: { 'c/a': [{ output: { n: 4 } }] } })
    expect(end.kind).toBe('done')
    expect(world.calls.map(({ step, with: given }) => [step, given])).toEqual([
      ['c/a', { x: 'on outer r' }],
      ['after', { n: 5, mine: 'outer' }],
    ])
  })

  test.each(['${{ vars.outer }}', '${{ steps.before.n }}', '${{ item }}'])(
    'does not see %s',
    async (text) => {
      const subject = program('caller', [
        uses('before', 'do'),
        set('s', { outer: 'x' }),
        forEach('e', 'inputs.list', [call('c', {}, [uses('a', 'do', { text })])]),
      ])
      const { said } = await play(subject, { answers: { before: [{ output: { n: 1 } }] } }, { list: ['h1'] })
      expect(said).toContain('could not be worked out')
    },
  )

  test('gets the defaults of its inputs, and what it does not take is refused before it is begun', async () => {
    const wait: InputSpec = { type: 'duration', description: '', required: false, default: 1000, max: 5000 }
    const callee = { inputs: { wait } }
    const read = [uses('a', 'do', { ms: '${{ inputs.wait }}' })]
    const first = await play(program('caller', [call('c', {}, read, { callee })]))
    expect(first.world.calls[0]?.with).toEqual({ ms: 1000 })
    const second = await play(
      program('caller', [call('c', { wait: '${{ inputs.long }}' }, read, { callee })]),
      {},
      { long: '1m' },
    )
    expect(second.world.called).toEqual([])
    expect(second.world.waits[0]).toMatchObject({
      failure: { kind: 'refused', step: 'c' },
      offers: ['abort'],
    })
    expect(second.said).toContain(
      '"book-c" was not begun, its inputs are wrong: wait must be at most 5000 ms.',
    )
  })

  test('must be of the cluster whose lock the run holds', async () => {
    const caller = (given: string) =>
      program('caller', [call('c', { cluster: given }, [uses('a', 'do')], { callee: { cluster } })], {
        cluster,
      })
    const inputs = { cluster: 'demo', other: 'prod' }
    expect((await play(caller('${{ inputs.cluster }}'), {}, inputs)).said).toBe('done')
    const { said, world } = await play(caller('${{ inputs.other }}'), {}, inputs)
    expect(said).toContain('would change the cluster "prod", and this run holds the lock of "demo"')
    expect(world.called).toEqual([])
  })

  test('says of its steps whether they are for a cluster without a quorum', async () => {
    const callee = { quorum: 'kept' } as const
    const subject = program(
      'caller',
      [
        undoneBy(uses('a', 'do'), uses('ua', 'undo')),
        call('c', {}, [undoneBy(uses('b', 'do'), uses('ub', 'undo')), uses('d', 'do')], { callee }),
      ],
      { quorum: 'lost' },
    )
    const { world } = await play(subject, { answers: { 'c/d': ['refused'] }, decide: () => 'rollback' })
    expect(world.calls.map(({ step, quorum }) => `${step} ${quorum}`)).toEqual([
      ...['a lost', 'c/b kept', 'c/d kept', 'c/b/undo/ub kept', 'a/undo/ua lost'],
    ])
  })

  test('an output that cannot be worked out is missing, and said beside the call', async () => {
    const subject = program('caller', [
      call('c', {}, [], { outputs: { good: '${{ 1 + 1 }}', bad: '${{ steps.never.n }}' } }),
      uses('a', 'do', { n: '${{ steps.c.good }}' }),
    ])
    const { world, view, end } = await play(subject)
    expect(end.kind).toBe('done')
    expect(world.calls[0]?.with).toEqual({ n: 2 })
    expect(view?.steps.find(({ step }) => step === 'c')?.note).toContain('steps.never.n')
  })

  test('a person sees its steps below the call, with their subjects once they are known', async () => {
    const subject = program('caller', [
      uses('look', 'look.at'),
      call('c', { host: '${{ steps.look.host }}' }, [uses('a', 'do', { host: '${{ inputs.host }}' })], {
        if: 'steps.look.host != ""',
      }),
    ])
    const { world, view } = await play(subject, { answers: { look: [{ output: { host: 'h7' } }] } })
    const shown = (steps: typeof view) => steps?.steps.map(({ depth, summary }) => `${depth} ${summary}`)
    expect(shown(world.views[0])).toEqual(['0 look at', '0 The runbook book-c', '1 …: do'])
    expect(shown(view)).toEqual(['0 look at', '0 The runbook book-c', '1 h7: do'])
  })
})

describe('when something fails in it', () => {
  const checked = (before: readonly ReturnType<typeof uses>[]) =>
    program('caller', [
      ...before,
      call('c', { n: '${{ inputs.n }}' }, [
        uses('look', 'look.at'),
        assert('check', 'inputs.n == "1"', 'n is not 1', { onFailure: 'fail' }),
        uses('a', 'do'),
      ]),
    ])

  test('`fail` ends the run while nothing was changed', async () => {
    const { end, world, said } = await play(checked([uses('l', 'look.at')]), {}, { n: '2' })
    expect(end.kind).toBe('failed')
    expect(world.waits).toEqual([])
    expect(said).toContain('Nothing was changed')
  })

  test.each(['failed', 'unknown', 'done'] as const)(
    '`fail` waits for a person once something may have been changed (%s)',
    async (outcome) => {
      const before = [undoneBy(uses('stop', 'stop', {}, { onFailure: 'continue' }), uses('start', 'start'))]
      const { world, end } = await play(
        checked(before),
        { answers: outcome === 'done' ? {} : { stop: [outcome] }, decide: () => 'rollback' },
        { n: '2' },
      )
      expect(world.waits).toMatchObject([
        { failure: { step: 'c/check', message: 'n is not 1' }, offers: ['retry', 'rollback', 'abort'] },
      ])
      expect(end.kind).toBe('rolledBack')
      expect(world.called.at(-1)).toBe('stop/undo/start')
    },
  )

  test('a retry begins the outermost runbook anew that has changed nothing: all its checks look again', async () => {
    const inner = [
      uses('look', 'look.at'),
      assert('check', 'steps.look.n == 2', 'n is not 2', { onFailure: 'fail' }),
      uses('b', 'do'),
    ]
    const outer = [uses('see', 'look.more'), call('inner', {}, inner)]
    const subject = program('caller', [
      uses('a', 'do'),
      call('outer', {}, outer, { name: 'move it' }),
      uses('last', 'do'),
    ])
    const path = 'outer/inner/look'
    const { world, end, view } = await play(subject, {
      answers: { [path]: [{ output: { n: 1 } }, { output: { n: 2 } }] },
      decide: () => 'retry',
    })
    expect(world.waits).toMatchObject([
      { failure: { step: 'outer/inner/check' }, offers: ['retry', 'abort'], anew: 'move it' },
    ])
    expect(world.called).toEqual(['a', 'outer/see', path, 'outer/see', path, 'outer/inner/b', 'last'])
    expect(end.kind).toBe('done')
    expect(view?.steps.every(({ status }) => status === 'done')).toBe(true)
  })

  test('not once it has changed something, but then an inner one that has not', async () => {
    const inner = [uses('look', 'look.at'), assert('check', 'steps.look.n == 2', 'n is not 2')]
    const outer = [uses('change', 'do'), call('inner', {}, inner), assert('last', '1 == 2', 'never')]
    const subject = program('caller', [call('outer', {}, outer)])
    const { world } = await play(subject, {
      answers: { 'outer/inner/look': [{ output: { n: 1 } }, { output: { n: 2 } }] },
      decide: ({ offers }) => (offers.includes('retry') ? 'retry' : 'abort'),
    })
    expect(world.waits.map(({ failure, offers }) => [failure.step, ...offers])).toEqual([
      ['outer/inner/check', 'retry', 'abort'],
      ['outer/last', 'abort'],
    ])
    expect(world.called).toEqual(['outer/change', 'outer/inner/look', 'outer/inner/look'])
  })

  test('its steps are taken back with those before it, newest first, then what takes back the call', async () => {
    const inner = [
      undoneBy(uses('a', 'do'), uses('ua', 'undo', { of: '${{ inputs.host }}' })),
      undoneBy(uses('b', 'do'), uses('ub', 'undo')),
    ]
    const subject = program('caller', [
      undoneBy(uses('first', 'do'), uses('uf', 'undo')),
      forEach('e', 'inputs.hosts', [
        undoneBy(call('c', { host: '${{ item }}' }, inner), uses('uc', 'undo.call')),
      ]),
    ])
    const { world } = await play(
      subject,
      { answers: { 'e[h2]/c/b': ['unknown'] }, decide: () => 'rollback' },
      { hosts: ['h1', 'h2'] },
    )
    expect(world.called).toEqual([
      ...['first', 'e[h1]/c/a', 'e[h1]/c/b', 'e[h2]/c/a', 'e[h2]/c/b'],
      ...['e[h2]/c/undo/uc', 'e[h2]/c/b/undo/ub', 'e[h2]/c/a/undo/ua'],
      ...['e[h1]/c/undo/uc', 'e[h1]/c/b/undo/ub', 'e[h1]/c/a/undo/ua', 'first/undo/uf'],
    ])
    expect(world.calls.filter(({ step }) => step.endsWith('/ua')).map((one) => one.with)).toEqual([
      { of: 'h2' },
      { of: 'h1' },
    ])
  })

  test('a point of no return in it holds for the whole run', async () => {
    const subject = program('caller', [
      undoneBy(uses('first', 'do'), uses('uf', 'undo')),
      call('c', {}, [uses('a', 'do', {}, { noReturn: 'the data is stale' })]),
      uses('last', 'do'),
    ])
    const { world } = await play(subject, { answers: { last: ['refused'] } })
    expect(world.waits[0]?.withheld.rollback).toBe('the data is stale')
  })
})
