// Writes the pages that come from definitions: `npm run docs`. With --check it only says which are out of step.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { makeReady } from '../cli/setup.mjs'

const here = dirname(fileURLToPath(import.meta.url))
await makeReady(dirname(here))
const { catalogue } = await import('../dist/activities/catalogue.js')
const { codesMarkdown } = await import('../dist/dsl/codes.js')
const { printProblems } = await import('../dist/dsl/print.js')
const { runbookPage, runbooksIndex } = await import('../dist/dsl/runbook-page.js')
const { findRunbooks, ownRunbooks } = await import('../dist/worker/runbooks.js')
const { inventoryJsonSchema, runbookJsonSchema } = await import('../dist/dsl/json-schema.js')
const { testJsonSchema } = await import('../dist/rehearsal/test-json-schema.js')

const runbooks = await findRunbooks([ownRunbooks()], catalogue)
const texts = new Map(runbooks.map(({ file, text }) => [file, text]))
const sound = runbooks.filter(({ compiled }) => compiled.ok)
const broken = runbooks.flatMap(({ compiled }) => (compiled.ok ? [] : compiled.problems))
if (broken.length > 0) console.error(printProblems(broken, texts))
if (broken.length > 0) process.exitCode = 1

const pages = {
  'actions.md': actionsMarkdown(),
  'errors.md': codesMarkdown(),
  'runbook.schema.json': JSON.stringify(runbookJsonSchema(catalogue)),
  'runbook-test.schema.json': JSON.stringify(testJsonSchema(catalogue)),
  'inventory.schema.json': JSON.stringify(inventoryJsonSchema()),
  'runbooks/README.md': runbooksIndex(sound.map(({ compiled }) => compiled.value)),
  ...Object.fromEntries(
    sound.map(({ name, text, compiled }) => [`runbooks/${name}.md`, runbookPage(compiled.value, text)]),
  ),
}

mkdirSync(join(here, 'runbooks'), { recursive: true })
const stale = []
const names = new Set(['README.md', ...runbooks.map(({ name }) => `${name}.md`)])
for (const name of readdirSync(join(here, 'runbooks')).filter((file) => !names.has(file))) {
  stale.push(`runbooks/${name}`)
  if (!process.argv.includes('--check')) rmSync(join(here, 'runbooks', name))
}
for (const [name, text] of Object.entries(pages)) {
  const path = join(here, name)
  const wanted = await format(text, { ...(await resolveConfig(path)), filepath: path })
  if (existsSync(path) && readFileSync(path, 'utf8') === wanted) continue
  stale.push(name)
  if (!process.argv.includes('--check')) writeFileSync(path, wanted)
}
if (process.argv.includes('--check')) {
  for (const name of stale) console.error(`docs/${name} is out of step with the code: run \`npm run docs\`.`)
  if (stale.length > 0) process.exitCode = 1
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
