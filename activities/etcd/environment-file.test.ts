import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import { readVariables, setVariables } from './environment-file.ts'
import { memberSettings } from './member-settings.ts'

test('only what changes is changed: comments, order, quoting and unknown variables stay', () => {
  const before = '# ours\nETCD_NAME=a\nexport ETCD_DATA_DIR="/old"\n\nOTHER=\'x y\' # why\nETCD_QUOTA=1\n'
  expect(setVariables(before, { ETCD_NAME: 'a', ETCD_DATA_DIR: '/new dir', ETCD_TOKEN: 't' })).toBe(
    '# ours\nETCD_NAME=a\nexport ETCD_DATA_DIR="/new dir"\n\nOTHER=\'x y\' # why\nETCD_QUOTA=1\nETCD_TOKEN=t\n',
  )
})

test('what is set is what is read, whatever it holds', () => {
  const value = fc.string({ unit: 'grapheme-ascii' })
  fc.assert(
    fc.property(value, value, (first, second) => {
      const text = setVariables(setVariables('# head\nA=1\n', { B: first }), { A: second })
      expect(readVariables(text)).toEqual(
        new Map([
          ['A', second],
          ['B', first],
        ]),
      )
    }),
  )
})

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
    current: new Map([['ETCD_LISTEN_CLIENT_URLS', before]]),
    membership: { m2: 'http://10.0.0.2:2380', m1: 'http://10.0.0.4:2380' },
  })
  expect(settings).toMatchObject({
    ETCD_NAME: 'm1',
    ETCD_LISTEN_CLIENT_URLS: after,
    ETCD_INITIAL_ADVERTISE_PEER_URLS: 'http://10.0.0.4:2380',
    ETCD_INITIAL_CLUSTER: 'm1=http://10.0.0.4:2380,m2=http://10.0.0.2:2380',
    ETCD_INITIAL_CLUSTER_STATE: 'existing',
    ETCD_INITIAL_CLUSTER_TOKEN: 't',
  })
})
