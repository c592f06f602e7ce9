import { escaped } from './escaped.ts'
import type { Plan, PlannedChange, PlannedStep, Verdict } from './plan.ts'

/** A plan as Markdown, for the workflow's current details. All that comes from outside is escaped. */
export function planDetails(plan: Plan): string {
  const head = [`**Plan: ${escaped(plan.title)}**`, verdict(plan), ...membership(plan), legend]
  return `${head.join('\n\n')}\n\n${lines(plan.steps, plan.verdict).join('\n')}\n${lists(plan)}\n${whole}\n`
}

export function planningDetails(title: string, steps: readonly PlannedStep[]): string {
  return `**Plan: ${escaped(title)}**: looking\n\n${lines(steps).join('\n')}\n`
}

const legend = '✔ looked at now, ▸ would change, ◷ would wait, ? asks a person, – not needed, … not known yet'
const whole = 'All of it, scripts too, is the result of this workflow.'

function verdict({ verdict: said, lockedBy }: Plan): string {
  const locked =
    lockedBy === undefined
      ? ''
      : ` The cluster is locked by ${escaped(lockedBy.run)} of ${escaped(lockedBy.by)}.`
  if (said.kind === 'ready') return `It could run now.${locked}`
  return `It would be refused at **${escaped(said.summary)}**: ${escaped(said.why, longText)}${locked}`
}

function membership({ membership: said }: Plan): readonly string[] {
  if (said === undefined) return []
  const { lowest, differences } = said
  const changes = differences.map(({ member, what }) => `${member}: ${what.join(', ')}`).join('; ')
  return [
    `Lowest margin ${lowest.margin} (${lowest.up} of ${lowest.voters} voters)${lowest.summary === undefined ? '' : ` after ${escaped(lowest.summary)}`}. ${changes === '' ? 'The membership stays.' : escaped(changes, longText)}`,
  ]
}

function lists({ approvals, noReturn, open }: Plan): string {
  const parts = [
    listed(
      'Asks',
      approvals.map(({ summary }) => summary),
    ),
    listed(
      'No way back',
      noReturn.map(({ summary, why }) => `after ${summary}: ${why}`),
    ),
    listed('Not known yet', open),
  ]
  return parts
    .filter((part) => part !== '')
    .map((part) => `\n${part}\n`)
    .join('')
}

const listed = (title: string, items: readonly string[]): string =>
  items.length === 0
    ? ''
    : `${title}:\n\n${items
        .slice(0, mostItems)
        .map((item) => `- ${escaped(item, longText)}`)
        .join('\n')}`

function lines(steps: readonly PlannedStep[], said?: Verdict): readonly string[] {
  const rest = steps.length - mostSteps
  return [
    ...steps.slice(0, mostSteps).flatMap((step) => [line(step, said), ...changes(step)]),
    ...(rest > 0 ? [`- … ${rest} further steps`] : []),
  ]
}

function mark(step: PlannedStep, said?: Verdict): string {
  const { happens, asks, effect, gate, certainty } = step
  if (said?.kind === 'refused' && said.step === step.step) return '✖'
  if (happens === 'no') return '–'
  if (asks !== undefined) return '?'
  if (groups.has(step.kind)) return '▾'
  if (effect !== undefined && effect !== 'read') return '▸'
  if (gate !== undefined && gate.holds !== true) return '◷'
  return certainty === 'unknown' ? '…' : '✔'
}

const groups: ReadonlySet<PlannedStep['kind']> = new Set(['forEach', 'steps', 'call', 'iteration'])

function line(step: PlannedStep, verdict?: Verdict): string {
  const { summary, happens, effect, standing, preview } = step
  const said = [
    ...(happens === 'no' ? ['not needed'] : happens === 'perhaps' ? ['perhaps'] : []),
    ...(effect === 'disrupt' ? ['disrupts'] : effect === 'destroy' ? ['destroys'] : []),
    ...(preview?.there === true ? ['nothing to do'] : []),
    ...(standing === undefined
      ? []
      : [`margin ${standing.margin}, ${standing.up} of ${standing.voters} serve`]),
  ]
  return `${indent(step)}${mark(step, verdict)} ${escaped(summary)}${said.length === 0 ? '' : ` (*${said.join(', ')}*)`}`
}

/** What it would run, and what the guard says of it, below its line. */
function changes(step: PlannedStep): readonly string[] {
  const { happens, preview } = step
  if (preview === undefined || happens === 'no' || preview.there) return []
  const { guard, changes: all, stopped } = preview
  const said = [
    ...(guard?.passes === false ? [`guard: would refuse now: ${guard.why}`] : []),
    ...all.slice(0, mostChanges).map(changed),
    ...(all.length > mostChanges ? [`${all.length - mostChanges} more`] : []),
    ...(stopped === undefined
      ? []
      : [`begins with what the steps above leave; as it is now it would not: ${stopped.message}`]),
  ]
  return said.map((text) => `${indent(step, 2)}${escaped(text, commandText)}`)
}

function changed(change: PlannedChange): string {
  switch (change.kind) {
    case 'command':
      return `${change.host}$ ${change.argv.map(word).join(' ')}`
    case 'call':
      return `${change.host}: ${change.call} ${JSON.stringify(change.request)}`
    case 'file':
      return `on the worker: write ${change.path}`
    case 'transfer':
      return `to ${change.host}: ${change.what}`
  }
}

const word = (text: string): string =>
  text.includes('\n') || text.length > 200 ? `(script, ${text.trim().split('\n').length} lines)` : text

/** The UI shows no lists within lists. */
const indent = ({ depth }: PlannedStep, more = 0): string => `- ${'\u2003'.repeat(Math.min(depth, 6) + more)}`

const mostChanges = 5
const commandText = 400
const mostSteps = 80
const mostItems = 20
const longText = 800
