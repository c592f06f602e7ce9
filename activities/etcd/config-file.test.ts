import { spawnSync } from 'node:child_process'
import { describe, expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { parse } from 'yaml'
import { settingsIn, withSettings } from './config-file.ts'
import { durationText, nanoseconds } from './go-duration.ts'

const environment = `# etcd of rack 1
ETCD_NAME=m1
export ETCD_DATA_DIR="/var/lib/etcd"   
ETCDCTL_API=3
OTHER='x y' # why
ETCD_INITIAL_CLUSTER="m1=https://10.0.0.1:2380,\\
m2=https://10.0.0.2:2380"
# ETCD_QUOTA_BACKEND_BYTES=1 \\
ETCD_CLIENT_CERT_AUTH=true
`

const yaml = `# etcd of rack 1
name: m1            # the first
data-dir: "/var/lib/etcd"
quota-backend-bytes: 8589934592

client-transport-security:
  # who may come in
  cert-file: /pki/server.crt
  client-cert-auth: yes
peer-transport-security:
  cert-file: /pki/peer.crt

initial-cluster: >-
  m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380
log-outputs: [stderr]
corrupt-check-time: 3600000000000
# the end
`

const unit = `[Unit]
Description=etcd --name is not meant here

[Service]
Type=notify
Environment=GOMAXPROCS=2 "ETCD_NAME=m1"
Environment=ETCD_ELECTION_TIMEOUT=1000
ExecStartPre=/bin/mkdir -p /var/lib/etcd
ExecStart=/usr/local/bin/etcd \\
  --data-dir /var/lib/etcd \\
  # the peers
  --initial-cluster="m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380" \\
  --client-cert-auth \\
  --initial-cluster-token 'a b%%c$$d'
Restart=always

[Install]
WantedBy=multi-user.target
`

const script = `#!/bin/sh
# starts etcd --name wrong
set -e
export ETCD_NAME=m1
[ -x /opt/etcd/etcd ] || exit 1
mkdir -p /var/lib/etcd && chown etcd /var/lib/etcd
/opt/etcd/etcd --version >/dev/null 2>&1
cat >/etc/motd <<EOF
etcd --name heredoc --data-dir /wrong --wal-dir /wrong --peer-key-file /wrong --x 1
EOF
exec setuidgid etcd "$BIN/etcd" \\
  --data-dir /var/lib/etcd --initial-cluster 'm1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380' \\
  --client-cert-auth "$@" >>/var/log/etcd.log 2>&1
`

const texts = { environment, yaml, unit, script } as const
type Format = keyof typeof texts
const formats: readonly Format[] = ['environment', 'yaml', 'unit', 'script']

test.each<[Format, Record<string, string>]>([
  ['environment', {}],
  [
    'yaml',
    {
      'quota-backend-bytes': '8589934592',
      'cert-file': '/pki/server.crt',
      'peer-cert-file': '/pki/peer.crt',
      'log-outputs': 'stderr',
      'corrupt-check-time': '1h',
    },
  ],
  ['unit', { 'election-timeout': '1000', 'initial-cluster-token': 'a b%c$d' }],
  ['script', {}],
])('a file of format %s is read by flag', (format, more) => {
  expect(Object.fromEntries(settingsIn(format, texts[format]))).toEqual({
    name: 'm1',
    'data-dir': '/var/lib/etcd',
    'initial-cluster': 'm1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380',
    'client-cert-auth': 'true',
    ...more,
  })
})

test.each<[Format, string, string]>([
  ['environment', environment, `${environment}ETCD_WAL_DIR=/wal\n`],
  ['yaml', yaml, `${yaml}wal-dir: /wal\n`],
  ['unit', unit, unit.replace(/c\$\$d'/, (end) => `${end} \\\n  --wal-dir=/wal`)],
  ['script', script, script.replace('"$@"', '"$@" \\\n  --wal-dir=/wal')],
])(
  'format %s: a setting that was not there is added, and taken out without a trace',
  (format, text, more) => {
    expect(withSettings(format, text, { 'wal-dir': '/wal' })).toBe(more)
    expect(withSettings(format, more, { 'wal-dir': null })).toBe(text)
  },
)

test.each(formats)('format %s: what has its value already stays as it is written', (format) => {
  const text = texts[format]
  expect(withSettings(format, text, Object.fromEntries(settingsIn(format, text)))).toBe(text)
})

test('environment: a value over two lines is replaced whole', () => {
  expect(withSettings('environment', environment, { 'initial-cluster': 'm1=x', name: null })).toBe(
    environment
      .replace('ETCD_NAME=m1\n', '')
      .replace(/ETCD_INITIAL_CLUSTER=.*\n.*\n/, 'ETCD_INITIAL_CLUSTER=m1=x\n'),
  )
})

test('yaml: TLS goes into the maps that etcd reads, which are made where they are missing', () => {
  const changes = {
    'trusted-ca-file': '/pki/ca.crt',
    'peer-client-cert-auth': 'true',
    'peer-cert-file': null,
    'initial-cluster': 'm1=x',
    'log-outputs': 'stdout,/var/log/etcd.log',
    'corrupt-check-time': '90m',
    name: 'yes',
  }
  const edited = withSettings('yaml', yaml, changes)
  expect(edited).toBe(
    yaml
      .replace('name: m1 ', 'name: "yes" ')
      .replace('  client-cert-auth: yes\n', '  client-cert-auth: yes\n  trusted-ca-file: /pki/ca.crt\n')
      .replace('  cert-file: /pki/peer.crt\n', '  client-cert-auth: true\n')
      .replace(/initial-cluster: >-\n.*\n/, 'initial-cluster: m1=x\n')
      .replace('[stderr]', '["stdout", "/var/log/etcd.log"]')
      .replace('3600000000000', '5400000000000'),
  )
  const fresh = withSettings('yaml', 'name: a\n', { 'cert-file': '/c', 'key-file': '/k' })
  expect(fresh).toBe('name: a\nclient-transport-security:\n  cert-file: /c\n  key-file: /k\n')
  expect(withSettings('yaml', fresh, { 'cert-file': null, 'key-file': null })).toBe(
    'name: a\nclient-transport-security: {}\n',
  )
})

test.each([
  ['a map on one line', 'client-transport-security: { cert-file: /c, key-file: /k }\n'],
  ['JSON', '{"client-transport-security": {"cert-file": "/c", "key-file": "/k"}}'],
  ['an empty map', 'client-transport-security: {}\ncert-file: /wrong\n'],
  ['a map without anything', 'client-transport-security:\n# more\nname: a\n'],
  ['nothing', ''],
  ['comments only', '# nothing yet'],
])('yaml: settings are set in %s as well', (_what, text) => {
  const edited = withSettings('yaml', text, { 'cert-file': '/new,er', 'peer-key-file': '/p', name: 'b' })
  expect(Object.fromEntries(settingsIn('yaml', edited))).toMatchObject({
    'cert-file': '/new,er',
    'peer-key-file': '/p',
    name: 'b',
  })
  expect(parse(edited)).toMatchObject({ name: 'b', 'client-transport-security': { 'cert-file': '/new,er' } })
})

test('unit: flags and variables are changed where they stand, and a variable never doubles a flag', () => {
  const edited = withSettings('unit', unit, {
    name: 'm 2',
    'election-timeout': null,
    'data-dir': '/data/50%',
    'client-cert-auth': null,
    'initial-cluster': null,
  })
  expect(edited).toBe(
    unit
      .replace('"ETCD_NAME=m1"', 'ETCD_NAME="m 2"')
      .replace('Environment=ETCD_ELECTION_TIMEOUT=1000\n', '')
      .replace('--data-dir /var/lib/etcd', '--data-dir "/data/50%%"')
      .replace(/ \\\n {2}# the peers\n.*initial-cluster="[^"]*"/, '')
      .replace(' \\\n  --client-cert-auth', ''),
  )
})

test('script: the command that starts etcd is found among others that only name it', () => {
  const edited = withSettings('script', script, {
    name: null,
    'data-dir': "/it's",
    'client-cert-auth': 'false',
  })
  expect(edited).toBe(
    script
      .replace('export ETCD_NAME=m1\n', '')
      .replace('--data-dir /var/lib/etcd', String.raw`--data-dir '/it'\''s'`)
      .replace('--client-cert-auth', '--client-cert-auth=false'),
  )
})

test.each([
  ['nothing before it', 'etcd --name a'],
  ['exec', 'exec /usr/bin/etcd --name a'],
  ['no flags at all', 'export ETCD_NAME=a\nexec etcd'],
  ['words of its caller only', 'export ETCD_NAME=a\nexec setuidgid etcd "$BIN/etcd" "$@"'],
  ['another user', 'exec setuidgid etcd /usr/bin/etcd --name a'],
  ['sudo', 'sudo -n -u etcd etcd --name a'],
  ['nohup in the background', 'nohup etcd --name a > log 2>&1 &'],
  ['a container', 'docker run --name etcd --net=host image:1 /usr/local/bin/etcd --name a'],
  ['its own name as a value', 'etcd --name a --data-dir /var/lib/etcd --wal-dir /x/etcd'],
  ['variables before it', 'ETCD_NAME=a GOMAXPROCS=1 etcd --data-dir /d'],
])('script: etcd is found with %s', (_what, text) => {
  expect(settingsIn('script', text).get('name')).toBe('a')
  const edited = withSettings('script', text, { name: 'b', 'wal-dir': '/w' })
  expect(Object.fromEntries(settingsIn('script', edited))).toMatchObject({ name: 'b', 'wal-dir': '/w' })
})

test.each<[Format, string, RegExp]>([
  ['yaml', 'a: [', /cannot be read as YAML: line 1/],
  ['yaml', '- a', /no map of settings/],
  ['unit', '[Service]\nExecStart=/usr/bin/start-etcd\n', /No ExecStart of the unit starts etcd/],
  ['script', 'exec start-etcd\n', /No command of the script starts etcd/],
])('format %s: "%s" is refused', (format, text, message) => {
  expect(() => settingsIn(format, text)).toThrow(message)
})

describe('laws', () => {
  const flag = fc.constantFrom(
    ...['name', 'data-dir', 'initial-cluster', 'initial-cluster-token', 'cert-file', 'peer-trusted-ca-file'],
    ...[
      'quota-backend-bytes',
      'auto-compaction-retention',
      'snapshot-count',
      'peer-client-cert-auth',
      'wal-dir',
    ],
  )
  const value = fc.oneof(
    fc.string({ unit: 'grapheme-ascii', minLength: 1 }),
    fc.constantFrom(
      'true',
      'false',
      '0',
      '8589934592',
      '1h',
      "a'b",
      'a"b',
      '$HOME',
      '%H',
      '\\',
      '--name',
      'null',
      '~',
    ),
  )
  const changes = fc.dictionary(flag, value)

  test.each(formats)('format %s: what is set is what is read', (format) => {
    fc.assert(
      fc.property(changes, (wanted) => {
        const edited = withSettings(format, texts[format], wanted)
        expect(Object.fromEntries(settingsIn(format, edited))).toEqual({
          ...Object.fromEntries(settingsIn(format, texts[format])),
          ...wanted,
        })
      }),
    )
  })

  test('format script: a shell sees what was set', () => {
    const echo = 'etcd() { for word; do printf \'%s\\0\' "$word"; done; }\netcd --name m1\n'
    const printable = fc.dictionary(flag, value, { minKeys: 1 })
    fc.assert(
      fc.property(printable, (wanted) => {
        const edited = withSettings('script', echo, wanted)
        const { stdout } = spawnSync('sh', ['-c', edited], { encoding: 'utf8' })
        const seen = settingsIn('script', edited)
        const words = stdout.split('\0').filter(Boolean)
        for (const [name, is] of Object.entries(wanted)) {
          expect(seen.get(name)).toBe(is)
          expect(words.join('\n')).toContain(name === 'name' ? is : `--${name}=${is}`)
        }
      }),
      { numRuns: 30 },
    )
  })

  test.each(formats)('format %s: setting and taking out again leaves the rest as it was', (format) => {
    const before = settingsIn(format, texts[format])
    fc.assert(
      fc.property(changes, (wanted) => {
        const added = Object.keys(wanted).filter((each) => !before.has(each))
        const only = Object.fromEntries(Object.entries(wanted).filter(([each]) => added.includes(each)))
        const there = withSettings(format, texts[format], only)
        const back = withSettings(format, there, Object.fromEntries(added.map((each) => [each, null])))
        const empty = /^(client|peer)-transport-security: \{\}\n/gm
        expect(back.replace(empty, '')).toBe(texts[format])
      }),
    )
  })

  test.each(formats)('format %s: what is taken out is gone, and nothing else', (format) => {
    fc.assert(
      fc.property(fc.subarray([...settingsIn(format, texts[format]).keys()]), (gone) => {
        const edited = withSettings(
          format,
          texts[format],
          Object.fromEntries(gone.map((each) => [each, null])),
        )
        const left = [...settingsIn(format, texts[format])].filter(([each]) => !gone.includes(each))
        expect([...settingsIn(format, edited)]).toEqual(left)
        const lines = new Set(texts[format].split('\n'))
        if (format === 'environment' || format === 'yaml') {
          const known = edited.split('\n').filter((line) => !line.endsWith(': {}'))
          expect(known.filter((line) => !lines.has(line))).toEqual([])
        }
      }),
    )
  })

  test('a duration is written as it is read', () => {
    fc.assert(
      fc.property(fc.nat(9_000_000), fc.constantFrom(1, 1000, 1e6, 1e9), (count, factor) => {
        expect(nanoseconds(durationText(count * factor))).toBe(count * factor)
      }),
    )
    expect([nanoseconds('1h30m'), nanoseconds('1.5s'), nanoseconds('5 m'), nanoseconds('m')]).toEqual([
      5.4e12,
      1.5e9,
      undefined,
      undefined,
    ])
  })
})
