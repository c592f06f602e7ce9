import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createAuthority } from '../../lab/hosts/pki.ts'
import { whileWriting } from '../world.ts'
import { failureOf } from './decisions.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/** A plain cluster comes to speak TLS under a client that writes in plain, and then under one that writes with TLS. */
describeOnHosts('a plain cluster comes to speak TLS', () => {
  let world: HostsWorld
  let secure: HostsWorld
  let certificates: string
  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.6', spares: 0, tls: false })
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
    secure = { ...world, tls: { ca, cert, key } }
  }, 240_000)
  afterAll(() => world?.close(), 60_000)

  const enable = (inputs: object) =>
    world.start('etcd-enable-tls', { cluster: 'demo', soak: '500ms', ...inputs })

  test('without a certificate of its own Quorate refuses: it would shut itself out', async () => {
    const before = await hostsFootprint(world)
    expect((await failureOf(await enable({ certificates }))).message).toMatch(
      /no certificate to show to demo/,
    )
    expect(await hostsFootprint(world)).toEqual(before)
  }, 60_000)

  test('peers change over, and clients may speak both', async () => {
    const inventory = readFileSync(world.lab.inventory, 'utf8')
    const files = { ca: 'ca.crt', cert: 'client.crt', key: 'client.key' }
    const paths = Object.entries(files).map(([key, name]) => `${key}: ${join(world.directory, 'pki', name)}`)
    writeFileSync(
      world.lab.inventory,
      inventory.replace(/^( +)members:/m, `$1tls: { ${paths.join(', ')} }\n$1members:`),
    )
    const { lost, acknowledged, figures } = await whileWriting(world, async () =>
      (await enable({ certificates })).result(),
    )
    expect(lost).toEqual([])
    expect(acknowledged).toBeGreaterThan(100)
    expect(figures.longestGapMs).toBeLessThan(5_000)
    const { listed } = await untilSound(world, 3)
    for (const { peerUrls, clientUrls } of listed)
      expect([...peerUrls, ...clientUrls].every((url) => url.startsWith('https://'))).toBe(true)
    await untilSound(secure, 3)
    expect(readFileSync(world.lab.inventory, 'utf8')).toMatch(/scheme: https/)
  }, 300_000)

  test('run again, it shuts plain clients out', async () => {
    const { lost } = await whileWriting(secure, async () => (await enable({ plainClients: false })).result())
    expect(lost).toEqual([])
    await untilSound(secure, 3)
    const { address } = world.lab.host('h1')
    const ask = (scheme: string) => ['curl', '-sS', '-o', '/dev/null', `${scheme}://${address}:2379/health`]
    expect((await world.lab.run('h1', ask('http'))).code).not.toBe(0)
  }, 240_000)
})
