import { expect, test } from '@jest/globals'
import { type Cluster, type EtcdLayout, noAfterSteps } from '../../dsl/inventory.ts'
import { type Discovery, firstSettings, initialClusterOf, laterSettings, settingsFrom } from './plan.ts'

const layout = (address: string, scheme: EtcdLayout['scheme']): EtcdLayout => ({
  ...{ scheme, address, clientPort: 2379, peerPort: 2380, dataDir: '/d', binDir: '/b' },
  service: { manager: 'systemd', unit: 'etcd.service' },
  config: { format: 'environment', path: '/e' },
})

const clusterOf = (name: string, scheme: EtcdLayout['scheme']): Cluster => ({
  ...{ name, members: { m2: 'h2', m1: 'h1' }, spares: ['h3'], after: noAfterSteps },
  etcd: { h1: layout('10.0.0.1', scheme), h2: layout('10.0.0.2', scheme), h3: layout('10.0.0.3', scheme) },
})

const planned = (discovery: Discovery, scheme: EtcdLayout['scheme'] = 'http') => {
  const plan = {
    cluster: clusterOf('demo', scheme),
    discovery,
    pki: '/pki',
    more: { 'snapshot-count': '5000' },
  }
  return { first: firstSettings(plan, 'h1'), later: laterSettings(plan, 'h1') }
}

test('the initial cluster names the members, not the spares, in the order of their names', () => {
  expect(initialClusterOf(clusterOf('demo', 'https'))).toBe(
    'm1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380',
  )
})

test('by a list, without TLS, there is nothing to set but what was asked for', () => {
  expect(planned({ kind: 'static' })).toEqual({
    first: { 'snapshot-count': '5000' },
    later: { 'snapshot-count': '5000' },
  })
})

test('with TLS, clients and peers must show certificates, at every start', () => {
  const { first, later } = planned({ kind: 'static' }, 'https')
  expect(first).toMatchObject({
    ...{ 'client-cert-auth': 'true', 'peer-client-cert-auth': 'true' },
    ...{
      'cert-file': '/pki/server.crt',
      'peer-cert-file': '/pki/peer.crt',
      'trusted-ca-file': '/pki/ca.crt',
    },
  })
  expect(later).toEqual(first)
})

test.each<[string, Discovery, Record<string, string>]>([
  [
    'DNS',
    { kind: 'dns', domain: 'example.com', name: '' },
    { 'initial-cluster': '', 'discovery-srv': 'example.com' },
  ],
  [
    'DNS with a suffix',
    { kind: 'dns', domain: 'example.com', name: 'blue' },
    { 'initial-cluster': '', 'discovery-srv': 'example.com', 'discovery-srv-name': 'blue' },
  ],
  [
    'a registry',
    { kind: 'service', registry: clusterOf('infra', 'http'), token: 'abc' },
    {
      ...{ 'initial-cluster': '', 'discovery-token': 'abc' },
      'discovery-endpoints': 'http://10.0.0.2:2379,http://10.0.0.1:2379',
    },
  ],
  [
    'a registry with TLS',
    { kind: 'service', registry: clusterOf('infra', 'https'), token: 'abc' },
    {
      ...{ 'initial-cluster': '', 'discovery-token': 'abc', 'discovery-insecure-transport': 'false' },
      'discovery-endpoints': 'https://10.0.0.2:2379,https://10.0.0.1:2379',
      ...{ 'discovery-cacert': '/pki/ca.crt', 'discovery-cert': '/pki/peer.crt' },
      'discovery-key': '/pki/peer.key',
    },
  ],
])(
  'discovery by %s is set for the first start, and taken out for all later ones',
  (_what, discovery, set) => {
    const { first, later } = planned(discovery)
    expect(first).toEqual({ ...set, 'snapshot-count': '5000' })
    const flags = Object.keys(set).filter((flag) => flag.startsWith('discovery'))
    expect(later).toEqual({
      'snapshot-count': '5000',
      ...Object.fromEntries(flags.map((flag) => [flag, ''])),
    })
  },
)

test('settings are flag=value, with dashes before or without', () => {
  expect(settingsFrom(['--a-b=c=d', 'e=', 'nonsense', 'A=b'])).toEqual({
    settings: { 'a-b': 'c=d', e: '' },
    wrong: ['nonsense', 'A=b'],
  })
})
