import { asText, evaluate, render } from '../dsl/expression.ts'
import type { Expression, Json, Template } from '../dsl/program.ts'
import { escaped } from './escaped.ts'
import type { Approval, Decision } from './ports.ts'

type Values = Readonly<Record<string, Json>>

/** Throws when a part cannot be worked out: nobody shall approve what is not said. */
export function approvalOf(message: Template, values: Values): Approval {
  return {
    message: bounded(asText(render(message, values))),
    markdown: bounded(markdownOf(message, values)),
  }
}

/** `rejected by ada: too late` */
export const rejectedBy = ({ by, reason }: Decision): string => said('rejected', by, reason)

/** What a person reads beside an approval that was given, from what its step gives. */
export function approvedBy(output: Json): string {
  const { by, comment } = { by: '', comment: '', ...(isMap(output) ? output : {}) }
  return said('approved', asText(by), asText(comment))
}

const said = (what: string, by: string, comment: string): string =>
  `${what} by ${by}${comment === '' ? '' : `: ${comment}`}`

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
