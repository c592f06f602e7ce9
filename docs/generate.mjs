// Writes the pages that come from definitions: `npm run docs`. With --check it only says which are out of step.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { makeReady } from '../cli/setup.mjs'

const here = dirname(fileURLToPath(import.meta.url))
await makeReady(dirname(here))
const { catalogue } = await import('../dist/activities/catalogue.js')
const { eventsPage } = await import('../dist/audit/events-page.js')
const { codesMarkdown } = await import('../dist/dsl/codes.js')
const { printProblems } = await import('../dist/dsl/print.js')
const { referencePages } = await import('../dist/dsl/reference.js')
const { findRunbooks, ownRunbooks } = await import('../dist/worker/runbooks.js')
const { inventoryJsonSchema, policyJsonSchema, runbookJsonSchema } =
  await import('../dist/dsl/json-schema.js')
const { testJsonSchema } = await import('../dist/rehearsal/test-json-schema.js')

const runbooks = await findRunbooks([ownRunbooks()], catalogue)
const texts = new Map(runbooks.map(({ file, text }) => [file, text]))
const sound = runbooks.filter(({ compiled }) => compiled.ok)
const broken = runbooks.flatMap(({ compiled }) => (compiled.ok ? [] : compiled.problems))
if (broken.length > 0) console.error(printProblems(broken, texts))
if (broken.length > 0) process.exitCode = 1

const pages = {
  ...referencePages({
    actions: [...catalogue.values()],
    runbooks: sound.map(({ file, text, compiled }) => {
      const shown = `runbooks/${basename(file)}`
      return { program: compiled.value, text, file: shown, link: `../../${shown}` }
    }),
    madeBy: '`npm run docs`',
    about: 'What comes with Quorate, made from the files in `runbooks/` by `npm run docs`.',
  }),
  'errors.md': codesMarkdown(),
  'audit-events.md': eventsPage(),
  'runbook.schema.json': JSON.stringify(
    runbookJsonSchema(
      catalogue,
      sound.map(({ compiled }) => compiled.value),
    ),
  ),
  'runbook-test.schema.json': JSON.stringify(testJsonSchema(catalogue)),
  'inventory.schema.json': JSON.stringify(inventoryJsonSchema()),
  'policy.schema.json': JSON.stringify(policyJsonSchema()),
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
