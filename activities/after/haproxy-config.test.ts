import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Server, withServers } from './haproxy-config.ts'

const server = (n: number, host = n): Server => ({ name: `etcd-${n}`, address: `10.0.0.${host}`, port: 2379 })
const three = [server(1), server(2), server(3)]

const config = `global
    maxconn 100

# the clients' door
frontend clients
    bind :2379
    default_backend etcd   # not "backend etcd"

backend other
    server etcd-1 10.9.9.9:80 check

backend etcd
    mode tcp
    default-server inter 2s fall 2
    # the members
    server etcd-1 10.0.0.1:2379 check weight 10
    server etcd-2 10.0.0.2:2379 check
    server etcd-3 10.0.0.3:2379 check  # in the cellar

listen stats
    bind :8404
`

const edited = (text: string, servers: readonly Server[], backend = 'etcd'): string => {
  const result = withServers(text, backend, servers)
  if (!result.ok) throw new Error(result.message)
  return result.text
}

test.each<[string, readonly Server[], (text: string) => string]>([
  ['nothing changed: nothing changes', three, (text) => text],
  [
    'a member moved: its line points there, with its options and its comment',
    [server(1), server(2), server(3, 9)],
    (text) => text.replace('10.0.0.3:2379', '10.0.0.9:2379'),
  ],
  [
    'a member was removed: its line goes',
    [server(1), server(3)],
    (text) => text.replace('    server etcd-2 10.0.0.2:2379 check\n', ''),
  ],
  [
    'members were added: they follow the last, with the options of the first',
    [...three, server(4), { name: 'etcd-5', address: 'fd00::5', port: 2379 }],
    (text) =>
      text.replace(
        'check  # in the cellar\n',
        'check  # in the cellar\n    server etcd-4 10.0.0.4:2379 check weight 10\n    server etcd-5 [fd00::5]:2379 check weight 10\n',
      ),
  ],
  [
    'all were replaced: the new take the place of the old',
    [server(7), server(8)],
    (text) =>
      text
        .replace('    server etcd-1 10.0.0.1:2379 check weight 10\n', '')
        .replace('    server etcd-2 10.0.0.2:2379 check\n', '')
        .replace(
          '    server etcd-3 10.0.0.3:2379 check  # in the cellar\n',
          '    server etcd-7 10.0.0.7:2379 check weight 10\n    server etcd-8 10.0.0.8:2379 check weight 10\n',
        ),
  ],
])('%s', (_what, servers, expected) => {
  expect(edited(config, servers)).toBe(expected(config))
})

test('a line whose name is no member is known by its address and keeps its name', () => {
  const text = config.replace('server etcd-2 ', 'server second ')
  expect(edited(text, three)).toBe(text)
})

test('a name counts more than an address, so that no name stands twice', () => {
  const text =
    'backend etcd\n  server etcd-1 10.0.0.2:2379 check\n  server etcd-2 10.0.0.1:2379 check inter 1s\n'
  expect(edited(text, [server(1), server(2)])).toBe(
    'backend etcd\n  server etcd-1 10.0.0.1:2379 check\n  server etcd-2 10.0.0.2:2379 check inter 1s\n',
  )
})

test('what only one server may have is not given to a new one, and a backup is no model', () => {
  const text =
    'backend etcd\n  server etcd-1 10.0.0.1:2379 check backup\n  server etcd-2 10.0.0.2:2379 id 7 check cookie b\n'
  expect(edited(text, three)).toBe(`${text}  server etcd-3 10.0.0.3:2379 check\n`)
})

test('a back end without servers gets its first ones behind its last line', () => {
  const text = 'backend etcd\n  mode tcp\n\n# next\nlisten stats\n  bind :1\n'
  expect(edited(text, [server(1)])).toBe(
    'backend etcd\n  mode tcp\n    server etcd-1 10.0.0.1:2379 check\n\n# next\nlisten stats\n  bind :1\n',
  )
})

test('lines that end as on Windows go on doing so', () => {
  const text = 'backend etcd\r\n  server etcd-1 10.0.0.1:2379 check\r\n'
  expect(edited(text, [server(1), server(2)])).toBe(
    'backend etcd\r\n  server etcd-1 10.0.0.1:2379 check\r\n  server etcd-2 10.0.0.2:2379 check\r\n',
  )
})

test('a listen section is a back end as well', () => {
  expect(edited('listen etcd\n  bind :2379\n  server etcd-1 10.0.0.9:2379\n', [server(1)])).toContain(
    '  server etcd-1 10.0.0.1:2379\n',
  )
})

test.each<[string, string, readonly Server[], RegExp]>([
  ['there is no such back end', 'backend etc\n', three, /no back end "etcd"/],
  ['there is no member', config, [], /no member to send clients to/],
  ['the servers come from a template', 'backend etcd\n server-template e 3 _etcd._tcp\n', three, /template/],
])('it is left as it is when %s', (_what, text, servers, message) => {
  expect(withServers(text, 'etcd', servers)).toEqual({ ok: false, message: expect.stringMatching(message) })
})

const line = fc.constantFrom(
  ...[
    '',
    '# note',
    '  mode tcp',
    '  option tcp-check',
    '\tserver-state-file-name x',
    'frontend f',
    'backend b',
  ],
  ...[
    '  server etcd-1 10.0.0.1:2379 check',
    '  server etcd-2 10.0.0.7:2379',
    ' server x 10.0.0.3:2379 backup',
  ],
)
const lines = fc.array(line, { maxLength: 12 })
const members = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 })

test('applied twice it is applied once, the back end has exactly the members, and no other line changes', () => {
  fc.assert(
    fc.property(lines, lines, members, (before, within, numbers) => {
      const text = [...before, 'backend etcd', ...within].join('\n')
      const servers = numbers.map((n) => server(n))
      const once = edited(text, servers)
      expect(edited(once, servers)).toBe(once)
      const others = (whole: string) => whole.split('\n').filter((each) => !each.trim().startsWith('server '))
      expect(others(once)).toEqual(others(text))
      const start = once.split('\n').indexOf('backend etcd')
      const section = once.split('\n').slice(start + 1)
      const stop = section.findIndex((each) => /^(frontend|backend)/.test(each))
      const there = section
        .slice(0, stop < 0 ? undefined : stop)
        .flatMap((each) => /server \S+ (\S+:2379)/.exec(each)?.[1] ?? [])
      expect(there.toSorted()).toEqual(servers.map(({ address }) => `${address}:2379`).toSorted())
      expect(once.split('\n').slice(0, start)).toEqual(text.split('\n').slice(0, start))
    }),
  )
})
