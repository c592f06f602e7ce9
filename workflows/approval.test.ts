import { describe, expect, test } from '@jest/globals'
import type { Json, Program, Template } from '../dsl/program.ts'
import { approve, call, manual, program, template, undoneBy, uses } from '../test/replay/build.ts'
import { Cut, type Script, ScriptedWorld } from '../test/replay/scripted-world.ts'
import { approvalOf } from './approval.ts'
import { StepFailure } from './failure.ts'
import { interpret } from './interpreter.ts'
import type { RunState } from './ports.ts'
import { describeEnd } from './run-end.ts'

async function play(
  subject: Program,
  script: Script = {},
  inputs: Record<string, Json> = {},
  state?: RunState,
) {
  const world = new ScriptedWorld(script)
  const end = await interpret(subject, { inputs, run: {} }, world, state)
  return { end, said: end.kind === 'done' ? 'done' : describeEnd(end), world, view: world.views.at(-1) }
}

const first = undoneBy(uses('first', 'do'), uses('back', 'undo'))
const last = uses('last', 'do', { who: '${{ steps.ok.by }}', said: '${{ steps.ok.comment }}' })
const ask = approve('ok', 'Lose ${{ inputs.what }}?')

test('nothing goes on until somebody approves; who it was can be read', async () => {
  const { world, end, view } = await play(
    program('p', [ask, last]),
    { decide: () => 'approve' },
    { what: 'it' },
  )
  expect(world.waits).toMatchObject([
    { approval: { message: 'Lose it?' }, offers: ['approve', 'reject'], takesBack: [], rollingBack: false },
  ])
  expect(end.kind).toBe('done')
  expect(world.calls.map((one) => one.with)).toEqual([{ who: 'ada', said: '' }])
  expect(view?.steps[0]).toMatchObject({ status: 'done', note: 'approved by ada' })
  const asking = world.views.find(({ waiting }) => waiting)
  expect(asking?.steps.map(({ status }) => status)).toEqual(['asking', 'pending'])
})

test('rejected before anything was changed, the run ends', async () => {
  const { world, end, said } = await play(
    program('p', [uses('l', 'look.at'), ask, last]),
    { decide: () => 'reject' },
    { what: 'x' },
  )
  expect(end.kind).toBe('failed')
  expect(said).toBe('Failed at "approval": rejected by ada. Nothing was changed.')
  expect(world.called).toEqual(['l'])
})

test('rejected later, it waits for a decision; a retry asks again', async () => {
  const { world, end } = await play(
    program('p', [first, ask, last]),
    { decide: (_waiting, number) => (['reject', 'retry', 'approve'] as const)[number - 1] ?? 'abort' },
    { what: 'x' },
  )
  expect(world.waits.map(({ offers, approval }) => [approval?.message, ...offers])).toEqual([
    ['Lose x?', 'approve', 'reject', 'rollback', 'abort'],
    [undefined, 'retry', 'rollback', 'abort'],
    ['Lose x?', 'approve', 'reject', 'rollback', 'abort'],
  ])
  expect(end.kind).toBe('done')
})

test.each([
  ['abort', 'aborted', ['first'], 'Aborted by ada at "approval", which had failed: nobody had approved it.'],
  [
    'rollback',
    'rolledBack',
    ['first', 'first/undo/back'],
    'Rolled back by ada after "approval" failed: nobody had approved it.',
  ],
] as const)('%s in place of an answer', async (decision, kind, called, words) => {
  const { world, end, said } = await play(
    program('p', [first, ask, last]),
    { decide: () => decision },
    { what: 'x' },
  )
  expect([end.kind, world.waits.length]).toEqual([kind, 1])
  expect(world.called).toEqual(called)
  expect(said).toContain(words)
})

test('what it asks must be known', async () => {
  const { world, said } = await play(program('p', [approve('ok', 'Lose ${{ inputs.what }}?')]))
  expect(world.waits).toEqual([])
  expect(said).toContain('could not be worked out')
})

test('an approval is kept over a cut, and one in a called runbook is asked there', async () => {
  const subject = program('p', [call('c', {}, [ask, last], { outputs: { by: '${{ steps.ok.by }}' } })], {
    outputs: { by: template('${{ steps.c.by }}') },
  })
  const withInput = JSON.parse(JSON.stringify(subject).replaceAll('inputs.what', '1 + 1')) as Program
  const world = new ScriptedWorld({
    decide: () => 'approve',
    at: (boundary) => (boundary === 2 ? 'cut' : 'go'),
  })
  const cut: unknown = await interpret(withInput, { inputs: {}, run: {} }, world).catch(
    (error: unknown) => error,
  )
  if (!(cut instanceof Cut)) throw new Error('The run was not cut.')
  expect(world.waits).toMatchObject([{ approval: { message: 'Lose 2?' }, failure: { step: 'c/ok' } }])
  const after = await play(withInput, {}, {}, JSON.parse(JSON.stringify(cut.state)) as RunState)
  expect([after.world.waits, after.end]).toEqual([[], { kind: 'done', outputs: { by: 'ada' } }])
  expect(after.world.called).toEqual(['c/last'])
})

test.each([
  ['the runbook’s own Markdown stays', 'Lose **all** of `x`?', {}, 'Lose **all** of `x`?'],
  [
    'a value is plain text',
    '**${{ inputs.v }}**',
    { v: '[x](http://y) <b>' },
    '**\\[x\\](http:\\/\\/y) &lt;b&gt;**',
  ],
  ['a value that is the whole keeps its lines', '${{ inputs.v }}', { v: '- one\n- two' }, '- one  \n- two'],
  ['a long message is cut', '${{ inputs.v }}', { v: 'x'.repeat(5000) }, `${'x'.repeat(3999)}…`],
])('%s', (_what, text, inputs, markdown) => {
  const step = approve('a', text)('')
  if (step.kind !== 'approve') throw new Error('It is no approval.')
  expect(approvalOf(step, { inputs }, 0).markdown).toBe(markdown)
})

const ms = (value: number): Template => ({ kind: 'literal', value })

/** As a person who never answers. */
const nobody = (text: string) => (): never => {
  throw new StepFailure('refused', text)
}

test('an approval that nobody gives in time fails its step; before any change that ends the run', async () => {
  const asked = approve(
    'ok',
    'Go on?',
    {},
    { expiresMs: ms(4000), by: ['lead'], people: 2, notRequester: true },
  )
  const { said, world } = await play(program('p', [uses('l', 'look.at'), asked, uses('last', 'do')]), {
    decide: nobody('nobody approved it within 4s'),
  })
  expect(said).toBe('Failed at "approval": nobody approved it within 4s. Nothing was changed.')
  const [waiting] = world.waits
  expect(waiting?.approval).toEqual({
    ...{ message: 'Go on?', markdown: 'Go on?', by: ['lead'], people: 2, notRequester: true },
    ...{ expiresAfterMs: 4000, expiresMs: (waiting?.sinceMs ?? 0) - 1 + 4000 },
  })
})

test.each([
  ['continue', ['first', 'last'], 'done'],
  ['rollback', ['first', 'first/undo/back'], 'Rolled back after "approval" failed: nobody came'],
] as const)('then its onFailure applies: %s', async (onFailure, called, words) => {
  const asked = approve('ok', 'Go on?', { onFailure }, { expiresMs: ms(4000) })
  const { said, world } = await play(program('p', [first, asked, uses('last', 'do')]), {
    decide: nobody('nobody came'),
  })
  expect(world.called).toEqual(called)
  expect(said).toContain(words)
})

test('a retry asks anew, as another asking with its own time', async () => {
  const asked = approve('ok', 'Go on?', {}, { expiresMs: ms(4000) })
  const { end, world } = await play(program('p', [first, asked]), {
    decide: ({ approval }, number) =>
      number === 1 ? nobody('nobody came')() : approval ? 'approve' : 'retry',
  })
  expect(end.kind).toBe('done')
  expect(world.waits.map(({ ask: number }) => number)).toEqual([1, 2, 3])
  const [early, , late] = world.waits
  expect(late?.approval?.expiresMs).toBeGreaterThan(early?.approval?.expiresMs ?? Infinity)
})

test.each([
  ['a text', { kind: 'literal', value: 'soon' }],
  ['nothing', ms(0)],
  ['what is not there', template('${{ inputs.nope }}')],
] as const)('an expiry that is %s fails the step before anybody is asked', async (_what, expiresMs) => {
  const { end, world } = await play(program('p', [approve('ok', 'Go on?', {}, { expiresMs })]))
  expect([end.kind, world.waits]).toEqual(['failed', []])
})

describe('what is done by hand', () => {
  const swap = manual(
    'swap',
    'Swap the disk of ${{ inputs.host }}.',
    { name: 'swap the disk' },
    { confirm: template('${{ inputs.host }}') },
  )
  const inputs = { host: 'h1' }
  const after = uses('last', 'do', { who: '${{ steps.swap.by }}' })

  test('waits until somebody confirms it', async () => {
    const { end, world, view } = await play(program('p', [swap, after]), { decide: () => 'confirm' }, inputs)
    expect(world.waits).toMatchObject([
      {
        approval: { message: 'Swap the disk of h1.', manual: true, typed: 'h1' },
        offers: ['confirm', 'reject', 'abort'],
      },
    ])
    expect(world.waits[0]?.withheld).toEqual({
      retry: 'nothing has failed; it is to be confirmed or rejected',
      skip: 'nothing has failed; it is to be confirmed or rejected',
      approve: 'it is to be confirmed',
      rollback: 'nothing was done that could be taken back',
    })
    expect([end.kind, world.calls[0]?.with]).toEqual(['done', { who: 'ada' }])
    expect(view?.steps[0]).toMatchObject({ status: 'done', note: 'confirmed by ada' })
  })

  test('may be half done when it is rejected: the run waits, and says so at its end', async () => {
    const decide: Script['decide'] = ({ approval }) => (approval ? 'reject' : 'abort')
    const { said, world } = await play(program('p', [swap]), { decide }, inputs)
    expect(world.waits.map(({ offers }) => offers)).toEqual([
      ['confirm', 'reject', 'abort'],
      ['retry', 'abort'],
    ])
    expect(said).toBe(
      'Aborted by ada at "swap the disk", which had failed: could not be done, says ada. Possibly half done: swap the disk.',
    )
  })

  test('is taken back by hand, done or half done', async () => {
    const undone = undoneBy(swap, manual('unswap', 'Put the old disk back.'))
    const decide: Script['decide'] = ({ approval, rollingBack }) =>
      rollingBack ? 'confirm' : approval ? 'rollback' : 'abort'
    const { end, said, world } = await play(program('p', [undone]), { decide }, inputs)
    expect(end.kind).toBe('rolledBack')
    expect(world.waits).toMatchObject([
      { takesBack: ['swap the disk'] },
      {
        rollingBack: true,
        approval: { manual: true, message: 'Put the old disk back.' },
        offers: ['confirm', 'reject', 'abort'],
      },
    ])
    expect(said).toContain('Taken back: swap the disk.')
  })

  test('of the way back: rejected, it waits; aborted, it is left as it is', async () => {
    const undone = undoneBy(uses('a', 'do'), manual('back', 'Put it back.'))
    const failing = uses('b', 'do', {}, { onFailure: 'rollback' })
    const script = (last: 'confirm' | 'abort'): Script => ({
      answers: { b: ['failed'] },
      decide: ({ approval }, number) => (approval ? (number === 1 ? 'reject' : last) : 'retry'),
    })
    const good = await play(program('p', [undone, failing]), script('confirm'))
    expect([good.end.kind, good.world.waits.length]).toEqual(['rolledBack', 3])
    const bad = await play(program('p', [undone, failing]), script('abort'))
    expect(bad.said).toContain('Aborted by ada')
    expect(bad.said).toContain('nobody had confirmed it')
  })

  test('is kept over a cut, and asked again when nobody had answered', async () => {
    const cut = async (script: Script, at: number): Promise<RunState> => {
      const world = new ScriptedWorld({ ...script, at: (boundary) => (boundary === at ? 'cut' : 'go') })
      const error: unknown = await interpret(program('p', [swap, after]), { inputs, run: {} }, world).catch(
        (reason: unknown) => reason,
      )
      if (!(error instanceof Cut)) throw new Error('The run was not cut.')
      return JSON.parse(JSON.stringify(error.state)) as RunState
    }
    const state = await cut({ decide: () => 'confirm' }, 2)
    const { end, world } = await play(program('p', [swap, after]), {}, inputs, state)
    expect([end.kind, world.waits, world.called]).toEqual(['done', [], ['last']])
  })

  test('a run that is cancelled meanwhile says that it may be half done', async () => {
    const { end, said } = await play(program('p', [swap]), { decide: () => 'cancel' }, inputs)
    expect(end.kind).toBe('cancelled')
    expect(said).toContain('Possibly half done: swap the disk.')
  })
})
