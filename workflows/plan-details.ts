import { escaped } from './escaped.ts'
import type { Plan, PlannedStep } from './plan.ts'

/** A plan as Markdown, for the workflow's current details. All that comes from outside is escaped. */
export function planDetails(plan: Plan): string {
  const head = [`**Plan: ${escaped(plan.title)}**`, verdict(plan), ...membership(plan)]
  return `${head.join('\n\n')}\n\n${lines(plan.steps).join('\n')}\n${lists(plan)}`
}

export function planningDetails(title: string, steps: readonly PlannedStep[]): string {
  return `**Plan: ${escaped(title)}**: looking\n\n${lines(steps).join('\n')}\n`
}

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

function lines(steps: readonly PlannedStep[]): readonly string[] {
  const rest = steps.length - mostSteps
  return [...steps.slice(0, mostSteps).map(line), ...(rest > 0 ? [`- … ${rest} further steps`] : [])]
}

const marks: Readonly<Record<PlannedStep['happens'], string>> = { yes: '○', no: '–', perhaps: '?' }

function line({ summary, depth, happens, certainty, standing }: PlannedStep): string {
  const said = [
    ...(happens === 'no' ? ['*not needed*'] : []),
    ...(certainty === 'now' ? ['*as it is now*'] : certainty === 'unknown' ? ['*not known yet*'] : []),
    ...(standing === undefined ? [] : [`margin ${standing.margin}`]),
  ]
  return `- ${'\u2003'.repeat(Math.min(depth, 6))}${marks[happens]} ${escaped(summary)}${said.length === 0 ? '' : ` (${said.join(', ')})`}`
}

const mostSteps = 80
const mostItems = 20
const longText = 800
