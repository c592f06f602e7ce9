import { describe, expect, test } from '@jest/globals'
import type { RunSnapshot } from '../client/run.ts'
import type { Offered } from '../workflows/doors.ts'
import type { RunView, Waiting } from '../workflows/ports.ts'
import { type Effect, idle, type Key, keysIn, offeredKeys, press, type Prompt, withRun } from './prompt.ts'
import { promptLines } from './view-prompt.ts'

const waiting: Waiting = {
  ask: 3,
  failure: { kind: 'failed', message: 'no space', step: 'stop', summary: 'etcd-2: stop etcd' },
  offers: ['retry', 'rollback', 'abort'],
  withheld: { skip: 'the runbook does not allow it' },
  sinceMs: 0,
  rollingBack: false,
  takesBack: ['start etcd again', 'enable etcd'],
}
const failed: Offered = {
  offers: ['retry', 'rollback', 'abort', 'pause'],
  withheld: {
    skip: 'the runbook does not allow it',
    approve: 'the run asks for no approval now',
    reject: 'the run asks for no approval now',
    resume: 'the run is not paused',
  },
}

function run(decisions: Offered = failed, view: Partial<RunView> = { waiting }): RunSnapshot {
  return {
    ...{ id: 'r-kfwtz', runbook: 'r', open: true, startedMs: 0, progress: [] },
    status: {
      run: { id: 'r-kfwtz', key: 'k', runbook: 'r', hash: 'abc' },
      ...{ title: 'T', by: 'ann', startedMs: 0, inputs: {}, cancelRequested: false },
      view: { phase: 'waiting', steps: [], ...view },
      decisions,
    },
  }
}

/** Where so many keys lead, and what they had done on the way. */
function pressed(keys: readonly Key[], on: RunSnapshot = run()) {
  const effects: Effect[] = []
  const prompt = keys.reduce<Prompt>((now, key) => {
    const turn = press(now, key, on)
    if (turn.effect) effects.push(turn.effect)
    return turn.prompt
  }, idle)
  return { prompt, effects }
}

const options = { columns: 60, colour: false }
const seen = (keys: readonly Key[], on?: RunSnapshot) =>
  promptLines(pressed(keys, on).prompt, on ?? run(), options)
const bound = { step: 'stop', ask: 3, hash: 'abc' }
const text = (words: string): readonly Key[] => Array.from(words)

describe('decisions at the keys', () => {
  const rows: readonly (readonly [string, readonly Key[], readonly object[]])[] = [
    [
      'a retry takes a word and goes at once',
      ['r', ...text('disk'), 'enter'],
      [{ decision: 'retry', comment: 'disk', bound }],
    ],
    ['or none', ['R', 'enter'], [{ decision: 'retry', comment: '', bound }]],
    [
      'what is typed may be corrected',
      ['r', ...text('ab'), 'backspace', 'backspace', 'backspace', ...text('c'), 'ctrl-u', 'd', 'enter'],
      [{ decision: 'retry', comment: 'd', bound }],
    ],
    [
      'while typing, letters are letters',
      ['r', ...text('abort q'), 'enter'],
      [{ decision: 'retry', comment: 'abort q', bound }],
    ],
    ['going back decides nothing', ['r', ...text('no'), 'escape'], []],
    [
      'a rollback is confirmed',
      ['b', ...text('why'), 'enter', 'y'],
      [{ decision: 'rollback', comment: 'why', bound }],
    ],
    ['and not by Enter', ['b', 'enter', 'enter'], []],
    ['nor by anything else', ['b', 'enter', 'x', 'b', 'n'], []],
    ['an abort is confirmed', ['a', 'enter', 'Y'], [{ decision: 'abort', comment: '', bound }]],
    ['what is not offered does nothing', ['s', 'y', 'n', 'x'], []],
    ['a pause is of the run, not of a step', ['p', 'enter'], [{ decision: 'pause', comment: '', bound: {} }]],
    ['one is sent at a time', ['r', 'enter', 'r', 'enter'], [{ decision: 'retry', comment: '', bound }]],
  ]
  test.each(rows)('%s', (_why, keys, expected) => {
    const decided = pressed(keys).effects.map((effect) =>
      effect.kind === 'decide'
        ? { decision: effect.choice.decision, comment: effect.comment, bound: effect.choice.bound }
        : effect,
    )
    expect(decided).toEqual(expected)
  })

  test.each([[['q']], [['ctrl-c']], [['r', 'ctrl-c']], [['b', 'enter', 'ctrl-c']]])('%j leaves', (keys) => {
    expect(pressed(keys).effects).toEqual([{ kind: 'leave' }])
  })

  test('one key pauses and goes on, whichever is offered', () => {
    const paused = run({ offers: ['resume'], withheld: { pause: 'the run is already paused' } }, {})
    expect(offeredKeys(paused)).toEqual([['p', 'resume']])
    expect(pressed(['p'], paused).effects).toMatchObject([{ choice: { decision: 'resume' } }])
  })

  test('a closed run offers nothing, nor one without a worker', () => {
    expect(offeredKeys({ ...run(), open: false })).toEqual([])
    const { status: _none, ...silent } = run()
    expect(offeredKeys(silent)).toEqual([])
    expect(pressed(['r'], silent).prompt).toMatchObject({
      said: { text: expect.stringContaining('No worker') },
    })
  })
})

describe('what was decided meanwhile', () => {
  const typing = pressed(['r', 'x']).prompt
  test.each([
    ['the same is still asked', run(), 'typing'],
    ['another asking of the same step', run(failed, { waiting: { ...waiting, ask: 4 } }), 'idle'],
    [
      'another step',
      run(failed, { waiting: { ...waiting, failure: { ...waiting.failure, step: 'start' } } }),
      'idle',
    ],
    ['it goes on', run({ offers: ['pause'], withheld: {} }, {}), 'idle'],
    ['it is over', { ...run(), open: false }, 'idle'],
  ])('%s', (_why, now, kind) => {
    expect(withRun(typing, now).kind).toBe(kind)
  })
})

describe('what is shown', () => {
  test('the keys that work', () => {
    expect(seen([])).toEqual(['', 'r retry · b roll back · a abort · p pause · q leave, the run', 'goes on'])
  })
  test('why one does not', () => {
    expect(seen(['s']).slice(1, 2)).toEqual(['Not skip: the runbook does not allow it.'])
  })
  test('a question that names the step', () => {
    expect(seen(['r', ...text('disk')])).toEqual([
      '',
      'Retry “etcd-2: stop etcd”: why? (Enter sends it, also',
      'without a word; Esc: back)',
      '> disk▏',
    ])
  })
  test('what a confirmation is for', () => {
    expect(seen(['b', 'enter'])).toEqual([
      '',
      'Roll back “etcd-2: stop etcd”? It takes back, in this order:',
      'start etcd again; enable etcd. Then the run ends.',
      'y yes · n no',
    ])
  })
  test('the end of a long text', () => {
    expect(seen(['r', ...text('x'.repeat(80)), 'y']).at(-1)).toBe(`> …${'x'.repeat(54)}y▏`)
  })
})

test.each([
  ['r', ['r']],
  ['ab\r', ['a', 'b', 'enter']],
  ['\u001b[A\u001b[1;5C\u001bOPx', ['x']],
  ['\u001b', ['escape']],
  ['é😀', ['é', '😀']],
  ['\u0003', ['ctrl-c']],
  ['\u007f\u0015\u0001', ['backspace', 'ctrl-u']],
])('the terminal’s %j is %j', (chunk, keys) => {
  expect(keysIn(chunk)).toEqual(keys)
})

test('what was done by hand is confirmed by typing what it is about', () => {
  const approval = { message: 'Swap it.', markdown: '', manual: true, typed: 'h1' } as const
  const byHand = run(
    { offers: ['confirm', 'reject'], withheld: {} },
    { waiting: { ...waiting, approval, offers: ['confirm', 'reject'] } },
  )
  expect(offeredKeys(byHand)).toEqual([
    ['c', 'confirm'],
    ['n', 'reject'],
  ])
  expect(seen(['c', 'h'], byHand).join(' ')).toMatch(/Confirm \(done\) “etcd-2: stop etcd”: type "h1" .*> h/)
  expect(pressed(['c', 'h', '1', 'enter'], byHand).effects).toMatchObject([
    { kind: 'decide', choice: { decision: 'confirm', types: 'h1', bound }, comment: 'h1' },
  ])
})
