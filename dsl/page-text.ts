import { asText } from './expression.ts'
import type { Expression, Json, PinnedAction, Program, Step, Template } from './program.ts'

/** Parts of a runbook as text for its page. */

/** `etcd-1: stop etcd` with what only a run knows as its own name in italics: `*member*: stop etcd on *from*`. */
export function proseOf(template: Template): string {
  return piecesOf(template)
    .map((piece) => (typeof piece === 'string' ? escapedText(piece) : `*${escapedText(shortName(piece))}*`))
    .join('')
}

/** The same without markup. */
export function plainOf(template: Template): string {
  return piecesOf(template)
    .map((piece) => (typeof piece === 'string' ? piece : `‹${shortName(piece)}›`))
    .join('')
}

/** A template as its author wrote it, as code. */
export function codeOf(template: Template): string {
  if (template.kind === 'expression') return expressionCode(template.expression)
  if (template.kind !== 'text') return code(asText(writtenOf(template)))
  return code(piecesOf(template).map(written).join(''))
}

export const expressionCode = ({ source }: Expression): string => code(source)

/** On one line, whatever is in it. */
export function code(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return longest === 0 ? `\`${line}\`` : `${fence} ${line} ${fence}`
}

export const escapedText = (text: string): string =>
  text.replace(/[\\`*_[\]<>|]/g, '\\$&').replace(/\s+/g, ' ')

/** In a cell of a table. */
export const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/\s+/g, ' ').trim()

export function titleOf(step: Step, actions: Program['actions'], of: (template: Template) => string): string {
  if (step.name !== undefined) return of(step.name)
  const text = (value: string) => of({ kind: 'literal', value })
  switch (step.kind) {
    case 'uses':
      return actionTitle(actions[step.uses], step.uses, step.with, of)
    case 'gate':
      return actionTitle(actions[step.gate], step.gate, step.with, of)
    case 'call':
      return text(step.title)
    case 'assert':
      return text('check')
    case 'approve':
      return text('approval')
    case 'notify':
      return text('tell people')
    case 'wait':
      return text('wait')
    case 'manual':
      return text('by hand')
    case 'set':
      return text(`note ${Object.keys(step.set).join(', ')}`)
    case 'forEach':
      return text(`for each ${step.as}`)
    case 'parallel':
      return text(step.id ?? 'at the same time')
    case 'steps':
      return text(step.id ?? 'steps')
  }
}

function actionTitle(
  action: PinnedAction | undefined,
  name: string,
  inputs: Readonly<Record<string, Template>>,
  of: (template: Template) => string,
): string {
  const title = of({ kind: 'literal', value: action?.title ?? name })
  const subject = action?.subject.map((field) => inputs[field]).find((template) => template !== undefined)
  return subject === undefined ? title : `${of(subject)}: ${title}`
}

function piecesOf(template: Template): readonly (string | Expression)[] {
  if (template.kind === 'text') return template.parts
  return template.kind === 'expression' ? [template.expression] : [asText(writtenOf(template))]
}

function writtenOf(template: Template): Json {
  switch (template.kind) {
    case 'literal':
      return template.value
    case 'expression':
      return written(template.expression)
    case 'text':
      return template.parts.map(written).join('')
    case 'list':
      return template.items.map(writtenOf)
    case 'map':
      return Object.fromEntries(Object.entries(template.entries).map(([key, item]) => [key, writtenOf(item)]))
  }
}

const written = (piece: string | Expression): string =>
  typeof piece === 'string' ? piece : `\${{ ${piece.source} }}`

/** What an expression is about, where that is a plain path; else a mark that something is filled in. */
function shortName({ source }: Expression): string {
  const [, root, rest] = /^(inputs|vars|steps|[a-z]\w*)\.?([\w.]*)$/i.exec(source.trim()) ?? []
  if (root === undefined || rest === undefined) return '…'
  if (rest === '') return root
  return root === 'inputs' || root === 'vars' || root === 'steps' ? rest : `${root}.${rest}`
}
