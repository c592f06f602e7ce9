import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createEnvironment } from '../../activities/environment.ts'
import { checkInventory } from '../../activities/inventory/check.ts'
import { loadInventory } from '../../worker/inventory.ts'
import { liveEndpoints, whileWriting } from '../world.ts'
import {
  clusterNow,
  describeOnHosts,
  hostsFootprint,
  type HostsWorld,
  startHostsWorld,
  untilSound,
} from './world.ts'
import { unrecorded } from '../../activities/record.ts'

jest.setTimeout(120_000)

describeOnHosts('a world on real hosts', () => {
  let world: HostsWorld
  beforeAll(async () => {
    world = await startHostsWorld({ extras: ['docker', 'supervise', 'script', 'haproxy'], uploads: ['3.7'] })
  }, 300_000)
  afterAll(() => world?.close(), 60_000)

  test('the hosts are as the inventory says', async () => {
    const inventory = await loadInventory(world.lab.inventory)
    const asking = createEnvironment({ loadInventory: () => Promise.resolve(inventory), record: unrecorded })
    try {
      expect(await checkInventory(asking, 'demo')).toEqual([])
    } finally {
      await asking.close()
    }
  })

  test('its cluster is sound, and looking changes nothing', async () => {
    const before = await hostsFootprint(world)
    const { listed, hashes, alarms } = await untilSound(world, 3)
    expect(listed.map(({ name }) => name).toSorted()).toEqual(['etcd-1', 'etcd-2', 'etcd-3'])
    expect([hashes.length, alarms]).toEqual([1, []])
    expect(await hostsFootprint(world)).toEqual(before)
  })

  test('a writer goes on while a host dies and comes back, and nothing it was told is lost', async () => {
    const { acknowledged, lost, figures } = await whileWriting(world, async () => {
      await world.lab.kill('h1')
      expect((await liveEndpoints(world)).length).toBe(2)
      await world.lab.boot('h1')
      await untilSound(world, 3)
    })
    expect(lost).toEqual([])
    expect(acknowledged).toBeGreaterThan(50)
    expect(figures.longestGapMs).toBeLessThan(20_000)
    expect((await clusterNow(world)).learners).toEqual([])
  })
})
