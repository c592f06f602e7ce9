import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { fill } from '../../lab/writer.ts'
import { approve, lostBy, someMore, untilLeaderless, whyEnded, writingAcross } from '../recovery.ts'
import { inventoryText, liveEndpoints } from '../world.ts'
import { clusterNow, describeOnHosts, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/** etcd-restore-survivor on real hosts, TLS on: hosts die until the quorum is lost, a client was writing. */

interface Row {
  readonly version: string
  readonly identity: 'same' | 'new'
  readonly spares: number
  /** Its etcd is stopped a while before the disaster: its log ends earlier than the survivor's. */
  readonly behind: readonly string[]
  readonly dead: readonly string[]
  readonly comesBack: Readonly<Record<string, string>>
}

const rows: readonly Row[] = [
  {
    ...{ version: '3.6', identity: 'same', spares: 1, behind: ['h2'], dead: ['h1'] },
    comesBack: { 'etcd-1': 'h4', 'etcd-2': 'h2', 'etcd-3': 'h3' },
  },
  {
    ...{ version: '3.7', identity: 'new', spares: 2, behind: [], dead: ['h1', 'h2'] },
    comesBack: { 'etcd-1': 'h4', 'etcd-2': 'h5', 'etcd-3': 'h3' },
  },
]
const survivor = { member: 'etcd-3', host: 'h3' }

describeOnHosts('the data of a survivor', () => {
  describe.each(rows)(
    'etcd $version, identity $identity: $dead die, $behind was behind',
    ({ version, identity, spares, behind, dead, comesBack }) => {
      let world: HostsWorld
      beforeAll(async () => {
        world = await startHostsWorld({ version, spares })
        await fill(await liveEndpoints(world), 300, 'fill/', world.tls)
      }, 180_000)
      afterAll(() => world?.close(), 60_000)

      test('the data that goes furthest becomes a cluster of three again, and nothing acknowledged is lost', async () => {
        const run = (inputs: object) =>
          world.start('etcd-restore-survivor', { cluster: 'demo', identity, stable: '1s', ...inputs })
        const sh = async (host: string, script: string): Promise<string> =>
          (await world.lab.run(host, ['sh', '-c', script])).stdout.trim()
        expect(await whyEnded(await run({}))).toMatch(/demo has not lost its quorum: .*(leads|led by|serves)/)
        const before = await clusterNow(world)

        let outputs: Readonly<Record<string, unknown>> = {}
        const writer = await writingAcross(world, async (client) => {
          // What is acknowledged while one is gone has been written by both that are left.
          const [first, second] = [
            ...behind.map((host) => () => world.lab.stopEtcd(host)),
            ...dead.map((host) => () => world.lab.kill(host)),
          ]
          await first?.()
          await someMore(client)
          await second?.()
          await untilLeaderless(world)
          expect(await whyEnded(await run({}))).toContain(`${dead.join(', ')} cannot be reached`)
          const started = await run({ acknowledgeUnreachable: [...dead] })
          const asked = await approve(started)
          expect(asked).toContain(`from the data of ${survivor.member} on ${survivor.host}`)
          expect(asked).toMatch(/nothing that any other data shows, and what only .* had acknowledged/)
          ;({ outputs } = await started.result())
        })
        // The end of a log that no leader lived to call committed is dropped, and the run says how much that is.
        expect((await lostBy(world, writer)).length).toBeLessThanOrEqual(Number(outputs['entriesDropped']))
        expect(outputs).toMatchObject({
          ...{ survivor: survivor.member, host: survivor.host, notSeen: [...dead] },
          ...{ entriesLost: 0, left: [], agree: true },
        })
        expect(parse(inventoryText(world))).toHaveProperty('clusters.demo.members', comesBack)

        const after = await untilSound(world, 3)
        const peers = Object.values(comesBack).map((host) => `https://${world.lab.host(host).address}:2380`)
        expect(after.listed.flatMap(({ peerUrls }) => peerUrls).toSorted()).toEqual(peers.toSorted())
        const known = new Set(before.listed.map(({ id }) => id))
        const kept = after.listed.filter(({ id }) => known.has(id)).map(({ name }) => name)
        expect(kept).toEqual(identity === 'same' ? [survivor.member] : [])
        expect(outputs['clusterId'] === outputs['clusterIdBefore']).toBe(identity === 'same')

        // The old data lies beside, and no start ever makes a cluster of one again.
        for (const host of [...behind, ...(identity === 'new' ? [survivor.host] : [])])
          expect(await sh(host, 'ls -d /var/lib/etcd.quorate-*')).toMatch(/quorate-/)
        if (identity === 'same')
          expect(await sh(survivor.host, 'ls -d /var/lib/.quorate-before-force-*')).toMatch(/before-force/)
        expect(
          await sh(survivor.host, 'grep -ri force.new.cluster /etc/etcd /etc/systemd || echo none'),
        ).toBe('none')
        await sh(survivor.host, 'systemctl restart etcd')
        const again = await untilSound(world, 3)
        expect(again.listed.map(({ id }) => id).toSorted()).toEqual(
          after.listed.map(({ id }) => id).toSorted(),
        )
      }, 300_000)
    },
  )
})
