import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createAuthority } from '../../lab/hosts/pki.ts'
import { runCommand } from '../../lab/run-command.ts'
import { certificateProblems, expiryOf } from './judge-certificate.ts'

const dayMs = 86_400_000
let directory: string
const text = (name: string) => readFileSync(join(directory, name), 'utf8')

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-certificate-'))
  const [ours, theirs] = await Promise.all([
    createAuthority(join(directory, 'ours'), 'ours'),
    createAuthority(join(directory, 'theirs'), 'theirs'),
  ])
  const subject = { commonName: 'm1', names: ['10.0.0.4', 'h4.example', 'fd00::4'] }
  await Promise.all([
    ours.issue(join(directory, 'm1'), subject, 10),
    theirs.issue(join(directory, 'stranger'), subject, 10),
    runCommand(
      'openssl',
      [
        ...['req', '-x509', '-config', '/dev/null', '-subj', '/CN=m1', '-days', '10', '-noenc'],
        ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
        ...['-keyout', join(directory, 'server.key'), '-out', join(directory, 'server.crt')],
        ...['-addext', 'subjectAltName=IP:10.0.0.4', '-addext', 'extendedKeyUsage=serverAuth'],
        ...['-CA', ours.certificate, '-CAkey', ours.key],
      ],
      { timeoutMs: 30_000 },
    ),
  ])
}, 60_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Case {
  readonly file?: string
  readonly address?: string
  readonly inDays?: number
  readonly spareDays?: number
  readonly authority?: string
}

const problems = ({
  file = 'm1.crt',
  address = '10.0.0.4',
  inDays = 0,
  spareDays = 0,
  authority = text('theirs/ca.crt') + text('ours/ca.crt'),
}: Case) =>
  certificateProblems({
    ...{ where: 'it', pem: text(file), address },
    ...{ nowMs: Date.now() + inDays * dayMs, spareMs: spareDays * dayMs },
    authority: { where: 'ca.crt', pem: authority },
  })

test.each(['10.0.0.4', 'h4.example', 'fd00::4'])(
  'a certificate that names %s and is trusted has no problem',
  (address) => {
    const authority = { where: 'ca.crt', pem: text('ours/ca.crt') }
    const pem = text('m1.crt')
    expect(certificateProblems({ where: 'it', pem, address, authority, nowMs: Date.now() })).toEqual([])
  },
)

test.each<[string, Case, RegExp]>([
  ['another address', { address: '10.0.0.5' }, /^it does not name 10\.0\.0\.5 \(it names .*10\.0\.0\.4.*\)/],
  ['another name', { address: 'h5.example' }, /^it does not name h5\.example/],
  ['a time after its end', { inDays: 11 }, /^it expired on \d{4}-\d\d-\d\d: issue it anew\.$/],
  ['a time before its start', { inDays: -1 }, /^it is valid only from/],
  ['a time just before its end', { spareDays: 11 }, /^it expires on \d{4}-\d\d-\d\d: issue it anew\.$/],
  ['servers only', { file: 'server.crt' }, /^it is not for use as a client/],
  ['nobody to trust', { authority: '' }, /^ca\.crt holds no readable certificate/],
  ['no certificate at all', { file: 'm1.key' }, /^it holds no readable certificate/],
])('one for %s is one problem', (_what, told, problem) => {
  expect(problems(told)).toEqual([expect.stringMatching(problem)])
})

test('one that somebody else signed is told with whom the others trust', () => {
  const authority = { where: 'ca.crt of h1', pem: text('ours/ca.crt') }
  const pem = text('stranger.crt')
  expect(
    certificateProblems({ where: 'it', pem, address: '10.0.0.4', authority, nowMs: Date.now() }),
  ).toEqual(['it was not signed by ca.crt of h1, which the others trust: issue it there.'])
})

test('when a certificate ends can be told', () => {
  const inDays = ((expiryOf(text('m1.crt')) ?? 0) - Date.now()) / dayMs
  expect(inDays).toBeGreaterThan(9)
  expect(inDays).toBeLessThan(11)
  expect(expiryOf('nothing')).toBeUndefined()
})
