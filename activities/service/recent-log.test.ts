import { expect, test } from '@jest/globals'
import { tellingLine } from './recent-log.ts'

const line = (level: string, msg: string) => `{"level":"${level}","msg":"${msg}"}`
const stop = [
  line('info', 'skipped leadership transfer; local server is not leader'),
  line('error', 'use of closed network connection'),
  line('info', 'closed etcd server'),
]

test.each<[string, readonly string[], string | undefined]>([
  ['a stop in good order tells nothing', stop, undefined],
  [
    'a flag that is not known, after a stop',
    [...stop, 'flag provided but not defined: -experimental-x', 'Usage:', '  etcd [flags]'],
    'flag provided but not defined: -experimental-x',
  ],
  [
    'words that are known come before later ones that are not',
    [...stop, line('fatal', 'cluster ID mismatch'), line('error', 'something else')],
    line('fatal', 'cluster ID mismatch'),
  ],
  [
    'the last grave line',
    [line('error', 'one'), line('fatal', 'two'), line('info', 'three')],
    line('fatal', 'two'),
  ],
  ['nothing at all', [''], undefined],
])('%s', (_what, lines, telling) => expect(tellingLine(lines)).toBe(telling))
