import { expect, test } from '@jest/globals'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import type { SrvRecord } from './dns-message.ts'
import { judgeRecords, type RecordsSeen } from './judge-records.ts'

const member = (host: string, address: string) => {
  const layout: EtcdLayout = {
    ...{ scheme: 'https', address, clientPort: 2379, peerPort: 2380, dataDir: '/d', binDir: '/b' },
    service: { manager: 'systemd', unit: 'etcd.service' },
    config: { format: 'environment', path: '/e' },
  }
  return { host, layout }
}
const members = [member('h1', 'A.ex'), member('h2', 'b.ex')]
const record = (target: string, port = 2380): SrvRecord => ({ target, port })

const seen = (records: readonly SrvRecord[], over: Partial<RecordsSeen> = {}): RecordsSeen => ({
  ...{ on: 'h1', wanted: '_ssl.ex', other: '_plain.ex', stray: { kind: 'none' } },
  answer: { kind: 'records', records },
  addresses: new Map(records.map(({ target }) => [target, ['10.0.0.1']])),
  ...over,
})

test('records that name exactly the members are right, whatever their order and case', () => {
  expect(judgeRecords(members, seen([record('b.ex'), record('a.ex')]))).toEqual([])
})

test.each<[string, RecordsSeen, readonly RegExp[]]>([
  [
    'one is missing',
    seen([record('a.ex')]),
    [/does not name b\.ex:2380 \(h2\), asked from h1: it names a\.ex:2380/],
  ],
  [
    'one is too many',
    seen([record('a.ex'), record('b.ex'), record('c.ex')]),
    [/names c\.ex:2380.*no member/],
  ],
  [
    'a port is another',
    seen([record('a.ex'), record('b.ex', 2381)]),
    [/not name b\.ex:2380/, /names b\.ex:2381/],
  ],
  ['none are there', seen([], { answer: { kind: 'none' } }), [/_ssl\.ex has no SRV records, asked from h1/]],
  [
    'nobody answers',
    seen([], { answer: { kind: 'failed', why: 'no name server answers' } }),
    [/h1 could not ask for _ssl\.ex: no name server answers/],
  ],
  [
    'a name has no address',
    seen([record('a.ex'), record('b.ex')], { addresses: new Map([['a.ex', ['10.0.0.1']]]) }),
    [/h1 finds no address for b\.ex/],
  ],
  [
    'etcd would add others',
    seen([record('a.ex'), record('b.ex')], { stray: { kind: 'records', records: [record('a.ex')] } }),
    [/_plain\.ex has SRV records as well/],
  ],
])('they are not when %s', (_what, told, expected) => {
  expect(judgeRecords(members, told)).toEqual(expected.map((text) => expect.stringMatching(text)))
})
