import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { disguises } from './encodings.ts'
import { leaving } from './leaving.ts'
import { createSecrets, secrets as own } from './secrets.ts'

const canary = 'c4n4ry/\'"+ü% x'
const knowing = (value = canary) => {
  const secrets = createSecrets()
  secrets.add('db', value)
  return secrets
}
const gone = '‹redacted db›'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

describe('a value that is known', () => {
  test.each<[string, string, string]>([
    ['as it is', `a ${canary} b`, `a ${gone} b`],
    ['twice', `${canary}${canary}`, `${gone}${gone}`],
    ['in JSON', JSON.stringify({ a: canary }), `{"a":"${gone}"}`],
    ['in JSON in JSON', JSON.stringify(JSON.stringify([canary])), `"[\\"${gone}\\"]"`],
    ['in a URL', `?q=${encodeURIComponent(canary)}&r`, `?q=${gone}&r`],
    ['in a form', `q=${new URLSearchParams({ q: canary }).toString().slice(2)};`, `q=${gone};`],
    ['in hex', Buffer.from(canary).toString('hex'), gone],
    ['quoted for a shell', `echo '${canary.replaceAll("'", String.raw`'\''`)}'`, `echo '${gone}'`],
  ])('is found %s', (_where, text, expected) => {
    expect(knowing().text(text)).toBe(expected)
  })

  test('below six characters it is not looked for', () => {
    expect(knowing('12345').text('12345')).toBe('12345')
    expect(knowing('123456').text('123456')).toBe(gone)
  })

  test('the longer of two is taken out as a whole, and a name tells no value', () => {
    const secrets = createSecrets()
    secrets.add('short', 'hunter')
    secrets.add('long', 'hunter22-and-more')
    secrets.add('the word password', 'password')
    expect(secrets.text('hunter22-and-more hunter22 password')).toBe(
      '‹redacted long› ‹redacted short›22 ‹redacted secret›',
    )
    expect(secrets.named('xx hunter22')).toEqual(['short'])
  })

  test('a host that prints a marker around it does not hide it', () => {
    expect(knowing('hunter22').text('‹redacted hunter22›')).toBe(`‹redacted ${gone}›`)
  })

  const value = fc
    .string({ unit: 'grapheme', minLength: 6, maxLength: 40 })
    .filter((text) => text.trim().length > 5)
  const around = fc.string({ unit: 'grapheme', maxLength: 30 })
  const encoded = fc.constantFrom<(text: string) => string>(
    (text) => text,
    (text) => JSON.stringify(text),
    encodeURIComponent,
    (text) => new URLSearchParams({ a: text }).toString(),
    (text) => Buffer.from(text).toString('hex'),
    base64,
    (text) => Buffer.from(text).toString('base64url'),
  )

  test('whatever it is, wherever it stands and however it is written, nothing is left to decode', () => {
    fc.assert(
      fc.property(value, around, around, encoded, (secret, before, after, encode) => {
        const told = knowing(secret).text(encode(before + secret + after))
        const left = disguises(secret).filter(
          (needle) => !gone.includes(needle) && told.replaceAll(gone, '\n').includes(needle),
        )
        expect(left).toEqual([])
        if (!gone.includes(secret)) expect(told).not.toContain(secret)
      }),
    )
  })

  test('cut in two, neither part has eight characters of it in a row', () => {
    const random = fc.string({
      unit: fc.constantFrom(...'abcdefghijkmnpqrsuvwxyzABCDEFGH23456789'.split('')),
      minLength: 12,
      maxLength: 40,
    })
    fc.assert(
      fc.property(random, fc.double({ min: 0, max: 1, noNaN: true }), around, (secret, part, text) => {
        const secrets = knowing(secret)
        const at = Math.floor(part * secret.length)
        const windows = Array.from({ length: secret.length - 7 }, (_, from) => secret.slice(from, from + 8))
        const left = [`${text}${secret.slice(0, at)}`, `${secret.slice(at)}${text}`].flatMap((piece) => {
          const told = secrets.text(piece, true).replaceAll(gone, '\n')
          return windows.filter((window) => told.includes(window) && !text.includes(window))
        })
        expect(left).toEqual([])
      }),
    )
  })

  test('of what holds none nothing is changed', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (given) => {
        const told = knowing('Zq7-never-there-Zq7').json({ given })
        expect(JSON.stringify(told)).toBe(JSON.stringify({ given }))
      }),
    )
  })
})

describe('what looks like a secret', () => {
  const { privateKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const secrets = createSecrets()
  const [, body = ''] = privateKey.split('\n')

  test.each<[string, string, string]>([
    ['a private key', `a\n${privateKey}b`, 'a\n‹redacted private key›\nb'],
    ['one in JSON', JSON.stringify({ k: privateKey }), '{"k":"‹redacted private key›\\n"}'],
    ['one that is cut off', privateKey.slice(0, 60), '‹redacted private key›'],
    ['one without its head', privateKey.slice(28), '‹redacted private key›\n'],
    ['one in base64', `key: ${base64(privateKey)}`, 'key: ‹redacted private key or certificate›'],
    ['an age identity', 'x AGE-SECRET-KEY-1QQQQQQQQQQ y', 'x ‹redacted age identity› y'],
    ['a header', 'Authorization: Bearer abc.def', 'Authorization: ‹redacted authorization›'],
    ['one in JSON', '{"authorization":"Basic YTpi"}', '{"authorization":"‹redacted authorization›"}'],
    ['a setting', 'ETCD_ROOT_PASSWORD=abc NAME=x', 'ETCD_ROOT_PASSWORD=‹redacted password› NAME=x'],
    ['a quoted one', `password: "a b" next`, `password: ‹redacted password› next`],
    ['a URL', 'postgres://u:hunter2@db/x', 'postgres://u:‹redacted password›@db/x'],
    ['a login to statistics', 'stats auth admin:hunter2', 'stats auth admin:‹redacted password›'],
    ['an option', 'etcdctl --password hunter2 get', 'etcdctl --password ‹redacted password› get'],
    ['a login', 'etcdctl --user root:hunter2 get', 'etcdctl --user root:‹redacted password› get'],
  ])('%s goes', (_what, text, expected) => {
    expect(secrets.text(text)).toBe(expected)
    expect(secrets.text(text)).not.toContain(body)
    expect(secrets.text(secrets.text(text))).toBe(secrets.text(text))
  })

  test.each([
    'clusters.demo.auth.password in the inventory: env:ETCD_PASSWORD',
    'password: env:ETCD_PASSWORD',
    'password="$1"; --user "$login" --password-file=x',
    'docker run --user 1000:1000 etcd',
    'ETCD_AUTH_TOKEN=simple ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster',
    'http://10.0.0.1:2379 ssh://root@h1 https://a:2379,https://b:2379',
    'The password of root is wrong.',
  ])('%s stays', (text) => {
    expect(secrets.text(text)).toBe(text)
  })

  test.each([
    'a',
    '-',
    'a.',
    ':',
    '://a',
    '--user a',
    'password=',
    '"password":"\\',
    '-----END PRIVATE KEY-----A',
    'LS0tLS1CRUdJTi',
  ])('a mebibyte of %s takes no time', (piece) => {
    const beganMs = performance.now()
    secrets.text(`password ${piece.repeat(Math.ceil(1024 ** 2 / piece.length))}`)
    // What is not linear takes minutes; a busy machine seconds.
    expect(performance.now() - beganMs).toBeLessThan(15_000)
  })

  test('an argument after its option, and a field by its name', () => {
    expect(secrets.argv(['etcdctl', '--user', 'root:x', '--password', 'y', 'get'])).toEqual([
      ...['etcdctl', '--user', 'root:‹redacted password›', '--password', '‹redacted password›', 'get'],
    ])
    expect(
      secrets.json({ argv: ['curl', '-u', 'me:pw'], password: 'x', ref: { password: 'env:X' } }),
    ).toEqual({
      argv: ['curl', '-u', 'me:‹redacted password›'],
      password: '‹redacted password›',
      ref: { password: 'env:X' },
    })
  })
})

test('a key file is known by its lines, the certificate beside it is not', () => {
  const secrets = createSecrets()
  const line = 'MC4CAQAwBQYDK2VwBCIEIA'
  secrets.addLines(
    'key',
    `-----BEGIN CERTIFICATE-----\nMIIBpublicpublicpublic\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n${line}\n-----END PRIVATE KEY-----\n`,
  )
  expect(secrets.text(`${line} MIIBpublicpublicpublic`)).toBe('‹redacted key› MIIBpublicpublicpublic')
})

test('an error leaves without it, its causes as well, and is what it was', async () => {
  own.add('of this test', 'leaving-canary-1')
  const cause = new TypeError('at leaving-canary-1')
  const error = new RangeError('no leaving-canary-1', { cause })
  const told: unknown = await leaving(() => Promise.reject(error)).catch((thrown: unknown) => thrown)
  expect(told).toBe(error)
  expect(told).toMatchObject({
    message: 'no ‹redacted of this test›',
    cause: { message: 'at ‹redacted of this test›' },
  })
  expect(`${error.stack} ${cause.stack}`).not.toContain('leaving-canary-1')
  expect(await leaving(async () => ({ a: ['leaving-canary-1'] }))).toEqual({ a: ['‹redacted of this test›'] })
})
