import { type AuditEvent, type EventData, type EventName, eventNames } from './event.ts'

/** What each event means and what its data hold, for whoever reads a record. The compiler holds it to `event.ts`. */

type KeysOf<Value> = Value extends unknown ? keyof Value : never

interface Told<Name extends EventName> {
  readonly when: string
  readonly data: Readonly<Record<KeysOf<EventData[Name]>, string>>
}

const took = { ms: 'how long it took, milliseconds by the monotonic clock' }
const failed = { message: 'what a person was told' }
const polled = { polls: 'of a gate: how many times it was asked' }
const said = {
  entry: 'who, when, through which door, with which comment; as the query `evidence` of the run gives it',
}
const command = {
  kind: '`exec`, or `job`: one that goes on by itself and is never run twice',
  argv: 'as it was sent, redacted',
  key: "the job's: its directory on the host",
}
const output =
  '`bytes`, `sha256`, `head` and `tail` (all of it where that is short, else 2 KiB of each end; empty where it was what a cluster holds), `blob` (digest of the whole), `lost` (bytes that came before what is ever kept); redacted before it is counted'
const commandEnded = {
  ...{ ...command, ...took, stdout: output, stderr: 'the same' },
  ...{ code: 'exit code; missing where none came', signal: 'the one that ended it, as `KILL`' },
  error: 'why there is no good outcome',
}
const call = { call: "the call of etcd's API" }

const events: { readonly [Name in EventName]: Told<Name> } = {
  'run.began': {
    when: 'The runbook was loaded and its inputs were checked. What is in it is what was done from then on.',
    data: {
      ...{ runbook: 'name', title: 'title', hash: 'sha256 of the program' },
      program: 'digest of the blob with the program as canonical JSON',
      ...{ inputs: 'checked, with defaults', by: 'who asked', reason: 'why', cluster: 'whose lock it holds' },
      policy: 'who might decide, as it was then',
    },
  },
  'run.refused': {
    when: 'It was asked for and could not begin: an unknown runbook, wrong inputs.',
    data: {
      ...{ runbook: 'as it was asked for', inputs: 'as they were given', by: 'who asked', reason: 'why' },
    },
  },
  'run.ended': {
    when: 'The run is over, in whatever way.',
    data: {
      outcome: '`done`, `failed`, `aborted`, `rolledBack`, `cancelled`, `terminated`, `timedOut`',
      ...{ message: 'what a person was told; empty when it is done', outputs: "the runbook's" },
      ...{ startedMs: 'since 1970', endedMs: 'since 1970' },
      availability: 'where it was measured',
    },
  },
  'run.cancelAsked': { when: 'Somebody asked Temporal to cancel the run.', data: said },
  'run.planned': {
    when: 'It carries out a plan, and looked at the cluster before its first step.',
    data: { plan: 'sha256 of the plan', fingerprint: 'what the cluster was like' },
  },
  'run.measured': {
    when: 'The probe beside the run ended.',
    data: { availability: 'how long clients could not write or read' },
  },
  'action.begun': {
    when: 'Before an action with an effect does anything. Of a look it comes together with its end.',
    data: {
      effect: '`read`, `change`, `disrupt` or `destroy`',
      ...{ with: 'its input', undo: 'whether it is part of a rollback', gate: 'until when it is asked' },
    },
  },
  'action.found': {
    when: 'Its effect was there already; nothing was done.',
    data: { output: 'what it gave', ...took },
  },
  'action.done': {
    when: 'It came to its end; of a look, what was seen.',
    data: { output: 'what it gave', ...took, ...polled },
  },
  'action.failed': { when: 'It did not happen.', data: { ...failed, ...took, ...polled } },
  'action.unknown': { when: 'It may have happened.', data: { ...failed, ...took, ...polled } },
  'action.refused': {
    when: 'A guard or a check said no before anything was changed.',
    data: { ...failed, ...took, ...polled, guard: 'which guard' },
  },
  'action.cancelled': {
    when: 'It was called off, or its worker was stopped and another repeats it.',
    data: { ...failed, ...took, ...polled },
  },
  'guard.passed': {
    when: 'The guard looked for the last time before the effect.',
    data: { asked: 'which member was to go' },
  },
  'guard.overridden': {
    when: 'The guard said no, and a person lets that pass.',
    data: {
      ...{ guard: 'which', refusal: 'what it said', by: 'who approved', comment: 'with which words' },
      reason: 'why the run asked for it',
    },
  },
  'command.begun': { when: 'Before a command is sent that may change something.', data: command },
  'command.done': {
    when: 'It exited with 0. Of a command that only reads there is no `command.begun`.',
    data: commandEnded,
  },
  'command.failed': {
    when: 'It exited with something else, or was not run at all (then without a code).',
    data: commandEnded,
  },
  'command.unknown': { when: 'Its exit code never came.', data: commandEnded },
  'etcd.begun': {
    when: 'Before a call is sent that changes something.',
    data: { ...call, request: 'as it was sent, redacted; long values by their digest' },
  },
  'etcd.done': { when: 'It was answered.', data: { ...call, ...took } },
  'etcd.failed': { when: 'etcd refused it.', data: { ...call, ...failed, ...took } },
  'etcd.unknown': {
    when: 'No answer, or one that leaves it open: it may have been committed, now or later.',
    data: { ...call, ...failed, ...took },
  },
  'person.asked': { when: 'Something waits for a person.', data: said },
  'person.decided': { when: 'A person decided.', data: said },
  'person.refused': { when: 'A person wanted to decide and might not.', data: said },
  'person.unanswered': { when: 'Nobody answered in time.', data: said },
  'history.copied': {
    when: "The run's end: Temporal's history was copied.",
    data: {
      status: 'as Temporal says it',
      executions: 'for each, oldest first: `runId`, `events` (how many), `blob` (gzipped JSON)',
    },
  },
  'record.bypassed': {
    when: 'Effects were allowed though they could not be recorded first. What was held back follows.',
    data: {
      reason: 'as whoever set it said it',
      failure: 'why it could not be recorded',
      held: 'how many events follow',
    },
  },
}

const fields: Readonly<Record<KeysOf<AuditEvent>, string>> = {
  ...{ v: '1', run: "the run's key: the same over every continue-as-new", workflow: "the run's id" },
  seq: 'its place in the run, from 1 without gaps',
  id: 'the same whenever the same fact is written again; what was begun and what came of it differ in the last part',
  at: 'ISO, UTC, with milliseconds, by the clock of whoever wrote it',
  name: 'below',
  summary: 'of an action: what a person reads, `etcd-2: stop etcd on h2`',
  ...{ step: 'with the iterations it stands in: `move[etcd-1]/stop`', action: 'of the catalogue' },
  attempt: "Temporal's number: above 1 it repeats one whose worker died",
  ...{ host: 'of the inventory', data: 'below' },
}

export function eventsPage(): string {
  return [
    '# Events on record',
    'Made from `audit/events-page.ts` by `npm run docs`. `quorate audit show RUN --json` prints the events of a run, one JSON object a line, as they were hashed. Names and fields are added to, never changed.',
    'What is about to be done ends in `.begun` and is durable before it is done; what came of it has a name for each way it can end, and shares all of its `id` but the last part. A `.begun` without an end is where a worker died: what it began may have happened. The next attempt follows.',
    'What is secret stands there as `‹redacted NAME›`: values that the worker knows (passwords, tokens, private keys, addresses of channels; in base64, hex, URLs, JSON and shell quotes, too), and what looks like a secret. **Values below 6 characters are not looked for**, and a password that is a plain word hides that word wherever it stands: choose longer ones. An input that is typed stands in Temporal’s history before any worker sees it: give `env:NAME` or `file:PATH`.',
    '## Every event',
    table(['field', 'what'], Object.entries(fields)),
    ...eventNames.flatMap((name) => [
      `## ${name}`,
      events[name].when,
      table(['data', 'what'], Object.entries(events[name].data)),
    ]),
  ].join('\n\n')
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows.map(([field = '', what = '']) => [`\`${field}\``, what])]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
