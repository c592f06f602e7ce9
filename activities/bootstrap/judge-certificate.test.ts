import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createAuthority } from '../../lab/hosts/pki.ts'
import { certificateProblems } from './judge-certificate.ts'

let root: string
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'quorate-certificates-'))
  const [own, other] = [
    await createAuthority(join(root, 'own'), 'own'),
    await createAuthority(join(root, 'other'), 'other'),
  ]
  await own.issue(join(root, 'good'), { commonName: 'h1', names: ['10.0.0.1', 'h1.ex', 'fd00::1'] })
  await other.issue(join(root, 'strange'), { commonName: 'h1', names: ['10.0.0.1'] })
  const server = ['req', '-x509', '-config', '/dev/null', '-subj', '/CN=h1', '-days', '30', '-noenc']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', join(root, 'half.key')]
  const uses = ['-addext', 'extendedKeyUsage=serverAuth', '-addext', 'subjectAltName=IP:10.0.0.1']
  const signed = [
    '-CA',
    join(root, 'own/ca.crt'),
    '-CAkey',
    join(root, 'own/ca.key'),
    '-out',
    join(root, 'half.crt'),
  ]
  execFileSync('openssl', [...server, ...key, ...uses, ...signed], { stdio: 'ignore' })
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const file = (name: string): string => readFileSync(join(root, name), 'utf8')
const day = 86_400_000

const problems = (name: string, address: string, over: { nowMs?: number; ca?: string; pem?: string } = {}) =>
  certificateProblems({
    ...{ where: 'server.crt', pem: name === '' ? '' : file(`${name}.crt`), ca: file('own/ca.crt'), address },
    ...{ nowMs: Date.now(), ...over },
  })

test.each(['10.0.0.1', 'h1.ex', 'fd00::1'])('a certificate that names %s is good for it', (address) => {
  expect(problems('good', address)).toEqual([])
})

test('one authority among several is enough', () => {
  expect(problems('good', '10.0.0.1', { ca: file('other/ca.crt') + file('own/ca.crt') })).toEqual([])
})

test.each<[string, () => readonly string[], RegExp]>([
  [
    'an address it does not name',
    () => problems('good', '10.0.0.2'),
    /does not name 10\.0\.0\.2 \(it names .*h1\.ex/,
  ],
  ['a name it does not name', () => problems('good', 'h2.ex'), /does not name h2\.ex/],
  ['another authority', () => problems('strange', '10.0.0.1'), /not signed by the authority/],
  ['no use as a client', () => problems('half', '10.0.0.1'), /not good for a client: issue one for both/],
  ['its end', () => problems('good', '10.0.0.1', { nowMs: Date.now() + 400 * day }), /expired at/],
  ['its end tomorrow', () => problems('good', '10.0.0.1', { nowMs: Date.now() + 364.5 * day }), /expires at/],
  ['a time before it', () => problems('good', '10.0.0.1', { nowMs: Date.now() - day }), /valid only from/],
  ['no certificate at all', () => problems('', '10.0.0.1'), /server\.crt is no certificate in PEM/],
  ['no authority at all', () => problems('good', '10.0.0.1', { ca: '' }), /ca\.crt beside server\.crt is no/],
])('%s speaks against one', (_what, told, message) => {
  expect(told()).toEqual([expect.stringMatching(message)])
})
