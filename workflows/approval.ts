import { durationText } from '../dsl/duration.ts'
import { asText, evaluate, render } from '../dsl/expression.ts'
import type { ApproveStep, Expression, Json, ManualStep, Template } from '../dsl/program.ts'
import { escaped } from './escaped.ts'
import { StepFailure } from './failure.ts'
import type { Approval, Decision, DecisionKind, Failure } from './ports.ts'

type Values = Readonly<Record<string, Json>>

/** Throws when a part cannot be worked out: nobody shall approve what is not said. */
export function approvalOf(step: ApproveStep | ManualStep, values: Values, nowMs: number): Approval {
  const { message, by, expiresMs } = step
  const after = expiresMs === undefined ? undefined : milliseconds(render(expiresMs, values))
  return {
    message: bounded(asText(render(message, values))),
    markdown: bounded(markdownOf(message, values)),
    ...(by === undefined ? {} : { by }),
    ...(after === undefined ? {} : { expiresAfterMs: after, expiresMs: nowMs + after }),
    ...(step.kind === 'manual' ? byHand(step, values) : people(step)),
  }
}

const people = ({ people: count, notRequester }: ApproveStep): Partial<Approval> => ({
  ...(count === undefined ? {} : { people: count }),
  ...(notRequester === undefined ? {} : { notRequester }),
})

const byHand = ({ confirm }: ManualStep, values: Values): Partial<Approval> => ({
  manual: true,
  ...(confirm === undefined ? {} : { typed: bounded(asText(render(confirm, values)).trim()) }),
})

function milliseconds(value: Json): number {
  if (typeof value === 'number' && value > 0) return value
  throw new StepFailure('failed', `"expires" needs a duration above 0, not ${JSON.stringify(value)}`)
}

/** What a step fails with that nobody answered, by itself or because something else was decided. */
export function notAnswered({ manual }: Approval): Pick<Failure, 'kind' | 'message'> {
  if (manual) return { kind: 'unknown', message: 'nobody had confirmed it' }
  return { kind: 'refused', message: 'nobody had approved it' }
}

/** The same once the time is up. */
export function expired(approval: Approval): StepFailure {
  const { given = [], people: count = 1, expiresAfterMs = 0 } = approval
  const within = `within ${durationText(expiresAfterMs)}`
  const { kind } = notAnswered(approval)
  if (approval.manual) return new StepFailure(kind, `nobody confirmed it ${within}`)
  if (given.length === 0) return new StepFailure(kind, `nobody approved it ${within}`)
  const who = given.map(({ by }) => by).join(', ')
  return new StepFailure(kind, `only ${who} approved it ${within}, and it takes ${count} people`)
}

/** `rejected by ada: too late` */
export function rejected({ manual }: Approval, { by, reason }: Decision): StepFailure {
  if (manual) return new StepFailure('unknown', said('could not be done, says', by, reason))
  return new StepFailure('refused', said('rejected by', by, reason))
}

/** Of several people's approvals, the one decision they are together. */
export function together(given: readonly Decision[]): Decision {
  const [first] = given
  if (given.length === 1 && first) return first
  return {
    kind: 'approve',
    by: given.map(({ by }) => by).join(', '),
    reason: given.flatMap(({ by, reason }) => (reason === '' ? [] : [`${by}: ${reason}`])).join('; '),
  }
}

/** Why nothing but an answer makes sense. */
export function withheldWhileAsked({ manual }: Approval): Readonly<Partial<Record<DecisionKind, string>>> {
  const nothing = `nothing has failed; it is to be ${manual ? 'confirmed' : 'approved'} or rejected`
  const other = manual ? { approve: 'it is to be confirmed' } : { confirm: 'it is to be approved' }
  return { retry: nothing, skip: nothing, ...other }
}

/** What a person reads beside what was answered, from what its step gives. */
export function answeredBy({ kind }: ApproveStep | ManualStep, output: Json): string {
  const { by, comment } = { by: '', comment: '', ...(isMap(output) ? output : {}) }
  return said(kind === 'manual' ? 'confirmed by' : 'approved by', asText(by), asText(comment))
}

const said = (what: string, by: string, comment: string): string =>
  `${what} ${by}${comment === '' ? '' : `: ${comment}`}`

/** What the runbook says is Markdown; what is filled in is text, line by line. */
function markdownOf(message: Template, values: Values): string {
  if (message.kind === 'expression') return lines(evaluate(message.expression, values))
  if (message.kind !== 'text') return asText(render(message, values))
  return message.parts.map((part) => filledIn(part, values)).join('')
}

const filledIn = (part: string | Expression, values: Values): string =>
  typeof part === 'string' ? part : lines(evaluate(part, values))

/** Two spaces at a line's end keep it a line. */
const lines = (value: Json): string =>
  asText(value)
    .split('\n')
    .map((line) => escaped(line, longest))
    .join('  \n')

const longest = 4000

const bounded = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`)

const isMap = (value: Json): value is Readonly<Record<string, Json>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
