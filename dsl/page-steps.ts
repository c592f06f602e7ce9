import { durationText } from './duration.ts'
import { cell, code, codeOf, expressionCode, proseOf, titleOf } from './page-text.ts'
import type { Effect, Program, Step, Template } from './program.ts'

export interface Paged {
  readonly program: Program
  /** The source's lines, for the comments above steps. */
  readonly lines: readonly string[]
}

/** All steps as nested lists: what each does, what is checked around it, and what takes it back. */
export function stepsMarkdown(paged: Paged): string {
  return listOf(paged, paged.program.steps, '').join('\n')
}

function listOf(paged: Paged, steps: readonly Step[], indent: string): readonly string[] {
  return steps.flatMap((step, index) => {
    const mark = `${index + 1}. `
    const inner = indent + ' '.repeat(mark.length)
    const [first = '', ...rest] = [...headOf(paged, step), ...detailsOf(paged, step, inner)]
    return [
      `${indent}${mark}${first}`,
      ...rest.map((line) => (line === '' ? '' : line.startsWith(inner) ? line : inner + line)),
    ]
  })
}

function headOf({ program, lines }: Paged, step: Step): readonly string[] {
  const title = `**${titleOf(step, program.actions, proseOf)}**`
  const comment = commentAbove(lines, step)
  return [`${title}${whatOf(program, step)}`, ...(comment === '' ? [] : ['', comment, ''])]
}

function whatOf({ actions }: Program, step: Step): string {
  switch (step.kind) {
    case 'uses':
      return ` · ${actionLink(step.uses)}${effectNote(actions[step.uses]?.effect)}`
    case 'gate':
      return ` · gate on ${actionLink(step.gate)}`
    case 'call':
      return ` · runbook [${step.call}](${step.call}.md)`
    case 'approve':
      return ' · asks a person'
    case 'manual':
      return ' · done by hand'
    case 'assert':
      return ' · check'
    case 'notify':
      return ' · tells people'
    case 'wait':
      return ` · waits ${durationCode(step.waitMs)}`
    case 'forEach':
      return ` · for each ${code(step.as)} of ${expressionCode(step.forEach)}, ${step.maxParallel === undefined ? 'one after another' : `${step.maxParallel} at a time`}`
    case 'parallel':
      return ' · at the same time'
    case 'set':
    case 'steps':
      return ''
  }
}

const effectNote = (effect: Effect | undefined): string =>
  effect === undefined || effect === 'read' ? '' : ` · \`${effect}\``

/** As a heading's anchor is made. */
export const actionLink = (name: string): string =>
  `[\`${name}\`](../actions.md#${name.replaceAll('.', '').toLowerCase()})`

function detailsOf(paged: Paged, step: Step, indent: string): readonly string[] {
  const inner = `${indent}  `
  const notes = [...ownNotes(step), ...commonNotes(paged, step)].map((note) => `${indent}- ${note}`)
  const undo = block(paged, 'Taken back by', step.undo, indent, inner)
  const body = 'steps' in step && step.kind !== 'call' ? listOf(paged, step.steps, indent) : []
  const after = [
    ...block(paged, 'When it fails, rescued by', step.rescue, indent, inner),
    ...block(paged, 'Always, once it is over', step.always, indent, inner),
  ]
  const before = [...notes, ...undo]
  return [
    ...before,
    ...(before.length > 0 && body.length > 0 ? [''] : []),
    ...body,
    ...(after.length > 0 && body.length > 0 ? [''] : []),
    ...after,
  ]
}

function block(
  paged: Paged,
  title: string,
  steps: readonly Step[] | undefined,
  indent: string,
  inner: string,
): readonly string[] {
  return steps === undefined ? [] : [`${indent}- ${title}:`, ...listOf(paged, steps, inner)]
}

function ownNotes(step: Step): readonly string[] {
  switch (step.kind) {
    case 'gate':
      return [gateNote(step)]
    case 'assert':
      return step.assert.map(
        ({ that, else: otherwise }) => `${expressionCode(that)}, else: ${proseOf(otherwise)}`,
      )
    case 'approve':
      return [`Asked: ${cell(proseOf(step.message))}`, ...askingNotes(step)]
    case 'manual':
      return [`To do: ${cell(proseOf(step.message))}`, ...askingNotes(step)]
    case 'notify':
      return [`Told: ${cell(proseOf(step.message))}${step.to === undefined ? '' : ` To ${codeOf(step.to)}`}`]
    case 'set':
      return Object.entries(step.set).map(([name, template]) => `${code(name)} = ${codeOf(template)}`)
    case 'call':
      return Object.entries(step.with).length === 0
        ? []
        : [
            `With ${Object.entries(step.with)
              .map(([name, template]) => `${code(name)} = ${codeOf(template)}`)
              .join(', ')}`,
          ]
    case 'uses':
    case 'forEach':
    case 'parallel':
    case 'steps':
    case 'wait':
      return []
  }
}

function askingNotes(step: Extract<Step, { readonly kind: 'approve' | 'manual' }>): readonly string[] {
  const { by, expiresMs } = step
  const after = expiresMs?.kind === 'literal' ? durationText(Number(expiresMs.value)) : undefined
  return [
    ...(by === undefined ? [] : [`Answered only by the role ${by.join(' or ')}`]),
    ...(step.kind === 'approve' && step.people !== undefined
      ? [`It takes ${step.people} different people`]
      : []),
    ...(step.kind === 'approve' && step.notRequester ? ['Not by whoever started the run'] : []),
    ...(step.kind === 'manual' && step.confirm !== undefined
      ? [`To confirm it, ${codeOf(step.confirm)} has to be typed`]
      : []),
    ...(expiresMs === undefined ? [] : [`Fails when nobody answers within ${after ?? codeOf(expiresMs)}`]),
  ]
}

function gateNote({
  until,
  stableMs,
  everyMs,
  gateTimeoutMs,
}: Extract<Step, { readonly kind: 'gate' }>): string {
  const stable =
    stableMs.kind === 'literal' && !(Number(stableMs.value) > 0)
      ? ''
      : `, and stays so for ${durationCode(stableMs)}`
  return `Goes on once ${expressionCode(until)} holds${stable}; asked every ${durationText(everyMs)}, for ${durationText(gateTimeoutMs)} at most`
}

/** Milliseconds as their author would write them. */
const durationCode = (ms: Template): string =>
  ms.kind === 'literal' ? durationText(Number(ms.value)) : codeOf(ms)

function commonNotes({ program }: Paged, step: Step): readonly string[] {
  const effect = step.kind === 'uses' ? program.actions[step.uses]?.effect : undefined
  return [
    ...(step.if === undefined ? [] : [`Only if ${expressionCode(step.if)}`]),
    ...guardNote(effect, program.quorum),
    ...(step.onFailure === 'pause' ? [] : [failureNotes[step.onFailure]]),
    ...(step.skippable ? ['May be skipped once it has failed'] : []),
    ...(step.noReturn === undefined ? [] : [`**Point of no return**: ${proseOf(step.noReturn)}`]),
  ]
}

function guardNote(effect: Effect | undefined, quorum: Program['quorum']): readonly string[] {
  if (quorum === 'lost' && (effect === 'disrupt' || effect === 'destroy')) {
    return ['Guarded: refused while any member is led or reads through the quorum']
  }
  return effect === 'disrupt' ? ['Guarded: refused unless the other members are a healthy quorum'] : []
}

const failureNotes = {
  fail: 'If it fails, the run ends',
  continue: 'If it fails, the run goes on',
  rollback: 'If it fails, the run takes back what was done',
} as const

/** What the author wrote above a step, as one paragraph. */
function commentAbove(lines: readonly string[], { at }: Step): string {
  const comment: string[] = []
  for (let line = at.line - 2; line >= 0 && /^\s*#/.test(lines[line] ?? ''); line--) {
    comment.unshift((lines[line] ?? '').replace(/^\s*#\s?/, ''))
  }
  return comment.length === 0 ? '' : `_${comment.join(' ').replace(/[_*<]/g, '\\$&').trim()}_`
}
