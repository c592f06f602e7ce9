import { describe, expect, test } from '@jest/globals'
import type { RunSnapshot } from '../client/run.ts'
import type { RunStatus } from '../workflows/doors.ts'
import type { RunView, StepView } from '../workflows/ports.ts'
import { lineWriter } from './plain-lines.ts'
import { renderView, type ViewOptions } from './view.ts'

const NOW = 100_000
const options: ViewOptions = { columns: 80, colour: false, now: NOW }

const step = (summary: string, status: StepView['status'], more: Partial<StepView> = {}): StepView => ({
  step: summary.replaceAll(' ', '-'),
  summary,
  status,
  depth: 0,
  ...more,
})

function snapshot(
  view: RunView,
  status: Partial<RunStatus> = {},
  run: Partial<RunSnapshot> = {},
): RunSnapshot {
  const id = 'etcd-migrate-node-demo-kfwtz'
  return {
    id,
    runbook: 'etcd-migrate-node',
    open: true,
    startedMs: NOW - 12_300,
    phase: view.phase,
    progress: [],
    status: {
      run: { id, key: 'k', runbook: 'etcd-migrate-node', hash: 'h' },
      title: 'Move a member to another host',
      by: 'ann@desk',
      startedMs: NOW - 12_300,
      inputs: {},
      view,
      cancelRequested: false,
      ...status,
    },
    ...run,
  }
}

const running = snapshot(
  {
    phase: 'running',
    steps: [
      step('look at every member', 'done', { startedMs: 0, endedMs: 812 }),
      step('hand leadership over', 'notNeeded'),
      step('a group', 'running', { startedMs: NOW - 2_000 }),
      step('etcd-1: copy the data', 'running', { startedMs: NOW - 1_500, depth: 1 }),
      step('etcd-1: stop etcd', 'pending', { depth: 1 }),
    ],
  },
  {},
  {
    progress: [
      {
        action: 'dir.copy',
        attempt: 2,
        text: 'copying',
        done: 1024 ** 2,
        total: 3 * 1024 ** 2,
        unit: 'bytes',
      },
    ],
  },
)

const waiting = snapshot({
  phase: 'waiting',
  steps: [step('etcd-1: stop etcd', 'waiting', { startedMs: 0, endedMs: 900, note: 'a long story' })],
  waiting: {
    failure: { kind: 'unknown', message: 'the connection broke', step: 'stop', summary: 'etcd-1: stop etcd' },
    offers: ['retry', 'rollback', 'abort'],
    withheld: { skip: 'the runbook does not allow it' },
    sinceMs: NOW - 5_000,
    rollingBack: false,
    takesBack: ['etcd-1: start etcd on h1 again', 'h1: enable etcd'],
  },
})

const asking = snapshot({
  phase: 'waiting',
  steps: [step('lose three writes', 'asking', { startedMs: 0 })],
  waiting: {
    failure: {
      kind: 'refused',
      message: 'nobody had approved it',
      step: 'ask',
      summary: 'lose three writes',
    },
    approval: { message: 'The snapshot is **old**.\n\n- 3 writes are lost\n', markdown: '' },
    offers: ['approve', 'reject', 'abort'],
    withheld: { retry: 'nothing has failed', rollback: 'nothing was done' },
    sinceMs: NOW - 5_000,
    rollingBack: false,
    takesBack: [],
  },
})

describe('a run as lines', () => {
  test('shows what is asked in full, and how to answer', () => {
    expect(renderView(asking, options).slice(2)).toEqual([
      '  ? lose three writes                                        waits for an answer',
      '',
      'lose three writes',
      'The snapshot is **old**.',
      '',
      '- 3 writes are lost',
      '',
      'It waits for an approval since 5.0 s:',
      '  quorate approve kfwtz  say yes, and go on; --comment TEXT is kept with it',
      '  quorate reject kfwtz   say no: the step fails with your --comment TEXT',
      '  quorate abort kfwtz    end here and leave everything as it is',
      '  Not rollback: nothing was done',
    ])
  })

  test('shows each step with its mark, time and progress', () => {
    expect(renderView(running, options)).toEqual([
      'etcd-migrate-node-demo-kfwtz',
      'Move a member to another host  running  12.3 s',
      '  ✔ look at every member                                        0.8 s',
      '  · hand leadership over                                        not needed',
      '  ● a group                                                     2.0 s',
      '    ● etcd-1: copy the data                            1.5 s  copying, attempt 2',
      '      ██████████░░░░░░░░░░░░░░░░░░░░   33 %  1 MiB of 3 MiB',
      '    ○ etcd-1: stop etcd',
    ])
  })

  test('shows all that is under way at the same time, and what each action says', () => {
    const both = snapshot(
      {
        phase: 'running',
        steps: [
          step('at the same time', 'running', { startedMs: NOW - 2_000 }),
          step('h1: stage etcd', 'running', { startedMs: NOW - 2_000, depth: 1 }),
          step('h2: stage etcd', 'running', { startedMs: NOW - 1_000, depth: 1 }),
        ],
      },
      {},
      {
        progress: [
          { action: 'binary.stage', attempt: 1, text: 'copying' },
          { action: 'binary.stage', attempt: 1, done: 1, total: 4 },
          { action: 'look', attempt: 1 },
        ],
      },
    )
    expect(renderView(both, options).slice(2)).toEqual([
      '  ● at the same time                                            2.0 s',
      '    ● h1: stage etcd                                            2.0 s',
      '    ● h2: stage etcd                                            1.0 s',
      '      binary.stage: copying',
      '      binary.stage: ████████░░░░░░░░░░░░░░░░░░░░░░   25 %  1 of 4',
    ])
  })

  test('says what it waits for, what may be decided and with which commands', () => {
    expect(renderView(waiting, options).slice(2)).toEqual([
      '  ✖ etcd-1: stop etcd                                       failed, waits  0.9 s',
      '',
      'etcd-1: stop etcd may or may not have taken effect: the connection broke',
      'It waits for a decision since 5.0 s:',
      '  quorate retry kfwtz     try the step again',
      '  quorate rollback kfwtz  take back, in this order: etcd-1: start etcd on h1',
      '                          again; h1: enable etcd',
      '  quorate abort kfwtz     end here and leave everything as it is',
      '  Not skip: the runbook does not allow it',
    ])
  })

  const situations = [
    {
      why: 'paused by somebody',
      run: snapshot(
        { phase: 'paused', steps: [] },
        { paused: { by: 'bob', reason: 'lunch', sinceMs: NOW - 60_000 } },
      ),
      says: 'Paused by bob since 1 min 00 s: lunch',
    },
    {
      why: 'queued behind another run',
      run: snapshot(
        { phase: 'queued', steps: [] },
        {
          queuedBehind: {
            cluster: 'demo',
            run: 'other-run',
            key: 'k',
            runbook: 'r',
            by: 'eve',
            sinceMs: NOW - 3_000,
            running: true,
          },
        },
      ),
      says: 'Waits for the lock of demo: other-run of eve holds it since 3.0 s.',
    },
    {
      why: 'no worker',
      run: { ...snapshot({ phase: 'running', steps: [] }), status: undefined },
      says: 'No worker answers',
    },
    {
      why: 'asked to cancel',
      run: snapshot({ phase: 'running', steps: [] }, { cancelRequested: true }),
      says: 'Asked to cancel',
    },
    {
      why: 'over and failed',
      run: snapshot(
        { phase: 'aborted', steps: [] },
        {},
        { open: false, ending: { phase: 'aborted', type: 'RunAborted', message: 'Aborted by bob.' } },
      ),
      says: 'Aborted by bob.',
    },
  ]
  test('a run that says it is over, and is not closed yet, lacks no worker', () => {
    const { status: _asked, ...closing } = snapshot({ phase: 'done', steps: [] })
    expect(renderView(closing, options).join('\n')).not.toContain('No worker answers')
    expect(lineWriter()(closing, options)).toEqual([expect.stringContaining(closing.id)])
  })

  test.each(situations)('$why', ({ run: { status, ...rest }, says }) => {
    const run = status === undefined ? rest : { ...rest, status }
    expect(renderView(run, options).join('\n')).toContain(says)
  })

  test('says that Temporal does not answer, and since when', () => {
    expect(renderView(running, { ...options, unreachableSinceMs: NOW - 4_000 }).at(-1)).toBe(
      'Temporal does not answer since 4.0 s; trying again …',
    )
  })

  test.each([20, 40, 80, 200])('fits into %i columns', (columns) => {
    for (const run of [running, waiting]) {
      const steps = renderView(run, { ...options, columns }).filter((line) => /[✔●○✖·]/.test(line))
      steps.forEach((line) => expect(line.length).toBeLessThanOrEqual(Math.max(columns, 20)))
    }
  })

  test('keeps what happens now in view when there are more steps than rows', () => {
    const steps = Array.from({ length: 60 }, (_, i) =>
      step(`step ${i}`, i < 30 ? 'done' : i === 30 ? 'running' : 'pending'),
    )
    const lines = renderView(snapshot({ phase: 'running', steps }), { ...options, rows: 20 })
    expect(lines.length).toBeLessThan(20)
    expect(lines.join('\n')).toContain('● step 30')
    expect(lines.join('\n')).toMatch(/… \d+ before[^]*… \d+ more/)
  })

  test('colours only when asked to', () => {
    expect(renderView(waiting, options).join('')).not.toContain('\u001b')
    expect(renderView(waiting, { ...options, colour: true }).join('')).toContain('\u001b[31m✖\u001b[39m')
  })

  test('never lets a text from a host move the cursor', () => {
    const hostile = snapshot({
      phase: 'running',
      steps: [step('x\u001b[2J\r\ny', 'running', { note: '\u0007\u001b]0;t' })],
    })
    expect(renderView(hostile, options).join('')).not.toMatch(/\p{C}/u)
  })
})

describe('a run as lines of a log', () => {
  test('says each thing once', () => {
    const lines = lineWriter()
    expect(lines(running, options)).toEqual([
      'etcd-migrate-node-demo-kfwtz',
      '  ✔ look at every member                                        0.8 s',
      '  · hand leadership over                                        not needed',
    ])
    expect(lines(running, options)).toEqual([])
    expect(lines(running, { ...options, now: NOW + 2_000 })).toEqual([
      '  ● a group                                                     4.0 s',
      '    ● etcd-1: copy the data                                     3.5 s',
    ])
    expect(lines(waiting, options)).toContain('It waits for a decision since 5.0 s:')
    expect(lines(waiting, options)).toEqual([])
  })
})

test('a wait says how long it has been going on, and of how long', () => {
  const wait = step('wait 5m', 'running', { startedMs: NOW - 12_000, untilMs: NOW + 288_000 })
  const lines = renderView(snapshot({ phase: 'running', steps: [wait] }), options)
  expect(lines.find((line) => line.includes('wait 5m'))).toMatch(/● wait 5m\s+12\.0 s of 5 min 00 s$/)
})

test('outputs that are lists of texts are read line by line, tables as they are', () => {
  const outputs = {
    summary: 'all is  well',
    hosts: [
      'host   member',
      'h1     etcd-1  a table that is wider than the screen, and is not broken for all that: its',
    ],
    advice: [
      'h1 does not answer over SSH, so that no runbook can act on it: nobody listens there, or a firewall is before it.',
      'Another\nthing \u001b[2J.',
    ],
    problems: [],
    moved: { 'etcd-1': 'h4' },
  }
  const view: RunView = { phase: 'done', steps: [] }
  const steps = { done: 1, skipped: 0, notNeeded: 0, failed: 0 }
  const result = { outputs, steps, runbook: 'etcd-inspect', hash: 'h', startedMs: 0, endedMs: 1 }
  const run = snapshot(view, {}, { open: false, ending: { phase: 'done', result } })
  expect(renderView(run, options).slice(2)).toEqual([
    '',
    '  summary   all is well',
    '  hosts',
    '    host   member',
    '    h1     etcd-1  a table that is wider than the screen, and is not broken for all that: its',
    '  advice',
    '    h1 does not answer over SSH, so that no runbook can act on it: nobody',
    '      listens there, or a firewall is before it.',
    '    Another thing  [2J.',
    '  problems  none',
    '  moved     {"etcd-1":"h4"}',
  ])
})
