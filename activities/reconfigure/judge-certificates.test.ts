import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createAuthority } from '../../lab/hosts/pki.ts'
import {
  type CertificateFacts,
  type HeldTls,
  type HostTls,
  judgeCertificates,
  trusts,
} from './judge-certificates.ts'

type Pair = { readonly chain: readonly X509Certificate[]; readonly key: KeyObject }

let directory: string
let old: X509Certificate
let other: X509Certificate
/** By authority and host. */
const pairs = new Map<string, Pair>()

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-certificates-'))
  const made = await Promise.all(
    ['old', 'new'].map(async (name) => {
      const authority = await createAuthority(join(directory, name), name)
      await Promise.all(
        ['a', 'b', 'client'].map((host) =>
          authority.issue(join(directory, name, host), { commonName: host, names: [addressOf(host)] }),
        ),
      )
      for (const host of ['a', 'b', 'client']) pairs.set(`${name} ${host}`, read(join(directory, name, host)))
      return new X509Certificate(readFileSync(authority.certificate))
    }),
  )
  const [first, second] = made
  if (!first || !second) throw new Error('no authority')
  old = first
  other = second
}, 60_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const addressOf = (host: string) => (host === 'a' ? '10.0.0.1' : '10.0.0.2')

function read(path: string): Pair {
  return {
    chain: [new X509Certificate(readFileSync(`${path}.crt`))],
    key: createPrivateKey(readFileSync(`${path}.key`)),
  }
}

function pair(name: string): Pair {
  const found = pairs.get(name)
  if (!found) throw new Error(`no ${name}`)
  return found
}

const held = (name: string, authorities: readonly X509Certificate[]): HeldTls => ({
  chain: pair(name).chain,
  authorities,
})

/** Two hosts with certificates of the old authority, and what they get. */
function facts(
  next: (host: string) => HostTls['next'],
  trusted: readonly X509Certificate[] = [old],
): CertificateFacts {
  const hosts = ['a', 'b'].map((host) => {
    const now = held(`old ${host}`, trusted)
    return { host, address: addressOf(host), now: { server: now, peer: now }, next: next(host) }
  })
  const client = { authorities: trusted, chain: pair('old client').chain }
  return { hosts, client, nowMs: Date.now() }
}

const both = (tls: HostTls['next']['peer']): HostTls['next'] => ({ server: tls, peer: tls })

test('new certificates of the same authority may be put in place', () => {
  expect(judgeCertificates(facts((host) => both(pair(`old ${host}`))))).toEqual({
    problems: [],
    warnings: [],
  })
})

test('a new authority beside the old one may be put in place', () => {
  expect(judgeCertificates(facts(() => both({ authorities: [old, other] }))).problems).toEqual([])
})

test('certificates of an authority that all trust already may be put in place', () => {
  const given = facts((host) => both(pair(`new ${host}`)), [old, other])
  expect(judgeCertificates(given).problems).toEqual([])
})

test.each<[string, () => CertificateFacts, RegExp]>([
  [
    'certificates of an authority that nobody trusts yet',
    () => facts((host) => both(pair(`new ${host}`))),
    /The peer authority that b has now does not stand for the certificate that a will show/,
  ],
  [
    'the same, for clients',
    () => facts((host) => ({ server: pair(`new ${host}`), peer: {} })),
    /Quorate's own authority .* does not stand for the new server certificate of a/,
  ],
  [
    'an authority in place of the one that present certificates are of',
    () => facts(() => ({ server: {}, peer: { authorities: [other] } })),
    /The peer authority that a will have does not stand for the certificate that b shows now/,
  ],
  [
    'an authority that does not stand for clients',
    () => facts(() => ({ server: { authorities: [other] }, peer: {} })),
    /new authority for clients on a does not stand for Quorate's own certificate/,
  ],
  [
    'the certificate of another host',
    () => facts(() => both(pair('old b'))),
    /new server certificate of a does not name 10\.0\.0\.1/,
  ],
  [
    'a certificate without its key',
    () => facts(() => both({ chain: pair('old client').chain })),
    /new server certificate of a needs its key/,
  ],
  [
    'a key of another certificate',
    () => facts((host) => both({ chain: pair(`old ${host}`).chain, key: pair('new a').key })),
    /and the key beside it do not belong together/,
  ],
  ['a key alone', () => facts(() => both({ key: pair('old a').key })), /a gets a server key without/],
  [
    'a certificate that has expired',
    () => ({ ...facts((host) => both(pair(`old ${host}`))), nowMs: Date.now() + 400 * 24 * 3600_000 }),
    /new peer certificate of b expired on \d{4}-/,
  ],
  [
    'a certificate that is not valid yet',
    () => ({ ...facts((host) => both(pair(`old ${host}`))), nowMs: 0 }),
    /new peer certificate of b is valid only from/,
  ],
])('%s: refused', (_what, given, problem) => {
  expect(judgeCertificates(given()).problems.join('\n')).toMatch(problem)
})

test('a renewed certificate may keep its key', () => {
  expect(judgeCertificates(facts((host) => both({ chain: pair(`old ${host}`).chain }))).problems).toEqual([])
})

test('a certificate that expires soon is put in place with a warning', () => {
  const nowMs = Date.now() + 350 * 24 * 3600_000
  const { problems, warnings } = judgeCertificates({ ...facts((host) => both(pair(`old ${host}`))), nowMs })
  expect(problems).toEqual([])
  expect(warnings).toContainEqual(expect.stringMatching(/^The new peer certificate of a expires on \d{4}-/))
})

test('a plain member refuses nobody, so certificates may come before they are used', () => {
  const plain = facts((host) => both({ ...pair(`new ${host}`), authorities: [other] }))
  const hosts = plain.hosts.map((host) => ({ ...host, now: { server: {}, peer: {} } }))
  expect(judgeCertificates({ hosts, nowMs: Date.now() }).problems).toEqual([])
})

test('trust is by signature, not by name', () => {
  expect(trusts([old], pair('old a').chain)).toBe(true)
  expect(trusts([other], pair('old a').chain)).toBe(false)
  expect(trusts([old, other], pair('new a').chain)).toBe(true)
  expect(trusts([], pair('old a').chain)).toBe(false)
  expect(trusts([old], [])).toBe(false)
})
