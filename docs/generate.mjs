// Writes the pages that come from definitions: `npm run docs`. With --check it only says which are out of step.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { makeReady } from '../cli/setup.mjs'

const here = dirname(fileURLToPath(import.meta.url))
await makeReady(dirname(here))
const { catalogue } = await import('../dist/activities/catalogue.js')
const { codesMarkdown } = await import('../dist/dsl/codes.js')
const { inventoryJsonSchema, runbookJsonSchema } = await import('../dist/dsl/json-schema.js')

const pages = {
  'actions.md': actionsMarkdown(),
  'errors.md': codesMarkdown(),
  'runbook.schema.json': JSON.stringify(runbookJsonSchema(catalogue)),
  'inventory.schema.json': JSON.stringify(inventoryJsonSchema()),
}

const stale = []
for (const [name, text] of Object.entries(pages)) {
  const path = join(here, name)
  const wanted = await format(text, { ...(await resolveConfig(path)), filepath: path })
  if (existsSync(path) && readFileSync(path, 'utf8') === wanted) continue
  stale.push(name)
  if (!process.argv.includes('--check')) writeFileSync(path, wanted)
}
if (process.argv.includes('--check')) {
  for (const name of stale) console.error(`docs/${name} is out of step with the code: run \`npm run docs\`.`)
  process.exitCode = stale.length > 0 ? 1 : 0
} else console.log(stale.length > 0 ? `Written: ${stale.join(', ')}.` : 'All pages are as they should be.')

function actionsMarkdown() {
  const actions = [...catalogue.values()].sort((left, right) => left.name.localeCompare(right.name))
  return [
    '# Actions',
    'What a runbook may use, made from the catalogue by `npm run docs`. `quorate actions NAME` prints the same in the terminal.',
    'An effect is `read` (changes nothing), `change`, `disrupt` (takes a member out of service: the engine asks the cluster first) or `destroy`.',
    ...actions.map(actionMarkdown),
  ].join('\n\n')
}

function actionMarkdown({ name, title, doc, effect, input, output, example }) {
  const host = (text) => text.replaceAll('|', '\\|')
  const rows = (schema) =>
    Object.entries(schema.properties ?? {}).map(([field, shape]) => {
      const needed = schema.required?.includes(field) && shape.default === undefined
      return `| \`${field}\` | ${host(typeOf(shape))} | ${needed ? 'yes' : defaultOf(shape)} | ${host(shape.description ?? '')} |`
    })
  const results = Object.entries(output.properties ?? {}).map(
    ([field, shape]) => `| \`${field}\` | ${host(typeOf(shape))} | ${host(shape.description ?? '')} |`,
  )
  return [
    `## ${name}`,
    `**${title}** · \`${effect}\``,
    doc,
    ['| with | type | needed | |', '|---|---|---|---|', ...rows(input)].join('\n'),
    ['| gives | type | |', '|---|---|---|', ...results].join('\n'),
    ['```yaml', `uses: ${name}`, `with: ${JSON.stringify(example)}`, '```'].join('\n'),
  ].join('\n\n')
}

function defaultOf({ default: value }) {
  return value === undefined ? 'no' : `no: \`${JSON.stringify(value)}\``
}

function typeOf({ type, items, enum: values, additionalProperties }) {
  if (values) return values.map((value) => `\`${value}\``).join(' or ')
  if (type === 'array') return `list of ${typeOf(items ?? {})}`
  if (type === 'object' && typeof additionalProperties === 'object')
    return `map of ${typeOf(additionalProperties)}`
  return Array.isArray(type) ? type.join(' or ') : (type ?? 'any')
}
