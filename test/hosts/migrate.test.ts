import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { whileWriting } from '../world.ts'
import { clusterNow, describeOnHosts, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

jest.setTimeout(240_000)

/** etcd-migrate-node on real hosts with TLS: onto every service manager and back, with a client writing all the time. */
describeOnHosts('etcd-migrate-node on real hosts', () => {
  describe.each([['3.5'], ['3.7']])('etcd %s', (version) => {
    let world: HostsWorld
    beforeAll(async () => {
      world = await startHostsWorld({ version, spares: 1, extras: ['docker', 'supervise', 'script'] })
    }, 300_000)
    afterAll(() => world?.close(), 60_000)

    test.each([
      ['from systemd to systemd', 'etcd-1', 'h1', 'h4'],
      ['from systemd to Docker', 'etcd-2', 'h2', 'dk'],
      ['from systemd to daemontools', 'etcd-3', 'h3', 'sv'],
      ['from daemontools to scripts', 'etcd-3', 'sv', 'sc'],
      ['from scripts back to where it came from', 'etcd-3', 'sc', 'h3'],
    ])('a member moves %s', async (_way, member, from, to) => {
      const before = await clusterNow(world)
      const id = before.listed.find(({ name }) => name === member)?.id
      const { result, acknowledged, lost, figures } = await whileWriting(world, async () => {
        const run = await world.start('etcd-migrate-node', { cluster: 'demo', member, to, stable: '2s' })
        return run.result()
      })
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(50)
      expect(figures.longestGapMs).toBeLessThan(10_000)
      expect(result.outputs).toMatchObject({ member, id, from, to, agree: true })
      const after = await untilSound(world, 3)
      expect(after.listed.map((each) => each.id).toSorted()).toEqual(
        before.listed.map((each) => each.id).toSorted(),
      )
      const { address } = world.lab.host(to)
      expect(after.listed.find(({ name }) => name === member)).toMatchObject({
        peerUrls: [`https://${address}:2380`],
        clientUrls: [`https://${address}:2379`],
      })
      expect((await world.lab.run(from, ['pidof', 'etcd'])).code).toBe(1)
    })
  })
})
