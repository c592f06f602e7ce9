import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { fill } from '../../lab/writer.ts'
import { above, approve, lostBy, someMore, untilLeaderless, writingAcross } from '../recovery.ts'
import { liveEndpoints } from '../world.ts'
import { begun, decide, waitingOf } from './decisions.ts'
import { clusterNow, describeOnHosts, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/** etcd-restore-snapshot on real hosts, TLS on, a client writing until the disaster and from the moment it can again. */

const sh = async (world: HostsWorld, host: string, script: string): Promise<string> =>
  (await world.lab.run(host, ['sh', '-c', script])).stdout.trim()

describeOnHosts('etcd 3.7: all hosts are there, the data is not trusted any more', () => {
  let world: HostsWorld
  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.7', spares: 1 })
    await fill(await liveEndpoints(world), 500, 'fill/', world.tls)
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  test('a disk that is full pauses the run, a rollback brings the old members back as they were', async () => {
    await (await world.start('etcd-backup', { cluster: 'demo' })).result()
    const before = await clusterNow(world)
    await world.lab.stopEtcd('h1')
    await world.lab.stopEtcd('h2')
    await untilLeaderless(world)
    const run = await world.start('etcd-restore-snapshot', { cluster: 'demo', stable: '1s' })
    await approve(run)
    await begun(run, 'disable')
    await world.lab.fillDisk('h2')
    const { failure, offers } = await waitingOf(run)
    expect(failure.message).toMatch(/h2|room|space/i)
    expect(offers).toContain('rollback')
    await world.lab.freeDisk('h2')
    await decide(run, 'rollback')
    await expect(run.handle.result()).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/Rolled back/) },
    })
    for (const host of ['h1', 'h2', 'h3']) {
      expect(await sh(world, host, 'ls -d /var/lib/etcd /var/lib/etcd.quorate-* 2>/dev/null')).not.toMatch(
        /quorate-\S*-2/,
      )
    }
    await Promise.all(['h1', 'h2', 'h3'].map((host) => world.lab.startEtcd(host)))
    const after = await untilSound(world, 3)
    expect(after.listed.map(({ id }) => id).toSorted()).toEqual(before.listed.map(({ id }) => id).toSorted())
  }, 300_000)

  test('and restored in the end, exactly what came after the snapshot is lost', async () => {
    const { outputs: backup } = await (await world.start('etcd-backup', { cluster: 'demo' })).result()
    const revision = Number(backup['revision'])
    let acknowledged = new Map<string, number>()
    const writer = await writingAcross(world, async (client) => {
      await someMore(client)
      await world.lab.stopEtcd('h1')
      await world.lab.stopEtcd('h2')
      await untilLeaderless(world)
      acknowledged = new Map(client.acknowledged())
      const run = await world.start('etcd-recover', { cluster: 'demo', way: 'snapshot', stable: '1s' })
      expect(await approve(run)).toMatch(/Recommended: start/)
      const { outputs } = await run.result()
      expect(outputs).toMatchObject({ way: 'snapshot', margin: 1, problems: [] })
      expect(outputs['clusterId']).not.toBe(outputs['clusterIdBefore'])
    })
    expect(await lostBy(world, writer)).toEqual(above(acknowledged, revision))
    await untilSound(world, 3)
  }, 300_000)
})
