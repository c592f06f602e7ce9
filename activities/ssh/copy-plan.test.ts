import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import {
  blockBytes,
  type Entry,
  firstDifference,
  type Manifest,
  parseManifest,
  permissionBits,
} from './copy-manifest.ts'
import { isEmpty, planCopy } from './copy-plan.ts'

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

const file = (path: string, blocks: readonly string[], change: Partial<Entry> = {}): Entry => ({
  kind: 'file',
  path,
  mode: 0o600,
  owner: 'etcd:etcd',
  sizeBytes: blocks.length * blockBytes,
  hashes: blocks.map(hash),
  ...change,
})
const directory = (path: string): Entry => ({ ...file(path, []), kind: 'directory', mode: 0o700 })
const manifest = (entries: readonly Entry[], asRoot = true): Manifest => ({
  state: 'plain',
  asRoot,
  entries: new Map(entries.map((entry) => [entry.path, entry])),
})

test('an absent destination is made whole', () => {
  expect(planCopy(manifest([directory('.'), file('db', ['a', 'b'])]), manifest([]))).toEqual({
    operations: [
      { kind: 'directory', path: '.' },
      { kind: 'mode', path: '.', mode: 0o700 },
      { kind: 'owner', path: '.', owner: 'etcd:etcd' },
      { kind: 'size', path: 'db', sizeBytes: 2 * blockBytes },
      { kind: 'mode', path: 'db', mode: 0o600 },
      { kind: 'owner', path: 'db', owner: 'etcd:etcd' },
    ],
    ranges: [{ path: 'db', block: 0, count: 2, bytes: 2 * blockBytes }],
    sendBytes: 2 * blockBytes,
    zeroBytes: 0,
  })
})

test('only blocks that differ are sent, neighbours together', () => {
  const plan = planCopy(
    manifest([file('db', ['a', 'b', 'c', 'd', 'e'])]),
    manifest([file('db', ['a', 'x', 'y', 'd', 'z'])]),
  )
  expect(plan.operations).toEqual([])
  expect(plan.ranges).toEqual([
    { path: 'db', block: 1, count: 2, bytes: 2 * blockBytes },
    { path: 'db', block: 4, count: 1, bytes: blockBytes },
  ])
})

test('a long run is cut into pieces', () => {
  const plan = planCopy(
    manifest([
      file(
        'db',
        Array.from({ length: 20 }, (_, i) => `${i}`),
      ),
    ]),
    manifest([]),
  )
  expect(plan.ranges.map(({ block, count }) => [block, count])).toEqual([
    [0, 8],
    [8, 8],
    [16, 4],
  ])
})

test('blocks of zeros are made there, and the last one is cut to size', () => {
  const sizeBytes = blockBytes + 10
  const zeros = [Buffer.alloc(blockBytes), Buffer.alloc(10)].map((block) =>
    createHash('sha256').update(block).digest('hex'),
  )
  const wal = file('wal', [], { sizeBytes, hashes: zeros })
  const plan = planCopy(
    manifest([wal]),
    manifest([file('wal', [], { sizeBytes, hashes: [hash('a'), hash('b')] })]),
  )
  expect(plan).toEqual({
    operations: [
      { kind: 'zeros', path: 'wal', block: 0, count: 2 },
      { kind: 'size', path: 'wal', sizeBytes },
    ],
    ranges: [],
    sendBytes: 0,
    zeroBytes: sizeBytes,
  })
})

test('what the source has no more goes, the outermost once; a file in the place of a directory too', () => {
  const to = manifest([
    directory('.'),
    directory('old'),
    file('old/a', ['a']),
    directory('db'),
    file('x', ['a']),
  ])
  const plan = planCopy(manifest([directory('.'), file('db', [])]), to)
  expect(plan.operations.filter(({ kind }) => kind === 'remove')).toEqual([
    { kind: 'remove', path: 'db' },
    { kind: 'remove', path: 'old' },
    { kind: 'remove', path: 'x' },
  ])
})

test('owners count only where both ends are root', () => {
  const [from, to] = [file('db', ['a']), file('db', ['a'], { owner: 'root:root' })]
  expect(planCopy(manifest([from]), manifest([to])).operations).toEqual([
    { kind: 'owner', path: 'db', owner: 'etcd:etcd' },
  ])
  expect(isEmpty(planCopy(manifest([from]), manifest([to], false)))).toBe(true)
})

const sortedText = ({ entries }: Manifest): string =>
  JSON.stringify([...entries].toSorted(([one], [other]) => one.localeCompare(other)))

test('a plan is empty exactly when both are the same', () => {
  const anyFile = fc.record({
    path: fc.constantFrom('db', 'wal/1', 'wal/2'),
    blocks: fc.array(fc.constantFrom('a', 'b'), { maxLength: 3 }),
    mode: fc.constantFrom(0o600, 0o640),
  })
  const anyManifest = fc
    .array(anyFile, { maxLength: 3 })
    .map((files) => manifest(files.map(({ path, blocks, mode }) => file(path, blocks, { mode }))))
  fc.assert(
    fc.property(anyManifest, anyManifest, (from, to) => {
      const same = sortedText(from) === sortedText(to)
      expect(isEmpty(planCopy(from, to))).toBe(same)
    }),
  )
})

test.each<[string, Partial<Entry>, boolean, string | undefined]>([
  ['nothing', {}, true, undefined],
  ['the content', { hashes: [hash('b')] }, true, 'db'],
  ['the mode', { mode: 0o640 }, true, 'db'],
  ['the size', { sizeBytes: 1 }, true, 'db'],
  ['the owner', { owner: 'root:root' }, true, 'db'],
  ['the owner, where it cannot be kept', { owner: 'root:root' }, false, undefined],
  ['no hash', { hashes: [] }, true, 'db'],
])('two manifests that differ in %s', (_name, change, asRoot, expected) => {
  const left = manifest([directory('.'), file('db', ['a'])])
  expect(firstDifference(left, manifest([directory('.'), file('db', ['a'], change)], asRoot))).toBe(expected)
  expect(firstDifference(left, manifest([file('db', ['a'])]))).toBe('.')
})

test.each([
  ['drwx------', 0o700],
  ['-rw-r-----.', 0o640],
  ['-rwsr-xr-x', 0o4755],
  ['drwxrwsr-x+', 0o2775],
  ['drwxrwxrwt', 0o1777],
  ['-rwSr--r--', 0o4644],
])('%s is read as it is meant', (text, mode) => {
  expect(permissionBits(text)).toBe(mode)
})

test.each([
  ['a listing that broke off', 'user 0\nd drwx------ root root 0 .\n', /broke off/],
  ['a link', 'user 0\nlink\n', /is a symbolic link/],
  ['something that is no directory', 'user 0\nother\n', /is no directory/],
  ['a link inside', 'user 0\nodd ./member/wal\nend\n', /holds \.\/member\/wal, which is neither/],
  ['a hostile name', 'user 0\nhostile ./a?b\nend\n', /control characters/],
])('%s is refused', (_name, text, message) => {
  expect(() => parseManifest(text, '/d on a')).toThrow(message)
})

test('names keep their spaces', () => {
  const text = `user 0\nd drwx------ root root 0 .\nf -rw------- root root 3 ./a  b \n${hash('x')}  -\nend\n`
  expect([...parseManifest(text, '').entries.keys()]).toEqual(['.', 'a  b '])
})
