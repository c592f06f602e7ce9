import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readCommandLine } from './command-line.ts'
import { commands } from './commands/all.ts'
import { explain } from './errors.ts'

const root = resolve(__dirname, '..')

let directory: string
const at = (...path: readonly string[]) => join(directory, ...path)
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'quorate-authors-'))))
afterAll(() => rmSync(directory, { recursive: true }))

/** A command as `main` runs it, with what it printed. */
async function quorate(...argv: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  const said: string[] = []
  const say = (text: string): void => void said.push(text)
  const terminal = {
    ...{ out: say, err: say, write: say, live: false, colour: false },
    size: () => ({ columns: 100, rows: 24 }),
  }
  try {
    const { command, positionals, flags } = readCommandLine(argv, commands)
    const code = await command.run({ positionals, flags, terminal, environment: {} })
    return { code, out: said.join('\n') }
  } catch (error) {
    const { text, code } = explain(error, {})
    return { code, out: text }
  }
}

test('the tests of the library pass, through the built command', () => {
  const bootstrap = join(root, 'cli', 'bootstrap.mjs')
  const { status, stdout } = spawnSync(process.execPath, [bootstrap, 'test', 'runbooks'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(stdout).toMatch(/\n\d\d passed, 0 failed\n$/)
  expect(stdout).not.toContain('✗')
  expect(status).toBe(0)
}, 120_000)

describe('a runbook that was just begun', () => {
  beforeAll(async () => {
    const { code } = await quorate('new', 'my-restart', '--title', 'Say "hello": twice', '--out', at('new'))
    expect(code).toBe(0)
  })

  test('is sound, and its tests pass', async () => {
    expect(await quorate('lint', at('new', 'my-restart.yaml'))).toMatchObject({ code: 0 })
    const { code, out } = await quorate('test', at('new'))
    expect(out).toMatch(/4 passed, 0 failed$/)
    expect(code).toBe(0)
  })

  test('is not written over', async () => {
    const before = readFileSync(at('new', 'my-restart.test.yaml'), 'utf8')
    rmSync(at('new', 'my-restart.yaml'))
    const { code, out } = await quorate('new', 'my-restart', '--out', at('new'))
    expect({ code, out }).toMatchObject({
      code: 2,
      out: expect.stringMatching(/my-restart\.test\.yaml is there already, and nothing was written/),
    })
    expect(readFileSync(at('new', 'my-restart.test.yaml'), 'utf8')).toBe(before)
    rmSync(at('new', 'my-restart.test.yaml'))
    expect((await quorate('new', 'my-restart', '--out', at('new'))).code).toBe(0)
  })

  test('is told when its name cannot be one', async () => {
    const { code, out } = await quorate('new', 'My_restart', '--out', at('new'))
    expect(code).toBe(2)
    expect(out).toContain('"My_restart" cannot be a runbook\'s name.')
  })

  test('fails its tests once it does something else', async () => {
    const text = readFileSync(at('new', 'my-restart.yaml'), 'utf8')
    writeFileSync(at('new', 'my-restart.yaml'), text.replace('leader != inputs.member', 'leader != ""'))
    const { code, out } = await quorate('test', at('new', 'my-restart.yaml'))
    writeFileSync(at('new', 'my-restart.yaml'), text)
    expect(out).toMatch(/✗ the leader is left alone/)
    expect(out).toMatch(/my-restart\.test\.yaml:26:20 end\n +expected failed, but it came to its end/)
    expect(out).toMatch(/\+ service\.stop \{ cluster: demo, host: host-1 \} at stop/)
    expect(out).toMatch(/3 passed, 1 failed$/)
    expect(code).toBe(1)
  })

  test('only tests with a word in their name, for machines', async () => {
    const { code, out } = await quorate('test', at('new'), '-t', 'leader', '--json')
    expect(JSON.parse(out)).toMatchObject({
      ...{ passed: 1, failed: 0, problems: [] },
      tests: [{ name: 'the leader is left alone', passed: true, misses: [] }],
    })
    expect(code).toBe(0)
  })

  test('a test file that does not fit is told where, and is no test that passed', async () => {
    const text = readFileSync(at('new', 'my-restart.test.yaml'), 'utf8')
    writeFileSync(
      at('new', 'other.test.yaml'),
      text.replace('isLeader', 'isLeadr').replace('inputs:', 'runbook: my-restart.yaml\ninputs:'),
    )
    const { code, out } = await quorate('test', at('new'))
    rmSync(at('new', 'other.test.yaml'))
    expect(out).toMatch(/other\.test\.yaml:12:\d+ UNKNOWN_INPUT\n.*"isLeadr"/)
    expect(out).toContain('Did you mean "isLeader"?')
    expect(out).toMatch(/4 passed, 0 failed; 1 file could not be run$/)
    expect(code).toBe(2)
  })
})

describe('the reference', () => {
  const out = () => at('reference')

  test("has a page of each action and runbook, those of one's own too, with links that lead there", async () => {
    await quorate('new', 'my-own', '--title', 'Mine | alone', '--out', at('mine'))
    const { code, out: said } = await quorate('docs', at('mine'), '--out', out())
    expect(said).toMatch(/^Written: \d\d pages; begin with .*README\.md\.$/)
    expect(code).toBe(0)
    const list = readFileSync(join(out(), 'runbooks', 'README.md'), 'utf8')
    expect(list).toContain('[my-own](my-own.md) | Mine \\| alone |')
    expect(list).toContain('[etcd-backup](etcd-backup.md)')
    const page = readFileSync(join(out(), 'runbooks', 'my-own.md'), 'utf8')
    expect(page).toContain('```mermaid\nflowchart TD')
    const [, link = ''] = /^Made from \[[^\]]+\]\(([^)]+)\) by `quorate docs`/m.exec(page) ?? []
    expect(resolve(out(), 'runbooks', link)).toBe(at('mine', 'my-own.yaml'))
    expect(readFileSync(join(out(), 'actions.md'), 'utf8')).toContain('\n## service.stop\n')
  })

  test('is written anew, but never over a page that somebody else wrote', async () => {
    expect((await quorate('docs', '--out', out())).code).toBe(0)
    writeFileSync(join(out(), 'actions.md'), '# My own words\n')
    const { code, out: said } = await quorate('docs', '--out', out())
    expect(said).toMatch(/actions\.md was not written by quorate docs, and nothing was written/)
    expect(code).toBe(2)
    expect(readFileSync(join(out(), 'actions.md'), 'utf8')).toBe('# My own words\n')
  })

  test('says which runbook is broken, and writes the rest', async () => {
    writeFileSync(at('mine', 'broken.yaml'), 'runbook: 1\nname: broken\n')
    writeFileSync(at('mine', 'twin.yaml'), readFileSync(at('mine', 'my-own.yaml')))
    const { code, out: said } = await quorate('docs', at('mine'), '--out', at('other'))
    expect(said).toMatch(/broken\.yaml:1:1 MISSING/)
    expect(said).toMatch(
      /"my-own" is there twice: .*my-own\.yaml and .*twin\.yaml\. Only the first has a page/,
    )
    expect(said).toMatch(/Written: \d\d pages/)
    expect(code).toBe(1)
  })
})

test.each([
  ['a directory without tests', ['test', '.'], /There are no tests in \./],
  ['a file that is not there', ['test', 'nope.yaml'], /There is no file or directory nope\.yaml/],
  [
    'a runbook without tests',
    ['test', join(root, 'runbooks', 'etcd-inspect.yaml')],
    /has no tests: they would be in .*etcd-inspect\.test\.yaml/,
  ],
  [
    'a word that no test has',
    ['test', join(root, 'runbooks', 'etcd-backup.yaml'), '-t', 'nope'],
    /No test has "nope" in its name/,
  ],
  ['a schema that is none', ['schema', 'tests'], /There is no schema of "tests"; did you mean test/],
])('%s is wrong usage', async (_what, argv, message) => {
  const { code, out } = await quorate(...argv)
  expect(out).toMatch(message)
  expect(code).toBe(2)
})
