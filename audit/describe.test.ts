import { expect, test } from '@jest/globals'
import { describe as line } from './describe.ts'
import { type AuditEvent, eventNames } from './event.ts'

const nothing = { bytes: 0, sha256: '', head: '', tail: '' }
const command = { kind: 'exec', argv: ['systemctl', 'restart', 'etcd'], ms: 412, stdout: nothing }
const ended = { outputs: {}, startedMs: 0, endedMs: 200_000 }

const rows: readonly (readonly [AuditEvent['name'], unknown, string])[] = [
  [
    'run.began',
    { by: 'anna', runbook: 'etcd-recover', cluster: 'prod', reason: 'two\nmembers lost' },
    'anna asked for etcd-recover on prod: two members lost',
  ],
  [
    'run.refused',
    { by: 'anna', runbook: 'etcd-recovr', inputs: {}, reason: 'disk full' },
    'anna asked for etcd-recovr, which could not begin: disk full',
  ],
  ['run.ended', { ...ended, outcome: 'done', message: '' }, 'the run ended: done (3 min 20 s)'],
  [
    'run.ended',
    { ...ended, outcome: 'rolledBack', message: 'No quorum' },
    'the run ended: rolled back (3 min 20 s): No quorum',
  ],
  ['run.cancelAsked', { entry: {} }, 'somebody asked Temporal to cancel the run'],
  [
    'run.planned',
    { plan: 'ab'.repeat(32), fingerprint: {} },
    'carries out the plan abababababab on the cluster as it was then',
  ],
  ['run.measured', { availability: {} }, `the cluster's availability was measured`],
  ['action.begun', { effect: 'disrupt', with: {}, undo: false }, 'etcd.remove begins (disrupt)'],
  [
    'action.begun',
    { effect: 'read', with: {}, undo: true, gate: 'healthy' },
    'takes back with etcd.remove begins (read), until healthy',
  ],
  ['action.found', { output: {}, ms: 30 }, 'etcd.remove: it was so already (0.0 s)'],
  ['action.done', { output: {}, ms: 12_400, polls: 3 }, 'etcd.remove is done (12 s, asked 3 times)'],
  ['action.failed', { message: 'no', ms: 900 }, 'etcd.remove failed (0.9 s): no'],
  ['action.unknown', { message: 'link lost', ms: 900 }, 'etcd.remove may have happened (0.9 s): link lost'],
  [
    'action.refused',
    { message: 'no quorum', ms: 9, guard: 'quorum' },
    'etcd.remove was refused by quorum: no quorum',
  ],
  ['action.cancelled', { message: 'stopped', ms: 900 }, 'etcd.remove was cancelled (0.9 s): stopped'],
  ['guard.passed', { asked: {} }, 'the guard let it pass'],
  [
    'guard.overridden',
    { guard: 'quorum', refusal: 'two are down', by: 'ben', comment: 'I know', reason: 'r' },
    'ben let it pass the guard "quorum": I know; it had said: two are down',
  ],
  ['command.begun', { ...command, kind: 'job' }, 'runs job systemctl restart etcd'],
  [
    'command.begun',
    { ...command, argv: ['sh', '-c', 'set -e\nexit 0', 'stop', 'it is'] },
    "runs sh -c '(script, 2 lines)' stop 'it is'",
  ],
  [
    'command.done',
    { ...command, code: 0, stderr: { ...nothing, head: 'warn' } },
    'systemctl restart etcd ended with 0 (0.4 s)',
  ],
  [
    'command.failed',
    { ...command, code: 1, stderr: { ...nothing, head: 'a\n', tail: 'b\nUnit not found.\n' } },
    'systemctl restart etcd ended with 1 (0.4 s): Unit not found.',
  ],
  [
    'command.failed',
    { ...command, signal: 'KILL', stderr: nothing },
    'systemctl restart etcd was ended by KILL (0.4 s)',
  ],
  [
    'command.failed',
    { ...command, error: 'no such host', stderr: nothing },
    'systemctl restart etcd was not run (0.4 s): no such host',
  ],
  [
    'command.unknown',
    { ...command, error: 'link lost', stderr: nothing },
    'systemctl restart etcd may have run (0.4 s): link lost',
  ],
  ['etcd.begun', { call: 'MemberRemove', request: {} }, 'asks etcd: MemberRemove'],
  ['etcd.done', { call: 'MemberRemove', ms: 20 }, 'etcd did MemberRemove (0.0 s)'],
  [
    'etcd.failed',
    { call: 'MemberRemove', ms: 20, message: 'not found' },
    'etcd did not do MemberRemove (0.0 s): not found',
  ],
  [
    'etcd.unknown',
    { call: 'MemberRemove', ms: 20, message: 'no answer' },
    'etcd may have done MemberRemove (0.0 s): no answer',
  ],
  [
    'person.asked',
    { entry: { summary: 'Remove etcd-3', message: 'It is down' } },
    'asks: Remove etcd-3: It is down',
  ],
  ['person.decided', { entry: { by: 'ben', decision: 'approve', comment: 'go' } }, 'ben decided approve: go'],
  [
    'person.refused',
    { entry: { by: 'ben', decision: 'approve', why: 'not yours' } },
    'ben tried approve: not yours',
  ],
  ['person.unanswered', { entry: { message: 'after 1 h' } }, 'nobody answered in time: after 1 h'],
  ['person.decided', { entry: null }, 'somebody decided'],
  [
    'history.copied',
    {
      status: 'FAILED',
      executions: [
        { runId: 'x', events: 40, blob: 'y' },
        { runId: 'z', events: 2, blob: 'y' },
      ],
    },
    `Temporal's history was copied: FAILED, 42 events in 2 executions`,
  ],
  [
    'record.bypassed',
    { reason: 'the fire first', failure: 'the disk is full', held: 1 },
    'went on without the record (the fire first), because the disk is full; held back meanwhile: 1 event',
  ],
]

test.each(rows)('%s %j', (name, data, expected) => {
  const event = { v: 1, seq: 1, run: 'r', workflow: 'w', id: 'i', at: '', name, action: 'etcd.remove', data }
  expect(line(event as unknown as AuditEvent)).toBe(expected)
})

test('every event has a line', () => {
  expect(new Set(rows.map(([name]) => name))).toEqual(new Set(eventNames))
})

test('it says where, and that it was tried before', () => {
  const event = {
    v: 1,
    seq: 1,
    run: 'r',
    workflow: 'w',
    id: 'i',
    at: '',
    name: 'guard.passed',
    data: { asked: {} },
  }
  expect(line({ ...event, step: 'stop[2]', host: 'etcd-2', attempt: 3 } as unknown as AuditEvent)).toBe(
    'stop[2] etcd-2: the guard let it pass [attempt 3]',
  )
})
