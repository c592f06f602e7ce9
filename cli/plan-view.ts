import { argvText } from '../dsl/argv-text.ts'
import { standingOf } from '../dsl/cluster-model.ts'
import type { Condition, Plan, PlannedChange, PlannedStep } from '../workflows/plan.ts'
import { elapsed, fitted, plainLine, type Style, styled, wrapped } from './terminal.ts'

interface ViewOptions {
  readonly columns: number
  readonly colour: boolean
}

/** A plan as a person reads it: the steps with what they would run, then what becomes of the cluster, then the verdict. */
export function renderPlan(plan: Plan, options: ViewOptions): readonly string[] {
  return [
    ...headLines(plan, options),
    '',
    ...plan.steps.flatMap((step) => stepLines(step, plan, options)),
    ...marksLine(plan, options),
    ...membershipLines(plan, options),
    ...listLines('asks a person', plan.approvals.map(askedText), options),
    ...listLines(
      'no way back',
      plan.noReturn.map(({ summary, why }) => `once “${summary}” is done: ${why}`),
      options,
    ),
    ...listLines('not known yet', plan.open, options),
    ...durationLines(plan, options),
    '',
    ...verdictLines(plan, options),
  ]
}

function headLines(
  { title, runbook, cluster, inputs }: Plan,
  { columns, colour }: ViewOptions,
): readonly string[] {
  const given = Object.entries(inputs).flatMap(([name, value]) =>
    name === 'cluster' || value === null || value === '' || (Array.isArray(value) && value.length === 0)
      ? []
      : [`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`],
  )
  return [
    styled(fitted(plainLine(title), columns), 'bold', colour),
    ...wrapped(`${runbook}${cluster === undefined ? '' : ` on ${cluster}`}`, columns).map((text) =>
      styled(text, 'dim', colour),
    ),
    ...wrapped(given.join(' '), columns)
      .filter((text) => text !== '')
      .map((text) => styled(text, 'dim', colour)),
  ]
}

type Mark = readonly [mark: string, style: Style]

const marks = {
  looked: ['✔', 'green'],
  change: ['▸', 'cyan'],
  group: ['▾', 'dim'],
  waits: ['◷', 'cyan'],
  person: ['?', 'yellow'],
  no: ['·', 'dim'],
  wrong: ['✖', 'red'],
  open: ['…', 'yellow'],
} as const satisfies Readonly<Record<string, Mark>>

function markFor(step: PlannedStep, { verdict }: Plan): Mark {
  if (verdict.kind === 'refused' && verdict.step === step.step) return marks.wrong
  if (step.happens === 'no') return marks.no
  if (step.asks !== undefined) return marks.person
  if (['forEach', 'steps', 'parallel', 'call', 'iteration', 'rescue', 'always'].includes(step.kind))
    return marks.group
  if (step.effect !== undefined && step.effect !== 'read') return marks.change
  if (step.gate !== undefined && step.gate.holds !== true) return marks.waits
  return step.certainty === 'unknown' ? marks.open : marks.looked
}

function stepLines(step: PlannedStep, plan: Plan, options: ViewOptions): readonly string[] {
  const { columns, colour } = options
  const indent = '  '.repeat(1 + Math.min(step.depth, deepest))
  const [mark, style] = markFor(step, plan)
  const right = fitted(asides(step).join('  '), Math.max(16, columns - indent.length - 30))
  const room = columns - indent.length - 2
  const left = fitted(plainLine(step.summary), right === '' ? room : room - right.length - 2)
  const gap = ' '.repeat(
    Math.max(2, Math.min(aligned - indent.length - left.length, room - left.length - right.length)),
  )
  const text = step.happens === 'no' ? styled(left, 'dim', colour) : left
  const head = `${indent}${styled(mark, style, colour)} ${text}${right === '' ? '' : gap + styled(right, 'dim', colour)}`
  const below = detailsOf(step, plan).flatMap((detail) =>
    wrapped(detail, columns - indent.length - 6).map(
      (line, at) => `${indent}    ${at === 0 ? '' : '  '}${line}`,
    ),
  )
  return [head, ...below.map((line) => styled(line, 'dim', colour))]
}

const deepest = 5
const aligned = 58

/** What stands at the right of a step. */
function asides(step: PlannedStep): readonly string[] {
  const { happens, certainty, standing, preview, expectedMs, effect } = step
  if (happens === 'no') return [certainty === 'now' ? 'not needed as it is now' : 'not needed']
  return [
    ...(happens === 'perhaps' ? ['perhaps'] : []),
    ...(effect === 'disrupt' || effect === 'destroy' ? [effect === 'disrupt' ? 'disrupts' : 'destroys'] : []),
    ...(preview?.there === true
      ? [certainty === 'now' ? 'nothing to do as it is now' : 'nothing to do']
      : []),
    ...(certainty === 'now' && effect === 'read' && step.gate === undefined ? ['as it is now'] : []),
    ...(standing === undefined
      ? []
      : [`margin ${standing.margin} (${standing.up} of ${standing.voters} serve)`]),
    ...(expectedMs === undefined ? [] : [elapsed(expectedMs)]),
  ]
}

/** What stands below a step. */
function detailsOf(step: PlannedStep, { verdict }: Plan): readonly string[] {
  const { gate, preview, asserts, said, happens, if: condition, noReturn, undo } = step
  const refused = verdict.kind === 'refused' && verdict.step === step.step
  if (happens === 'no') return []
  return [
    ...(condition !== undefined && condition.holds === undefined
      ? [`only if ${oneLine(condition.source)}, which is not known yet: ${condition.because ?? ''}`]
      : []),
    ...(gate === undefined ? [] : [gateText(gate)]),
    ...(asserts ?? []).flatMap((one) => assertText(one, refused)),
    ...(said === undefined || refused || gate?.holds === true ? [] : [said]),
    ...(preview === undefined ? [] : previewTexts(preview)),
    ...(step.certainty === 'unknown' &&
    preview === undefined &&
    gate === undefined &&
    step.because !== undefined
      ? [`not known yet: ${step.because}`]
      : []),
    ...(undo === undefined || undo.length === 0 ? [] : [`taken back by: ${undo.join('; ')}`]),
    ...(noReturn === undefined ? [] : ['no way back from here']),
  ]
}

function gateText({
  source,
  holds,
  stableMs = 0,
  timeoutMs,
  because,
  certainty,
}: NonNullable<PlannedStep['gate']>): string {
  const stable = stableMs > 0 ? `, for ${elapsed(stableMs)} without a break` : ''
  const now =
    holds === undefined ? `not known yet: ${because ?? ''}` : holds ? 'holds now' : 'does not hold now'
  const later = holds !== undefined && certainty !== 'sure' ? ', before the steps above' : ''
  return `waits until ${oneLine(source)}${stable}, at most ${elapsed(timeoutMs)}; ${now}${later}`
}

function assertText(
  { source, holds, message, because, certainty }: Condition & { readonly message?: string },
  refused: boolean,
): readonly string[] {
  if (holds === undefined) return [`checks ${oneLine(source)}; not known yet: ${because ?? ''}`]
  if (holds) return certainty === 'now' ? [`checks ${oneLine(source)}; holds as it is now`] : []
  return refused ? [] : [`checks ${oneLine(source)}; does not hold as it is now: ${message ?? ''}`]
}

function previewTexts(preview: NonNullable<PlannedStep['preview']>): readonly string[] {
  const { guard, changes, complete, stopped, there } = preview
  if (there) return []
  return [
    ...(guard === undefined
      ? []
      : [guard.passes ? 'guard: would let it pass now' : `guard: would refuse now: ${guard.why}`]),
    ...changes.map(changeText),
    ...(stopped === undefined
      ? []
      : [`begins with what the steps above leave; as it is now it would not: ${stopped.message}`]),
    ...(changes.length > 0 && !complete ? ['then more, by what this finds'] : []),
  ]
}

function changeText(change: PlannedChange): string {
  switch (change.kind) {
    case 'command':
      return `${change.host}$ ${argvText(change.argv)}${change.stdinBytes > 0 ? ` < ${change.stdinBytes} bytes` : ''}`
    case 'call':
      return `${change.host}: ${change.call} ${JSON.stringify(change.request)}`
    case 'file':
      return `here: write ${change.path}`
    case 'transfer':
      return `to ${change.host}: ${change.what}`
  }
}

const oneLine = (text: string): string => plainLine(text)

function marksLine({ steps }: Plan, { colour }: ViewOptions): readonly string[] {
  if (!steps.some(({ effect }) => effect !== undefined && effect !== 'read')) return []
  return ['', styled('  ✔ looked at now   ▸ would change   ◷ would wait   · not needed', 'dim', colour)]
}

function membershipLines({ membership }: Plan, options: ViewOptions): readonly string[] {
  if (membership === undefined) return []
  const { before, differences, lowest, standing, after, unsure } = membership
  const moved = before.leader !== after.leader
  const lines = [
    ...differences.map(({ kind, member, what }) => `${signs[kind]} ${member}  ${what.join(', ')}`),
    ...(differences.length === 0 ? ['as they are now'] : []),
    ...(moved
      ? [
          `led by ${before.leader || 'nobody'} now, afterwards by ${after.leader || 'whom the members choose'}`,
        ]
      : []),
  ]
  const then = standingOf(after)
  const low =
    lowest.summary === undefined || lowest.margin >= standing.margin
      ? ''
      : `; ${lowest.margin} at the lowest, from “${lowest.summary}” on (${lowest.up} of ${lowest.voters} voters serve)`
  return [
    ...listLines('members', lines, options),
    ...listLines(
      'margin',
      [
        `${standing.margin} now${low}; ${then.margin} afterwards`,
        ...unsure.map((why) => `it may come otherwise: ${why}`),
      ],
      options,
    ),
  ]
}

const signs = { added: '+', removed: '-', changed: '~' } as const

function askedText({ summary, message, by, people = 1 }: Plan['approvals'][number]): string {
  const who = [
    ...(people > 1 ? [`${people} people`] : []),
    ...(by === undefined ? [] : [`as ${by.join(' or ')}`]),
  ]
  return `${summary}${who.length === 0 ? '' : ` (${who.join(', ')})`}: ${message}`
}

function durationLines({ durations, verdict }: Plan, options: ViewOptions): readonly string[] {
  if (verdict.kind === 'refused') return []
  const total = durations.byStep['']
  const runs = durations.runs === 1 ? 'the only past run' : `${durations.runs} past runs (median)`
  const text =
    durations.runs === 0 || total === undefined
      ? 'no past run to tell'
      : `${elapsed(total)}, by ${runs}; waiting for people is part of it`
  return listLines('takes', [text], options)
}

function listLines(
  title: string,
  items: readonly string[],
  { columns, colour }: ViewOptions,
): readonly string[] {
  if (items.length === 0) return []
  const lines = items.flatMap((item) =>
    wrapped(item, columns - 6).map((line, at) => (at === 0 ? `    ${line}` : `      ${line}`)),
  )
  return ['', `  ${styled(title, 'bold', colour)}`, ...lines]
}

function verdictLines(
  { verdict, lockedBy, cluster }: Plan,
  { columns, colour }: ViewOptions,
): readonly string[] {
  const locked =
    lockedBy === undefined
      ? []
      : wrapped(
          `${cluster} is locked now by the run ${lockedBy.run} (${lockedBy.runbook}) of ${lockedBy.by}, since ${new Date(lockedBy.sinceMs).toISOString()}.`,
          columns,
        ).map((line) => styled(line, 'yellow', colour))
  if (verdict.kind === 'ready')
    return [
      ...locked,
      styled(
        lockedBy === undefined ? 'It could run now.' : 'It could run once the lock is free.',
        'green',
        colour,
      ),
    ]
  return [
    ...locked,
    ...wrapped(`It would be refused at “${verdict.summary}”: ${verdict.why}`, columns).map((line) =>
      styled(line, 'red', colour),
    ),
  ]
}
