import type { RunSnapshot } from '../client/run.ts'
import type { Approval, DecisionKind, RunPhase, StepStatus, StepView, Waiting } from '../workflows/ports.ts'
import { elapsed, fitted, plainLine, type Style, styled, wrapped } from './terminal.ts'
import { availabilityView, memberLines } from './view-members.ts'
import { outputLines } from './view-outputs.ts'
import { progressBar, progressText } from './view-progress.ts'

export interface ViewOptions {
  readonly columns: number
  /** Steps in the middle are left out when there are fewer rows than lines. Default: all are shown. */
  readonly rows?: number
  readonly colour: boolean
  /** Milliseconds since 1970. */
  readonly now: number
  /** Since when Temporal does not answer. */
  readonly unreachableSinceMs?: number
}

/** A run as a person sees it: what it is, its steps, and what it waits for with the commands that decide. */
export function renderView(run: RunSnapshot, options: ViewOptions): readonly string[] {
  const head = [...headLines(run, options), ...overrideLines(run, options)]
  const brief = options.rows !== undefined && options.rows < ROOMY_ROWS
  const tail = [
    ...memberLines(run, { ...options, brief }),
    ...(run.open ? availabilityView(run, options) : []),
    ...waitingLines(run, options),
    ...silenceLines(run, options),
    ...endLines(run, options),
    ...(run.open ? [] : availabilityView(run, options)),
  ]
  const room =
    options.rows === undefined ? Infinity : Math.max(3, options.rows - head.length - tail.length - 1)
  return [...head, ...stepLines(run, options, room), ...tail]
}

/** With fewer rows the members share one line. */
const ROOMY_ROWS = 20

/** How a phase is called. */
export const phaseWords: Readonly<Record<RunPhase, string>> = {
  starting: 'starting',
  queued: 'queued',
  running: 'running',
  paused: 'paused',
  waiting: 'waits for a decision',
  rollingBack: 'rolling back',
  done: 'done',
  rolledBack: 'rolled back',
  aborted: 'aborted',
  cancelled: 'cancelled',
  failed: 'failed',
}

/** One step as a line: mark, what it is, how long it took or takes, what it says. */
export function stepLine(step: StepView, progress: string, { columns, colour, now }: ViewOptions): string {
  const [mark, style, word] = marks[step.status]
  const indent = '  '.repeat(1 + Math.min(step.depth, DEEPEST))
  // What a step waits for is said below the list, in full.
  const note = step.status === 'waiting' || step.status === 'asking' ? '' : plainLine(step.note ?? '')
  const said = [word, timeOf(step, now), progress, note].filter((part) => part !== '').join('  ')
  const room = columns - indent.length - 2
  const right = fitted(said, Math.max(12, room - 24))
  const left = fitted(plainLine(step.summary), right === '' ? room : room - right.length - 2)
  const gap = ' '.repeat(
    Math.max(2, Math.min(ALIGNED - indent.length - left.length, room - left.length - right.length)),
  )
  const text = step.status === 'pending' || step.status === 'notNeeded' ? styled(left, 'dim', colour) : left
  return `${indent}${styled(mark, style, colour)} ${text}${right === '' ? '' : gap + styled(right, 'dim', colour)}`
}

const DEEPEST = 5
/** Times stand one below another up to here, so that the eye finds them. */
const ALIGNED = 62

const marks: Readonly<Record<StepStatus, readonly [mark: string, style: Style, word: string]>> = {
  pending: ['○', 'dim', ''],
  running: ['●', 'cyan', ''],
  done: ['✔', 'green', ''],
  rescued: ['✔', 'yellow', 'rescued'],
  skipped: ['✔', 'yellow', 'skipped'],
  notNeeded: ['·', 'dim', 'not needed'],
  failed: ['✖', 'red', 'failed'],
  waiting: ['✖', 'red', 'failed, waits'],
  asking: ['?', 'yellow', 'waits for an answer'],
  undone: ['↺', 'yellow', 'taken back'],
}

function timeOf({ status, startedMs, endedMs, untilMs }: StepView, now: number): string {
  if (startedMs === undefined || status === 'notNeeded') return ''
  if (status === 'running' && untilMs !== undefined)
    return `${elapsed(now - startedMs)} of ${elapsed(untilMs - startedMs)}`
  if (status === 'running') return elapsed(now - startedMs)
  return endedMs === undefined ? '' : elapsed(endedMs - startedMs)
}

function headLines(run: RunSnapshot, { columns, colour, now }: ViewOptions): readonly string[] {
  const phase = run.phase ?? 'starting'
  const took = elapsed((run.endedMs ?? now) - run.startedMs)
  const title = run.status === undefined ? run.runbook : plainLine(run.status.title)
  const state = `${phaseWords[phase]}  ${took}`
  return [
    styled(fitted(run.id, columns), 'bold', colour),
    // Never cut: it is there to be clicked.
    ...(run.link === undefined ? [] : [styled(run.link, 'dim', colour)]),
    `${fitted(title, Math.max(10, columns - state.length - 2))}  ${styled(state, phaseStyles[phase], colour)}`,
  ]
}

/** Loud, and as long as the run is looked at: what a person let pass is no small print. */
function overrideLines({ status, ending }: RunSnapshot, { columns, colour }: ViewOptions): readonly string[] {
  const ended = ending?.phase === 'done' ? ending.result.overrides : undefined
  return (status?.view.overrides ?? ended ?? []).flatMap(({ guard, by, comment, summary, refusal }) =>
    wrapped(
      plainLine(
        `! OVERRIDDEN: the guard "${guard}" at "${summary}", approved by ${by}${comment === '' ? '' : ` (${comment})`}. It had refused: ${refusal}`,
      ),
      columns,
    ).map((line) => styled(line, 'red', colour)),
  )
}

const phaseStyles: Readonly<Record<RunPhase, Style>> = {
  starting: 'dim',
  queued: 'yellow',
  running: 'cyan',
  paused: 'yellow',
  waiting: 'red',
  rollingBack: 'yellow',
  done: 'green',
  rolledBack: 'yellow',
  aborted: 'red',
  cancelled: 'yellow',
  failed: 'red',
}

function stepLines(run: RunSnapshot, options: ViewOptions, room: number): readonly string[] {
  const steps = run.status?.view.steps ?? []
  // Of several actions at the same time it is not known which step each is.
  const several = run.open && run.progress.length > 1
  const progress = run.open && !several ? progressText(run.progress) : ''
  // A group runs while one of its steps does: the last that runs is the one at work.
  const working = steps.findLastIndex(({ status }) => status === 'running')
  const lines = steps.map((step, index) => stepLine(step, index === working ? progress : '', options))
  const bar =
    working === -1 || !run.open || several ? undefined : barBelow(run, steps[working]?.depth ?? 0, options)
  if (bar !== undefined) lines.splice(working + 1, 0, bar)
  if (several) lines.splice(working + 1, 0, ...progressLines(run, options))
  if (lines.length <= room) return lines
  const here = steps.findLastIndex(({ status }) => status !== 'pending')
  const shown = Math.max(1, room - 2)
  const from = Math.max(0, Math.min(here - Math.floor(shown / 2), lines.length - shown))
  const after = lines.length - from - shown
  return [
    ...(from > 0 ? [styled(`    … ${from} before`, 'dim', options.colour)] : []),
    ...lines.slice(from, from + shown),
    ...(after > 0 ? [styled(`    … ${after} more`, 'dim', options.colour)] : []),
  ]
}

function progressLines({ progress }: RunSnapshot, { columns, colour }: ViewOptions): readonly string[] {
  return progress.flatMap((one) => {
    const indent = '  '.repeat(3)
    const room = columns - indent.length - one.action.length - 2
    const said =
      progressBar([one], { columns: room, colour }) ?? fitted(progressText([one]), Math.max(10, room))
    return said === '' ? [] : [`${indent}${styled(`${one.action}:`, 'dim', colour)} ${said}`]
  })
}

function barBelow({ progress }: RunSnapshot, depth: number, { columns, colour }: ViewOptions) {
  const indent = '  '.repeat(2 + Math.min(depth, DEEPEST))
  const bar = progressBar(progress, { columns: columns - indent.length, colour })
  return bar === undefined ? undefined : indent + bar
}

function waitingLines(run: RunSnapshot, options: ViewOptions): readonly string[] {
  const { status } = run
  if (status === undefined || !run.open) return []
  const { paused, queuedBehind, cancelRequested, view } = status
  const since = (ms: number) => `since ${elapsed(options.now - ms)}`
  return [
    ...(view.waiting === undefined ? [] : decisionLines(run, view.waiting, options)),
    ...(paused === undefined
      ? []
      : [
          '',
          ...wrapped(
            `Paused by ${paused.by} ${since(paused.sinceMs)}${paused.reason === '' ? '' : `: ${paused.reason}`}`,
            options.columns,
          ),
          `  quorate resume ${shortId(run.id)}`,
        ]),
    ...(queuedBehind === undefined
      ? []
      : [
          '',
          ...wrapped(
            `Waits for the lock of ${queuedBehind.cluster}: ${queuedBehind.run} of ${queuedBehind.by} holds it ${since(queuedBehind.sinceMs)}.`,
            options.columns,
          ),
        ]),
    ...(cancelRequested ? ['', 'Asked to cancel: it ends before its next step.'] : []),
  ]
}

function decisionLines(run: RunSnapshot, waiting: Waiting, options: ViewOptions): readonly string[] {
  const since = elapsed(options.now - waiting.sinceMs)
  const telling: readonly string[] = waiting.approval ? ['rollback', 'abort'] : Object.keys(waiting.withheld)
  const not = Object.entries(waiting.withheld)
    .filter(([kind]) => telling.includes(kind))
    .flatMap(([kind, why]) => wrapped(`Not ${kind}: ${why}`, options.columns - 2))
  return [
    '',
    ...(waiting.approval ? askedLines(waiting, waiting.approval, options) : failureLines(waiting, options)),
    ...(waiting.note === undefined ? [] : wrapped(waiting.note, options.columns)),
    ...(waiting.terms ?? []).flatMap((term) => wrapped(term, options.columns)),
    `It waits for ${waitsFor(waiting)}${waiting.ask === undefined ? '' : ` (asking ${waiting.ask})`} since ${since}:`,
    ...offerLines(run, waiting, options),
    ...not.map((line) => styled(`  ${line}`, 'dim', options.colour)),
  ]
}

function waitsFor({ approval }: Waiting): string {
  if (!approval) return 'a decision'
  return approval.manual ? 'somebody to do this by hand' : 'an approval'
}

function failureLines({ failure }: Waiting, { columns, colour }: ViewOptions): readonly string[] {
  const text = `${failure.summary} ${verdicts[failure.kind]}${byGuard(failure)}: ${failure.message}`
  return wrapped(text, columns).map((line) => styled(line, 'red', colour))
}

/** Line by line as the runbook has it. */
function askedLines(
  { failure }: Waiting,
  { message, overrides }: Approval,
  { columns, colour }: ViewOptions,
) {
  const lines = message.trimEnd().split('\n')
  return [
    ...wrapped(failure.summary, columns).map((line) => styled(line, 'bold', colour)),
    ...(overrides === undefined ? [] : [styled(`! OVERRIDE OF THE GUARD "${overrides}"`, 'red', colour)]),
    ...lines.flatMap((line) => (line.trim() === '' ? [''] : wrapped(line, columns))),
    '',
  ]
}

function offerLines(
  { id }: RunSnapshot,
  { offers, takesBack, anew, approval }: Waiting,
  { columns, colour }: ViewOptions,
): readonly string[] {
  const effects: Readonly<Record<DecisionKind, string>> = {
    approve: 'say yes, and go on; --comment TEXT is kept with it',
    reject: approval?.manual
      ? 'say that it cannot be done: the step fails with your --comment TEXT'
      : 'say no: the step fails with your --comment TEXT',
    confirm: `say that it is done${approval?.typed === undefined ? '' : `, with --type ${plainLine(approval.typed)}`}; --comment TEXT is kept with it`,
    retry: anew === undefined ? 'try the step again' : `begin anew: ${anew}`,
    skip: 'go on without it',
    rollback:
      takesBack.length === 0
        ? 'nothing to take back: end here'
        : `take back, in this order: ${takesBack.join('; ')}`,
    abort: 'end here and leave everything as it is',
  }
  const command = (kind: DecisionKind) => `quorate ${kind} ${shortId(id)}`
  const width = Math.max(...offers.map((kind) => command(kind).length), 0)
  return offers.flatMap((kind) => {
    const [first = '', ...rest] = wrapped(effects[kind], columns - width - 4)
    return [
      `  ${styled(command(kind).padEnd(width), 'bold', colour)}  ${first}`,
      ...rest.map((line) => ' '.repeat(width + 4) + line),
    ]
  })
}

const verdicts = {
  failed: 'failed',
  unknown: 'may or may not have taken effect',
  refused: 'was refused',
} as const

/** Its name is what `--override` takes, and docs/guards.md explains. */
const byGuard = ({ guard }: Waiting['failure']): string =>
  guard === undefined ? '' : ` by the guard "${guard}"`

const ends: ReadonlySet<RunPhase | undefined> = new Set([
  'done',
  'rolledBack',
  'aborted',
  'cancelled',
  'failed',
])

/** An open run that no worker answers for. One that says it is over is just about to be closed. */
export const nobodyAnswers = ({ open, status, phase }: RunSnapshot): boolean =>
  open && status === undefined && !ends.has(phase)

function silenceLines(run: RunSnapshot, { unreachableSinceMs, now, colour }: ViewOptions): readonly string[] {
  if (unreachableSinceMs !== undefined) {
    return [
      '',
      styled(
        `Temporal does not answer since ${elapsed(now - unreachableSinceMs)}; trying again …`,
        'yellow',
        colour,
      ),
    ]
  }
  if (nobodyAnswers(run)) {
    return [
      '',
      styled(
        'No worker answers for this run; it goes on once one runs (`quorate worker`).',
        'yellow',
        colour,
      ),
    ]
  }
  return []
}

function endLines({ ending }: RunSnapshot, { columns, colour }: ViewOptions): readonly string[] {
  if (ending === undefined) return []
  if (ending.phase !== 'done') {
    const style = phaseStyles[ending.phase]
    return [
      '',
      ...ending.message
        .split('\n')
        .flatMap((line) => wrapped(line, columns))
        .map((line) => styled(line, style, colour)),
    ]
  }
  const lines = outputLines(ending.result.outputs, columns)
  return lines.length === 0 ? [] : ['', ...lines]
}

/** The letters at the end, which `quorate` understands as well. */
export function shortId(id: string): string {
  return /-([a-z]{4,6})$/.exec(id)?.[1] ?? id
}
