import type { RunOutcome } from '../event.ts'
import type { Verification } from '../store.ts'
import { type Markup, html } from './markup.ts'
import type { Answer, Call, Report, TryStatus } from './model.ts'
import { counted, lasted, moment } from './times.ts'

/** The words that every format of a report shares. A sign never stands without its word. */

export interface Word {
  readonly sign: string
  readonly word: string
  readonly tone: 'good' | 'bad' | 'warn' | ''
}

export const outcomes: Readonly<Record<RunOutcome | 'open', Word>> = {
  done: { sign: '✓', word: 'done', tone: 'good' },
  failed: { sign: '✗', word: 'failed', tone: 'bad' },
  aborted: { sign: '✗', word: 'aborted', tone: 'bad' },
  rolledBack: { sign: '↶', word: 'rolled back', tone: 'warn' },
  cancelled: { sign: '–', word: 'cancelled', tone: 'warn' },
  terminated: { sign: '✗', word: 'terminated by hand', tone: 'bad' },
  timedOut: { sign: '✗', word: 'timed out', tone: 'bad' },
  open: { sign: '…', word: 'no end on record', tone: 'warn' },
}

export const statuses: Readonly<Record<TryStatus, Word>> = {
  done: { sign: '✓', word: 'done', tone: 'good' },
  found: { sign: '=', word: 'was so already', tone: 'good' },
  failed: { sign: '✗', word: 'failed', tone: 'bad' },
  unknown: { sign: '?', word: 'outcome unknown', tone: 'bad' },
  refused: { sign: '⊘', word: 'refused', tone: 'warn' },
  cancelled: { sign: '–', word: 'cancelled', tone: 'warn' },
  unfinished: { sign: '…', word: 'no end on record', tone: 'bad' },
  repeated: { sign: '↻', word: 'worker died, taken over', tone: 'warn' },
}

export const verdicts = {
  passed: { sign: '✓', word: 'let pass', tone: 'good' },
  overridden: { sign: '!', word: 'overridden', tone: 'warn' },
  refused: { sign: '⊘', word: 'refused', tone: 'warn' },
} as const satisfies Readonly<Record<string, Word>>

/** A word that is not among those we know: from a record that somebody has changed, or a newer one. */
const strange = (word: string): Word => ({ sign: '?', word, tone: 'warn' })

export const outcomeWord = (outcome: string): Word =>
  Object.entries(outcomes).find(([name]) => name === outcome)?.[1] ?? strange(outcome)

export const state = ({ sign, word, tone }: Word): Markup =>
  html`<span class="state ${tone}"><span aria-hidden="true">${sign}</span> ${word}</span>`

/** In what went well, an end that was not the wished one was an answer: that a file is not there yet. */
export const wordFor = ({ status }: Call, fine: boolean): Word =>
  fine && status === 'failed' ? { sign: '·', word: 'answered no', tone: '' } : statuses[status]

/** What was asked, and how it ended, as sentences. */
export function leadOf({
  by,
  runbook,
  title,
  workflow,
  cluster,
  startedMs,
  endedMs,
  outcome,
}: Answer): string {
  const what = title ?? runbook ?? workflow
  const who = by === undefined ? 'It is not on record who asked for' : `${by} asked for`
  const where = cluster === undefined ? '' : ` on ${cluster}`
  const began = `${who} “${what}”${where} at ${moment(startedMs)} UTC.`
  const after = lasted(endedMs - startedMs)
  if (outcome === 'open') return `${began} No end of it is on record; the last that is came ${after} later.`
  return `${began} It ended ${after} later: ${outcomeWord(outcome).word}.`
}

export function gapText({ availability }: Answer): string {
  if (availability === undefined) return 'not measured'
  const { writes, stopped } = availability
  if (writes.firstMs === undefined)
    return `not measured: ${writes.refusal ?? stopped ?? 'no write was acknowledged'}`
  const at = writes.longestGapAtMs === undefined ? '' : `, at ${moment(writes.longestGapAtMs)} UTC`
  const during = writes.longestGapDuring === undefined ? '' : `, during “${writes.longestGapDuring}”`
  return `${lasted(writes.longestGapMs)}${at}${during}`
}

export function verifiedText(verification: Verification | undefined): Word {
  if (verification === undefined)
    return { sign: '?', word: 'not verified when this was written', tone: 'warn' }
  const { ok, events, checkpoints, wrong, signers } = verification
  if (!ok)
    return { sign: '✗', word: `not as it was written: ${counted(wrong.length, 'finding')}`, tone: 'bad' }
  const what = `${counted(events, 'event')} unchanged, ${counted(checkpoints, 'checkpoint')}`
  if (checkpoints === 0) return { sign: '?', word: `${what}: not sealed yet`, tone: 'warn' }
  if (!signers.some(({ trusted }) => trusted))
    return { sign: '?', word: `${what}, signed by a key that nobody vouched for`, tone: 'warn' }
  return { sign: '✓', word: `${what}, signed`, tone: 'good' }
}

/** What should be known before the rest is believed; nothing in most runs. */
export function cautionsOf({
  bypassed,
  repeated,
  unfinished,
  answer,
  history,
  troubles,
}: Report): readonly string[] {
  return [
    ...bypassed.map(
      ({ atMs, reason, failure, held }) =>
        `At ${moment(atMs)} UTC effects were allowed though they could not be recorded first (${failure}). The reason given: ${reason}. ${counted(held, 'event')} ${held === 1 ? 'was' : 'were'} kept in memory and written afterwards.`,
    ),
    ...unfinished
      .filter(({ step, atMs }) => !troubles.some((one) => one.step === step && one.atMs === atMs))
      .map(
        ({ step, what, host, atMs }) =>
          `${step}: “${what}”${host === undefined ? '' : ` on ${host}`} is on record as begun at ${moment(atMs)} UTC, and no end of it is. It may have happened.`,
      ),
    ...repeated.map(
      ({ step, attempt, atMs }) =>
        `${step} was taken over at ${moment(atMs)} UTC as attempt ${attempt}: the worker before had died or fallen silent.`,
    ),
    ...(answer.runbook === undefined ? ['How the run began is not on record.'] : []),
    ...(answer.outcome !== 'open' && history === undefined
      ? ['Temporal’s own history of the run has not been copied in.']
      : []),
  ]
}
