import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import type { EtcdMinor } from '../lab/binaries.ts'
import { fill, startWriter } from '../lab/writer.ts'
import { approve, lostBy, untilLeaderless } from './recovery.ts'
import { inventoryText, membersNow, startRun, startWorld, until, type World } from './world.ts'

/** etcd-restore-survivor on the process lab: two of three hosts are gone for good, a client was writing; 3.7 is on the hosts. */
describe.each<[EtcdMinor, string]>([
  ['3.5', 'same'],
  ['3.6', 'new'],
])('etcd %s, identity %s', (version, identity) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ version, spares: 2 })
    await fill(world.endpoints.slice(0, 3), 300)
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  test('the member that is left becomes a cluster of three again, and no write is lost that it had', async () => {
    const before = await membersNow(world)
    const writer = startWriter({ endpoints: world.endpoints, prefix: 'later/', workers: 2, pauseMs: 20 })
    await until('some writes', () => writer.figures().acknowledged > 50)
    await world.lab.stopHost('h1')
    await world.lab.stopHost('h2')
    await untilLeaderless(world)
    const acknowledged = new Map(writer.acknowledged())

    const start = (inputs: object) =>
      startRun(world.door, 'etcd-restore-survivor', { cluster: 'demo', identity, stable: '1s', ...inputs })
    const refused = await start({})
    await expect(refused.handle.result()).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/h1, h2 cannot be reached/) },
    })
    const run = await start({ acknowledgeUnreachable: ['h1', 'h2'] })
    const asked = await approve(run)
    expect(asked).toContain('from the data of etcd-3 on h3')
    expect(asked).toContain('what only h1 and h2 had acknowledged, which cannot be looked at')
    const { outputs } = await run.result()
    await until('writes to go on', () => writer.figures().acknowledged > acknowledged.size + 20)
    await writer.stop()

    // It can be behind by what a quorum of the two others acknowledged without it.
    const lost = await lostBy(world, writer)
    expect(lost.filter((revision) => revision <= Number(outputs['revisionOfSurvivor']))).toEqual([])
    expect(lost.length).toBeLessThan(10)
    expect(outputs).toMatchObject({
      survivor: 'etcd-3',
      host: 'h3',
      notSeen: ['h1', 'h2'],
      left: [],
      agree: true,
    })

    const after = await membersNow(world)
    expect(after).toHaveLength(3)
    expect(new Set(after.map(({ hash }) => hash)).size).toBe(1)
    expect(parse(inventoryText(world))).toHaveProperty('clusters.demo.members', {
      'etcd-1': 'h4',
      'etcd-2': 'h5',
      'etcd-3': 'h3',
    })
    const ids = new Set(before.map(({ memberId }) => memberId))
    const kept = after.filter(({ memberId }) => ids.has(memberId))
    expect(kept).toHaveLength(identity === 'same' ? 1 : 0)
    expect(outputs['clusterId'] === outputs['clusterIdBefore']).toBe(identity === 'same')
  }, 240_000)
})
