import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Authority, createAuthority } from '../../lab/hosts/pki.ts'
import { runCommand } from '../../lab/run-command.ts'
import { type EtcdProcesses, startEtcd } from '../../test/etcd-processes.ts'
import type { ClientTls, Cluster } from '../../dsl/inventory.ts'
import { layoutOn } from '../inventory/look-up.ts'
import { createEtcdPool } from './pool.ts'
import { tlsSource } from './tls-files.ts'

let etcd: EtcdProcesses
let directory: string
let authority: Authority
let other: Authority
const at = (name: string) => join(directory, name)
const shown = (name: string): ClientTls => ({
  ca: authority.certificate,
  cert: at(`${name}.crt`),
  key: at(`${name}.key`),
})

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-tls-'))
  ;[authority, other] = await Promise.all([
    createAuthority(at('ca'), 'members of the test'),
    createAuthority(at('other'), 'somebody else'),
  ])
  await Promise.all([
    authority.issue(at('member'), { commonName: 'member', names: ['127.0.0.1'] }),
    authority.issue(at('elsewhere'), { commonName: 'member', names: ['127.0.0.9'] }),
    authority.issue(at('client'), { commonName: 'quorate', names: [] }),
    authority.issue(at('expired'), { commonName: 'quorate', names: ['127.0.0.1'] }),
    other.issue(at('stranger'), { commonName: 'quorate', names: ['127.0.0.1'] }),
  ])
  await expire('expired')
  etcd = await startEtcd({
    size: 1,
    tls: {
      member: { ca: authority.certificate, cert: at('member.crt'), key: at('member.key') },
      client: shown('client'),
    },
  })
}, 60_000)

afterAll(async () => {
  await etcd?.end()
  rmSync(directory, { recursive: true, force: true })
})

/** Signs a certificate anew, so that it ended before it began. */
const expire = async (name: string): Promise<void> => {
  const [certificate, request] = [at(`${name}.crt`), at(`${name}.csr`)]
  const openssl = (...words: readonly string[]) =>
    runCommand('openssl', ['x509', ...words, '-copy_extensions', 'copy'], { timeoutMs: 30_000 })
  await openssl('-x509toreq', '-in', certificate, '-key', at(`${name}.key`), '-out', request)
  const signed = ['-CA', authority.certificate, '-CAkey', authority.key, '-days', '-1']
  await openssl('-req', '-in', request, ...signed, '-out', certificate)
}

const status = async (cluster: Cluster) => {
  const pool = createEtcdPool()
  try {
    return await pool.cluster(cluster).endpoint('a').status()
  } finally {
    pool.close()
  }
}

const withTls = (tls: ClientTls | undefined): Cluster => {
  const { tls: _former, ...bare } = etcd.inventory
  return tls ? { ...bare, tls } : bare
}

test('a member that asks for a certificate answers who shows one', async () => {
  expect((await status(etcd.inventory)).isLearner).toBe(false)
})

test.each<[string, () => ClientTls | undefined, string, RegExp]>([
  [
    'no certificate where one is wanted',
    () => ({ ca: authority.certificate }),
    'certificateWanted',
    /tls\.cert/,
  ],
  ['a certificate of another authority', () => shown('stranger'), 'certificateRefused', /trusted-ca-file/],
  [
    'an authority that did not sign the member',
    () => ({ ...shown('client'), ca: other.certificate }),
    'unknownAuthority',
    /tls\.ca/,
  ],
  ['no word on authorities', () => undefined, 'unknownAuthority', /tls\.ca/],
])('%s is said as a sentence', async (_what, tls, code, sentence) => {
  const failed = status(withTls(tls()))
  await expect(failed).rejects.toMatchObject({ code, ambiguous: false })
  await expect(failed).rejects.toThrow(sentence)
})

test.each([
  ['names another address', 'elsewhere', 'nameNotInCertificate'],
  ['has expired', 'expired', 'certificateExpired'],
])('a member whose certificate %s is told apart', async (_what, name, code) => {
  const tls = { cert: readFileSync(at(`${name}.crt`)), key: readFileSync(at(`${name}.key`)) }
  const server = createServer(tls).listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const address = server.address()
    const clientPort = typeof address === 'object' ? (address?.port ?? 0) : 0
    const layout = { ...layoutOn(etcd.inventory, 'a'), clientPort }
    await expect(status({ ...etcd.inventory, etcd: { a: layout } })).rejects.toMatchObject({ code })
  } finally {
    server.close()
  }
})

test('plain words to a member that speaks TLS are told apart', async () => {
  const plain = { ...layoutOn(etcd.inventory, 'a'), scheme: 'http' as const }
  await expect(status({ ...withTls(undefined), etcd: { a: plain } })).rejects.toMatchObject({
    code: 'notTls',
  })
})

test('files that change count from the next call on, without a new pool', async () => {
  const tls = shown('rotated')
  const rotate = (to: string) => {
    copyFileSync(at(`${to}.crt`), at('rotated.crt'))
    copyFileSync(at(`${to}.key`), at('rotated.key'))
  }
  rotate('client')
  const pool = createEtcdPool()
  try {
    const endpoint = pool.cluster(withTls(tls)).endpoint('a')
    await endpoint.status()
    rotate('stranger')
    await expect(endpoint.status()).rejects.toMatchObject({ code: 'certificateRefused' })
    rotate('client')
    await endpoint.status()
  } finally {
    pool.close()
  }
})

test('half of a rotation, a new certificate beside the old key, does not stop anything', async () => {
  const tls = shown('half')
  copyFileSync(at('client.crt'), at('half.crt'))
  copyFileSync(at('client.key'), at('half.key'))
  const source = tlsSource('demo', tls)
  const before = await source()
  expect(await source()).toBe(before)
  copyFileSync(at('member.crt'), at('half.crt'))
  expect(await source()).toBe(before)
  copyFileSync(at('member.key'), at('half.key'))
  expect((await source()).cert).toEqual(readFileSync(at('member.crt')))
})

test.each<[string, () => ClientTls, RegExp]>([
  [
    'a file that is not there',
    () => ({ ...shown('client'), ca: at('nothing.crt') }),
    /nothing\.crt \(clusters\.demo\.tls\.ca in the inventory\) cannot be used: there is no such file\.$/,
  ],
  [
    'a file that is no certificate',
    () => ({ ...shown('client'), ca: at('client.key') }),
    /client\.key \(clusters\.demo\.tls\.ca .*holds no readable certificate/,
  ],
  [
    'a key that is none',
    () => ({ ...shown('client'), key: at('client.crt') }),
    /client\.crt \(clusters\.demo\.tls\.key .*holds no readable private key/,
  ],
  [
    'the key of another certificate',
    () => ({ ...shown('client'), key: at('member.key') }),
    /member\.key \(clusters\.demo\.tls\.key .*is not the key of the certificate .*client\.crt/,
  ],
  [
    'a certificate without its key',
    () => ({ ca: authority.certificate, cert: at('client.crt') }),
    /clusters\.demo\.tls has "cert" and no "key"/,
  ],
  [
    'a certificate that has expired',
    () => shown('expired'),
    /expired\.crt \(clusters\.demo\.tls\.cert .*expired on \d{4}-.* UTC: renew it\.$/,
  ],
])('%s is refused, naming the file and its key in the inventory', async (_what, tls, message) => {
  await expect(tlsSource('demo', tls())()).rejects.toMatchObject({
    name: 'InputError',
    message: expect.stringMatching(message),
  })
})

test('of a bundle of authorities one in date is enough', async () => {
  const bundle = [at('expired.crt'), authority.certificate].map((path) => readFileSync(path, 'utf8')).join('')
  writeFileSync(at('bundle.crt'), bundle)
  const source = tlsSource('demo', { ...shown('client'), ca: at('bundle.crt') })
  expect((await source()).ca.toString()).toBe(bundle)
})
