import { expect, test } from '@jest/globals'
import { clientUrl, peerUrl, type Inventory } from './inventory.ts'
import { readInventory } from './inventory-file.ts'
import { printProblems } from './print.ts'

const good = `inventory: 1
defaults:
  ssh: { user: ops, identity: keys/id, knownHosts: ~/.kh, via: h3 }
  workDir: /srv/quorate
  etcd:
    dataDir: /data/etcd
    service: { manager: script, start: [up], stop: [down], status: [st], enable: [en], disable: [dis] }
hosts:
  h1: { address: 10.0.0.1 }
  h2: { address: 10.0.0.2, ssh: { port: 2222, sudo: true }, etcd: { clientPort: 12379, service: { start: [other, up] } } }
  h3: { address: 10.0.0.3, workDir: /q }
clusters:
  demo:
    etcd: { scheme: https, config: { path: /etc/etcd.env } }
    members:
      m1: h1 # the first
      m2: h2
    spares: [h3]
`

const read = (text: string) =>
  readInventory({ file: 'inv.yaml', text, baseDirectory: '/etc/quorate', home: '/home/me' })

const inventory = (text: string): Inventory => {
  const result = read(text)
  if (!result.ok) throw new Error(printProblems(result.problems, new Map([['inv.yaml', text]])))
  return result.value
}

const findings = (text: string): readonly string[] => {
  const result = read(text)
  return result.ok ? [] : result.problems.map(({ code, from }) => `${code} ${from.line}:${from.column}`)
}

test('a host over its cluster over the defaults', () => {
  const { hosts, clusters } = inventory(good)
  expect(hosts['h2']).toEqual({
    name: 'h2',
    address: '10.0.0.2',
    workDir: '/srv/quorate',
    ssh: {
      port: 2222,
      user: 'ops',
      identity: '/etc/quorate/keys/id',
      knownHosts: '/home/me/.kh',
      sudo: true,
      via: 'h3',
    },
  })
  expect(clusters['demo']?.etcd['h2']).toEqual({
    scheme: 'https',
    address: '10.0.0.2',
    clientPort: 12_379,
    peerPort: 2380,
    dataDir: '/data/etcd',
    binDir: '/usr/local/bin',
    service: {
      manager: 'script',
      start: ['other', 'up'],
      stop: ['down'],
      status: ['st'],
      enable: ['en'],
      disable: ['dis'],
    },
    config: { format: 'environment', path: '/etc/etcd.env' },
  })
})

test('a host that others are reached through is reached itself', () => {
  expect(inventory(good).hosts['h3']?.ssh.via).toBeUndefined()
})

test('every member and spare has a layout and URLs', () => {
  const { clusters } = inventory(good)
  const { members, spares, etcd } = clusters['demo'] ?? { members: {}, spares: [], etcd: {} }
  expect(Object.keys(etcd)).toEqual(['h1', 'h2', 'h3'])
  expect({ members, spares }).toEqual({ members: { m1: 'h1', m2: 'h2' }, spares: ['h3'] })
  expect(Object.values(etcd).map((layout) => `${clientUrl(layout)} ${peerUrl(layout)}`)).toEqual([
    'https://10.0.0.1:2379 https://10.0.0.1:2380',
    'https://10.0.0.2:12379 https://10.0.0.2:2380',
    'https://10.0.0.3:2379 https://10.0.0.3:2380',
  ])
})

test.each([
  ['.', '/etc/quorate'],
  ['./a/../b', '/etc/quorate/b'],
  ['../../x', '/x'],
  ['/abs', '/abs'],
  ['~/k', '/home/me/k'],
  ['~', '/home/me'],
  ['~other/k', '/etc/quorate/~other/k'],
])('the path %s of a key is %s', (path, absolute) => {
  expect(inventory(good.replace('keys/id', JSON.stringify(path))).hosts['h1']?.ssh.identity).toBe(absolute)
})

test.each([
  ['{ manager: systemd }', { manager: 'systemd', unit: 'etcd.service' }],
  ['{ manager: docker, container: kv }', { manager: 'docker', container: 'kv' }],
  ['{ manager: supervise, directory: /service/etcd }', { manager: 'supervise', directory: '/service/etcd' }],
])('a service run by %s', (service, expected) => {
  const text = good
    .replace(/service: \{ manager: script.*\}/, `service: ${service}`)
    .replace(/, service: \{ start.*?\}/, '')
  expect(inventory(text).clusters['demo']?.etcd['h2']?.service).toEqual(expected)
})

test('files of the worker lie relative to the inventory, and what is left out has its default', () => {
  const more = `tls: { ca: pki/ca.crt, cert: ~/c.crt, key: /k.key }
    auth: { user: root, password: 'file:secret' }
    binaries: programs
    backup: { identity: age.txt, maxAge: 24h }
    etcd: { versionsDir: /opt/etcd, scheme`
  const demo = inventory(good.replace('etcd: { scheme', more)).clusters['demo']
  expect(demo).toMatchObject({
    tls: { ca: '/etc/quorate/pki/ca.crt', cert: '/home/me/c.crt', key: '/k.key' },
    auth: { user: 'root', password: 'file:/etc/quorate/secret' },
    binaries: '/etc/quorate/programs',
    backup: {
      directory: '/var/lib/quorate/backups',
      recipients: [],
      identity: '/etc/quorate/age.txt',
      keepCount: 7,
      keepMs: 86_400_000,
    },
    after: { haproxy: [], kubeApiserver: [], hostsFile: [], prometheus: [] },
  })
  expect(demo?.etcd['h1']?.versionsDir).toBe('/opt/etcd')
})

test('without settings there are sane ones', () => {
  const { hosts } = inventory(good.replace(/^ {2}ssh: .*\n {2}workDir.*\n/m, ''))
  expect(hosts['h1']).toEqual({
    name: 'h1',
    address: '10.0.0.1',
    workDir: '/var/lib/quorate',
    ssh: {
      port: 22,
      user: 'root',
      identity: '/home/me/.ssh/id_ed25519',
      knownHosts: '/home/me/.ssh/known_hosts',
      sudo: false,
    },
  })
})

test.each([
  ['an unknown key', good.replace('workDir: /q', 'workdir: /q'), ['UNKNOWN_KEY 11:28']],
  ['an unknown key, deep inside', good.replace('clientPort', 'clientport'), ['UNKNOWN_KEY 10:69']],
  ['no hosts', good.replace(/^hosts:\n( .*\n){3}/m, ''), ['MISSING 1:1']],
  ['a host without an address', good.replace('{ address: 10.0.0.1 }', '{}'), ['MISSING 9:7']],
  ['a path that is not absolute', good.replace('/data/etcd', 'data'), ['WRONG_VALUE 6:14']],
  ['a port that is none', good.replace('2222', '70000'), ['WRONG_VALUE 10:41']],
  ['a command as one text', good.replace('[up]', 'up'), ['WRONG_TYPE 7:40']],
  ['a manager of a later version', good.replace('manager: script', 'manager: runit'), ['WRONG_VALUE 7:25']],
  ['a name with a blank', good.replace('m1:', '"m 1":'), ['WRONG_VALUE 16:7']],
  ['an unknown host of a member', good.replace('m2: h2', 'm2: h22'), ['UNKNOWN_HOST 17:11']],
  ['an unknown host of a spare', good.replace('[h3]', '[h4]'), ['UNKNOWN_HOST 18:14']],
  ['a host twice', good.replace('m2: h2', 'm2: h1'), ['HOST_TWICE 17:11']],
  ['a spare twice', good.replace('[h3]', '[h3, h3]'), ['HOST_TWICE 18:18']],
  ['a spare that is a member', good.replace('[h3]', '[h1]'), ['SPARE_IS_MEMBER 18:14']],
  ['a way through an unknown host', good.replace('via: h3', 'via: h5'), ['UNKNOWN_HOST 3:64']],
  [
    'a way that comes back',
    good.replace('{ address: 10.0.0.3, ', '{ address: 10.0.0.3, ssh: { via: h2 }, '),
    ['VIA 3:64', 'VIA 11:40'],
  ],
  ['no word on how etcd is run', good.replace(', disable: [dis]', ''), ['MISSING 13:3']],
  ['two members at one address', good.replace('10.0.0.2', '10.0.0.1'), ['SAME_ENDPOINT 17:11']],
  ['a spare at the address of a member', good.replace('10.0.0.3', '10.0.0.1'), ['SAME_ENDPOINT 18:14']],
  [
    'one port for clients and peers',
    good.replace('clientPort: 12379', 'clientPort: 2380'),
    ['SAME_ENDPOINT 17:11'],
  ],
  [
    'an unknown host of a backup',
    good.replace('etcd: { scheme', 'backup: { host: h7 }\n    etcd: { scheme'),
    ['UNKNOWN_HOST 14:21'],
  ],
  [
    'an unknown host of an after-step',
    good.replace('etcd: { scheme', 'after: { prometheus: [{ host: h7, path: /t }] }\n    etcd: { scheme'),
    ['UNKNOWN_HOST 14:35'],
  ],
  [
    'a certificate without its key',
    good.replace('etcd: { scheme', 'tls: { ca: ca.crt, cert: c.crt }\n    etcd: { scheme'),
    ['MISSING 14:24'],
  ],
  [
    'a time that is none',
    good.replace('etcd: { scheme', 'backup: { maxAge: soon }\n    etcd: { scheme'),
    ['WRONG_VALUE 14:23'],
  ],
  [
    'a password itself',
    good.replace('etcd: { scheme', 'auth: { user: root, password: secret }\n    etcd: { scheme'),
    ['WRONG_VALUE 14:35'],
  ],
  ['a cluster without members', good.replace(/members:\n( {6}.*\n){2}/, 'members: {}\n'), ['MISSING 13:3']],
  [
    'a host in two clusters on the same ports',
    `${good}  second:\n    members: { x: h1 }\n`,
    ['SAME_ENDPOINT 20:19'],
  ],
  [
    'several at once',
    good.replace('m2: h2', 'm2: h9').replace('[h3]', '[h1, h8]'),
    ['UNKNOWN_HOST 17:11', 'SPARE_IS_MEMBER 18:14', 'UNKNOWN_HOST 18:18'],
  ],
])('%s', (_what, text, expected) => {
  expect(findings(text)).toEqual(expected)
})

const one = 'one: { members: { a: h1 }, spares: [h3] }'
test.each<[string, string, readonly string[]]>([
  ['share a spare', 'two: { members: { b: h4 }, spares: [h3] }', []],
  ['share a spare that one has taken', 'two: { members: { b: h3 }, spares: [h4] }', []],
  ['share a host', 'two: { members: { b: h1 }, spares: [h4] }', ['SAME_ENDPOINT']],
  ['share a host on other ports', 'two: { members: { b: h1 }, etcd: { clientPort: 1, peerPort: 2 } }', []],
])('two clusters that %s, whichever stands first', (_what, two, expected) => {
  const before = good.slice(0, good.indexOf('clusters:'))
  for (const clusters of [
    [one, two],
    [two, one],
  ]) {
    const text = `${before}  h4: { address: 10.0.0.4 }\nclusters:\n  ${clusters.join('\n  ')}\n`
    expect(findings(text).map((finding) => finding.split(' ')[0])).toEqual(expected)
  }
})
