import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { catalogue } from '../activities/catalogue.ts'
import { compileRunbook } from './compile.ts'
import { printProblems } from './print.ts'
import { inputTypes, stepKinds } from './runbook-schema.ts'

const page = readFileSync('docs/language.md', 'utf8')

test('the example of the page compiles against the real actions', () => {
  const [, text = ''] = /```yaml\n([^]*?)```/.exec(page) ?? []
  const result = compileRunbook({ file: 'language.md', text, catalogue })
  expect(result.ok ? '' : printProblems(result.problems, new Map([['language.md', text]]))).toBe('')
})

test('the page names every kind of step, every type of input', () => {
  const words = [...stepKinds, ...inputTypes]
  expect(words.filter((word) => !page.includes(`\`${word}\``) && !page.includes(`\`${word}:`))).toEqual([])
})
