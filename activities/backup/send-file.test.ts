import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { type HostsFixture, launchHosts } from '../../lab/host/fixture.ts'
import { createHosts, type Hosts } from '../ssh/hosts.ts'
import { decryptedWith, encryptedTo } from './age.ts'
import { sendFile, type Sending } from './send-file.ts'

jest.setTimeout(30_000)

let lab: HostsFixture
let hosts: Hosts
let root: string
const bytes = Buffer.alloc(3_000_000, 'something that is no multiple of anything ')
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

beforeAll(async () => {
  lab = await launchHosts(['a', 'b'])
  hosts = createHosts(lab.inventory)
  root = mkdtempSync(join(tmpdir(), 'quorate-send-'))
  writeFileSync(join(root, 'source'), bytes)
})
afterAll(async () => {
  await hosts.close()
  await lab.stop()
  rmSync(root, { recursive: true, force: true })
})

const send = (name: string, more: Partial<Sending> = {}, source = 'source') =>
  sendFile({
    from: { host: hosts.host('a'), path: join(root, source) },
    to: { host: hosts.host('b'), path: join(root, 'to', name) },
    signal: new AbortController().signal,
    ...more,
  })
const arrived = (): string[] => readdirSync(join(root, 'to')).toSorted()

test('a file arrives whole, also over one that is there, and nothing else is left', async () => {
  const sent = { sizeBytes: bytes.length, sha256: sha256(bytes), readSha256: sha256(bytes) }
  expect(await send('plain', { sha256: sha256(bytes) })).toEqual(sent)
  expect(await send('plain')).toEqual(sent)
  expect(readFileSync(join(root, 'to', 'plain')).equals(bytes)).toBe(true)
  expect(arrived()).toEqual(['plain'])
})

test('what goes out encrypted comes back as it was, by the identity alone', async () => {
  const [identity, stranger] = [await generateX25519Identity(), await generateX25519Identity()]
  writeFileSync(join(root, 'identity'), `# of a test\n\n${identity}\n`)
  writeFileSync(join(root, 'stranger'), stranger)
  const through = encryptedTo([await identityToRecipient(identity)])
  const sent = await send('secret', { sha256: sha256(bytes), through })
  expect(sent.sha256).not.toBe(sha256(bytes))
  const back = await send('back', { through: await decryptedWith(join(root, 'identity')) }, 'to/secret')
  expect(back.sha256).toBe(sha256(bytes))
  const wrong = send('never', { through: await decryptedWith(join(root, 'stranger')) }, 'to/secret')
  await expect(wrong).rejects.toThrow(/cannot be decrypted with .*stranger/)
  expect(arrived()).toEqual(['back', 'plain', 'secret'])
})

test.each<[string, Partial<Sending>, RegExp]>([
  ['is not what it was said to be', { sha256: sha256(Buffer.from('x')) }, /source on a was not read whole/],
  [
    'is not what should arrive',
    { arrives: sha256(Buffer.from('x')) },
    /never on b did not arrive: its SHA-256/,
  ],
])('a file that %s never gets its name', async (_what, more, says) => {
  await expect(send('never', more)).rejects.toThrow(says)
  expect(arrived()).not.toContain('never')
  expect(arrived().filter((name) => name.includes('part'))).toEqual([])
})

test('an encrypted file that was cut short is no file', async () => {
  writeFileSync(join(root, 'cut'), readFileSync(join(root, 'to', 'secret')).subarray(0, 1_000_000))
  const through = await decryptedWith(join(root, 'identity'))
  await expect(send('never', { through }, 'cut')).rejects.toThrow(/cannot be decrypted/)
  expect(arrived()).not.toContain('never')
})

test('a source that is not there is said to be so', async () => {
  await expect(send('never', { sha256: sha256(bytes) }, 'nothing')).rejects.toThrow(
    /nothing on a was not read whole/,
  )
})

test('recipients and identities that are none are told so', async () => {
  expect(() => encryptedTo(['age1nonsense'])).toThrow(/"age1nonsense" is no age recipient/)
  await expect(decryptedWith(join(root, 'nowhere'))).rejects.toThrow(/nowhere cannot be read: ENOENT/)
  writeFileSync(join(root, 'empty'), '# nothing\n')
  await expect(decryptedWith(join(root, 'empty'))).rejects.toThrow(/holds no age identity/)
})
