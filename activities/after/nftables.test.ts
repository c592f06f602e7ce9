import { expect, test } from '@jest/globals'
import { noRules, portRules, tableName } from './nftables.ts'

const rules = {
  cluster: 'demo',
  clientPort: 2379,
  peerPort: 2380,
  peers: ['10.0.0.2', '10.0.0.1'],
  clients: ['10.1.0.0/16'],
  serves: true,
}

test('peers reach both ports, clients the client port, nobody else either', () => {
  expect(portRules(rules)).toMatchInlineSnapshot(`
   "# Who reaches the ports of etcd (demo) on this host. Written by Quorate, which replaces all of it
   # whenever the membership changes; who the clients are is said in its inventory.
   table inet quorate_demo
   delete table inet quorate_demo
   table inet quorate_demo {
     set peers4 {
       type ipv4_addr; flags interval; auto-merge;
       elements = { 10.0.0.1, 10.0.0.2 }
     }
     set clients4 {
       type ipv4_addr; flags interval; auto-merge;
       elements = { 10.1.0.0/16 }
     }
     chain input {
       type filter hook input priority filter - 5; policy accept;
       iif "lo" accept
       ct state established,related accept
       tcp dport 2380 ip saddr @peers4 accept
       tcp dport 2379 ip saddr @peers4 accept
       tcp dport 2379 ip saddr @clients4 accept
       tcp dport { 2379, 2380 } reject with tcp reset
     }
   }
   "
  `)
})

test('where the member is gone only peers reach the peer port', () => {
  const text = portRules({ ...rules, serves: false })
  expect(text).not.toContain('clients4')
  expect(text).toContain('tcp dport 2380 ip saddr @peers4 accept')
  expect(text).not.toContain('dport 2379 ip saddr')
  expect(text).toContain('tcp dport { 2379, 2380 } reject with tcp reset')
})

test('both kinds of addresses have their sets', () => {
  const text = portRules({ ...rules, peers: ['fd00::1', '10.0.0.1'], clients: [] })
  expect(text).toContain('tcp dport 2380 ip6 saddr @peers6 accept')
  expect(text).not.toContain('@clients')
})

test('the order of peers does not matter, so that the same membership is the same file', () => {
  expect(portRules({ ...rules, peers: rules.peers.toReversed() })).toBe(portRules(rules))
})

test('the file without rules names the same table', () => {
  expect(noRules('demo')).toContain('delete table inet quorate_demo\n')
})

test.each([
  ['demo', 'quorate_demo'],
  ['a-b', 'quorate_a_2d_b'],
  ['a.b', 'quorate_a_2e_b'],
  ['a_b', 'quorate_a_5f_b'],
])('cluster %s has the table %s', (cluster, table) => expect(tableName(cluster)).toBe(table))
