import { expect, test } from '@jest/globals'
import { parseAuthorizedKeys } from './authorized-keys.ts'

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB'

test.each([
  ['a plain key may do anything', `${key} me@here`, { mayForward: true }],
  ['a restricted key may not forward', `restrict ${key}`, { mayForward: false }],
  ['a forced command', `command="run it",restrict ${key}`, { command: 'run it', mayForward: false }],
  ['quotes and commas in a command', `restrict,command="a \\"b, c\\" d" ${key} x`, { command: 'a "b, c" d' }],
])('%s', (_name, line, expected) => {
  expect(parseAuthorizedKeys(`# comment\n\n${line}\n`)).toMatchObject([{ type: 'ssh-ed25519', ...expected }])
})

test.each([
  ['a comment', '# ssh-ed25519 AAAA'],
  ['a key without its data', 'ssh-ed25519'],
  ['words that are no key', 'one two three'],
])('%s allows nothing', (_name, line) => {
  expect(parseAuthorizedKeys(line)).toEqual([])
})
