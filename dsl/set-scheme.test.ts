import { expect, test } from '@jest/globals'
import { setScheme } from './set-scheme.ts'

const set = (text: string, scheme: 'http' | 'https' = 'https') => setScheme(text, { cluster: 'demo', scheme })

const hosts = 'hosts:\n  h1: { address: a }\n  h2: { address: b }\n'

test.each<[string, string, string]>([
  [
    'a cluster in lines that says nothing',
    `inventory: 1\n${hosts}clusters:\n  demo: # ours\n    members: { a: h1 }\n    spares: [h2]\n`,
    `inventory: 1\n${hosts}clusters:\n  demo: # ours\n    etcd: { scheme: https }\n    members: { a: h1 }\n    spares: [h2]\n`,
  ],
  [
    'a cluster in braces that says nothing',
    `${hosts}clusters: { demo: { members: { a: h1 } } }\n`,
    `${hosts}clusters: { demo: { etcd: { scheme: https }, members: { a: h1 } } }\n`,
  ],
  [
    'a cluster with etcd in lines',
    `${hosts}clusters:\n  demo:\n    members: { a: h1 }\n    etcd:\n      clientPort: 1 # odd\n`,
    `${hosts}clusters:\n  demo:\n    members: { a: h1 }\n    etcd:\n      scheme: https\n      clientPort: 1 # odd\n`,
  ],
  [
    'a cluster that says the other',
    `${hosts}clusters:\n  demo:\n    etcd: { scheme: http, clientPort: 1 }\n    members: { a: h1 }\n`,
    `${hosts}clusters:\n  demo:\n    etcd: { scheme: https, clientPort: 1 }\n    members: { a: h1 }\n`,
  ],
  [
    'a host of its own mind, and defaults that are right',
    'defaults: { etcd: { scheme: https } }\nhosts:\n  h1: { address: a, etcd: { scheme: http } }\nclusters: { demo: { members: { a: h1 } } }\n',
    'defaults: { etcd: { scheme: https } }\nhosts:\n  h1: { address: a, etcd: { scheme: https } }\nclusters: { demo: { members: { a: h1 } } }\n',
  ],
])('%s', (_what, before, after) => {
  expect(set(before)).toEqual({ ok: true, text: after })
  expect(set(after)).toEqual({ ok: true, text: after })
})

test('there and back is the way of a rollback', () => {
  const plain = `${hosts}clusters:\n  demo:\n    etcd: { scheme: http }\n    members: { a: h1 }\n`
  const there = set(plain)
  expect(there.ok && set(there.text, 'http')).toEqual({ ok: true, text: plain })
})

test.each([
  ['no such cluster', 'clusters: {}\n', /no cluster "demo"/],
  ['no YAML', 'clusters: [\n', /cannot be read/],
])('%s', (_what, text, message) => {
  expect(set(text)).toEqual({ ok: false, message: expect.stringMatching(message) })
})
