import { expect, test } from '@jest/globals'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import { type PlainMember, tlsPlan } from './tls-plan.ts'

const layout = (address: string): EtcdLayout => ({
  ...{ scheme: 'http', address, clientPort: 2379, peerPort: 2380, dataDir: '/data', binDir: '/bin' },
  service: { manager: 'systemd', unit: 'etcd.service' },
  config: { format: 'environment', path: '/etc/etcd.env' },
})

function member(name: string, over: Readonly<Record<string, string>> = {}): PlainMember {
  const settings = {
    'listen-client-urls': `http://${name}:2379,http://127.0.0.1:2379`,
    'advertise-client-urls': `http://${name}:2379`,
    'listen-peer-urls': 'http://0.0.0.0:2380',
    'initial-advertise-peer-urls': `http://${name}:2380`,
    'initial-cluster': 'a=http://a:2380,b=http://b:2380',
  }
  const peerUrls = [over['initial-advertise-peer-urls'] ?? `http://${name}:2380`]
  const all = new Map(Object.entries({ ...settings, ...over }))
  return { name, host: name, layout: layout(name), settings: all, peerUrls }
}

/** A member as it is once some of the plan's settings were written. */
const after = ({ name, settings }: PlainMember, ...changes: readonly Readonly<Record<string, string>>[]) =>
  member(name, Object.assign(Object.fromEntries(settings), ...changes))

const plain = [member('a'), member('b')]
const { byName, needs } = tlsPlan(plain, '/pki', true)

test('a plain cluster needs certificates first, then its peers change over', () => {
  expect(needs).toEqual({ trust: true, peers: true, clients: false })
  expect(tlsPlan(plain, '/pki', false).needs.clients).toBe(true)
  expect(byName['a']?.trust).toEqual({
    ...{ 'cert-file': '/pki/server.crt', 'key-file': '/pki/server.key', 'trusted-ca-file': '/pki/ca.crt' },
    ...{ 'peer-cert-file': '/pki/peer.crt', 'peer-key-file': '/pki/peer.key' },
    ...{ 'peer-trusted-ca-file': '/pki/ca.crt', 'client-cert-auth': 'true', 'peer-client-cert-auth': 'true' },
    'listen-client-urls': 'http://a:2379,http://127.0.0.1:2379,https://a:2379,https://127.0.0.1:2379',
  })
})

test('the peers speak TLS on the port they had, wherever they listen', () => {
  expect(byName['b']?.peers).toEqual({
    'listen-peer-urls': 'https://0.0.0.0:2380',
    'initial-advertise-peer-urls': 'https://b:2380',
    'advertise-client-urls': 'https://b:2379',
    'initial-cluster': 'a=https://a:2380,b=https://b:2380',
  })
})

test('what was changed over can be taken back', () => {
  const changed = plain.map((each) =>
    after(each, byName[each.name]?.trust ?? {}, byName[each.name]?.peers ?? {}),
  )
  const back = changed.map((each) => after(each, byName[each.name]?.peersBack ?? {}))
  const trusting = plain.map((each) => after(each, byName[each.name]?.trust ?? {}))
  expect(back).toEqual(trusting)
})

test('at last only TLS is left on the client port', () => {
  expect(byName['a']?.clients).toEqual({ 'listen-client-urls': 'https://a:2379,https://127.0.0.1:2379' })
  expect(byName['a']?.clientsBack['listen-client-urls']?.split(',').toSorted()).toEqual(
    byName['a']?.trust['listen-client-urls']?.split(',').toSorted(),
  )
})

test('what is done already is not done again', () => {
  const changed = plain.map((each) =>
    after(each, byName[each.name]?.trust ?? {}, byName[each.name]?.peers ?? {}),
  )
  expect(tlsPlan(changed, '/pki', true).needs).toEqual({ trust: false, peers: false, clients: false })
  expect(tlsPlan(changed, '/pki', false).needs).toEqual({ trust: false, peers: false, clients: true })
  const [first, second] = [changed[0] ?? member('a'), plain[1] ?? member('b')]
  expect(tlsPlan([first, second], '/pki', true).needs).toEqual({ trust: true, peers: true, clients: false })
})

test('files that a member names already stay where they are', () => {
  const own = member('a', { 'peer-cert-file': '/etc/ssl/a.pem' })
  expect(tlsPlan([own], '/pki', true).byName['a']?.trust).toMatchObject({
    'peer-cert-file': '/etc/ssl/a.pem',
  })
})
