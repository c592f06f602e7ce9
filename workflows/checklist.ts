import type { LockHolder } from './doors.ts'
import { escaped } from './escaped.ts'
import { withheldTexts } from './offers.ts'
import { overrideText } from './override.ts'
import type {
  Approval,
  DecisionKind,
  OverrideUsed,
  RunPhase,
  RunView,
  StepStatus,
  StepView,
  Waiting,
} from './ports.ts'

export interface ChecklistInput {
  readonly title: string
  readonly view: RunView
  readonly pausedBy?: string
  readonly queuedBehind?: LockHolder
  /** How the run ended, as a sentence or a few. */
  readonly outcome?: string
  /** How available the cluster was, a line each. */
  readonly availability?: readonly string[]
}

/**
 * A run as Markdown, for the workflow's current details: on top what it waits for and what may be decided,
 * below it the steps. All that comes from a runbook, an input or a host is escaped. At most about 20 kB.
 */
export function checklist(input: ChecklistInput): string {
  const head = [`**${escaped(input.title)}**: ${phases[input.view.phase]}`, ...situation(input)]
  const { availability = [] } = input
  const foot =
    availability.length === 0
      ? ''
      : `\n${['Availability:', ...availability].map((text) => escaped(text)).join('\n\n')}\n`
  return `${head.join('\n\n')}\n\n${steps(input.view.steps).join('\n')}\n${foot}`
}

const phases: Readonly<Record<RunPhase, string>> = {
  starting: 'starting',
  queued: 'waiting for the cluster’s lock',
  running: 'running',
  paused: 'paused',
  waiting: 'waiting for a decision',
  rollingBack: 'rolling back',
  done: 'done',
  rolledBack: 'rolled back',
  aborted: 'aborted',
  cancelled: 'cancelled',
  failed: 'failed',
}

function situation({ view, pausedBy, queuedBehind, outcome }: ChecklistInput): readonly string[] {
  return [
    ...(view.overrides ?? []).slice(-mostListed).map(overrideLine),
    ...(queuedBehind ? [behind(queuedBehind)] : []),
    ...(pausedBy === undefined
      ? []
      : [`Paused by ${escaped(pausedBy)}. To go on: ${whereToClick}, there \`resume\`.`]),
    ...(view.waiting ? waitingLines(view.waiting) : []),
    ...(outcome === undefined ? [] : [escaped(outcome, longText)]),
  ]
}

const overrideLine = (used: OverrideUsed): string =>
  `⚠ **${escaped(overrideText(used), longText)}**, at “${escaped(used.summary)}”. The guard had refused: ${escaped(used.refusal, longText)}`

function behind({ cluster, run, by, sinceMs }: LockHolder): string {
  return `The cluster ${escaped(cluster)} is locked by the run ${escaped(run)} of ${escaped(by)} since ${isoTime(sinceMs)}.`
}

function waitingLines(waiting: Waiting): readonly string[] {
  return waiting.approval ? approvalLines(waiting, waiting.approval) : failureLines(waiting)
}

function approvalLines(waiting: Waiting, approval: Approval): readonly string[] {
  const { failure, offers, sinceMs, takesBack, note, terms = [] } = waiting
  const { markdown, manual } = approval
  const others = offers.filter((kind) => kind !== 'approve' && kind !== 'confirm' && kind !== 'reject')
  const or = others.length === 0 ? '' : ` (or ${others.map((kind) => `\`${kind}\``).join(', ')})`
  return [
    `**${escaped(failure.summary)}** (${whichOf(waiting)}) ${manual ? 'is to be done by hand' : 'waits for an approval'} since ${isoTime(sinceMs)}:`,
    markdown,
    ...(terms.length === 0 ? [] : [terms.map((term) => escaped(term, longText)).join(' ')]),
    manual ? confirmLine(approval, or) : approveLine(or),
    ...(note === undefined ? [] : [escaped(note, longText)]),
    ...withheldLines(waiting, ['rollback', 'abort']),
    ...backLines(takesBack),
  ]
}

/** As Temporal's UI calls it, on the page of the run. */
const whereToClick = '*More Actions* → *Send an Update*'

/** `step stop, asking 2`: an answer may say which it is for. */
const whichOf = ({ failure, ask }: Waiting): string =>
  `step ${escaped(failure.step)}${ask === undefined ? '' : `, asking ${ask}`}`

const approveLine = (or: string): string =>
  `To answer: ${whereToClick}, there \`approve\` or \`reject\`${or}, with \`{"comment": "…"}\`. Or use \`quorate approve\`, \`quorate reject\`.`

function confirmLine({ typed }: Approval, or: string): string {
  const what = typed === undefined ? '`{"comment": "…"}`' : `{"typed": "${escaped(typed)}", "comment": "…"}`
  return `Once it is done: ${whereToClick}, there \`confirm\`, with ${what}; when it cannot be done, \`reject\`${or}. Or use \`quorate confirm\`, \`quorate reject\`.`
}

function failureLines(waiting: Waiting): readonly string[] {
  const { failure, note, offers, takesBack, sinceMs, terms = [] } = waiting
  return [
    `**${escaped(failure.summary)}** (${whichOf(waiting)}) ${verdicts[failure.kind]}: ${escaped(failure.message, longText)}`,
    ...(note === undefined ? [] : [escaped(note, longText)]),
    `Waiting since ${isoTime(sinceMs)} for one of the updates ${offers.map((kind) => `\`${kind}\``).join(', ')}: ${whereToClick}.`,
    ...(waiting.anew === undefined ? [] : [`A \`retry\` begins “${escaped(waiting.anew)}” anew.`]),
    ...(terms.length === 0 ? [] : [terms.map((term) => escaped(term, longText)).join(' ')]),
    ...withheldLines(waiting, ['retry', 'skip', 'rollback', 'abort']),
    ...backLines(takesBack),
  ]
}

const backLines = (names: readonly string[]): readonly string[] =>
  names.length === 0 ? [] : [`A rollback would take back, in this order: ${listed(names)}.`]

const verdicts = {
  failed: 'failed',
  unknown: 'may or may not have taken effect',
  refused: 'was refused, nothing was changed by it',
} as const

/** Of those that could have a meaning here. */
function withheldLines({ withheld }: Waiting, kinds: readonly DecisionKind[]): readonly string[] {
  return withheldTexts(kinds, withheld).map(
    ({ kinds: alike, reason }) =>
      `Not offered: ${alike.map((kind) => `\`${kind}\``).join(', ')}, because ${escaped(reason)}.`,
  )
}

function listed(names: readonly string[]): string {
  const rest = names.length - mostListed
  const text = names
    .slice(0, mostListed)
    .map((name) => escaped(name))
    .join('; ')
  return rest > 0 ? `${text}; and ${rest} more` : text
}

const before = 15
const after = 45

/** A window around where the run is; the whole list when it is short. */
function steps(all: readonly StepView[]): readonly string[] {
  const views = withoutNeedless(all)
  const here = views.findLastIndex(({ status }) => status !== 'pending')
  const from = Math.max(0, Math.min(here - before, views.length - before - after))
  const shown = views.slice(from, from + before + after)
  const rest = views.length - from - shown.length
  return [
    ...(from > 0 ? [`- … ${from} earlier steps`] : []),
    ...shown.map(line),
    ...(rest > 0 ? [`- … ${rest} further steps`] : []),
  ]
}

/** What stands in a group that was not needed says nothing. */
function withoutNeedless(views: readonly StepView[]): readonly StepView[] {
  let needlessDepth = Infinity
  return views.filter(({ status, depth }) => {
    if (depth > needlessDepth) return false
    needlessDepth = status === 'notNeeded' ? depth : Infinity
    return true
  })
}

/** The Temporal UI shows neither task boxes nor lists in lists, so both are drawn. */
const marks: Readonly<Record<StepStatus, readonly [mark: string, word: string]>> = {
  pending: ['○', ''],
  running: ['●', 'running'],
  done: ['✔', ''],
  rescued: ['✔', 'rescued'],
  skipped: ['–', 'skipped'],
  notNeeded: ['–', 'not needed'],
  failed: ['✖', 'failed'],
  asking: ['?', 'waits for an answer'],
  waiting: ['✖', 'failed, waits for a decision'],
  undone: ['↩', 'taken back'],
}

function line({ summary, status, depth, startedMs, endedMs, untilMs, note }: StepView): string {
  const [mark, word] = marks[status]
  const took =
    status === 'done' && startedMs !== undefined && endedMs !== undefined ? duration(endedMs - startedMs) : ''
  const until = status === 'running' && untilMs !== undefined ? `until ${isoTime(untilMs)}` : ''
  const since = until !== '' && startedMs !== undefined ? `since ${isoTime(startedMs)}` : ''
  const said = [word && `*${word}*`, took, since, until, note ? escaped(note) : ''].filter(
    (part) => part !== '',
  )
  const indent = '\u2003'.repeat(Math.min(depth, deepest))
  return `- ${indent}${mark} ${escaped(summary)}${said.length > 0 ? ` (${said.join(', ')})` : ''}`
}

const deepest = 6
const mostListed = 10
const longText = 1500

const isoTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}
