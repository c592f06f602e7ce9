import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { catalogue } from '../activities/catalogue.ts'
import { InputError } from '../activities/failure.ts'
import { hashOf, loadRunbook } from './load.ts'
import { findRunbooks, ownRunbooks } from './runbooks.ts'

const runbook = (name: string, extra = ''): string => `runbook: 1
name: ${name}
title: Look at a cluster
inputs:
  cluster: { type: cluster, description: Which }
  times: { type: integer, default: 1, min: 1, description: How often }
steps:
  - uses: etcd.inspect
    with: { cluster: '\${{ inputs.cluster }}' }
${extra}`

const inventory = { hosts: {}, clusters: { demo: { members: {} } } }
let directory: string
let doubles: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-load-'))
  doubles = join(directory, 'doubles')
  mkdirSync(doubles)
  writeFileSync(join(directory, 'look.yaml'), runbook('look-twice'))
  writeFileSync(join(directory, 'broken.yml'), runbook('broken', '  - uses: etcd.inspct\n'))
  writeFileSync(join(directory, 'notes.txt'), 'no runbook')
  writeFileSync(join(doubles, 'same.yaml'), runbook('look-twice'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const load = (name: string, inputs: Parameters<typeof loadRunbook>[0]['inputs'], directories = [directory]) =>
  loadRunbook({ runbook: name, inputs, directories, catalogue, inventory })

test('finds a runbook by its name, checks what it is given and hashes what will run', async () => {
  const loaded = await load('look-twice', { cluster: 'demo' })
  expect(loaded).toMatchObject({
    program: { name: 'look-twice', effect: 'read' },
    inputs: { cluster: 'demo', times: 1 },
  })
  expect(loaded.hash).toMatch(/^[0-9a-f]{64}$/)
  expect(hashOf(loaded.program)).toBe(loaded.hash)
  expect(hashOf({ ...loaded.program, title: 'Another' })).not.toBe(loaded.hash)
})

test('looks into YAML files only, and a directory that is not there has none', async () => {
  const found = await findRunbooks([directory, join(directory, 'nowhere')], catalogue)
  expect(found.map(({ file }) => file.slice(file.lastIndexOf('/') + 1))).toEqual(['broken.yml', 'look.yaml'])
})

test('a runbook may call one of another directory, and what it holds then is hashed with it', async () => {
  const other = join(directory, 'other')
  mkdirSync(other)
  const step = `  - call: look-twice\n    with: { cluster: '\${{ inputs.cluster }}' }\n`
  writeFileSync(join(other, 'caller.yaml'), runbook('caller', step))
  const before = await load('caller', { cluster: 'demo' }, [other, directory])
  expect(before.program.steps).toMatchObject([{ kind: 'uses' }, { kind: 'call', steps: [{ kind: 'uses' }] }])
  const changed = join(directory, 'changed')
  mkdirSync(changed)
  writeFileSync(join(changed, 'look.yaml'), runbook('look-twice', '  - set: { a: 1 }\n'))
  expect((await load('caller', { cluster: 'demo' }, [other, changed])).hash).not.toBe(before.hash)
})

test('every runbook of the package compiles', async () => {
  const found = await findRunbooks([ownRunbooks()], catalogue)
  expect(found.length).toBeGreaterThan(0)
  expect(found.filter(({ compiled }) => !compiled.ok)).toEqual([])
})

describe('what is refused, and with which words', () => {
  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'an unknown name',
      () => load('look-twise', {}),
      /There is no runbook "look-twise"\. Did you mean "look-twice"\?/,
    ],
    ['no runbooks at all', () => load('x', {}, []), /There are no runbooks where this worker looks/],
    [
      'one with errors',
      () => load('broken', {}),
      /has errors\.\n.*broken\.yml:10:11 UNKNOWN_ACTION[^]*etcd\.inspect/,
    ],
    [
      'two of one name',
      () => load('look-twice', {}, [directory, doubles]),
      /there twice: .*look\.yaml and .*same\.yaml/,
    ],
    ['a missing input', () => load('look-twice', {}), /nothing was touched\.\ncluster is missing/],
    [
      'all that is wrong at once',
      () => load('look-twice', { cluster: 'dmo', times: 0 }),
      /times [^]*cluster|cluster[^]*times/,
    ],
    ['what is no object', () => load('look-twice', 7), /must be one JSON object/],
  ])('%s', async (_what, work, message) => {
    await expect(work()).rejects.toThrow(InputError)
    await expect(work()).rejects.toThrow(message)
  })
})
