import { expect, test } from '@jest/globals'
import type { DataDirectory, LogEnd } from '../dir/data-directories.ts'
import type { Membership } from '../etcd/answers.ts'
import { type StartFacts, whyNotStart } from './never-on-both.ts'

const identity = { memberId: 'aa', clusterId: 'cc' }
const data = (over: Partial<DataDirectory> = {}): DataDirectory => ({
  path: '/data',
  identity,
  open: 'no',
  empty: false,
  ...over,
})
const end = (segment: number, written: number): LogEnd => ({ segment: `${segment}.wal`, written })

const membership = (over: { id?: string; peerUrls?: string[]; clusterId?: string } = {}): Membership => ({
  clusterId: over.clusterId ?? 'cc',
  answeredBy: 'bb',
  members: [
    {
      id: over.id ?? 'aa',
      name: 'm1',
      peerUrls: over.peerUrls ?? ['http://new:2380'],
      clientUrls: [],
      isLearner: false,
    },
  ],
})

function facts(over: Partial<StartFacts> = {}): StartFacts {
  return {
    ...{ host: 'new', dataDir: '/data', peerUrl: 'http://new:2380' },
    own: { inPlace: data(), aside: [] },
    others: [
      { host: 'old', directories: { aside: [data({ path: '/data.quorate-run-1' })] } },
      {
        host: 'other',
        directories: {
          inPlace: data({ identity: { memberId: 'bb', clusterId: 'cc' }, open: 'yes' }),
          aside: [],
        },
        answersAs: 'bb',
      },
    ],
    membership: membership(),
    ends: new Map([
      ['new:/data', end(1, 100)],
      ['old:/data.quorate-run-1', end(1, 100)],
    ]),
    ...over,
  }
}

test('it may start when the old data is set aside, no newer copy exists and the cluster expects it there', () => {
  expect(whyNotStart(facts())).toBeUndefined()
})

test('it may start after it ran: its log is the longest', () => {
  const ends = new Map([
    ['new:/data', end(2, 5)],
    ['old:/data.quorate-run-1', end(1, 100)],
  ])
  expect(whyNotStart(facts({ ends }))).toBeUndefined()
})

test('it may start when nobody can tell the membership: the hosts decide', () => {
  const { membership: _, ...rest } = facts()
  expect(whyNotStart(rest)).toBeUndefined()
})

test('a host that cannot be asked does not matter when another member answers there', () => {
  expect(
    whyNotStart(facts({ others: [{ host: 'other', answersAs: 'bb', whyUnknown: 'no ssh' }] })),
  ).toBeUndefined()
})

test('data of the same member id in another cluster is another member', () => {
  const foreign = data({ identity: { memberId: 'aa', clusterId: 'dd' } })
  expect(
    whyNotStart(facts({ others: [{ host: 'old', directories: { inPlace: foreign, aside: [] } }] })),
  ).toBeUndefined()
})

test.each<[string, Partial<StartFacts>, RegExp]>([
  ['no data', { own: { aside: [] } }, /there is no data directory \/data/],
  [
    'data without a log',
    { own: { inPlace: { path: '/data', open: 'no', empty: true }, aside: [] } },
    /no readable log/,
  ],
  [
    'the same data in place elsewhere',
    { others: [{ host: 'old', directories: { inPlace: data(), aside: [] } }] },
    /on old and could be started there/,
  ],
  [
    'the same data in use elsewhere',
    { others: [{ host: 'old', directories: { inPlace: data({ open: 'yes' }), aside: [] } }] },
    /on old and is in use there/,
  ],
  [
    'the same data, nobody knows whether in use',
    { others: [{ host: 'old', directories: { inPlace: data({ open: 'unknown' }), aside: [] } }] },
    /is in use there/,
  ],
  [
    'the same member answering elsewhere',
    { others: [{ host: 'old', directories: { aside: [] }, answersAs: 'aa' }] },
    /member aa answers on old already/,
  ],
  [
    'a host that cannot be asked',
    { others: [{ host: 'old', whyUnknown: 'no route' }] },
    /old cannot be asked .* \(no route\)/,
  ],
  [
    'a longer log set aside elsewhere',
    {
      ends: new Map([
        ['new:/data', end(1, 100)],
        ['old:/x', end(1, 101)],
      ]),
    },
    /stale: old:\/x holds a later state/,
  ],
  [
    'a later segment set aside here',
    {
      ends: new Map([
        ['new:/data', end(1, 100)],
        ['new:/x', end(2, 1)],
      ]),
    },
    /stale: new:\/x/,
  ],
  ['a log whose end is not known', { ends: new Map() }, /how far the log in \/data goes/],
  [
    'another cluster',
    { membership: membership({ clusterId: 'dd' }) },
    /belongs to cluster cc, and the members answer for cluster dd/,
  ],
  ['a removed member', { membership: membership({ id: 'bb' }) }, /has no member aa any more/],
  [
    'a peer URL that is still the old one',
    { membership: membership({ peerUrls: ['http://old:2380'] }) },
    /expects m1 at http:\/\/old:2380, not at http:\/\/new:2380/,
  ],
])('it must not start with %s', (_what, over, message) => {
  expect(whyNotStart(facts(over))).toMatch(message)
})
