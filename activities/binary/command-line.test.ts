import { expect, test } from '@jest/globals'
import { settingsIn } from './command-line.ts'

test.each<[string, string, readonly (readonly [string, string])[]]>([
  ['with an equals sign', '--name=a', [['name', 'a']]],
  ['with a value of its own', '--name a', [['name', 'a']]],
  [
    'with one dash',
    '-name a -debug',
    [
      ['name', 'a'],
      ['debug', 'true'],
    ],
  ],
  [
    'a switch before another flag',
    '--enable-v2 --name a',
    [
      ['enable-v2', 'true'],
      ['name', 'a'],
    ],
  ],
  [
    'a switch at the end',
    '--name=a --enable-v2',
    [
      ['name', 'a'],
      ['enable-v2', 'true'],
    ],
  ],
  [
    'a value with equals signs',
    '--initial-cluster a=http://h:1,b=http://h:2',
    [['initial-cluster', 'a=http://h:1,b=http://h:2']],
  ],
  ['an empty value', '--name=', [['name', '']]],
  ['nothing', '', []],
])('%s', (_what, line, expected) => {
  expect(settingsIn(line.split(' ').filter(Boolean))).toEqual(
    expected.map(([flag, value]) => ({ flag, value })),
  )
})
