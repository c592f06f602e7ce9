import { expect, test } from '@jest/globals'
import { type Cluster, type Inventory, noAfterSteps } from '../../dsl/inventory.ts'
import { memberOn, type Occupant, whyForeign, whyShared } from './occupant.ts'

const ours = { clusterId: 'c', memberId: '1' }
const theirs = { clusterId: 'd', memberId: '9' }

test.each<[string, string, Omit<Occupant, 'stopped'>, RegExp | undefined]>([
  ['nobody answers, no data', 'c', {}, undefined],
  ['one of ours answers', 'c', { answers: ours }, undefined],
  ['one of ours answers over data of another', 'c', { answers: ours, data: theirs }, undefined],
  ['data of ours', 'c', { data: ours }, undefined],
  [
    'one of theirs answers',
    'c',
    { answers: theirs },
    /^what answers there is a member of cluster d, and demo is cluster c/,
  ],
  ['one of theirs answers over data of ours', 'c', { answers: theirs, data: ours }, /what answers there/],
  ['data of theirs', 'c', { data: theirs }, /^the data there is that of a member of cluster d/],
  ['nobody says which cluster it is, and one answers', '', { answers: ours }, /no member of demo says which/],
  ['nobody says which cluster it is, and data lies there', '', { data: ours }, undefined],
])('%s', (_what, clusterId, occupant, refusal) => {
  const why = whyForeign({ clusterId }, 'demo', { stopped: false, ...occupant })
  expect(why ?? 'let').toMatch(refusal ?? /^let$/)
})

const member = (name: string, id: string, host: string, peerHost = host) => ({ name, id, host, peerHost })
const members = [member('m1', '1', 'h1'), member('m2', '2', 'h3', 'h2'), member('m3', '3', 'h2', 'h3')]

test.each<[string, string, Omit<Occupant, 'stopped'>, string | undefined]>([
  ['by its place in the membership, whatever the inventory says', 'h2', {}, 'm2'],
  ['by who answers there', 'h2', { answers: { ...ours, memberId: '3' }, data: ours }, 'm3'],
  ['by whose data lies there', 'h4', { data: { ...ours, memberId: '1' } }, 'm1'],
  ['by its place where the data is of nobody', 'h1', { data: { ...ours, memberId: '7' } }, 'm1'],
  ['a host of nobody', 'h4', {}, undefined],
])('the member is told %s', (_what, host, occupant, expected) => {
  // Only what is looked at.
  const seen = { members } as unknown as Parameters<typeof memberOn>[0]
  expect(memberOn(seen, host, { stopped: false, ...occupant })).toBe(expected)
})

const host = (name: string, address: string) => ({
  ...{ name, address, workDir: '/w' },
  ssh: { port: 22, user: 'u', identity: '/i', knownHosts: '/k', sudo: false },
})
const layout = (unit: string, dataDir: string) => ({
  ...{ scheme: 'http' as const, address: '', clientPort: 2379, peerPort: 2380, dataDir, binDir: '/b' },
  service: { manager: 'systemd' as const, unit },
  config: { format: 'yaml' as const, path: '/c' },
})
const cluster = (
  name: string,
  etcd: Cluster['etcd'],
  members: Cluster['members'],
  spares: readonly string[] = [],
): Cluster => ({ name, etcd, members, spares, after: noAfterSteps })

test.each<[string, Cluster, RegExp | undefined]>([
  ['another service and directory', cluster('b', { h1: layout('b', '/b') }, { b1: 'h1' }), undefined],
  [
    'the same service',
    cluster('b', { h1: layout('a', '/b') }, { b1: 'h1' }),
    /b1 of b under the same service/,
  ],
  ['the same directory', cluster('b', { h1: layout('b', '/a') }, { b1: 'h1' }), /b1 of b/],
  [
    'the same under another name of the host',
    cluster('b', { h9: layout('a', '/a') }, { b1: 'h9' }),
    /b1 of b/,
  ],
  ['the same, but only as a spare', cluster('b', { h1: layout('a', '/a') }, {}, ['h1']), undefined],
  ['the same on another machine', cluster('b', { h2: layout('a', '/a') }, { b1: 'h2' }), undefined],
])('beside a cluster with %s', (_what, other, refusal) => {
  const a = cluster('a', { h1: layout('a', '/a') }, { a1: 'h1' })
  const inventory: Inventory = {
    file: 'i',
    hosts: { h1: host('h1', '10.0.0.1'), h2: host('h2', '10.0.0.2'), h9: host('h9', '10.0.0.1') },
    clusters: { a, b: other },
  }
  expect(whyShared(inventory, a, 'h1') ?? 'let').toMatch(refusal ?? /^let$/)
})
