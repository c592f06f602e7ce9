import type { AuditEvent } from '../event.ts'
import type { Call, StepReport, Try, TryStatus } from './model.ts'

/** How much is kept of a run that is too long to be read: of what went well, and as much again of what did not. */
export interface Limits {
  readonly steps: number
  /** Commands and calls, in all. */
  readonly calls: number
}

type Open<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] }
interface Pending {
  readonly id: string
  readonly call: Open<Call>
}
type OpenTry = Omit<Open<Try>, 'calls'> & {
  /** Which activity it was, as far as its events' ids say so. */
  readonly activity: string | undefined
  /** Its own beginning has been read, not only that of a call in it. */
  begun: boolean
  readonly calls: Open<Call>[]
  readonly pending: Pending[]
}
interface OpenStep {
  readonly step: string
  summary?: string
  action: string
  effect?: string
  undo: boolean
  gate?: string
  readonly tries: OpenTry[]
}

type ActionEvent = Extract<AuditEvent, { name: `action.${string}` }>
type CallEvent = Extract<AuditEvent, { name: `command.${string}` | `etcd.${string}` }>

/** Puts together what was begun and how it ended: tries under their steps, commands and calls under their tries. */
export function attemptsCollector(limits: Limits) {
  const steps = new Map<string, OpenStep>()
  const counts = { commands: 0, etcdCalls: 0 }
  let kept = 0

  const stepOf = (event: AuditEvent): OpenStep => {
    const step = event.step ?? besideTheSteps
    const key = event.step ?? `\n${event.action ?? ''}`
    const known = steps.get(key)
    if (known !== undefined) {
      known.action ||= event.action ?? ''
      return known
    }
    const fresh: OpenStep = { step, action: event.action ?? '', undo: false, tries: [] }
    steps.set(key, fresh)
    return fresh
  }
  const tryOf = (event: AuditEvent): OpenTry => {
    const { tries } = stepOf(event)
    const open = tries.findLast((one) => isOf(one, event))
    if (open !== undefined) return open
    const fresh = newTry(event)
    tries.push(fresh)
    return fresh
  }

  function action(event: ActionEvent): void {
    const step = stepOf(event)
    if (event.summary !== undefined) step.summary = event.summary
    if (event.name === 'action.begun') {
      const { effect, undo, gate, with: input } = event.data
      for (const one of step.tries)
        if (one.endedMs === undefined && one.attempt < (event.attempt ?? 1)) one.status = 'repeated'
      // A look is on record as begun only once it has ended: what it did may come before.
      const last = step.tries.findLast((one) => !one.begun && isOf(one, event))
      const one = last ?? newTry(event)
      if (last === undefined) step.tries.push(one)
      one.begun = true
      one.startedMs = momentOf(event)
      if (kept <= limits.calls) one.with = input
      Object.assign(step, { effect, undo }, gate === undefined ? {} : { gate })
      return
    }
    const one = tryOf(event)
    one.status = endings[event.name]
    one.endedMs = momentOf(event)
    one.ms = event.data.ms
    if (event.host !== undefined) one.host = event.host
    if ('polls' in event.data && event.data.polls !== undefined) one.polls = event.data.polls
    if ('message' in event.data) one.message = event.data.message
    else if (kept <= limits.calls) one.output = event.data.output
  }

  function call(event: CallEvent): void {
    const one = tryOf(event)
    if (event.name === 'command.begun' || event.name === 'etcd.begun') {
      if (event.name === 'command.begun') counts.commands += 1
      else counts.etcdCalls += 1
      one.pending.push({ id: event.id, call: begunCall(event) })
      return
    }
    const at = endedBy(event, one.pending)
    const begun = one.pending.splice(at, at < 0 ? 0 : 1)[0]?.call ?? orphan(event)
    endCall(begun, event)
    if (kept >= limits.calls * (begun.status === 'done' ? 1 : 2)) {
      one.callsLeftOut += 1
      return
    }
    kept += 1
    one.calls.push(begun)
  }

  return {
    counts,
    add(event: AuditEvent): void {
      if (isAction(event)) action(event)
      else if (isCall(event)) call(event)
    },
    all: (): readonly StepReport[] => [...steps.values()].map(closed),
  }
}

/** Of all steps those that are shown: the first ones, and of what did not go well as many; the last always. */
export function shownOf(all: readonly StepReport[], most: number): readonly StepReport[] {
  let [well, not] = [0, 0]
  return all.filter((step, at) => {
    if (step.tries.every(wentWell)) return (well += 1) <= most
    return (not += 1) <= most || at === all.length - 1
  })
}

/** Where what an event is about has no step: what goes on beside them. */
const besideTheSteps = '(beside the steps)'

const wentWell = ({ status, calls }: Try): boolean =>
  (status === 'done' || status === 'found') &&
  calls.every((call) => call.status === 'done' || call.status === 'failed')

const isAction = (event: AuditEvent): event is ActionEvent & AuditEvent => event.name.startsWith('action.')
const isCall = (event: AuditEvent): event is CallEvent & AuditEvent =>
  event.name.startsWith('command.') || event.name.startsWith('etcd.')

/** Milliseconds since 1970; 0 for a time that cannot be read. */
export function momentOf({ at }: Pick<AuditEvent, 'at'>): number {
  const ms = Date.parse(at)
  return Number.isNaN(ms) ? 0 : ms
}

const endings = {
  'action.done': 'done',
  'action.found': 'found',
  'action.failed': 'failed',
  'action.unknown': 'unknown',
  'action.refused': 'refused',
  'action.cancelled': 'cancelled',
} as const satisfies Readonly<Record<Exclude<ActionEvent['name'], 'action.begun'>, TryStatus>>

/** An activity's events have `STEP/ACTIVITY.ATTEMPT/PLACE/NAME` for an id. */
const activityOf = ({ id }: AuditEvent): string | undefined => /^(.+\.\d+)\/\d+\/[\w.]+$/.exec(id)?.[1]

/** The one that is still open, where ids do not say which it is. */
function isOf(one: OpenTry, event: AuditEvent): boolean {
  const activity = activityOf(event)
  if (activity !== undefined && one.activity !== undefined) return one.activity === activity
  return one.endedMs === undefined && one.attempt === (event.attempt ?? 1)
}

const newTry = (event: AuditEvent): OpenTry => ({
  seq: event.seq,
  attempt: event.attempt ?? 1,
  activity: activityOf(event),
  begun: false,
  ...(event.host === undefined ? {} : { host: event.host }),
  startedMs: momentOf(event),
  status: 'unfinished',
  calls: [],
  pending: [],
  callsLeftOut: 0,
})

function begunCall(event: Extract<CallEvent, { name: `${string}.begun` }> & AuditEvent): Open<Call> {
  const { seq, host } = event
  const base = { seq, ...(host === undefined ? {} : { host }), startedMs: momentOf(event) }
  if (event.name === 'etcd.begun')
    return {
      ...base,
      kind: 'etcd',
      status: 'unfinished',
      call: event.data.call,
      request: event.data.request,
    }
  const { argv, kind } = event.data
  return { ...base, kind: 'command', status: 'unfinished', argv, job: kind === 'job' }
}

type EndEvent = Exclude<CallEvent, { name: `${string}.begun` }> & AuditEvent

/** An end whose beginning is not on record. */
function orphan(event: EndEvent): Open<Call> {
  const { seq, host } = event
  const base = { seq, ...(host === undefined ? {} : { host }), startedMs: momentOf(event) - event.data.ms }
  return 'argv' in event.data
    ? { ...base, kind: 'command', status: 'done', argv: event.data.argv, job: event.data.kind === 'job' }
    : { ...base, kind: 'etcd', status: 'done', call: event.data.call }
}

/** Which of those that were begun: their ids share all but the last part; else the first that is like it. */
function endedBy(event: EndEvent, pending: readonly Pending[]): number {
  const stem = stemOf(event.id)
  const known = stem === undefined ? -1 : pending.findIndex(({ id }) => stemOf(id) === stem)
  return known < 0 ? pending.findIndex(({ call }) => isEndOf(call, event)) : known
}

const stemOf = (id: string): string | undefined => /^(.+)\/[^/]*$/.exec(id)?.[1]

/** The same command or call on the same host. */
function isEndOf(begun: Open<Call>, event: EndEvent): boolean {
  if (begun.host !== event.host) return false
  if ('argv' in event.data) return begun.kind === 'command' && sameWords(begun.argv ?? [], event.data.argv)
  return begun.kind === 'etcd' && begun.call === event.data.call
}

const sameWords = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((word, at) => word === other[at])

function endCall(call: Open<Call>, event: EndEvent): void {
  call.endedMs = momentOf(event)
  call.ms = event.data.ms
  call.status = event.name.endsWith('.done') ? 'done' : event.name.endsWith('.failed') ? 'failed' : 'unknown'
  if ('message' in event.data) call.message = event.data.message
  if (!('argv' in event.data)) return
  const { code, signal, stdout, stderr, error } = event.data
  call.stdout = stdout
  call.stderr = stderr
  if (code !== undefined) call.code = code
  if (signal !== undefined) call.signal = signal
  if (error !== undefined) call.message = error
}

function closed({ tries, ...step }: OpenStep): StepReport {
  const ended = tries.map(({ pending, calls, activity: _activity, begun: _begun, ...one }): Try => ({
    ...one,
    calls: [...calls, ...pending.map(({ call }) => call)].toSorted((a, b) => a.seq - b.seq),
  }))
  return { ...step, tries: ended, status: ended.at(-1)?.status ?? 'unfinished' }
}
