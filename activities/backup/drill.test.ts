import { expect, test } from '@jest/globals'
import { judgeAgainstManifest } from './drill.ts'

const told = { revision: 10, keys: 5, kvHash: 'aa', compactRevision: 3 }

test.each<[string, Partial<typeof told>, Partial<typeof told> | undefined, RegExp[], RegExp[]]>([
  ['all is the same', {}, {}, [], []],
  [
    'another revision',
    { revision: 9 },
    {},
    [/revision 9, and the file says 10/, /revision 9, and its manifest says 10/],
    [],
  ],
  ['a key less', { keys: 4 }, {}, [/4 keys, and its manifest says 5/], []],
  ['another hash', { kvHash: 'bb' }, {}, [/hash bb, and its manifest says aa/], []],
  ['compacted in between', { kvHash: 'bb', compactRevision: 2 }, {}, [], [/hashes cannot be compared/]],
  ['a manifest that knows neither', {}, { keys: -1, kvHash: '' }, [], [/how many keys/, /the hash/]],
  ['no manifest', {}, undefined, [], [/no manifest/]],
])('%s', (_what, seen, manifest, problems, notCompared) => {
  const judged = judgeAgainstManifest({ ...told, ...seen }, 10, manifest && { ...told, ...manifest })
  expect(judged.problems).toEqual(problems.map((each) => expect.stringMatching(each)))
  expect(judged.notCompared).toEqual(notCompared.map((each) => expect.stringMatching(each)))
})
