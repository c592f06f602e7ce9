import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openChannel } from '../activities/etcd/channel.ts'
import { createEtcdClient } from '../lab/etcd-client.ts'
import { fill } from '../lab/writer.ts'
import { lostBy, writingAcross } from './recovery.ts'
import { membersNow, startRun, startWorld, until, type World } from './world.ts'

/** The CORRUPT alarm of a member that was removed by hand: etcd keeps it, and refuses every write. */
let world: World
beforeAll(async () => {
  world = await startWorld({ version: '3.6', spares: 0 })
  await fill(world.endpoints, 100)
}, 120_000)
afterAll(() => world?.close(), 60_000)

const alarmsNow = async () => {
  const client = createEtcdClient(world.endpoints[0] ?? '')
  try {
    return await client.alarms()
  } finally {
    client.close()
  }
}

test('an inspection names the alarm that was left behind and the way out, which lowers it', async () => {
  const channel = openChannel({ host: 'h1', url: `http://${world.endpoints[0]}` })
  try {
    await channel.call('Alarm', { action: 1, memberID: String(0xbeef), alarm: 2 }, { timeoutMs: 5000 })
  } finally {
    channel.close()
  }
  await until('the alarm', async () => (await alarmsNow()).length > 0)

  const seen = await (await startRun(world.door, 'etcd-inspect', { cluster: 'demo' })).result()
  expect(JSON.stringify(seen.outputs['advice'])).toMatch(
    /left behind: CORRUPT on the member with ID beef, which is no member any more\. etcd-maintenance lowers it/,
  )
  const maintenance = { cluster: 'demo', keep: 1000, soak: '1s', backup: false }
  const writer = await writingAcross(world, async () => {
    await (await startRun(world.door, 'etcd-maintenance', maintenance)).result()
  })
  expect(await lostBy(world, writer)).toEqual([])
  expect(await alarmsNow()).toEqual([])
  const members = await membersNow(world)
  expect(new Set(members.map(({ hash }) => hash)).size).toBe(1)
  expect(new Set(members.map(({ leader }) => leader)).size).toBe(1)
}, 120_000)
