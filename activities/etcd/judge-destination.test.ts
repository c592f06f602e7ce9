import { expect, test } from '@jest/globals'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import type { HostFacts } from '../host/facts.ts'
import { type Destination, judgeDestination } from './judge-destination.ts'

const mib = 1024 * 1024
const facts: HostFacts = {
  ...{ system: 'Linux x86_64', etcd: '3.6.16', etcdctl: '3.6.16', etcdutl: '3.6.16' },
  ...{ freeBytes: 1000 * mib, parent: 'writable', workDir: 'writable' },
}
const nothing: readonly string[] = []
const layout: EtcdLayout = {
  ...{
    scheme: 'http',
    address: '10.0.0.4',
    clientPort: 2379,
    peerPort: 2380,
    dataDir: '/data',
    binDir: '/bin',
  },
  service: {
    manager: 'script',
    start: nothing,
    stop: nothing,
    status: nothing,
    enable: nothing,
    disable: nothing,
  },
  config: { format: 'environment', path: '/etc/etcd.env' },
}
const { etcdutl: _, ...withoutEtcdutl } = facts

const fine: Destination = {
  ...{ member: 'm1', host: 'new', from: 'old', layout, facts, sourceFacts: facts },
  ...{ dataBytes: 100 * mib, freeFactor: 1.2, leftovers: [], ports: ['closed', 'closed'] },
  ...{ clockSkewMs: 3, clockWithinMs: 2, certificates: [], silent: [] },
  ways: { out: [{ peer: 'p', state: 'open' }], back: [{ peer: 'p', state: 'open' }] },
}

test('a host with all that is needed has no problem', () => expect(judgeDestination(fine)).toEqual([]))

test('an empty directory where the data will lie is none', () => {
  const inPlace = { path: '/data', open: 'no', empty: true } as const
  expect(judgeDestination({ ...fine, inPlace })).toEqual([])
})

test.each<[string, Partial<Destination>, string]>([
  [
    'a host of the cluster that is dead',
    { silent: [{ host: 'h5', why: 'no route' }] },
    'h5 cannot be asked whether it holds data of the member, too (no route), and without that etcd is not started on new: bring it back, or take it out of the inventory once it is certain never to start again.',
  ],
  ['a wrong certificate', { certificates: ['It names another.'] }, 'It names another.'],
  [
    'another architecture',
    { facts: { ...facts, system: 'Linux aarch64' } },
    'new is Linux aarch64 and old is Linux x86_64: a data directory moves only between equals.',
  ],
  [
    'another version',
    { facts: { ...facts, etcd: '3.6.15' } },
    'new has etcd 3.6.15 in /bin, and the member runs 3.6.16: install exactly that.',
  ],
  ['a missing program', { facts: withoutEtcdutl }, 'new has no etcdutl in /bin: install version 3.6.16.'],
  [
    'data already there',
    { inPlace: { path: '/data', open: 'no', empty: false, identity: { memberId: 'bb', clusterId: 'cc' } } },
    'new has a data directory of member bb at /data already: set it aside or choose another host.',
  ],
  [
    'too little disk',
    { facts: { ...facts, freeBytes: 119 * mib } },
    'new has 119 MiB free, and 120 MiB are needed (1.2 times the 100 MiB of the member): make room.',
  ],
  [
    'a taken port',
    { ports: ['closed', 'open'] },
    'Something listens on the peer port 2380 of new already: end it, or correct the port in the inventory.',
  ],
  [
    'ports that cannot be tried',
    { ports: ['unknown', 'unknown'] },
    'new has nothing to try a port with: install bash, nc, python3 or perl.',
  ],
  [
    'a clock that is ahead',
    { clockSkewMs: 1500 },
    'The clock of new is 1500 ms ahead of that of old, and 1 s is the most: set it (NTP).',
  ],
  [
    'a clock that is behind',
    { clockSkewMs: -1500 },
    'The clock of new is 1500 ms behind that of old, and 1 s is the most: set it (NTP).',
  ],
  [
    'a peer out of reach',
    { ways: { out: [{ peer: 'p', state: 'closed' }], back: [] } },
    'new does not reach the peer port of p: open it in the firewall.',
  ],
  [
    "being out of a peer's reach",
    { ways: { out: [], back: [{ peer: 'p', state: 'closed' }] } },
    'p does not reach the peer port 2380 of new (tried with a listener there): open it in the firewall.',
  ],
  [
    'a port that cannot be listened on',
    { ways: { out: [], cannotListen: 'Nothing can listen.' } },
    'Nothing can listen.',
  ],
  [
    'a separate log',
    { walDir: '/wal' },
    'The member keeps its write-ahead log apart (wal-dir /wal on old), which this move does not copy. Put the log into the data directory first.',
  ],
])('%s is one problem, said with what to do', (_what, over, problem) => {
  expect(judgeDestination({ ...fine, ...over })).toEqual([problem])
})
