import { argvText } from '../dsl/argv-text.ts'
import type { AuditEvent, EventData, Output } from './event.ts'

/**
 * One line for people, without the time and the run: `restart etcd-2: systemctl restart etcd ended with 1 (0.4 s)`.
 * It may hold what hosts and people said: whoever shows it escapes it for where it is shown.
 */
export function describe(event: AuditEvent): string {
  const where = [event.step, event.host].filter((part) => part !== undefined).join(' ')
  const sentence = said(event)
  const again = event.attempt !== undefined && event.attempt > 1 ? ` [attempt ${event.attempt}]` : ''
  return `${where === '' ? '' : `${where}: `}${oneLine(sentence)}${again}`
}

function said(event: AuditEvent): string {
  const action = event.summary === undefined ? (event.action ?? 'the action') : `“${event.summary}”`
  switch (event.name) {
    case 'run.began': {
      const { runbook, by, cluster, reason } = event.data
      return `${by} asked for ${runbook}${cluster === undefined ? '' : ` on ${cluster}`}${words(reason ?? '')}`
    }
    case 'run.refused': {
      const { by, runbook, reason } = event.data
      return `${by} asked for ${runbook}, which could not begin${words(reason ?? '')}`
    }
    case 'run.ended': {
      const { outcome, message, startedMs, endedMs } = event.data
      return `the run ended: ${outcomeWords[outcome]} (${took(endedMs - startedMs)})${message === '' ? '' : `: ${message}`}`
    }
    case 'run.cancelAsked':
      return 'somebody asked Temporal to cancel the run'
    case 'run.planned':
      return `carries out the plan ${event.data.plan.slice(0, 12)} on the cluster as it was then`
    case 'run.measured':
      return `the cluster's availability was measured`
    case 'action.begun':
      return `${event.data.undo ? 'takes back with ' : ''}${action} begins (${event.data.effect})${event.data.gate === undefined ? '' : `, until ${event.data.gate}`}`
    case 'action.found':
      return `${action}: it was so already (${took(event.data.ms)})`
    case 'action.done':
      return `${action} is done (${tookAndAsked(event.data)})`
    case 'action.failed':
      return `${action} failed (${tookAndAsked(event.data)}): ${event.data.message}`
    case 'action.unknown':
      return `${action} may have happened (${took(event.data.ms)}): ${event.data.message}`
    case 'action.refused':
      return `${action} was refused${event.data.guard === undefined ? '' : ` by ${event.data.guard}`}: ${event.data.message}`
    case 'action.cancelled':
      return `${action} was cancelled (${tookAndAsked(event.data)}): ${event.data.message}`
    case 'guard.passed':
      return 'the guard let it pass'
    case 'guard.overridden': {
      const { guard, by, comment, reason, refusal } = event.data
      return `${by} let it pass the guard "${guard}"${words(comment === '' ? reason : comment)}; it had said: ${refusal}`
    }
    case 'command.begun':
      return `runs ${commandLine(event.data)}`
    case 'command.done':
    case 'command.failed':
    case 'command.unknown':
      return command(event.name, event.data)
    case 'etcd.begun':
      return `asks etcd: ${event.data.call}`
    case 'etcd.done':
      return `etcd did ${event.data.call} (${took(event.data.ms)})`
    case 'etcd.failed':
      return `etcd did not do ${event.data.call} (${took(event.data.ms)}): ${event.data.message}`
    case 'etcd.unknown':
      return `etcd may have done ${event.data.call} (${took(event.data.ms)}): ${event.data.message}`
    case 'person.asked':
    case 'person.decided':
    case 'person.refused':
    case 'person.unanswered':
      return person(event.name, event.data.entry)
    case 'history.copied': {
      const { status, executions } = event.data
      const events = executions.reduce((sum, one) => sum + one.events, 0)
      return `Temporal's history was copied: ${status}, ${count(events, 'event')} in ${count(executions.length, 'execution')}`
    }
    case 'record.bypassed':
      return `went on without the record (${event.data.reason}), because ${event.data.failure}; held back meanwhile: ${count(event.data.held, 'event')}`
  }
}

const outcomeWords = {
  done: 'done',
  failed: 'failed',
  aborted: 'aborted',
  rolledBack: 'rolled back',
  cancelled: 'cancelled',
  terminated: 'terminated in Temporal',
  timedOut: 'timed out',
} as const

type CommandName = 'command.done' | 'command.failed' | 'command.unknown'

function command(name: CommandName, data: EventData[CommandName]): string {
  const { code, signal, ms, error, stdout, stderr } = data
  const ended =
    name === 'command.unknown'
      ? 'may have run'
      : signal !== undefined
        ? `was ended by ${signal}`
        : code === undefined
          ? 'was not run'
          : `ended with ${code}`
  const last = name === 'command.done' ? '' : words(error ?? lastLine(stderr) ?? lastLine(stdout) ?? '')
  return `${commandLine(data)} ${ended} (${took(ms)})${last}`
}

function commandLine({ kind, argv }: EventData['command.begun']): string {
  return `${kind === 'job' ? 'job ' : ''}${argvText(argv)}`
}

/** Where a command's last words are. */
function lastLine({ head, tail }: Output): string | undefined {
  return (tail === '' ? head : tail).trimEnd().split('\n').at(-1)?.trim() || undefined
}

function person(
  name: 'person.asked' | 'person.decided' | 'person.refused' | 'person.unanswered',
  entry: unknown,
): string {
  const { by, decision, comment, why, summary, message } = texts(entry)
  switch (name) {
    case 'person.asked':
      return `asks: ${summary ?? ''}${words(message ?? '')}`
    case 'person.decided':
      return `${by ?? 'somebody'} decided ${decision ?? ''}${words(comment ?? '')}`
    case 'person.refused':
      return `${by ?? 'somebody'} tried ${decision ?? ''}${words(why ?? '')}`
    case 'person.unanswered':
      return `nobody answered in time${words(message ?? '')}`
  }
}

/** The texts of an entry, which is read as written: by any version, as JSON. */
function texts(entry: unknown): Readonly<Record<string, string | undefined>> {
  if (typeof entry !== 'object' || entry === null) return {}
  return Object.fromEntries(
    Object.entries(entry).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  )
}

function words(more: string): string {
  return more === '' ? '' : `: ${more}`
}

function oneLine(sentence: string): string {
  const line = sentence.replaceAll(/\s+/g, ' ').trim()
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS - 1)}…` : line
}

const MOST_CHARACTERS = 400

function count(many: number, noun: string): string {
  return `${many} ${noun}${many === 1 ? '' : 's'}`
}

/** A gate also says how often it was asked. */
function tookAndAsked({ ms, polls }: { readonly ms: number; readonly polls?: number }): string {
  return `${took(ms)}${polls === undefined ? '' : `, asked ${count(polls, 'time')}`}`
}

/** `0.4 s`, `12 s`, `3 min 20 s`. */
function took(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}
