import { asText, render } from '../dsl/expression.ts'
import { waitSummary } from './wait.ts'
import type { Json, PinnedAction, Program, Step, Template } from '../dsl/program.ts'

type Values = Readonly<Record<string, Json>>
type Actions = Program['actions']

/** What a person reads for a step. What cannot be known yet (an output of a later step) shows as `…`. */
export function summaryOf(step: Step, actions: Actions, values: Values): string {
  if (step.name) return bounded(textOf(step.name, values))
  return bounded(unnamed(step, actions, values))
}

/** As text, whatever parts of it cannot be worked out. */
export function textOf(template: Template, values: Values): string {
  if (template.kind !== 'text') return written(attempt(template, values))
  return template.parts
    .map((part) =>
      typeof part === 'string' ? part : written(attempt({ kind: 'expression', expression: part }, values)),
    )
    .join('')
}

function unnamed(step: Step, actions: Actions, values: Values): string {
  switch (step.kind) {
    case 'uses':
      return ofAction(actions[step.uses], step.uses, step.with, values)
    case 'gate':
      return ofAction(actions[step.gate], step.gate, step.with, values)
    case 'assert':
      return `check ${lastOf(step.key)}`
    case 'set':
      return `set ${Object.keys(step.set).join(', ')}`
    case 'forEach':
      return `for each ${step.as}`
    case 'call':
      return step.title
    case 'approve':
      return 'approval'
    case 'notify':
      return `tell people: ${textOf(step.message, values)}`
    case 'wait':
      return waitSummary(step, values)
    case 'manual':
      return 'by hand'
    case 'parallel':
      return step.id ?? 'at the same time'
    case 'steps':
      return lastOf(step.key)
  }
}

function ofAction(
  action: PinnedAction | undefined,
  name: string,
  inputs: Readonly<Record<string, Template>>,
  values: Values,
): string {
  const title = action?.title ?? name
  const field = action?.subject.find((candidate) => inputs[candidate] !== undefined)
  const subject = field === undefined ? undefined : inputs[field]
  return subject === undefined ? title : `${textOf(subject, values)}: ${title}`
}

function attempt(template: Template, values: Values): Json | undefined {
  try {
    return render(template, values)
  } catch {
    return undefined
  }
}

function written(value: Json | undefined): string {
  return value === undefined ? '…' : asText(value)
}

const lastOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1)

const longest = 200

/** One line: a summary travels in Temporal's metadata, which has a limit. */
function bounded(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`
}
