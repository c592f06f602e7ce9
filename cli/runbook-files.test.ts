import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { printProblems } from '../dsl/print.ts'
import { compileFiles } from './runbook-files.ts'

/** Which runbooks a file that is linted can call. */

const book = (name: string, step: string): string => `runbook: 1
name: ${name}
title: For a test
inputs: { cluster: { type: cluster } }
cluster: \${{ inputs.cluster }}
steps:
  - ${step}
    with: { cluster: '\${{ inputs.cluster }}' }
`

let directory: string
const at = (...path: readonly string[]) => join(directory, ...path)
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-lint-'))
  for (const folder of ['mine', 'more']) mkdirSync(at(folder))
  writeFileSync(at('mine', 'beside.yaml'), book('beside', 'uses: etcd.inspect'))
  writeFileSync(at('mine', 'caller.yaml'), book('caller', 'call: beside'))
  writeFileSync(at('mine', 'of-library.yaml'), book('of-library', 'call: etcd-after-change'))
  writeFileSync(at('mine', 'of-more.yaml'), book('of-more', 'call: further'))
  writeFileSync(at('mine', 'shadow.yaml'), book('etcd-after-change', 'uses: etcd.inspct'))
  writeFileSync(at('more', 'further.yaml'), book('further', 'uses: etcd.inspect'))
  writeFileSync(at('more', 'beside.yaml'), book('beside', 'uses: etcd.inspct'))
  writeFileSync(at('more', 'twin.yaml'), book('twin', 'uses: etcd.inspect'))
  writeFileSync(at('more', 'twins.yaml'), book('twin', 'uses: etcd.inspect'))
  writeFileSync(at('more', 'of-twin.yaml'), book('of-twin', 'call: twin'))
})
afterAll(() => rmSync(directory, { recursive: true }))

async function said(file: string, set?: string): Promise<string> {
  const environment = set === undefined ? {} : { QUORATE_RUNBOOKS: set }
  const { files, texts } = await compileFiles([file], environment)
  return files
    .map(({ compiled }) => (compiled.ok ? 'sound' : printProblems(compiled.problems, texts)))
    .join('\n')
}

test('what lies beside it, before all else of the same name', async () => {
  expect(await said(at('mine', 'caller.yaml'), at('more'))).toBe('sound')
})

test('what lies beside it even in place of the library, whose errors are shown at their own place', async () => {
  const text = await said(at('mine', 'of-library.yaml'))
  expect(text).toMatch(/of-library\.yaml:7:11 CALLED_BROKEN/)
  expect(text).toMatch(
    /shadow\.yaml:7:11 UNKNOWN_ACTION[^]*7 \| +- uses: etcd\.inspct\n[^]*Did you mean "etcd\.inspect"/,
  )
})

test('what the directories of QUORATE_RUNBOOKS hold', async () => {
  expect(await said(at('mine', 'of-more.yaml'), at('more'))).toBe('sound')
  expect(await said(at('mine', 'of-more.yaml'))).toMatch(/UNKNOWN_RUNBOOK\n +There is no runbook "further"\./)
})

test('none, where two beside it have the name', async () => {
  expect(await said(at('more', 'of-twin.yaml'))).toMatch(
    /CALL\n.*is there twice: .*twin\.yaml and .*twins\.yaml/,
  )
})
