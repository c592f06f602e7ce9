import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { checklist } from './checklist.ts'
import { escaped } from './escaped.ts'
import type { RunView, StepView, Waiting } from './ports.ts'

const step = (summary: string, rest: Partial<StepView> = {}): StepView => ({
  step: 's',
  summary,
  status: 'pending',
  depth: 0,
  ...rest,
})

const waiting: Waiting = {
  failure: { kind: 'failed', message: 'disk is full', step: 'move/stop', summary: 'h1: stop etcd' },
  offers: ['retry', 'abort'],
  withheld: { skip: 'the runbook does not allow it', rollback: 'the old data is stale' },
  sinceMs: Date.UTC(2026, 10, 21, 8, 0, 0),
  rollingBack: false,
  takesBack: ['h2: a', 'h1: b'],
  note: 'The rollback was withdrawn',
}

test('a run that waits says on top what for, what may be decided and what not', () => {
  const view: RunView = {
    phase: 'waiting',
    waiting,
    steps: [
      step('look', { status: 'done', startedMs: 0, endedMs: 1500 }),
      step('move', { status: 'running' }),
      step('h1: stop etcd', { status: 'waiting', depth: 1, note: 'disk is full' }),
      step('last'),
    ],
  }
  expect(checklist({ title: 'Move a member', view })).toBe(`**Move a member**: waiting for a decision

**h1: stop etcd** (step move/stop) failed: disk is full

The rollback was withdrawn

Waiting since 2026-11-21T08:00:00Z for one of the updates \`retry\`, \`abort\`: *More Actions* → *Send an Update*.

Not offered: \`skip\`, because the runbook does not allow it.

Not offered: \`rollback\`, because the old data is stale.

A rollback would take back, in this order: h2: a; h1: b.

- ✔ look (1.5 s)
- ● move (*running*)
- \u2003✖ h1: stop etcd (*failed, waits for a decision*, disk is full)
- ○ last
`)
})

test('a wait says since when and until when', () => {
  const at = Date.UTC(2026, 10, 21, 8, 0, 0)
  const view: RunView = {
    phase: 'running',
    steps: [
      step('wait 30s', { status: 'done', startedMs: at - 30_000, endedMs: at, untilMs: at }),
      step('wait 1m', { status: 'running', startedMs: at, untilMs: at + 60_000 }),
    ],
  }
  expect(checklist({ title: 'Rest', view })).toContain(`- ✔ wait 30s (30.0 s)
- ● wait 1m (*running*, since 2026-11-21T08:00:00Z, until 2026-11-21T08:01:00Z)
`)
})

test('a run that asks for an approval shows the message in full, and how to answer', () => {
  const asking: Waiting = {
    ...waiting,
    ...{
      failure: { ...waiting.failure, message: 'nobody had approved it', summary: 'lose data' },
      withheld: {},
    },
    approval: { message: '', markdown: '| host | lost |\n|---|---|\n| h1 | **all** |' },
    offers: ['approve', 'reject', 'rollback', 'abort'],
  }
  const view: RunView = {
    phase: 'waiting',
    waiting: asking,
    steps: [step('lose data', { status: 'asking' })],
  }
  expect(checklist({ title: 'Restore', view })).toBe(`**Restore**: waiting for a decision

**lose data** (step move/stop) waits for an approval since 2026-11-21T08:00:00Z:

| host | lost |
|---|---|
| h1 | **all** |

To answer: *More Actions* → *Send an Update*, there \`approve\` or \`reject\` (or \`rollback\`, \`abort\`), with \`{"comment": "…"}\`. Or use \`quorate approve\`, \`quorate reject\`.

The rollback was withdrawn

A rollback would take back, in this order: h2: a; h1: b.

- ? lose data (*waits for an answer*)
`)
})

test.each([
  [
    'paused',
    { pausedBy: 'ada' },
    'Paused by ada. To go on: *More Actions* → *Send an Update*, there `resume`.',
  ],
  [
    'queued',
    {
      queuedBehind: {
        run: 'r1',
        key: 'k',
        runbook: 'b',
        by: 'bob',
        sinceMs: 0,
        cluster: 'demo',
        running: true,
      },
    },
    'The cluster demo is locked by the run r1 of bob since 1970-01-01T00:00:00Z.',
  ],
  ['failed', { outcome: 'Failed at "x": y.' }, 'Failed at "x": y.'],
] as const)('%s', (phase, rest, line) => {
  expect(checklist({ title: 't', view: { phase, steps: [] }, ...rest })).toContain(line)
})

test('a long list shows where the run is, and how much is left out', () => {
  const steps = Array.from({ length: 500 }, (_, index) =>
    step(`step ${index}`, { status: index < 300 ? 'done' : 'pending' }),
  )
  const text = checklist({ title: 't', view: { phase: 'running', steps } })
  expect(text).toContain('- … 284 earlier steps\n')
  expect(text).toContain('- ○ step 300\n')
  expect(text).toContain('- … 156 further steps\n')
})

test.each([
  ['markup', '**bold** `code` _it_', '\\*\\*bold\\*\\* \\`code\\` \\_it\\_'],
  ['a link', '[x](http://evil)', '\\[x\\](http:\\/\\/evil)'],
  ['a bare link', 'see https://evil and www.evil', 'see https:\\/\\/evil and www\\.evil'],
  ['an image', '![x](y)', '!\\[x\\](y)'],
  ['HTML', '<script>&', '&lt;script&gt;&amp;'],
  ['another line', 'a\n\n# b\r\n- [x] done', 'a # b - \\[x\\] done'],
  ['hidden characters', 'a\u202eb\u0000c', 'a b c'],
  ['a backslash', '\\*', '\\\\\\*'],
])('hostile text: %s', (_what, text, expected) => expect(escaped(text)).toBe(expected))

test('whatever comes from outside, it stays one line a step and of bounded size', () => {
  const text = fc.string({ unit: 'binary', maxLength: 3000 })
  fc.assert(
    fc.property(fc.array(text, { maxLength: 100 }), text, (summaries, message) => {
      const steps = summaries.map((summary) => step(summary, { status: 'failed', note: summary }))
      const view: RunView = {
        phase: 'waiting',
        steps,
        waiting: {
          ...waiting,
          failure: { ...waiting.failure, message, summary: message },
          takesBack: summaries,
        },
      }
      const made = checklist({ title: message, view, outcome: message })
      expect(made.length).toBeLessThan(50_000)
      expect(made.split('\n').filter((line) => /^ *- /.test(line)).length).toBeLessThanOrEqual(62)
      expect(made).not.toMatch(/[<>]/)
    }),
  )
})

test('what is to be done by hand: on what terms, what to type, and which asking it is', () => {
  const approval = { message: '', markdown: 'Swap the **disk**.', manual: true, typed: 'h_1' } as const
  const view: RunView = {
    phase: 'waiting',
    steps: [],
    waiting: {
      ...{ ask: 4, offers: ['confirm', 'reject', 'abort'], sinceMs: 0, rollingBack: false, takesBack: [] },
      failure: { kind: 'unknown', message: 'nobody had confirmed it', step: 'swap', summary: 'swap it' },
      withheld: { retry: 'nothing has failed', rollback: 'nothing was done that could be taken back' },
      terms: ['Only the role operator (ada) may answer.', 'To confirm it, "h_1" has to be typed.'],
      approval,
    },
  }
  expect(checklist({ title: 'Swap', view })).toBe(`**Swap**: waiting for a decision

**swap it** (step swap, asking 4) is to be done by hand since 1970-01-01T00:00:00Z:

Swap the **disk**.

Only the role operator (ada) may answer. To confirm it, "h\\_1" has to be typed.

Once it is done: *More Actions* → *Send an Update*, there \`confirm\`, with {"typed": "h\\_1", "comment": "…"}; when it cannot be done, \`reject\` (or \`abort\`). Or use \`quorate confirm\`, \`quorate reject\`.

Not offered: \`rollback\`, because nothing was done that could be taken back.


`)
})
