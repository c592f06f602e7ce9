import { expect, test } from '@jest/globals'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import { initialClusterText, memberSettings } from './member-settings.ts'
import { carriedOver, readdressed, renamedPath } from './model-settings.ts'

const layout = (address: string): EtcdLayout => ({
  ...{ scheme: 'http', address, clientPort: 2379, peerPort: 2380, dataDir: '/data', binDir: '/bin' },
  service: { manager: 'script', start: [], stop: [], status: [], enable: [], disable: [] },
  config: { format: 'environment', path: '/etc/etcd.env' },
})

test.each([
  ['its own URL moves with it', 'http://10.0.0.1:2379', 'http://10.0.0.4:2379'],
  [
    'loopback stays',
    'http://10.0.0.1:2379,http://127.0.0.1:2379',
    'http://10.0.0.4:2379,http://127.0.0.1:2379',
  ],
  ['all addresses stay all', 'http://0.0.0.0:2379', 'http://0.0.0.0:2379'],
  [
    "the old host's other addresses do not come along",
    'http://10.0.0.1:2379,http://192.168.1.1:2379',
    'http://10.0.0.4:2379',
  ],
  ['nothing becomes its own', '', 'http://10.0.0.4:2379'],
])('listening: %s', (_what, before, after) => {
  const settings = memberSettings({
    ...{ member: 'm1', layout: layout('10.0.0.4'), base: layout('10.0.0.1'), token: 't' },
    current: new Map([['listen-client-urls', before]]),
    initialCluster: initialClusterText({ m2: 'http://10.0.0.2:2380', m1: 'http://10.0.0.4:2380' }),
    state: 'existing',
  })
  expect(settings).toMatchObject({
    name: 'm1',
    'listen-client-urls': after,
    'initial-advertise-peer-urls': 'http://10.0.0.4:2380',
    'initial-cluster': 'm1=http://10.0.0.4:2380,m2=http://10.0.0.2:2380',
    'initial-cluster-state': 'existing',
    'initial-cluster-token': 't',
    'force-new-cluster': null,
    'discovery-srv': null,
  })
})

test('the scheme of a host goes for its loopback too', () => {
  const https = { ...layout('10.0.0.1'), scheme: 'https' as const }
  const settings = memberSettings({
    ...{ member: 'm1', layout: https, base: layout('10.0.0.1'), state: 'existing' },
    current: new Map([['listen-client-urls', 'http://10.0.0.1:2379,http://127.0.0.1:2379']]),
  })
  expect(settings['listen-client-urls']).toBe('https://10.0.0.1:2379,https://127.0.0.1:2379')
  expect(settings).not.toHaveProperty('discovery')
})

test('a host that is known by a name listens on all addresses, because etcd binds to none by name', () => {
  const settings = memberSettings({
    ...{ member: 'm1', layout: layout('m1.example'), base: layout('m1.example'), state: 'new' },
    current: new Map(),
  })
  expect(settings).toMatchObject({
    'listen-client-urls': 'http://0.0.0.0:2379',
    'listen-peer-urls': 'http://0.0.0.0:2380',
    'initial-advertise-peer-urls': 'http://m1.example:2380',
  })
})

const named = (name: string, address: string) => ({ name, layout: layout(address) })

test.each([
  ['/pki/h1.crt', '/pki/h4.crt'],
  ['/pki/etcd-h1-peer.crt', '/pki/etcd-h4-peer.crt'],
  ['/pki/10.0.0.1.crt', '/pki/10.0.0.4.crt'],
  ['/pki/10.0.0.11.crt', '/pki/10.0.0.11.crt'],
  ['/pki/h11.crt', '/pki/h11.crt'],
  ['/pki/server.crt', '/pki/server.crt'],
])('the certificate %s of h1 may be %s on h4', (path, other) => {
  expect(renamedPath(path, named('h1', '10.0.0.1'), named('h4', '10.0.0.4'))).toBe(other)
})

test('URLs that name the address of the model name that of the host', () => {
  const urls = 'http://10.0.0.1:2381,http://127.0.0.1:2381,http://10.0.0.10:2381'
  expect(readdressed(urls, named('h1', '10.0.0.1'), named('h4', '10.0.0.4'))).toBe(
    'http://10.0.0.4:2381,http://127.0.0.1:2381,http://10.0.0.10:2381',
  )
})

test('of a model a host takes what must not differ and it does not say itself', () => {
  const model = new Map([
    ['quota-backend-bytes', '8'],
    ['election-timeout', '2000'],
    ['log-level', 'debug'],
    ['cert-file', '/pki/server.crt'],
  ])
  const own = new Map([['election-timeout', '1000']])
  expect([...carriedOver(own, model, layout('10.0.0.4'))]).toEqual([['quota-backend-bytes', '8']])
  expect(carriedOver(own, model, { ...layout('10.0.0.4'), scheme: 'https' }).get('cert-file')).toBe(
    '/pki/server.crt',
  )
})
