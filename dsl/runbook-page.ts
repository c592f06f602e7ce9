import { bytesText, durationText } from './duration.ts'
import { diagramOf } from './page-diagram.ts'
import { stepsMarkdown } from './page-steps.ts'
import { cell, code, codeOf, proseOf, titleOf } from './page-text.ts'
import type { Effect, InputSpec, Program, Step } from './program.ts'

/** Where a page comes from. */
export interface Origin {
  /** Who makes it: `npm run docs`, as Markdown. */
  readonly madeBy: string
  /** The runbook's file as a reader knows it, and as it is found from the page. */
  readonly file: string
  readonly link: string
}

/** A runbook's page, as Markdown, from its program and the text it was compiled from. */
export function runbookPage(program: Program, text: string, { madeBy, file, link }: Origin): string {
  const { name, title, description } = program
  return [
    `# ${name}`,
    `**${title}**`,
    `Made from [\`${file}\`](${link}) by ${madeBy}; do not edit by hand.`,
    description.trim(),
    summaryOf(program),
    ['```sh', commandOf(program), '```'].join('\n'),
    ...section('Inputs', inputsTable(program)),
    ...section('What it asks and refuses', decisions(program)),
    ...section('The way back', wayBack(program)),
    ...section('Flow', ['```mermaid', diagramOf(program), '```', '', legend].join('\n')),
    ...section('Step by step', stepsMarkdown({ program, lines: text.split(/\r?\n/) })),
    ...section('Outputs', outputsTable(program)),
    '',
  ].join('\n\n')
}

/** The list of all runbooks with their pages. */
export function runbooksIndex(programs: readonly Program[], intro: string): string {
  const rows = programs.map(
    ({ name, title, effect }) => `| [${name}](${name}.md) | ${cell(title)} | \`${effect}\` |`,
  )
  return ['# Runbooks', intro, ['| runbook | does | effect |', '|---|---|---|', ...rows].join('\n'), ''].join(
    '\n\n',
  )
}

const section = (heading: string, text: string): readonly string[] =>
  text === '' ? [] : [`## ${heading}`, text]

const effects: Readonly<Record<Effect, string>> = {
  read: 'changes nothing',
  change: 'changes things, and takes no member out of service',
  disrupt: 'takes members out of service, one at a time, each time after the engine has asked the others',
  destroy: 'destroys what cannot be had back',
}

function summaryOf({ effect, cluster, quorum }: Program): string {
  const lock = cluster === undefined || effect === 'read' ? 'none' : `of ${codeOf(cluster)}`
  return [
    `- Effect: \`${effect}\`, ${effects[effect]}`,
    `- Lock: ${lock}`,
    `- Quorum: ${quorum === 'kept' ? 'must be there, and is kept' : 'is lost; refused while any member is led or reads through it'}`,
  ].join('\n')
}

function commandOf({ name, inputs }: Program): string {
  const needed = Object.entries(inputs).filter(([, { required }]) => required)
  const given = needed.map(([input, { type }]) =>
    input === 'cluster' && type === 'cluster' ? ' --cluster CLUSTER' : ` --input ${input}=…`,
  )
  return `quorate run ${name}${given.join('')}`
}

function inputsTable({ inputs }: Program): string {
  const rows = Object.entries(inputs).map(
    ([name, spec]) => `| ${code(name)} | ${typeText(spec)} | ${standard(spec)} | ${cell(spec.description)} |`,
  )
  return rows.length === 0 ? '' : ['| input | type | default | |', '|---|---|---|---|', ...rows].join('\n')
}

function typeText(spec: InputSpec): string {
  const { type, values, min, max, pattern } = spec
  if (values !== undefined) return cell(values.map(code).join(' or '))
  const bounds = [
    ...(min === undefined ? [] : [`at least ${amountText(spec, min)}`]),
    ...(max === undefined ? [] : [`at most ${amountText(spec, max)}`]),
    ...(pattern === undefined ? [] : [`like ${cell(code(pattern))}`]),
  ]
  return [type, ...bounds].join(', ')
}

function amountText({ type }: InputSpec, value: number): string {
  if (type === 'duration') return durationText(value)
  return type === 'bytes' ? bytesText(value) : String(value)
}

function standard(spec: InputSpec): string {
  const { default: value, required } = spec
  if (value === undefined || value === null) return required ? 'needed' : 'none'
  if (typeof value === 'number') return code(amountText(spec, value))
  return value === '' ? 'empty' : cell(code(typeof value === 'string' ? value : JSON.stringify(value)))
}

/** Approvals, checks that end the run, and what may be skipped. */
function decisions({ steps, actions }: Program): string {
  const all = everyStep(steps)
  const approvals = all.flatMap((step) => (step.kind === 'approve' ? [step] : []))
  const refusals = all.flatMap((step) =>
    step.kind === 'assert' && step.onFailure === 'fail'
      ? step.assert.map(({ else: said }) => proseOf(said))
      : [],
  )
  const skippable = all.filter((step) => step.skippable).map((step) => titleOf(step, actions, proseOf))
  return [
    ...approvals.map((step) => `It asks for an approval: ${cell(proseOf(step.message))}`),
    ...(refusals.length === 0
      ? []
      : [
          'It ends before anything is changed, saying:',
          refusals.map((said) => `- ${cell(said)}`).join('\n'),
        ]),
    'When a step fails later, the run pauses and offers `retry`, `rollback` while there is something that can be taken back, and `abort`.',
    ...(skippable.length === 0 ? [] : [`\`skip\` is offered for: ${skippable.join('; ')}.`]),
  ].join('\n\n')
}

function wayBack({ steps, actions, effect }: Program): string {
  if (effect === 'read') return ''
  const all = everyStep(steps)
  const undone = all.filter(({ undo }) => undo !== undefined).map((step) => titleOf(step, actions, proseOf))
  const border = all.filter(({ noReturn }) => noReturn !== undefined)
  return [
    undone.length === 0
      ? 'No step of its own can be taken back.'
      : `A rollback takes back, newest first, what was done of: ${undone.join('; ')}.`,
    ...border.map(
      (step) =>
        `The point of no return is “${titleOf(step, actions, proseOf)}”: ${step.noReturn ? proseOf(step.noReturn) : ''}`,
    ),
    ...[...new Set(all.flatMap((step) => (step.kind === 'call' ? [step.call] : [])))].map(
      (name) => `What is done by [${name}](${name}.md) is taken back as its own page says.`,
    ),
  ].join('\n\n')
}

/** Not those of undo steps, nor of runbooks that are called: they have a page of their own. */
function everyStep(steps: readonly Step[]): readonly Step[] {
  return steps.flatMap((step) => [
    step,
    ...(step.kind === 'steps' || step.kind === 'forEach' || step.kind === 'parallel'
      ? everyStep(step.steps)
      : []),
  ])
}

const legend =
  'Square: reads. Round: changes. Double-edged: takes a member out of service, destroys, or is another runbook. Diamond: a check or a gate. Slanted: asks a person. ↩: can be taken back.'

function outputsTable({ outputs }: Program): string {
  const rows = Object.entries(outputs).map(
    ([name, template]) => `| ${code(name)} | ${cell(codeOf(template))} |`,
  )
  return rows.length === 0 ? '' : ['| output | from |', '|---|---|', ...rows].join('\n')
}
