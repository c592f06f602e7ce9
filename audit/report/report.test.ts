import { describe, expect, test } from '@jest/globals'
import type { AuditEvent } from '../event.ts'
import { everything, readReport, reportBuilder } from './build.ts'
import type { Report } from './model.ts'
import {
  action,
  beganOf,
  command,
  ended,
  inspection,
  replacedMember,
  said,
  storyOf,
  type Story,
} from './sample.ts'

function reportOn(events: readonly AuditEvent[], limits = everything): Report {
  const builder = reportBuilder(limits)
  for (const event of events) builder.add(event)
  const report = builder.report()
  if (report === undefined) throw new Error('no event')
  return report
}

/** A run around what is told of it. */
function reportOf(tell: (story: Story) => void, outcome?: Parameters<typeof ended>[2]): Report {
  const story = storyOf('r', 'w', Date.UTC(2026, 0, 1))
  story.tell('run.began', {}, beganOf('etcd-defrag', 'Defragment', 'demo', 'ada'))
  tell(story)
  if (outcome !== undefined)
    ended(story, Date.UTC(2026, 0, 1), outcome, outcome === 'done' ? '' : 'It ended so.')
  return reportOn(story.events)
}

const failed = (story: Story, step: string, message: string) => {
  story.tell('action.begun', { step, action: 'a' }, { effect: 'change', with: {}, undo: false })
  story.pass(10)
  story.tell('action.failed', { step, action: 'a' }, { message, ms: 10 })
  story.pass(10)
}

test('nothing on record, no report', () => {
  expect(reportBuilder().report()).toBeUndefined()
})

describe('the report on a member that was replaced', () => {
  const report = reportOn(replacedMember())
  const step = (name: string) => report.steps.find((one) => one.step === name)

  test('answers what was asked, by whom, and what came of it', () => {
    expect(report.answer).toMatchObject({
      ...{
        runbook: 'etcd-replace-member',
        by: 'ada@ops-1',
        cluster: 'demo',
        outcome: 'done',
        cancelAsked: false,
      },
      lost: [],
      availability: { writes: { longestGapMs: 1340, longestGapDuring: 'swap/remove' } },
    })
  })
  test('names its steps as people read them', () => {
    expect([step('swap/start')?.summary, step('before')?.summary]).toEqual(['h4: start etcd', undefined])
    expect(report.troubles[0]).toMatchObject({ step: 'swap/start', summary: 'h4: start etcd' })
  })
  test('has commands and calls under their tries, with what came of each', () => {
    expect(
      step('swap/start')?.tries.map(({ status, calls }) => [
        status,
        calls.map((call) => [call.host, call.code]),
      ]),
    ).toEqual([
      ['failed', [['h4', 1]]],
      ['done', [['h4', 0]]],
    ])
    expect(step('swap/promote')?.tries[0]?.calls.map(({ call, status }) => `${call} ${status}`)).toEqual([
      ...Array.from({ length: 3 }, () => 'MemberPromote failed'),
      'MemberPromote done',
    ])
    expect(report.counts).toEqual({ events: replacedMember().length, commands: 4, etcdCalls: 11 })
  })
  test('says which attempt took over from a worker that died, and takes what it found for the end', () => {
    expect(report.repeated).toMatchObject([{ step: 'swap/stage', attempt: 2 }])
    expect(step('swap/stage')?.tries.map(({ attempt, status }) => [attempt, status])).toEqual([
      [1, 'repeated'],
      [2, 'done'],
    ])
    expect(report.unfinished).toEqual([])
  })
  test('joins a failure with what was decided about it', () => {
    expect(report.troubles).toMatchObject([
      {
        ...{ step: 'swap/start', status: 'failed', last: false, later: 'done' },
        decided: 'retry by ada@ops-1: an old etcd held the port, stopped it',
      },
    ])
    expect(report.decisions).toMatchObject([
      {
        ask: 1,
        step: 'consent',
        roles: ['operator'],
        answers: [
          { by: 'eve', accepted: false },
          { by: 'grace', accepted: true },
        ],
      },
      { ask: 2, step: 'swap/start', answers: [{ by: 'ada@ops-1', door: 'chat:matrix' }] },
    ])
    const [consent] = report.decisions
    expect((consent?.settledMs ?? 0) - (consent?.askedMs ?? 0)).toBe(115_000)
  })
  test('follows the margin and the membership', () => {
    expect(report.margin.map(({ step: by, margin, voters }) => [by, margin, voters])).toEqual([
      ['before', 0, 3],
      ['swap/remove', 0, 2],
      ['after', 1, 3],
    ])
    expect(report.cluster?.differences).toEqual([
      { kind: 'removed', member: 'etcd-2', what: ['on h2'] },
      { kind: 'added', member: 'etcd-4', what: ['on h4'] },
    ])
    expect(report.guards).toMatchObject([{ verdict: 'passed', step: 'swap/remove' }])
  })
})

describe('how a run ends', () => {
  test('without an end on record it is open, and lasts until its last event', () => {
    const { answer } = reportOf((story) => {
      story.pass(5000)
      failed(story, 'one', 'no')
    })
    expect(answer).toMatchObject({ outcome: 'open', endedMs: Date.UTC(2026, 0, 1) + 5010 })
    expect(answer.outputs).toBeUndefined()
  })
  test.each(['failed', 'aborted', 'rolledBack', 'terminated'] as const)(
    'when it %s, the last step that nothing made good comes first',
    (outcome) => {
      const { troubles } = reportOf((story) => {
        failed(story, 'one', 'first')
        failed(story, 'two', 'passes later')
        action(story, { step: 'two', action: 'a' }, 'change', () => ({}))
        failed(story, 'three', 'third')
      }, outcome)
      expect(troubles.map(({ step, last }) => [step, last])).toEqual([
        ['three', true],
        ['one', false],
        ['two', false],
      ])
    },
  )
  test('when it is done, nothing is what it ended with', () => {
    const { troubles } = reportOf((story) => failed(story, 'one', 'skipped'), 'done')
    expect(troubles).toMatchObject([{ step: 'one', last: false }])
  })
})

describe('what was lost', () => {
  const lost = (tell: (story: Story) => void) =>
    reportOf((story) => {
      tell(story)
    }).answer.lost
  test('is nothing when nothing is said of it', () => {
    expect(lost(() => {})).toEqual([])
  })
  test('is what a runbook gives as outputs that are named so', () => {
    const story = storyOf('r', 'w', 0)
    story.tell(
      'run.ended',
      {},
      {
        ...{ outcome: 'done', message: '', startedMs: 0, endedMs: 1 },
        outputs: { lost: 'the last 4 s', lostRevisions: 12, lostAfterRevision: 0, lossless: 'x', lostest: 1 },
      },
    )
    expect(reportOn(story.events).answer.lost).toEqual(['the last 4 s', 'lostRevisions: 12'])
  })
  test('may be what was destroyed, and what is not known', () => {
    expect(
      lost((story) => {
        action(story, { step: 'wipe', action: 'dir.purge' }, 'destroy', () => ({}))
        story.tell(
          'action.begun',
          { step: 'move', action: 'dir.move' },
          { effect: 'change', with: {}, undo: false },
        )
        story.tell(
          'action.begun',
          { step: 'see', action: 'dir.list' },
          { effect: 'read', with: {}, undo: false },
        )
      }),
    ).toEqual([
      'wipe (dir.purge) has destroyed what it was asked to.',
      'It is not known whether move (dir.move) took effect.',
    ])
  })
})

describe('what cannot be told', () => {
  test('a command without an end is unfinished, whatever became of its step', () => {
    const { unfinished } = reportOf((story) => {
      story.tell('command.begun', { step: 'one', host: 'h1' }, { kind: 'exec', argv: ['rm', '-r', 'x'] })
      story.tell('action.unknown', { step: 'one', action: 'a' }, { message: 'the link was cut', ms: 1 })
    })
    expect(unfinished).toMatchObject([{ host: 'h1', what: 'rm -r x' }])
    expect(unfinished).toHaveLength(1)
  })
  test('an end without a beginning is shown by itself', () => {
    const { steps } = reportOf((story) => {
      story.tell(
        'command.failed',
        { step: 'one', action: 'a', host: 'h1' },
        {
          ...{
            kind: 'exec',
            argv: ['true'],
            ms: 5,
            stdout: printedNothing,
            stderr: printedNothing,
            error: 'no link',
          },
        },
      )
    })
    expect(steps).toMatchObject([
      { step: 'one', tries: [{ calls: [{ status: 'failed', message: 'no link' }] }] },
    ])
  })
  test('of several commands alike, the first to begin is the first to end', () => {
    const { steps } = reportOf((story) => {
      const at = { step: 'one', action: 'a', host: 'h1' }
      const argv = ['true']
      for (const ms of [0, 5]) {
        story.pass(ms)
        story.tell('command.begun', at, { kind: 'exec', argv })
      }
      story.tell('command.done', at, {
        kind: 'exec',
        argv,
        ms: 5,
        stdout: printedNothing,
        stderr: printedNothing,
      })
    })
    expect(steps[0]?.tries[0]?.calls.map(({ status }) => status)).toEqual(['done', 'unfinished'])
  })
  test('where the record had a gap, it says so', () => {
    const { bypassed } = reportOf((story) =>
      story.tell(
        'record.bypassed',
        {},
        { reason: 'the disk of the record is full', failure: 'ENOSPC', held: 3 },
      ),
    )
    expect(bypassed).toMatchObject([{ held: 3, failure: 'ENOSPC' }])
  })
})

describe('people', () => {
  test('pausing asks nothing; nobody answering is an end, too', () => {
    const { decisions } = reportOf((story) => {
      said(story, 'person.decided', {
        ...{ kind: 'decision', number: 1, decision: 'pause', outcome: 'accepted', by: 'ada', door: 'cli' },
        ...{ comment: 'lunch', update: 'u' },
      })
      said(story, 'person.asked', {
        kind: 'asked',
        number: 2,
        ask: 1,
        step: 's',
        summary: 'Go on?',
        what: 'approval',
        message: 'm',
        offers: [],
      })
      story.pass(60_000)
      said(story, 'person.unanswered', { kind: 'expired', number: 3, ask: 1, message: 'Nobody answered.' })
    })
    expect(decisions).toMatchObject([
      { answers: [{ decision: 'pause', comment: 'lunch' }] },
      { ask: 1, unanswered: 'Nobody answered.', answers: [] },
    ])
  })
})

describe('a run that is too long', () => {
  const story = storyOf('r', 'w', 0)
  for (let one = 0; one < 300; one += 1) {
    const at = { step: `each[${one}]`, action: 'a' }
    action(story, at, 'read', () => {
      for (let two = 0; two < 3; two += 1) command(story, at, { host: 'h1', argv: ['id'], code: two })
      return inspection({ a: { host: 'h1', leads: true } })
    })
    if (one === 290) failed(story, at.step, 'no')
  }
  const report = reportOn(story.events, { steps: 10, calls: 40 })
  test('is cut, but for what did not go well; nothing is uncounted', () => {
    expect(report.steps.map(({ step }) => step)).toEqual([
      ...Array.from({ length: 10 }, (_, at) => `each[${at}]`),
      'each[290]',
    ])
    expect(report.stepsLeftOut).toBe(289)
    expect(report.steps.at(-1)?.tries.map(({ status, callsLeftOut }) => [status, callsLeftOut])).toEqual([
      ['done', 3],
      ['failed', 0],
    ])
    expect(report.counts.commands).toBe(900)
    expect(report.margin).toHaveLength(300)
  })
})

describe('what is under way', () => {
  const begin = (story: Story) =>
    story.tell('action.begun', { step: 'one', action: 'a' }, { effect: 'change', with: {}, undo: false })
  test('is no failure while the run goes on', () => {
    expect(reportOf(begin)).toMatchObject({ troubles: [], unfinished: [{ step: 'one', what: 'a' }] })
  })
  test('is what a run ended with that was ended by hand', () => {
    expect(reportOf(begin, 'terminated').troubles).toMatchObject([
      { step: 'one', status: 'unfinished', last: true },
    ])
  })
})

const printedNothing = { bytes: 0, sha256: '', head: '', tail: '' }

test('is read from a store event by event, with what verification said', async () => {
  const store = {
    async *events() {
      for (const event of replacedMember()) yield { event, text: '', hash: '' }
    },
  }
  const verification = { ok: true, events: 1, checkpoints: 1, signers: [], anchored: 0, wrong: [], notes: [] }
  const report = await readReport(store, 'run-0001', { verification })
  expect(report).toEqual({ ...reportOn(replacedMember()), verification })
})

describe('events as workers write them', () => {
  const idOf = (activity: string, place: number, name: string) => `look/${activity}.1/${place}/${name}`
  /** A look is put on record as a whole once it has ended, what it did before it. */
  function looks(): readonly AuditEvent[] {
    const story = storyOf('r', 'w', 0)
    for (const activity of ['7', '9']) {
      const at = { step: 'look', action: 'a', host: 'h1', attempt: 1 }
      const job = { kind: 'job', argv: ['etcdutl', 'hashkv'], key: 'k' } as const
      story.tell('command.begun', at, job)
      story.pass(20)
      story.tell('command.done', at, {
        ...{ ...job, ms: 20, code: 0, stdout: printedNothing, stderr: printedNothing },
      })
      story.tell('action.begun', at, { effect: 'read', with: { of: activity }, undo: false })
      story.tell('action.done', at, { output: {}, ms: 21, polls: 2 })
    }
    return story.events.map((event, seq) => ({
      ...{
        ...event,
        id: idOf(seq < 4 ? '7' : '9', seq < 4 ? (seq < 2 ? 2 : 1) : seq < 6 ? 2 : 1, event.name),
      },
      ...(event.name.startsWith('action.') ? { summary: 'h1: look' } : {}),
    }))
  }
  test('what a look did belongs to it, though it is on record before', () => {
    const { steps, unfinished, counts } = reportOn(looks())
    expect(steps).toMatchObject([
      {
        ...{ step: 'look', summary: 'h1: look', status: 'done' },
        tries: [
          { with: { of: '7' }, polls: 2, calls: [{ status: 'done', argv: ['etcdutl', 'hashkv'] }] },
          { with: { of: '9' }, polls: 2, calls: [{ status: 'done' }] },
        ],
      },
    ])
    expect(unfinished).toEqual([])
    expect(counts.commands).toBe(2)
  })
  test('an end that was held back and comes after the next attempt began finds its own', () => {
    const [begun, done, ...rest] = looks()
    if (begun === undefined || done === undefined) throw new Error('no events')
    const late = reportOn([begun, ...rest.slice(0, 2), ...rest.slice(2, 4), done, ...rest.slice(4)])
    expect(late.steps[0]?.tries.map(({ calls }) => calls.map(({ status }) => status))).toEqual([
      ['done'],
      ['done'],
    ])
  })
})
