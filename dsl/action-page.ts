import type { ActionSpec, JsonSchema } from './action-spec.ts'
import { recordOf } from './check-shape.ts'
import { cell, code } from './page-text.ts'
import type { Json } from './program.ts'

/** An action with an input as a runbook would give it. */
export interface PagedAction extends ActionSpec {
  readonly example: Readonly<Record<string, Json>>
}

/** The reference of all actions, as Markdown. `madeBy` says how it is made. */
export function actionsPage(actions: readonly PagedAction[], madeBy: string): string {
  const sorted = actions.toSorted((left, right) => left.name.localeCompare(right.name))
  return [
    '# Actions',
    `What a runbook may use, made from the catalogue by ${madeBy}. \`quorate actions NAME\` prints the same in the terminal.`,
    'An effect is `read` (changes nothing), `change`, `disrupt` (takes a member out of service: the engine asks the cluster first) or `destroy`.',
    ...sorted.map(actionMarkdown),
    '',
  ].join('\n\n')
}

function actionMarkdown({ name, title, doc, effect, input, output, example }: PagedAction): string {
  const inputs = fieldsOf(input).map(([field, shape, needed]) => {
    const given = needed && shape['default'] === undefined ? 'yes' : defaultOf(shape)
    return `| \`${field}\` | ${cell(typeOf(shape))} | ${given} | ${described(shape)} |`
  })
  const outputs = fieldsOf(output).map(
    ([field, shape]) => `| \`${field}\` | ${cell(typeOf(shape))} | ${described(shape)} |`,
  )
  return [
    `## ${name}`,
    `**${title}** · \`${effect}\``,
    doc,
    ['| with | type | needed | |', '|---|---|---|---|', ...inputs].join('\n'),
    ['| gives | type | |', '|---|---|---|', ...outputs].join('\n'),
    ['```yaml', `uses: ${name}`, `with: ${JSON.stringify(example)}`, '```'].join('\n'),
  ].join('\n\n')
}

function fieldsOf(schema: JsonSchema): readonly (readonly [string, JsonSchema, boolean])[] {
  const required: readonly unknown[] = Array.isArray(schema['required']) ? schema['required'] : []
  return Object.entries(recordOf(schema['properties'])).map(([field, shape]) => [
    field,
    recordOf(shape),
    required.includes(field),
  ])
}

const described = ({ description }: JsonSchema): string =>
  typeof description === 'string' ? cell(description) : ''

const defaultOf = ({ default: value }: JsonSchema): string =>
  value === undefined ? 'no' : `no: ${cell(code(JSON.stringify(value)))}`

function typeOf({ type, items, enum: values, additionalProperties: others }: JsonSchema): string {
  if (Array.isArray(values)) return values.map((value) => `\`${String(value)}\``).join(' or ')
  if (type === 'array') return `list of ${typeOf(recordOf(items))}`
  if (type === 'object' && typeof others === 'object') return `map of ${typeOf(recordOf(others))}`
  return Array.isArray(type) ? type.join(' or ') : typeof type === 'string' ? type : 'any'
}
