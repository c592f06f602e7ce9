import { expect, test } from '@jest/globals'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import type { DataDirectory } from '../dir/data-directories.ts'
import type { EtcdMember } from '../etcd/answers.ts'
import { judgeJoin } from './join.ts'

const layout: EtcdLayout = {
  ...{ scheme: 'http', address: 'new', clientPort: 2379, peerPort: 2380, dataDir: '/data', binDir: '/bin' },
  service: { manager: 'systemd', unit: 'etcd.service' },
  config: { format: 'environment', path: '/etc/etcd.env' },
}
const entry = (over: Partial<EtcdMember> = {}): EtcdMember => ({
  ...{ id: 'dd', name: '', peerUrls: ['http://new:2380'], clientUrls: [], isLearner: true },
  ...over,
})
const other = entry({ id: 'aa', name: 'm1', peerUrls: ['http://h1:2380'], isLearner: false })
const data = (over: Partial<DataDirectory>): DataDirectory => ({
  path: '/data',
  open: 'no',
  empty: false,
  ...over,
})
const judged = (own: EtcdMember | undefined, inPlace?: DataDirectory) =>
  judgeJoin({
    ...{ host: 'h4', layout, member: 'm4' },
    membership: { clusterId: 'cc', answeredBy: 'aa', members: [other, ...(own ? [own] : [])] },
    ...(inPlace && { inPlace }),
  })

test.each([
  ['nothing lies there', undefined],
  ['an empty directory lies there', data({ empty: true })],
])('a member that was added and never started joins when %s', (_what, inPlace) => {
  expect(judged(entry(), inPlace)).toEqual({ kind: 'join', entry: entry() })
})

test.each([
  ['before it had told its name', entry()],
  ['after it had', entry({ name: 'm4' })],
])('one that died %s is started again with its own data', (_when, own) => {
  expect(judged(own, data({ identity: { memberId: 'dd', clusterId: 'cc' } })).kind).toBe('again')
})

test.each<[string, EtcdMember | undefined, DataDirectory | undefined, RegExp]>([
  [
    'was not added',
    undefined,
    undefined,
    /no member at http:\/\/new:2380: it has m1 at http:\/\/h1:2380. Add it first/,
  ],
  [
    'has this URL among others',
    entry({ peerUrls: ['http://new:2380', 'http://x:2380'] }),
    undefined,
    /no member at/,
  ],
  ['has another name', entry({ name: 'm9' }), undefined, /is the peer URL of m9, not of m4/],
  [
    'has run, and its data is gone',
    entry({ name: 'm4' }),
    undefined,
    /m4 \(dd\) has run before, and its data is not there/,
  ],
  ['has run, and its directory is empty', entry({ name: 'm4' }), data({ empty: true }), /has run before/],
  [
    'finds the data of a removed member',
    entry(),
    data({ identity: { memberId: 'bb', clusterId: 'cc' } }),
    /data of member bb, a member that was removed/,
  ],
  [
    'finds the data of another member',
    entry(),
    data({ identity: { memberId: 'aa', clusterId: 'cc' } }),
    /data of member aa, another member/,
  ],
  [
    'finds its ID in another cluster',
    entry(),
    data({ identity: { memberId: 'dd', clusterId: 'ee' } }),
    /data of member dd/,
  ],
  ['finds something', entry(), data({}), /not empty, and whose it is cannot be told/],
])('a member that %s is not started', (_what, own, inPlace, message) => {
  const verdict = judged(own, inPlace)
  expect(verdict).toMatchObject({ kind: 'refused', why: expect.stringMatching(message) })
})
