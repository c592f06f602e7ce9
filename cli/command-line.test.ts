import { describe, expect, test } from '@jest/globals'
import { type Command, UsageError } from './command.ts'
import { readCommandLine } from './command-line.ts'
import { commands } from './commands/all.ts'
import { commandHelp } from './commands/help.ts'
import { readInputs } from './read-inputs.ts'

describe('a command line', () => {
  const rows = [
    {
      why: 'flags and values in any order',
      argv: ['run', '--input', 'a=1', 'etcd-migrate-node', '-c', 'demo', '--input=b=2', '--wait'],
      read: {
        name: 'run',
        positionals: ['etcd-migrate-node'],
        cluster: 'demo',
        input: ['a=1', 'b=2'],
        wait: true,
      },
    },
    {
      why: 'two words are one command',
      argv: ['inventory', 'check', 'demo'],
      read: { name: 'inventory check', positionals: ['demo'] },
    },
    {
      why: 'after -- everything is a value',
      argv: ['lint', '--', '--odd.yaml'],
      read: { name: 'lint', positionals: ['--odd.yaml'] },
    },
    {
      why: 'help needs nothing else',
      argv: ['run', '--help'],
      read: { name: 'run', positionals: [], help: true },
    },
  ]
  test.each(rows)('$why', ({ argv, read }) => {
    const { command, positionals, flags, help } = readCommandLine(argv, commands)
    const seen = {
      name: command.name,
      positionals,
      cluster: flags.text('cluster'),
      input: flags.texts('input'),
      wait: flags.on('wait'),
      help,
    }
    expect(seen).toMatchObject(read)
  })

  const wrong = [
    { why: 'nothing', argv: [], says: /^Which command\?/ },
    { why: 'a misspelt command', argv: ['rnu'], says: /did you mean `quorate run`\?$/ },
    {
      why: 'an unknown command',
      argv: ['frobnicate'],
      says: /There is no command "frobnicate"; `quorate help` lists them\.$/,
    },
    { why: 'half a command', argv: ['inventory'], says: /`quorate inventory check`/ },
    {
      why: 'a misspelt flag',
      argv: ['run', 'x', '--clutser', 'demo'],
      says: /`quorate run` has no --clutser; did you mean --cluster\?$/,
    },
    {
      why: 'an unknown flag',
      argv: ['runs', '--frobnicate'],
      says: /has no --frobnicate; `quorate help runs`/,
    },
    { why: 'an unknown short flag', argv: ['runs', '-z'], says: /has no -z/ },
    {
      why: 'a flag without its value',
      argv: ['run', 'x', '--cluster'],
      says: /^--cluster needs a value \(CLUSTER\)/,
    },
    { why: 'an empty value', argv: ['run', 'x', '--cluster='], says: /^--cluster needs a value/ },
    { why: 'a value where none belongs', argv: ['run', 'x', '--wait=yes'], says: /^--wait takes no value/ },
    { why: 'the same twice', argv: ['run', 'x', '-c', 'a', '-c', 'b'], says: /^--cluster is given 2 times/ },
    { why: 'too little', argv: ['plan'], says: /^Something is missing: `quorate plan RUNBOOK/ },
    { why: 'too much', argv: ['show', 'a', 'b'], says: /^"b" is too much: `quorate show \[RUN\]`/ },
    {
      why: 'a flag named like a thing every object has',
      argv: ['runs', '--constructor'],
      says: /has no --constructor/,
    },
  ]
  test.each(wrong)('is refused with what to write instead: $why', ({ argv, says }) => {
    expect(() => readCommandLine(argv, commands)).toThrow(UsageError)
    expect(() => readCommandLine(argv, commands)).toThrow(says)
  })
})

describe('the commands', () => {
  const wanted =
    'demo up worker lint runbooks actions run runs show watch approve reject retry skip rollback abort pause resume cancel schema'
  test('are all there', () => {
    expect(commands.map(({ name }) => name)).toEqual(
      expect.arrayContaining([...wanted.split(' '), 'inventory check']),
    )
  })

  test.each(commands.map((command): [string, Command] => [command.name, command]))(
    '%s explains itself',
    (_name, command) => {
      const help = commandHelp(command)
      expect(help).toContain('--json')
      help.split('\n').forEach((line) => expect(line.length).toBeLessThanOrEqual(110))
    },
  )
})

describe('inputs', () => {
  test('keep everything after the first equals sign', () => {
    expect(readInputs(['a=x=y', 'b='], 'demo')).toEqual({ cluster: 'demo', a: 'x=y', b: '' })
  })
  test('may say the same twice', () => {
    expect(readInputs(['cluster=demo'], 'demo')).toEqual({ cluster: 'demo' })
  })
  test.each([
    [['a'], /--input a is not NAME=VALUE/],
    [['=a'], /is not NAME=VALUE/],
    [['a=1', 'a=2'], /given twice: 1 and 2/],
  ])('%j is refused', (texts, says) => {
    expect(() => readInputs(texts, undefined)).toThrow(says)
  })
})
