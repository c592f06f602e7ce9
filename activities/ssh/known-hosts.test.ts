import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import ssh2 from 'ssh2'
import { fingerprint, judgeHostKey, knownHostName, knownKeys, knownKeyTypes } from './known-hosts.ts'

const blob = (text: string): Buffer => Buffer.from(text)
const base64 = (text: string): string => blob(text).toString('base64')
const one = `ssh-ed25519 ${base64('one')}`
const two = `ecdsa-sha2-nistp256 ${base64('two')}`

test.each([
  ['a plain name', `db1 ${one}`, 'db1', 22, 'known'],
  ['a name in other case', `DB1 ${one}`, 'db1', 22, 'known'],
  ['a name among others', `# hosts\n\ndb0,db1,10.0.0.1 ${one} comment`, '10.0.0.1', 22, 'known'],
  ['a name with its port', `[db1]:2222 ${one}`, 'db1', 2222, 'known'],
  ['a name on another port', `db1 ${one}`, 'db1', 2222, 'absent'],
  ['a pattern', `*.example.org ${one}`, 'db1.example.org', 22, 'known'],
  ['a dot in a pattern is a dot', `db1.example ${one}`, 'db1xexample', 22, 'absent'],
  [
    'a pattern that excludes the host',
    `*.example.org,!db1.example.org ${one}`,
    'db1.example.org',
    22,
    'absent',
  ],
  ['another host', `db2 ${one}`, 'db1', 22, 'absent'],
  ['an empty file', '', 'db1', 22, 'absent'],
  ['several keys, one of them right', `db1 ${two}\ndb1 ${one}`, 'db1', 22, 'known'],
  ['another key', `db1 ${two}`, 'db1', 22, 'changed'],
  ['a revoked key', `db1 ${one}\n@revoked * ${one}`, 'db1', 22, 'revoked'],
  ['another key revoked', `db1 ${one}\n@revoked db1 ${two}`, 'db1', 22, 'known'],
  ['only revoked keys', `@revoked db1 ${two}`, 'db1', 22, 'absent'],
  ['a certificate authority is no key', `@cert-authority db1 ${one}`, 'db1', 22, 'absent'],
  ['a torn line', 'db1 ssh-ed25519', 'db1', 22, 'absent'],
])('%s', (_name, file, address, port, verdict) => {
  expect(judgeHostKey(file, address, port, blob('one')).kind).toBe(verdict)
})

test('a changed key says which was expected, and where that stands', () => {
  expect(judgeHostKey(`# x\ndb1 ${two}`, 'db1', 22, blob('one'))).toEqual({
    kind: 'changed',
    expected: [{ line: 2, fingerprint: `ecdsa-sha2-nistp256 ${fingerprint(blob('two'))}` }],
  })
})

test('types and keys leave out what is revoked', () => {
  const file = `db1 ${one}\ndb1 ${two}\n@revoked db1 ${two}`
  expect(knownKeyTypes(file, 'db1', 22)).toEqual(['ssh-ed25519'])
  expect(knownKeys(file, 'db1', 22)).toEqual([{ type: 'ssh-ed25519', base64: base64('one') }])
})

const directory = mkdtempSync(join(tmpdir(), 'quorate-known-'))
afterAll(() => rmSync(directory, { recursive: true }))

test.each([
  ['db1', 22],
  ['10.0.0.7', 2222],
])('names hashed by ssh-keygen are found: %s port %s', (address, port) => {
  const path = join(directory, `known-${port}`)
  const key = ssh2.utils.parseKey(`ssh-ed25519 ${realKey}`)
  if (key instanceof Error) throw key
  writeFileSync(path, `${knownHostName(address, port)} ssh-ed25519 ${realKey}\n`)
  execFileSync('ssh-keygen', ['-q', '-H', '-f', path], { stdio: 'pipe' })
  const hashed = readFileSync(path, 'utf8')
  expect(hashed).toMatch(/^\|1\|/)
  expect(judgeHostKey(hashed, address, port, key.getPublicSSH()).kind).toBe('known')
  expect(judgeHostKey(hashed, 'other', port, key.getPublicSSH()).kind).toBe('absent')
})
const realKey = 'AAAAC3NzaC1lZDI1NTE5AAAAIEPMGEyUCZBGXNEnMJ4xPVtIm8ERhWmmKJfQmHNyjT6p'
