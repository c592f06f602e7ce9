import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { LanguageServer } from './language-server.ts'

/** What a person sees who writes a runbook in an editor, through the language server that editors run. */

let server: LanguageServer
beforeAll(async () => void (server = await LanguageServer.start()))
afterAll(() => server.stop())

const runbook = (steps: string): string => `# yaml-language-server: $schema=../docs/runbook.schema.json
runbook: 1
name: x
title: For a test
inputs: { cluster: { type: cluster } }
steps:
${steps}
`
const uses = (inputs: string, action = 'service.stop'): string =>
  runbook(`  - uses: ${action}\n    with:\n${inputs}`)

describe('what is offered', () => {
  test.each<[string, string, readonly string[]]>([
    [
      'the kinds of step',
      runbook('  - ‸'),
      ['uses', 'gate', 'assert', 'approve', 'call', 'forEach', 'steps'],
    ],
    ['the actions', runbook('  - uses: ‸'), ['etcd.inspect', 'service.stop', 'dir.copy']],
    ["an action's inputs", uses('      ‸'), ['cluster', 'host', 'alone']],
    [
      "a gate's inputs",
      runbook('  - gate: etcd.inspect\n    until: gate.healthy\n    with:\n      ‸'),
      ['cluster', 'maxLag', 'tolerate'],
    ],
    [
      'what else a step may say',
      runbook('  - uses: service.stop\n    ‸'),
      ['with', 'undo', 'onFailure', 'noReturn'],
    ],
    [
      'the values of a choice',
      uses('      cluster: a\n      tolerate:\n        - ‸', 'etcd.inspect'),
      ['NOSPACE'],
    ],
    ['the runbooks', runbook('  - call: ‸'), ['etcd-backup', 'etcd-migrate-node']],
    ['the inputs of a runbook', runbook('  - call: etcd-backup\n    with:\n      ‸'), ['cluster', 'prune']],
    [
      'in a step that takes back',
      uses(
        '      cluster: a\n      host: b\n    undo:\n      - uses: service.start\n        with:\n          ‸',
      ),
      ['cluster', 'host'],
    ],
  ])('%s', async (_what, text, expected) => {
    const { labels } = await server.look(text)
    expect(labels).toEqual(expect.arrayContaining([...expected]))
  })

  test('a gate is offered only what reads', async () => {
    const { labels } = await server.look(runbook('  - gate: ‸'))
    expect(labels).toContain('etcd.inspect')
    expect(labels).not.toContain('service.stop')
  })

  test('what is offered says what it is', async () => {
    const { documentation } = await server.look(uses('      ‸'))
    expect(documentation['host']).toBe('The host it runs on')
    const actions = await server.look(runbook('  - uses: ‸'))
    expect(actions.documentation['service.stop']).toMatch(/^stop etcd \(disrupt\)\. Stops etcd on a host/)
  })
})

describe('what is shown over a word', () => {
  test.each([
    ['an input', uses('      cluster: a\n      ho‸st: b'), 'The host it runs on'],
    [
      'an input of a runbook',
      runbook('  - call: etcd-backup\n    with:\n      cluster: a\n      pru‸ne: true'),
      'Remove backups that the retention no longer asks for (boolean)',
    ],
    ['an action', uses('      cluster: a\n      host: b', 'service.st‸op'), 'Stops etcd on a host and waits'],
    ['a key of a step', runbook('  - steps: [{ wait: 1s }]\n    onFail‸ure: fail'), 'waits for a person'],
  ])('%s', async (_what, text, expected) => expect((await server.look(text)).hover).toContain(expected))
})

describe('what is underlined', () => {
  test.each<[string, string, readonly string[]]>([
    [
      'nothing in what is right',
      uses('      cluster: a\n      host: ${{ vars.h }}\n      alone: ${{ true }}‸'),
      [],
    ],
    [
      'an input there is not, and one that is missing',
      uses('      cluster: a\n      hst: b‸'),
      ['8:5 Missing property "host".', '10:7 Property hst is not allowed.'],
    ],
    [
      'a value of another type',
      uses('      cluster: a\n      host: b\n      alone: 7‸'),
      ['11:14 Incorrect type. Expected "boolean | string".'],
    ],
    ['an action there is not', uses('      cluster: a', 'service.stp‸'), ['7:11 Value must be…']],
    [
      'what cannot be a gate',
      runbook('  - gate: service.stop‸\n    until: gate.ok'),
      ['7:11 Value must be…'],
    ],
    [
      'an input that a runbook has not',
      runbook('  - call: etcd-backup\n    with: { cluster: a, prne: true }‸'),
      ['8:25 Property prne is not allowed.'],
    ],
    ['nothing in a runbook of one’s own', runbook('  - call: my-own‸\n    with: { whatever: 1 }'), []],
    [
      'deep inside',
      runbook(
        '  - forEach: inputs.list\n    as: m\n    steps:\n      - uses: service.stop\n        with: { cluster: a, host: b }\n        undo:\n          - uses: service.start\n            with: { cluster: a, hst: b }‸',
      ),
      ['14:13 Missing property "host".', '14:33 Property hst is not allowed.'],
    ],
    ['a step that is none', runbook('  - id: a‸'), ['7:5 Missing property "uses".']],
  ])('%s', async (_what, text, expected) => {
    const { underlined } = await server.look(text)
    expect(underlined.toSorted()).toEqual(
      expected
        .toSorted()
        .map((line) => (line.endsWith('…') ? expect.stringContaining(line.slice(0, -1)) : line)),
    )
  })

  const directory = resolve(__dirname, '../runbooks')
  test.each(readdirSync(directory).filter((name) => name.endsWith('.yaml')))(
    'nothing in %s',
    async (name) => {
      expect((await server.look(`${readFileSync(join(directory, name), 'utf8')}‸`)).underlined).toEqual([])
    },
  )
})

describe('in the tests of a runbook', () => {
  const tests = (one: string): string => `# yaml-language-server: $schema=../docs/runbook-test.schema.json
tests:
  - name: one
${one}
`
  test('the fields of an answer are offered', async () => {
    const { labels } = await server.look(tests('    given:\n      service.status:\n        ‸'))
    expect(labels).toEqual(expect.arrayContaining(['state', 'fence', 'fails', 'refused']))
  })

  test('what may be expected is offered, and says what it means', async () => {
    const { documentation } = await server.look(tests('    expect:\n      ‸'))
    expect(documentation['never']).toBe('Calls that are not made.')
  })

  test('an end that is none is underlined', async () => {
    const { underlined } = await server.look(tests('    expect: { end: finished }‸'))
    expect(underlined).toEqual([expect.stringContaining('4:20 Value is not accepted.')])
  })
})
