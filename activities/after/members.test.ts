import { expect, test } from '@jest/globals'
import { type Cluster, type EtcdLayout, noAfterSteps } from '../../dsl/inventory.ts'
import type { EtcdMember, Membership } from '../etcd/answers.ts'
import { ofThisCluster, reached, serving } from './members.ts'

const layout = (address: string): EtcdLayout => ({
  ...{ scheme: 'https', address, clientPort: 2379, peerPort: 2380, dataDir: '/d', binDir: '/b' },
  service: { manager: 'systemd', unit: 'etcd.service' },
  config: { format: 'environment', path: '/e' },
})

const cluster: Cluster = {
  ...{ name: 'demo', members: { 'etcd-1': 'h1', 'etcd-2': 'h2' }, spares: ['h3'], after: noAfterSteps },
  etcd: { h1: layout('10.0.0.1'), h2: layout('10.0.0.2'), h3: layout('10.0.0.3') },
}

const member = (over: Partial<EtcdMember> = {}): EtcdMember => ({
  ...{ id: 'aa', name: 'etcd-1', isLearner: false },
  peerUrls: ['https://10.0.0.1:2380'],
  clientUrls: ['https://10.0.0.1:2379'],
  ...over,
})

const membership = (clusterId: string, peer: string): Membership => ({
  ...{ clusterId, answeredBy: 'aa' },
  members: [member({ peerUrls: [peer] })],
})

test('a member is where its peer URL is, whatever the inventory says of it', () => {
  expect(reached(cluster, member({ peerUrls: ['https://10.0.0.3:2380'] }))).toMatchObject({
    ...{ name: 'etcd-1', host: 'h3', address: '10.0.0.3', clientUrl: 'https://10.0.0.3:2379' },
  })
})

test('a member the inventory does not know is reached by what it advertises, not by loopback', () => {
  const urls = {
    peerUrls: ['https://[fd00::9]:2380'],
    clientUrls: ['https://127.0.0.1:2379', 'https://[fd00::9]:4001/'],
  }
  const seen = reached(cluster, member(urls))
  expect(seen).toMatchObject({ address: 'fd00::9', clientPort: 4001, clientUrl: 'https://[fd00::9]:4001' })
  expect(seen.peerAddresses).toEqual(['fd00::9'])
  expect(seen).not.toHaveProperty('host')
})

test('learners and members that never started take no clients', () => {
  const all = [member(), member({ isLearner: true }), member({ name: '' })]
  expect(serving(all.map((each) => reached(cluster, each)))).toHaveLength(1)
})

test('of several answers those of this cluster count', () => {
  const own = membership('cc', 'https://10.0.0.2:2380')
  expect(ofThisCluster(cluster, [membership('dd', 'https://10.9.9.9:2380'), own])).toBe(own)
})

test.each<[string, readonly Membership[], RegExp]>([
  [
    'none is of this cluster',
    [membership('dd', 'https://10.9.9.9:2380')],
    /none of its peer URLs is in the inv/,
  ],
  [
    'two clusters claim its hosts',
    [membership('cc', 'https://10.0.0.1:2380'), membership('dd', 'https://10.0.0.2:2380')],
    /several clusters \(cc, dd\)/,
  ],
])('nothing is pointed anywhere when %s', (_what, told, message) => {
  expect(() => ofThisCluster(cluster, told)).toThrow(message)
})
