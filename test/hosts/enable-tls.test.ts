import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createAuthority } from '../../lab/hosts/pki.ts'
import { turnsNow, whileWriting } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/** A plain cluster comes to speak TLS under a client that writes in plain, and then under one that writes with TLS. */

let world: HostsWorld
let secure: HostsWorld
let certificates: string

const enable = (inputs: object = {}) =>
  world.start('etcd-enable-tls', { cluster: 'demo', certificates, soak: '500ms', ...inputs })

describeOnHosts('a plain cluster comes to speak TLS', () => {
  describe.each<[string, string, () => Promise<void>]>([
    ['3.5', 'a member that does not start with its certificates', takenBack],
    ['3.7', 'a second member that dies between', broughtBack],
  ])('etcd %s', (version, secondFault, survives) => {
    beforeAll(async () => {
      world = await startHostsWorld({ version, spares: 0, tls: false })
      secure = await issueCertificates()
    }, 240_000)
    afterAll(() => world?.close(), 60_000)

    test('without a certificate of its own Quorate refuses: it would shut itself out', async () => {
      const before = await hostsFootprint(world)
      expect((await failureOf(await enable())).message).toMatch(/no certificate to show to demo/)
      expect(await hostsFootprint(world)).toEqual(before)
      nameCertificate()
    }, 60_000)

    test(`peers change over, and clients may speak both; ${secondFault} is no harm`, async () => {
      const { lost, acknowledged, figures } = await whileWriting(world, survives)
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(100)
      expect(figures.longestGapMs).toBeLessThan(5_000)
      const { listed } = await untilSound(world, 3)
      for (const { peerUrls, clientUrls } of listed)
        expect([...peerUrls, ...clientUrls].every((url) => url.startsWith('https://'))).toBe(true)
      await untilSound(secure, 3)
      expect(readFileSync(world.lab.inventory, 'utf8')).toMatch(/scheme: https/)
    }, 400_000)

    test('run again, it shuts plain clients out', async () => {
      const { lost } = await whileWriting(secure, async () =>
        (await enable({ certificates: '', plainClients: false })).result(),
      )
      expect(lost).toEqual([])
      await untilSound(secure, 3)
      const { address } = world.lab.host('h1')
      const ask = (scheme: string) => ['curl', '-sS', '-o', '/dev/null', `${scheme}://${address}:2379/health`]
      expect((await world.lab.run('h1', ask('http'))).code).not.toBe(0)
    }, 240_000)
  })
})

/** The key that one host was brought is another's: all members go back to what they were, and it is done anew. */
async function takenBack(): Promise<void> {
  const [first = '', second = ''] = await turnsNow(world)
  const before = await configurations()
  const run = await enable()
  await begun(run, `trustMembers[${first}]/trustNow`)
  const wrong = 'cat /etc/etcd/pki/peer.key.quorate-new-* >"$(ls /etc/etcd/pki/server.key.quorate-new-*)"'
  const host = world.lab.members[second] ?? ''
  expect(await world.lab.run(host, ['sh', '-c', wrong])).toMatchObject({ code: 0 })
  const { failure, offers } = await waitingOf(run)
  expect(failure.message).toMatch(/private key does not match public key.*its key is another/s)
  expect(offers).toContain('rollback')
  await decide(run, 'rollback', 'the key of another')
  expect(await failureOf(run)).toMatchObject({ type: 'RunRolledBack' })
  await untilSound(world, 3)
  expect(await configurations()).toEqual(before)
  await (await enable()).result()
}

/** What etcd is started with on every host, and the certificates there. */
function configurations(): Promise<unknown> {
  const show = ['sh', '-c', 'cat /etc/etcd/etcd.env; ls -A /etc/etcd/pki 2>/dev/null; true']
  return Promise.all(world.lab.hosts.map(({ name }) => world.lab.run(name, show)))
}

async function broughtBack(): Promise<void> {
  const [, second = '', third = ''] = await turnsNow(world)
  const run = await enable()
  await begun(run, `peersMembers[${second}]/peersWell`)
  const host = world.lab.members[third] ?? ''
  await world.lab.kill(host)
  const { failure, offers } = await waitingOf(run)
  expect(failure.message).toMatch(new RegExp(`${third} does not answer`))
  expect(offers).toEqual(expect.arrayContaining(['retry', 'rollback']))
  await world.lab.boot(host)
  await decide(run, 'retry', 'it is back')
  await run.result()
}

/** For every host, and for the client that writes; what a client with TLS sees. */
async function issueCertificates(): Promise<HostsWorld> {
  const pki = join(world.directory, 'pki')
  certificates = join(world.directory, 'certificates')
  const authority = await createAuthority(pki, 'throw-away')
  await authority.issue(join(pki, 'client'), { commonName: 'quorate', names: [] })
  const ca = readFileSync(authority.certificate)
  for (const { name, address } of world.lab.hosts) {
    mkdirSync(join(certificates, name), { recursive: true })
    writeFileSync(join(certificates, name, 'ca.crt'), ca)
    const names = [address, 'localhost', '127.0.0.1']
    for (const use of ['server', 'peer'])
      await authority.issue(join(certificates, name, use), { commonName: name, names })
  }
  const [cert, key] = ['client.crt', 'client.key'].map((name) => readFileSync(join(pki, name)))
  if (!cert || !key) throw new Error('no client certificate')
  return { ...world, tls: { ca, cert, key } }
}

/** The inventory names what Quorate shows. */
function nameCertificate(): void {
  const inventory = readFileSync(world.lab.inventory, 'utf8')
  const files = { ca: 'ca.crt', cert: 'client.crt', key: 'client.key' }
  const paths = Object.entries(files).map(([key, name]) => `${key}: ${join(world.directory, 'pki', name)}`)
  writeFileSync(
    world.lab.inventory,
    inventory.replace(/^( +)members:/m, `$1tls: { ${paths.join(', ')} }\n$1members:`),
  )
}
