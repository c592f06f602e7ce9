import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../activities/failure.ts'
import { readConfiguration } from './configuration.ts'
import { loadPolicy } from './policy.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-policy-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const file = (text: string): string => {
  const path = join(directory, 'policy.yaml')
  writeFileSync(path, text)
  return path
}

test('without a file everybody may decide', async () => {
  expect(readConfiguration({}).policy).toBeUndefined()
  expect(await loadPolicy(undefined)).toBeUndefined()
})

test('the file is named by the configuration, from where the worker was started', async () => {
  file('roles: { lead: [grace] }\ndecisions: { skip: lead }\n')
  const { policy } = readConfiguration({ QUORATE_POLICY: 'policy.yaml' }, directory)
  expect(await loadPolicy(policy)).toEqual({ roles: { lead: ['grace'] }, decisions: { skip: ['lead'] } })
})

test.each([
  ['nowhere.yaml', /The policy .*nowhere\.yaml cannot be read \((?:Error: )?ENOENT.*unset QUORATE_POLICY/],
  [
    'policy.yaml',
    /The policy has errors\.\n.*policy\.yaml:2:20 WRONG_VALUE[^]*"laed" is none of this policy's roles[^]*Did you mean "lead"\?/,
  ],
])('a file that cannot be used is told with what to do: %s', async (name, sentence) => {
  file('roles: { lead: [grace] }\ndecisions: { skip: laed }\n')
  const error: unknown = await loadPolicy(join(directory, name)).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(InputError)
  expect((error as Error).message).toMatch(sentence)
})
