import { expect, test } from '@jest/globals'
import { type Cluster, type EtcdLayout, noAfterSteps } from '../../dsl/inventory.ts'
import { type BareHost, judgeNewCluster, type NewCluster, type Seen } from './judge-new-cluster.ts'
import { type StartFacts, whyNotStart } from './start.ts'

const layout: EtcdLayout = {
  ...{
    scheme: 'http',
    address: '10.0.0.1',
    clientPort: 2379,
    peerPort: 2380,
    dataDir: '/data',
    binDir: '/bin',
  },
  service: { manager: 'systemd', unit: 'etcd.service' },
  config: { format: 'environment', path: '/e' },
}
const cluster: Cluster = {
  ...{
    name: 'demo',
    members: { m1: 'h1', m2: 'h2', m3: 'h3' },
    spares: ['h4'],
    etcd: {},
    after: noAfterSteps,
  },
}

const bare = (over: Partial<Seen> = {}): Seen => ({
  facts: {
    ...{ system: 'Linux x86_64', etcd: '3.6.16', freeBytes: 1e10, parent: 'writable', workDir: 'writable' },
  },
  ...{ service: 'stopped', ports: ['closed', 'closed'], clock: { ms: 0, withinMs: 5 }, staged: false },
  ...over,
})

const host = (name: string, over: Partial<Seen> = {}, more: Partial<BareHost> = {}): BareHost => ({
  ...{ host: name, layout, seen: bare(over) },
  ...(name !== 'h4' && { member: `m${name.slice(1)}` }),
  ...more,
})

const judged = (hosts: readonly BareHost[], over: Partial<NewCluster> = {}) =>
  judgeNewCluster({
    ...{ cluster, hosts, version: '', uploadable: false, needsDiscoveryService: false, nowMs: 0 },
    ...{ pkiOf: (name: string) => `/pki on ${name}`, ...over },
  })

/** h1 as given, the others as they should be. */
const withFirst = (over: Partial<Seen>) => judged([host('h1', over), host('h2'), host('h3'), host('h4')])

test('bare hosts can have a new cluster, a directory that is there and empty does not matter', () => {
  expect(withFirst({ inPlace: { path: '/data', open: 'no', empty: true } })).toEqual([])
})

test('a unit that systemd does not know can be made', () => {
  expect(withFirst({ service: 'absent' })).toEqual([])
})

test.each<[string, readonly string[], RegExp]>([
  [
    'data of a member',
    withFirst({
      inPlace: { path: '/data', open: 'no', empty: false, identity: { memberId: 'aa', clusterId: 'cc' } },
    }),
    /h1 has data of member aa of cluster cc in \/data/,
  ],
  [
    'data on a spare',
    judged([host('h1'), host('h4', { inPlace: { path: '/data', open: 'no', empty: false } })]),
    /h4 has something in \/data/,
  ],
  [
    'a member that answers',
    withFirst({ answers: { memberId: 'aa', clusterId: 'cc' }, ports: ['open', 'open'] }),
    /aa of cluster cc answers on h1/,
  ],
  ['etcd that runs', withFirst({ service: 'running' }), /etcd runs on h1 already/],
  [
    'a service manager that does not say',
    withFirst({ service: { unknown: 'h1 says nonsense.' } }),
    /h1 says nonsense/,
  ],
  ['ports that are taken', withFirst({ ports: ['open', 'open'] }), /listens on port 2379 and 2380 of h1/],
  ['nothing to try ports with', withFirst({ ports: ['unknown', 'unknown'] }), /nothing to try a port with/],
  [
    'a clock that is ahead',
    withFirst({ clock: { ms: 2000, withinMs: 5 } }),
    /clock of h1 is 2000 ms ahead of that of h\d/,
  ],
  ['little room', withFirst({ facts: { ...bare().facts, freeBytes: 1024 * 1024 } }), /h1 has 1 MiB free/],
  [
    'no right to write',
    withFirst({ facts: { ...bare().facts, parent: 'readOnly' } }),
    /may not write beside \/data on h1/,
  ],
  [
    'no etcd',
    withFirst({ facts: { system: 'x', freeBytes: 1e10, parent: 'writable', workDir: 'writable' } }),
    /h1 has no etcd in \/bin: install it, or give a version/,
  ],
  [
    'another version',
    withFirst({ facts: { ...bare().facts, etcd: '3.7.3' } }),
    /different versions of etcd \(h1 3\.7\.3, h2 3\.6\.16/,
  ],
  [
    'a host that cannot be reached',
    judged([{ host: 'h1', layout, member: 'm1', unreachable: 'No route.' }, host('h2')]),
    /h1 could not be looked at.*No route\.$/,
  ],
  [
    'a spare that cannot be reached',
    judged([host('h1'), { host: 'h4', layout, unreachable: 'No route.' }]),
    /h4 could not be looked at.*take it out of the spares/,
  ],
  [
    'certificates that are missing',
    withFirst({ pki: { missing: ['ca.crt'], texts: {} } }),
    /\/pki on h1 lacks ca\.crt/,
  ],
  [
    'a user in a cluster that has none yet',
    judged([host('h1')], { cluster: { ...cluster, auth: { user: 'root', password: 'env:X' } } }),
    /A new cluster has no users yet/,
  ],
  [
    'a version that is nowhere',
    judged([host('h1', {}, { layout: { ...layout, versionsDir: '/v' } })], { version: '3.6.1' }),
    /h1 has no etcd 3\.6\.1, and the inventory gives demo no/,
  ],
  [
    'versions that have no place',
    judged([host('h1')], { version: '3.6.1', uploadable: true }),
    /does not say where versions of etcd lie on h1/,
  ],
  [
    'a discovery service that etcd does not know',
    judged([host('h1', { facts: { ...bare().facts, etcd: '3.5.35' } })], { needsDiscoveryService: true }),
    /etcd 3\.5\.35 has no discovery by the v3 API/,
  ],
])('there is said to be %s', (_what, problems, message) => {
  expect(problems).toEqual([expect.stringMatching(message)])
})

test('versions that lie there or can be brought are no obstacle', () => {
  const at = { layout: { ...layout, versionsDir: '/v' } }
  expect(judged([host('h1', { staged: true }, at)], { version: '3.6.1' })).toEqual([])
  expect(judged([host('h1', {}, at)], { version: '3.6.1', uploadable: true })).toEqual([])
})

test.each<[string, Partial<StartFacts>, RegExp | undefined]>([
  ['nothing is there', {}, undefined],
  ['this run began there', { begun: true, data: 'some', answersAs: 'aa' }, undefined],
  ['there is data', { data: 'some' }, /h1 has data/],
  ['a member answers', { answersAs: 'aa' }, /Member aa answers on h1/],
])('the start, when %s', (_what, over, message) => {
  const why = whyNotStart({ host: 'h1', data: 'none', begun: false, ...over })
  if (message === undefined) expect(why).toBeUndefined()
  else expect(why).toMatch(message)
})

test('nothing is started while a host cannot be asked', () => {
  expect(whyNotStart({ host: 'h1', begun: false, whyUnknown: 'no route' })).toMatch(
    /h1 cannot be asked.*no route/,
  )
})
