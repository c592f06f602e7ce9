import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { whyNotOverride } from '../dsl/guards.ts'
import { checkInputs } from '../dsl/inputs.ts'
import type { Program } from '../dsl/program.ts'
import { readCommandLine } from './command-line.ts'
import { commands } from './commands/all.ts'
import { readInputs } from './read-inputs.ts'
import { localRunbook } from './runbook-files.ts'

/** The guide can be typed as it stands: each command with its flags, runbook and inputs, and each file and link. */

const root = resolve(__dirname, '..')
const directory = join(root, 'docs/guide')
const pages = readdirSync(directory)
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(join(directory, name), 'utf8') }))

const shellLines = (text: string): readonly string[] =>
  [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trimEnd().split('\n'))

/** The words a shell would make of it, without a comment. */
const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/(?:[^\s'"#]|'[^']*'|"[^"]*")+|#.*/g)]
    .map(([word]) => word)
    .filter((word) => !word.startsWith('#'))
    .map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'))

/** What follows `quorate`, where it is what the line calls. */
function called(line: string): readonly string[] | undefined {
  const words = wordsOf(line)
  const first = words.findIndex((word) => !/^[A-Z_]+=/.test(word))
  return words[first] === 'quorate' ? words.slice(first + 1) : undefined
}

const typed = pages.flatMap(({ name, text }) =>
  shellLines(text).flatMap((line) => {
    const argv = called(line)
    return argv === undefined ? [] : [{ line: `${name}: ${line}`, argv }]
  }),
)

test('what a person types in a shell is read as a shell reads it', () => {
  expect(called(`QUORATE_BY=grace quorate approve --comment "yes, it's gone" # why`)).toEqual([
    ...['approve', '--comment', "yes, it's gone"],
  ])
  expect(called('export QUORATE_BY=ada')).toBeUndefined()
  expect(typed.length).toBeGreaterThan(30)
})

test.each(typed)('$line', ({ argv }) => {
  const { flags } = readCommandLine(argv, commands)
  const override = flags.texts('override').flatMap((names) => names.split(','))
  // The two that are refused in the guide are, and no other is.
  const refused = override.includes('identity') || (override.length > 0 && flags.text('reason') === undefined)
  expect(whyNotOverride(override, flags.text('reason') ?? '') !== undefined).toBe(refused)
})

test('the runbooks and inputs it gives are there', async () => {
  const starting = typed
    .map(({ line, argv }) => ({ line, ...readCommandLine(argv, commands) }))
    .filter(({ command }) => ['run', 'plan', 'link', 'fleet', 'schedule'].includes(command.name))
    .map((one) => ({ ...one, runbook: one.positionals[0] ?? '' }))
    // What chapter 5 has one write, with `quorate new`; and a run from a plan.
    .filter(({ runbook }) => runbook !== '' && runbook !== 'my-restart')
  const programs = new Map<string, Program>()
  for (const name of new Set(starting.map(({ runbook }) => runbook))) {
    const { found } = await localRunbook(name, { QUORATE_RUNBOOKS: join(directory, 'runbooks') })
    if (found?.compiled.ok === true) programs.set(name, found.compiled.value)
  }
  expect([...programs.keys()]).toContain('restart-member')
  const wrong = starting.flatMap(({ line, command, flags, runbook }) => {
    const program = programs.get(runbook)
    if (program === undefined) return [line]
    const cluster = command.name === 'fleet' ? 'demo' : flags.text('cluster')
    return checkInputs(program.inputs, readInputs(flags.texts('input'), cluster)).ok ? [] : [line]
  })
  expect(wrong).toEqual([])
})

describe('all that it links to or names is there', () => {
  test.each(pages)('$name', ({ text }) => {
    const links = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, to = '']) => join(directory, to))
    const files = [...text.matchAll(/\bdocs\/[\w./-]+/g)].map(([file]) => join(root, file))
    expect([...links, ...files].filter((path) => !existsSync(path))).toEqual([])
    expect(links.length).toBeGreaterThan(0)
  })

  test('each chapter, from the first page', () => {
    const chapters = pages.map(({ name }) => name).filter((name) => /^\d/.test(name))
    const index = readFileSync(join(directory, 'README.md'), 'utf8')
    expect(chapters.filter((name) => !index.includes(`(${name})`))).toEqual([])
  })
})
