import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { fill } from '../../lab/writer.ts'
import { above, approve, lostBy, someMore, untilLeaderless, whyEnded, writingAcross } from '../recovery.ts'
import { liveEndpoints, textOf } from '../world.ts'
import { clusterNow, describeOnHosts, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/**
 * etcd-recover on real hosts, TLS on, a client writing: one cluster loses its quorum three times, and each time another
 * way is the one to go.
 */
describeOnHosts('etcd 3.5 loses its quorum', () => {
  let world: HostsWorld
  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.5', spares: 2 })
    await fill(await liveEndpoints(world), 300, 'fill/', world.tls)
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  const recover = (inputs: object = {}) =>
    world.start('etcd-recover', { cluster: 'demo', stable: '1s', ...inputs })
  const addressesNow = async (): Promise<readonly string[]> =>
    (await untilSound(world, 3)).members.map(({ endpoint }) => endpoint.split(':')[0] ?? '').toSorted()
  const addressesOf = (...hosts: readonly string[]): readonly string[] =>
    hosts.map((host) => world.lab.host(host).address).toSorted()

  test('members that are just down: they are started, and nothing is lost', async () => {
    expect(await whyEnded(await recover())).toMatch(/demo has not lost its quorum/)
    const before = await clusterNow(world)
    const writer = await writingAcross(world, async (client) => {
      await someMore(client)
      await world.lab.stopEtcd('h1')
      await world.lab.stopEtcd('h3')
      await untilLeaderless(world)
      const run = await recover()
      const asked = await approve(run)
      expect(asked).toMatch(/Recommended: start\. h1, (h2, )?h3 have their data/)
      expect(asked).toMatch(/A survivor \(.*\) loses:/)
      expect(asked).toMatch(/A snapshot is not possible: No sound backup was found/)
      const { outputs } = await run.result()
      expect(outputs).toMatchObject({ way: 'start', lost: '', margin: 1, problems: [] })
      expect(outputs['clusterId']).toBe(outputs['clusterIdBefore'])
    })
    expect(await lostBy(world, writer)).toEqual([])
    const after = await untilSound(world, 3)
    expect(after.listed.map(({ id }) => id).toSorted()).toEqual(before.listed.map(({ id }) => id).toSorted())
  }, 180_000)

  test('two hosts are gone for good: the data that is left has more than the backup, and is gone on with', async () => {
    const { outputs: backup } = await (await world.start('etcd-backup', { cluster: 'demo' })).result()
    const writer = await writingAcross(world, async (client) => {
      await someMore(client)
      await world.lab.kill('h1')
      await someMore(client)
      await world.lab.kill('h2')
      await untilLeaderless(world)
      const run = await recover({ acknowledgeUnreachable: ['h1', 'h2'] })
      const asked = await approve(run)
      // A running member keeps its database to itself, but says how far it is.
      expect(asked).toMatch(/Recommended: survivor\. The data of h3/)
      expect(asked).toContain('h1, h2')
      const { outputs } = await run.result()
      expect(outputs).toMatchObject({ way: 'survivor', margin: 1, problems: [] })
      expect(outputs['clusterId']).not.toBe(outputs['clusterIdBefore'])
      expect(Number(outputs['revision'])).toBeGreaterThan(Number(backup['revision']))
    })
    expect(await lostBy(world, writer)).toEqual([])
    expect(await addressesNow()).toEqual(addressesOf('h3', 'h4', 'h5'))
  }, 240_000)

  test('no data directory can be read any more: the backup is restored, and exactly what came after it is lost', async () => {
    const { outputs: backup } = await (await world.start('etcd-backup', { cluster: 'demo' })).result()
    const revision = Number(backup['revision'])
    const writer = await writingAcross(world, async (client) => {
      await someMore(client)
      for (const host of ['h3', 'h4', 'h5']) await world.lab.stopEtcd(host)
      const acknowledged = new Map(client.acknowledged())
      await world.lab.corruptData('h3', 'wal')
      await world.lab.corruptData('h4', 'db')
      await world.lab.corruptData('h5', 'db')
      const run = await recover()
      const asked = await approve(run)
      expect(asked).toMatch(/A survivor is not possible: No data directory can be used/)
      expect(asked).toMatch(/Recommended: snapshot/)
      expect(asked).toContain(
        `Everything written after revision ${revision}, taken at ${textOf(backup['takenAt'])}`,
      )
      const { outputs } = await run.result()
      expect(outputs).toMatchObject({ way: 'snapshot', margin: 1, problems: [] })
      mustBeLost = above(acknowledged, revision)
    })
    expect(await lostBy(world, writer)).toEqual(mustBeLost)
    expect(mustBeLost.length).toBeGreaterThan(0)
    expect(await addressesNow()).toEqual(addressesOf('h3', 'h4', 'h5'))
    for (const host of ['h3', 'h4', 'h5'])
      expect((await world.lab.run(host, ['sh', '-c', 'ls -d /var/lib/etcd.quorate-*'])).stdout).toMatch(
        /quorate-/,
      )
  }, 240_000)
  let mustBeLost: readonly number[] = []
})
