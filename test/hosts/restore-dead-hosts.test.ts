import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { fill } from '../../lab/writer.ts'
import { above, approve, lostBy, someMore, untilLeaderless, writingAcross } from '../recovery.ts'
import { liveEndpoints, textOf, until } from '../world.ts'
import { begun, decide, waitingOf } from './decisions.ts'
import { clusterNow, describeOnHosts, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/** etcd-restore-snapshot on real hosts, TLS on, a client writing until the disaster and from the moment it can again. */

const sh = async (world: HostsWorld, host: string, script: string): Promise<string> =>
  (await world.lab.run(host, ['sh', '-c', script])).stdout.trim()

describeOnHosts('etcd 3.5: two of three hosts are gone for good, a third dies in the middle', () => {
  let world: HostsWorld
  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.5', spares: 2 })
    await fill(await liveEndpoints(world), 500, 'fill/', world.tls)
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  test('the cluster comes back on the spares, and a forgotten member that returns is no part of it', async () => {
    const { outputs: backup } = await (await world.start('etcd-backup', { cluster: 'demo' })).result()
    const { host, path } = backup
    const revision = Number(backup['revision'])
    // The two others die, whichever of them the backup lies on.
    const [dead1, dead2] = ['h1', 'h2', 'h3'].filter((each) => each !== host)
    let acknowledged = new Map<string, number>()
    let outputs: Readonly<Record<string, unknown>> = {}
    const writer = await writingAcross(world, async (client) => {
      await someMore(client)
      await world.lab.kill(dead1 ?? '')
      await world.lab.kill(dead2 ?? '')
      await untilLeaderless(world)
      acknowledged = new Map(client.acknowledged())
      const run = await world.start('etcd-restore-snapshot', {
        ...{ cluster: 'demo', stable: '1s', acknowledgeUnreachable: [dead1, dead2] },
      })
      const asked = await approve(run)
      expect(asked).toContain(`revision ${revision}, taken at ${textOf(backup['takenAt'])}`)
      expect(asked).toContain(`Hosts you answer for: ${dead1}, ${dead2}`)
      await begun(run, 'fence')
      await world.lab.kill('h5')
      const { failure, offers } = await waitingOf(run)
      expect(failure.message).toMatch(/h5/)
      expect(offers).toEqual(expect.arrayContaining(['retry', 'rollback']))
      await world.lab.boot('h5')
      await decide(run, 'retry')
      ;({ outputs } = await run.result())
    })
    expect(await lostBy(world, writer)).toEqual(above(acknowledged, revision))
    expect(outputs).toMatchObject({
      snapshot: `${textOf(host)}:${textOf(path)}`,
      lostAfterRevision: revision,
      agree: true,
    })
    expect(Number(outputs['revision'])).toBeGreaterThan(1e9)
    const now = await untilSound(world, 3)
    expect(now.members.map(({ endpoint }) => endpoint.split(':')[0]).toSorted()).toEqual(
      [textOf(host), 'h4', 'h5'].map((name) => world.lab.host(name).address).toSorted(),
    )

    // Its unit is still enabled there and its old data in place: what nobody could fence comes back.
    await world.lab.boot(dead1 ?? '')
    await until('the old member to be turned away', async () =>
      (await sh(world, dead1 ?? '', 'journalctl -b -u etcd --no-pager')).includes('cluster ID mismatch'),
    )
    const again = await clusterNow(world)
    expect(again.listed.map(({ id }) => id).toSorted()).toEqual(now.listed.map(({ id }) => id).toSorted())
    expect(again.members.filter(({ leader }) => leader !== '0')).toHaveLength(3)
    expect(await sh(world, textOf(host), 'ls -d /var/lib/etcd.quorate-*')).toMatch(/quorate-/)
    expect(await sh(world, textOf(host), 'stat -c "%U %a" /var/lib/etcd')).toBe('etcd 700')
    expect(await sh(world, 'h4', 'stat -c "%U %a" /var/lib/etcd')).toBe('etcd 700')
  }, 600_000)
})
