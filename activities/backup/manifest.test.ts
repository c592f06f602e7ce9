import { expect, test } from '@jest/globals'
import { whatGoes } from './prune.ts'
import { type Manifest, newestFirst } from './manifest.ts'
import type { Backup } from './store.ts'

const backup = (file: string, over: Partial<Manifest> = {}): Backup => ({
  ...{ host: 'h', path: `/b/${file}`, present: true },
  manifest: {
    ...{
      quorate: 'backup/1',
      cluster: 'demo',
      clusterId: 'c1',
      member: 'm',
      memberId: 'a',
      version: '3.6.16',
    },
    ...{
      storageVersion: '3.6.0',
      revision: 1,
      keys: 1,
      hash: '',
      kvHash: '',
      compactRevision: 0,
      sizeBytes: 1,
    },
    ...{ sha256: file, takenAt: '2026-01-01T00:00:00.000Z', run: 'r', sequence: 1, file, storedBytes: 1 },
    ...{ storedSha256: file, recipients: [], ...over },
  },
})
const files = (backups: readonly Backup[]): string[] => backups.map(({ manifest }) => manifest.file)

test.each<[string, readonly Backup[], readonly string[]]>([
  [
    'by revision, whatever the clock said',
    [
      backup('a', { revision: 10, takenAt: '2030-01-01T00:00:00Z' }),
      backup('b', { revision: 20, takenAt: '2020-01-01T00:00:00Z' }),
    ],
    ['b', 'a'],
  ],
  [
    'of one revision, the one that was stored last',
    [backup('a', { revision: 5, sequence: 2 }), backup('b', { revision: 5, sequence: 3 })],
    ['b', 'a'],
  ],
  [
    'those of a restored cluster before those of the one it was restored from, though its revisions are lower',
    [
      backup('old', { revision: 900, sequence: 1 }),
      backup('new1', { clusterId: 'c2', revision: 500, sequence: 2 }),
      backup('new2', { clusterId: 'c2', revision: 600, sequence: 3 }),
      backup('older', { revision: 800, sequence: 4 - 4 }),
    ],
    ['new2', 'new1', 'old', 'older'],
  ],
])('the newest first: %s', (_what, backups, expected) => {
  expect(files(newestFirst(backups))).toEqual(expected)
  expect(files(newestFirst(backups.toReversed()))).toEqual(expected)
})

const day = 24 * 60 * 60_000
const now = Date.parse('2026-01-10T00:00:00Z')
const all = [5, 4, 3, 2, 1].map((revision) =>
  backup(String(revision), { revision, takenAt: new Date(now - (6 - revision) * day).toISOString() }),
)

test.each<[string, readonly string[], { keepCount: number; keepMs?: number }, readonly string[]]>([
  ['what is beyond the count goes', ['5', '4'], { keepCount: 2 }, ['3', '2', '1']],
  ['a broken one among the newest counts for nothing', ['5', '3'], { keepCount: 2 }, ['2', '1']],
  ['too few sound ones: nothing goes', ['5'], { keepCount: 2 }, []],
  ['none is sound: nothing goes', [], { keepCount: 1 }, []],
  ['beyond the count, only what is too old', ['5'], { keepCount: 1, keepMs: 3.5 * day }, ['2', '1']],
  ['nothing is too old', ['5'], { keepCount: 1, keepMs: 30 * day }, []],
])('%s', (_what, sound, retention, expected) => {
  const found = all.filter(({ manifest }) => sound.includes(manifest.file))
  expect(files(whatGoes(all, found, retention, now))).toEqual(expected)
})

test('an age that lies in the future is no age', () => {
  const ahead = [backup('2', { revision: 2 }), backup('1', { takenAt: '2099-01-01T00:00:00Z' })]
  expect(whatGoes(ahead, ahead.slice(0, 1), { keepCount: 1, keepMs: day }, now)).toEqual([])
})
