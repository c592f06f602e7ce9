import { expect, test } from '@jest/globals'
import type { Json, Program } from '../dsl/program.ts'
import { approve, call, program, template, undoneBy, uses } from '../test/replay/build.ts'
import { Cut, type Script, ScriptedWorld } from '../test/replay/scripted-world.ts'
import { approvalOf } from './approval.ts'
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
  expect(approvalOf(template(text), { inputs }).markdown).toBe(markdown)
})
