import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { breaches, rules, sourceFiles } from './rooms.ts'

const root = resolve(__dirname, '..')

test('every import follows the arrows of the design', () => {
  expect(breaches(root)).toEqual([])
})

test('there is code in every room the rules name', () => {
  expect(Object.keys(rules).filter((room) => sourceFiles(join(root, room)).length === 0)).toEqual([])
})

describe('the check can fail', () => {
  let planted: string
  beforeAll(() => {
    planted = mkdtempSync(join(tmpdir(), 'quorate-rooms-'))
    for (const room of Object.keys(rules)) mkdirSync(join(planted, room))
  })
  afterAll(() => rmSync(planted, { recursive: true }))

  test.each([
    ['a value from another room', 'workflows/a.ts', `import { run } from '../activities/b.ts'`],
    ['a type from another room', 'workflows/a.ts', `import type { Run } from '../activities/b.ts'`],
    ['Node in the language', 'dsl/a.ts', `import { readFileSync } from 'node:fs'`],
    ['an import at run time', 'dsl/a.ts', `export const late = () => import('../cli/main.ts')`],
    ['passing on from another room', 'lab/a.ts', `export { connect } from '../client/connect.ts'`],
    [
      'a value where only types may come in',
      'activities/a.ts',
      `import { names } from '../workflows/ports.ts'`,
    ],
  ])('%s is a breach', (_what, file, text) => {
    writeFileSync(join(planted, file), `${text}\n`)
    const found = breaches(planted)
    rmSync(join(planted, file))
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(file)
  })
})

describe('the compiler keeps Node and the other rooms out of the sandbox', () => {
  let copy: string
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'quorate-sandbox-'))
    for (const entry of [
      'dsl',
      'workflows',
      'activities',
      'package.json',
      'tsconfig.base.json',
      'tsconfig.sandbox.json',
    ])
      cpSync(join(root, entry), join(copy, entry), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  })
  afterAll(() => rmSync(copy, { recursive: true }))

  const compile = (): string => {
    try {
      return execFileSync(
        'node',
        ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.sandbox.json', '--noEmit'],
        {
          cwd: copy,
          encoding: 'utf8',
        },
      )
    } catch (error) {
      return (error as { stdout: string }).stdout
    }
  }

  test('as it is, it compiles', () => expect(compile()).toBe(''))

  test.each([
    ['process', 'export const path = process.env', 'TS2591'],
    ['a timer', 'export const timer = setTimeout', 'TS2304'],
    ['node:fs', `export { readFileSync } from 'node:fs'`, 'TS2591'],
    [
      'the type of an activity',
      `import type { Action } from '../activities/action.ts'\nexport type A = Action`,
      'TS6307',
    ],
  ])('%s is a compile error', (_what, text, code) => {
    writeFileSync(join(copy, 'workflows/planted.ts'), `${text}\n`)
    const output = compile()
    rmSync(join(copy, 'workflows/planted.ts'))
    expect(output).toContain('workflows/planted.ts')
    expect(output).toContain(code)
  })
})
