import { createHash } from 'node:crypto'
import type { Json } from '../../dsl/program.ts'
import { entriesOf } from './lines.ts'
import type { AuditEvent, EventData, EventName, Output, RunOutcome } from '../event.ts'

/** Events of runs that look like real ones: for tests, and for looking at reports without a cluster. */

/** What the events refer to by digest: a program, and a history. */
export const sampleBlobs = ['{"name":"sample"}', '{"events":[]}'] as const

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

type Place = Partial<Pick<AuditEvent, 'step' | 'summary' | 'action' | 'host' | 'attempt'>>

/** Writes one event after the other, some time apart. */
export function storyOf(run: string, workflow: string, fromMs: number) {
  const events: AuditEvent[] = []
  let now = fromMs
  return {
    events,
    nowMs: () => now,
    pass(ms: number): void {
      now += ms
    },
    tell<Name extends EventName>(name: Name, place: Place, data: EventData[Name]): void {
      const seq = events.length + 1
      const event = {
        v: 1,
        run,
        workflow,
        id: `e${seq}`,
        seq,
        at: new Date(now).toISOString(),
        name,
        ...place,
        data,
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the name and its data belong together
      events.push(event as unknown as AuditEvent)
    },
  }
}

export type Story = ReturnType<typeof storyOf>

export const printed = (text: string): Output => ({
  bytes: Buffer.byteLength(text),
  sha256: digestOf(text),
  head: text,
  tail: '',
})

interface Ran {
  readonly host: string
  readonly argv: readonly string[]
  readonly ms?: number
  readonly code?: number
  readonly stdout?: string
  readonly stderr?: string
}

export function command(
  story: Story,
  place: Place,
  { host, argv, ms = 40, code = 0, stdout = '', stderr = '' }: Ran,
): void {
  const at = { ...place, host }
  story.tell('command.begun', at, { kind: 'job', argv, key: `${place.step ?? ''}-1` })
  story.pass(ms)
  story.tell(code === 0 ? 'command.done' : 'command.failed', at, {
    ...{ kind: 'job', argv, key: `${place.step ?? ''}-1`, ms, code },
    ...{ stdout: printed(stdout), stderr: printed(stderr) },
  })
}

type Effect = EventData['action.begun']['effect']

export function action(story: Story, place: Place, effect: Effect, body: () => Json, ms = 200): void {
  story.tell('action.begun', place, { effect, with: { cluster: 'demo' }, undo: false })
  const from = story.nowMs()
  const output = body()
  story.pass(ms)
  story.tell('action.done', place, { output, ms: story.nowMs() - from })
}

interface Seen {
  readonly host: string
  readonly leads?: boolean
  readonly learner?: boolean
  readonly down?: string
}

/** As `etcd.inspect` gives it, what reports look at. */
export function inspection(members: Readonly<Record<string, Seen>>): Json {
  const all = Object.entries(members)
  const voters = all.filter(([, { learner = false }]) => !learner)
  const quorum = Math.floor(voters.length / 2) + 1
  const up = voters.filter(([, { down }]) => down === undefined).length
  return {
    ...{
      clusterId: 'cdf818194e3a8c32',
      voters: voters.length,
      quorum,
      margin: up - quorum,
      version: '3.6.16',
    },
    members: all.map(([name, { host, leads = false, learner = false, down = '' }]) => ({
      ...{ name, host, reachable: down === '', healthy: down === '', why: down },
      ...{ isLeader: leads, isLearner: learner, version: '3.6.16', lag: down === '' ? 0 : 2_147_483_647 },
    })),
  }
}

const lost = 'dial tcp 10.40.0.12:2379: connect: no route to host'

/** A member is replaced: a start fails, a worker dies, two people decide, and in the end all is well. */
export function replacedMember(
  run = 'run-0001',
  fromMs = Date.UTC(2026, 2, 3, 3, 12, 5),
): readonly AuditEvent[] {
  const story = storyOf(run, 'etcd-replace-member-demo-0303', fromMs)
  const { tell, pass } = story
  tell('run.began', {}, beganOf('etcd-replace-member', 'Replace a member that is gone', 'demo', 'ada@ops-1'))
  pass(300)
  const [two, three] = [{ host: 'h1', leads: true }, { host: 'h3' }]
  action(story, { step: 'before', action: 'etcd.inspect' }, 'read', () => {
    for (const host of ['h1', 'h2', 'h3']) look(story, 'before', host, host === 'h2' ? 3000 : 4)
    return inspection({ 'etcd-1': two, 'etcd-2': { host: 'h2', down: lost }, 'etcd-3': three })
  })
  const ask = { ask: 1, step: 'consent', summary: 'Replace etcd-2 by a member on h4' }
  said(story, 'person.asked', {
    ...{
      kind: 'asked',
      number: 1,
      ...ask,
      what: 'approval',
      offers: ['approve', 'reject'],
      by: ['operator'],
    },
    message:
      'Replace **etcd-2** (h2, not seen since 02:58) by a new member on h4. The margin is 0 until it is in.',
  })
  pass(94_000)
  said(story, 'person.refused', {
    ...{
      kind: 'decision',
      number: 2,
      decision: 'approve',
      outcome: 'refused',
      by: 'eve',
      door: 'temporal',
      update: 'u1',
    },
    ...{ why: 'eve is not an operator.', comment: '', ask: 1, step: 'consent', identity: '4711@laptop-eve' },
  })
  pass(21_000)
  said(story, 'person.decided', {
    ...{
      kind: 'decision',
      number: 3,
      decision: 'approve',
      outcome: 'accepted',
      by: 'grace',
      door: 'cli',
      update: 'u2',
    },
    ...{
      comment: 'h2 burnt its board, it is not coming back',
      ask: 1,
      step: 'consent',
      identity: '99@ops-1',
    },
  })
  pass(500)
  tell(
    'guard.passed',
    { step: 'swap/remove', action: 'etcd.member.remove' },
    { asked: { cluster: 'demo', without: 'etcd-2' } },
  )
  const leave = { step: 'swap/remove', summary: 'etcd-2: remove it', action: 'etcd.member.remove' }
  action(story, leave, 'disrupt', () => {
    const at = { step: 'swap/remove', action: 'etcd.member.remove', host: 'h1' }
    tell('etcd.begun', at, { call: 'MemberRemove', request: { ID: '8e9e05c52164694d' } })
    pass(38)
    tell('etcd.done', at, { call: 'MemberRemove', ms: 37 })
    return { removed: 'etcd-2', voters: 2, quorum: 2, margin: 0 }
  })
  const stage = { step: 'swap/stage', action: 'etcd.binary.install' }
  tell(
    'action.begun',
    { ...stage, attempt: 1 },
    { effect: 'change', with: { host: 'h4', version: '3.6.16' }, undo: false },
  )
  pass(900)
  tell('command.begun', { ...stage, host: 'h4', attempt: 1 }, { kind: 'job', argv: install, key: 'stage-1' })
  pass(14_000)
  tell(
    'action.begun',
    { ...stage, attempt: 2 },
    { effect: 'change', with: { host: 'h4', version: '3.6.16' }, undo: false },
  )
  pass(50)
  command(
    story,
    { ...stage, attempt: 2 },
    { host: 'h4', argv: install, ms: 1800, stdout: 'etcd Version: 3.6.16\n' },
  )
  tell('action.done', { ...stage, attempt: 2 }, { output: { version: '3.6.16' }, ms: 1900 })
  const start = { step: 'swap/start', summary: 'h4: start etcd', action: 'service.start' }
  tell('action.begun', start, { effect: 'change', with: { host: 'h4' }, undo: false })
  command(story, start, {
    host: 'h4',
    argv: ['systemctl', 'start', 'etcd'],
    ms: 2300,
    code: 1,
    stderr: failure,
  })
  tell('action.failed', start, {
    message:
      'systemctl start etcd ended with 1 on h4: member 7c2f… could not bind 10.40.0.14:2380. Nothing else was changed.',
    ms: 2340,
  })
  const again = { ask: 2, step: 'swap/start', summary: 'h4: start etcd' }
  said(story, 'person.asked', {
    ...{ kind: 'asked', number: 4, ...again, what: 'failed', offers: ['retry', 'rollback', 'abort'] },
    message: 'systemctl start etcd ended with 1 on h4.',
  })
  pass(1_260_000)
  said(story, 'person.decided', {
    ...{
      kind: 'decision',
      number: 5,
      decision: 'retry',
      outcome: 'accepted',
      by: 'ada@ops-1',
      door: 'chat:matrix',
      update: 'u3',
    },
    ...{ comment: 'an old etcd held the port, stopped it', ask: 2, step: 'swap/start' },
  })
  pass(400)
  action(story, start, 'change', () => {
    command(story, start, { host: 'h4', argv: ['systemctl', 'start', 'etcd'], ms: 1100 })
    return { active: true }
  })
  action(story, { step: 'swap/promote', action: 'etcd.member.promote' }, 'change', () => {
    const at = { step: 'swap/promote', action: 'etcd.member.promote', host: 'h1' }
    for (let poll = 0; poll < 4; poll += 1) {
      tell('etcd.begun', at, { call: 'MemberPromote', request: { ID: '7c2f1d0b8f5e9a33' } })
      pass(400)
      if (poll < 3)
        tell('etcd.failed', at, {
          call: 'MemberPromote',
          message: 'learner is not in sync with the leader',
          ms: 12,
        })
      else tell('etcd.done', at, { call: 'MemberPromote', ms: 14 })
      pass(600)
    }
    return { promoted: 'etcd-4' }
  })
  action(story, { step: 'after', action: 'etcd.inspect' }, 'read', () => {
    for (const host of ['h1', 'h3', 'h4']) look(story, 'after', host, 5)
    return inspection({ 'etcd-1': two, 'etcd-3': three, 'etcd-4': { host: 'h4' } })
  })
  ended(story, fromMs, 'done', '')
  tell(
    'history.copied',
    {},
    { status: 'COMPLETED', executions: [{ runId: run, events: 214, blob: digestOf(sampleBlobs[1]) }] },
  )
  return story.events
}

const install = ['install', '-m', '0755', '/var/cache/quorate/etcd-3.6.16/etcd', '/usr/local/bin/etcd']
const failure = [
  '{"level":"fatal","msg":"discovery failed","error":"listen tcp 10.40.0.14:2380: bind: address already in use"}',
  'Job for etcd.service failed because the control process exited with error code.',
  'See "systemctl status etcd.service" and "journalctl -xeu etcd.service" for details.',
  '',
].join('\n')

export function look(story: Story, step: string, host: string, ms: number): void {
  const at = { step, action: 'etcd.inspect', host }
  story.tell('etcd.begun', at, { call: 'Status', request: {} })
  story.pass(ms)
  if (ms < 3000) story.tell('etcd.done', at, { call: 'Status', ms })
  else story.tell('etcd.failed', at, { call: 'Status', message: lost, ms })
}

export const beganOf = (
  runbook: string,
  title: string,
  cluster: string,
  by: string,
): EventData['run.began'] => ({
  ...{ runbook, title, cluster, by, hash: 'a3f0c1d2'.repeat(8), program: digestOf(sampleBlobs[0]) },
  inputs: { cluster, member: 'etcd-2', host: 'h4', soak: 10_000 },
  reason: 'h2 does not come back after the power cut',
  policy: { roles: { operator: ['ada', 'grace'] } },
})

export function said(
  story: Story,
  name: `person.${'asked' | 'decided' | 'refused' | 'unanswered'}`,
  entry: Json,
): void {
  const at = new Date(story.nowMs()).toISOString()
  story.tell(name, {}, { entry: { ...Object.fromEntries(entriesOf(entry)), at } })
}

export function ended(story: Story, startedMs: number, outcome: RunOutcome, message: string): void {
  const endedMs = story.nowMs()
  story.tell(
    'run.ended',
    {},
    {
      ...{ outcome, message, startedMs, endedMs },
      outputs: outcome === 'done' ? { version: '3.6.16', margin: 1 } : {},
      availability: {
        ...{ cluster: 'demo', sinceMs: startedMs, untilMs: endedMs, notMeasuredMs: 900 },
        writes: {
          ...{
            acknowledged: 11_873,
            failed: { noAnswerInTime: 2 },
            firstMs: startedMs + 240,
            longestGapMs: 1340,
          },
          ...{ longestGapAtMs: startedMs + 119_000, longestGapDuring: 'swap/remove', unavailableMs: 1340 },
        },
        reads: {
          acknowledged: 12_001,
          failed: {},
          firstMs: startedMs + 230,
          longestGapMs: 88,
          unavailableMs: 0,
        },
      },
    },
  )
}
