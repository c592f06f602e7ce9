import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import { failureOf } from './decisions.ts'
import { listedNow, soundCluster } from '../membership.ts'
import { type Inputs, inventoryText, leaderNow, whileWriting, whoIsWhere } from '../world.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld } from './world.ts'

/** etcd-replace-member on real hosts, with TLS and a client writing all the time. */

let world: HostsWorld
/** The member in whose place etcd-9 is. */
let replaced = ''
const replace = (inputs: Inputs) =>
  world.start('etcd-replace-member', { cluster: 'demo', stable: '1s', patience: '15s', ...inputs })

describeOnHosts('etcd-replace-member', () => {
  describe.each([['3.7']])('etcd %s', (version) => {
    beforeAll(async () => {
      world = await startHostsWorld({ version, spares: 3 })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('a host that is gone: only with its name typed; its member is removed and a new one promoted', async () => {
      await world.lab.kill('h2')
      const before = await hostsFootprintOf(['h1', 'h3'])
      const refused = await failureOf(await replace({ member: 'etcd-2', to: 'h4' }))
      expect(refused.message).toMatch(/h2 does not answer SSH.*start again with acknowledgeUnreachable: h2/)
      const wrong = await failureOf(
        await replace({ member: 'etcd-2', to: 'h4', acknowledgeUnreachable: 'h3' }),
      )
      expect(wrong.message).toMatch(/acknowledgeUnreachable names h3, and etcd-2 is on h2/)
      expect(await hostsFootprintOf(['h1', 'h3'])).toEqual(before)

      const { result, lost, acknowledged } = await whileWriting(world, async () => {
        const run = await replace({ member: 'etcd-2', to: 'h4', acknowledgeUnreachable: 'h2' })
        return run.result()
      })
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(50)
      expect(result.outputs).toMatchObject({ member: 'etcd-2', to: 'h4', margin: 1, setAside: '' })
      await soundCluster(world, ['etcd-1', 'etcd-2', 'etcd-3'])
      // A dead host is no spare.
      expect(whoIsWhere(world).hosts).toEqual({ 'etcd-1': 'h1', 'etcd-2': 'h4', 'etcd-3': 'h3' })
      expect(inventoryText(world)).toMatch(/spares: \[\s*h5, h6\s*\]/)
    }, 240_000)

    test('the dead host comes back with its old data: etcd ends by itself, and Quorate says why it must', async () => {
      await world.lab.boot('h2')
      const said = await world.lab.run('h2', [
        'sh',
        '-c',
        'sleep 5; journalctl --unit etcd.service --output cat',
      ])
      expect(said.stdout).toMatch(
        /permanently removed from the cluster|data-dir used by this member must be removed/,
      )
      await soundCluster(world, ['etcd-1', 'etcd-2', 'etcd-3'])
    }, 60_000)

    test('a healthy leader: the new one votes before it hands over and goes', async () => {
      const leader = await leaderNow(world)
      replaced = leader
      const from = whoIsWhere(world).hosts[leader] ?? ''
      const { result, lost, figures } = await whileWriting(world, async () => {
        const run = await replace({ member: leader, to: 'h5', name: 'etcd-9' })
        return run.result()
      })
      expect(lost).toEqual([])
      expect(figures.longestGapMs).toBeLessThan(5000)
      const others = ['etcd-1', 'etcd-2', 'etcd-3'].filter((name) => name !== leader)
      await soundCluster(world, [...others, 'etcd-9'])
      // Fenced: neither a reboot nor a hand starts the dead one, and its data has another name.
      const started = await world.lab.run(from, ['systemctl', 'start', 'etcd.service'])
      expect(started.code).not.toBe(0)
      expect(
        (await world.lab.run(from, ['ls', '-d', z.string().parse(result.outputs?.['setAside'])])).code,
      ).toBe(0)
      expect((await world.lab.run(from, ['ls', '-d', '/var/lib/etcd'])).code).not.toBe(0)
    }, 240_000)

    test('data that is corrupt: the member is replaced on its own host', async () => {
      const [member, host] = memberAt(0, 'etcd-9')
      await world.lab.stopEtcd(host)
      await world.lab.corruptData(host, 'wal')
      const { result, lost } = await whileWriting(world, async () => {
        const run = await replace({ member, to: host })
        return run.result()
      })
      expect(lost).toEqual([])
      expect(result.outputs).toMatchObject({ member, from: host, to: host })
      await soundCluster(world, Object.keys(whoIsWhere(world).hosts))
    }, 240_000)

    test('what makes no sense is refused, and nothing is changed', async () => {
      const [member, host] = memberAt(0)
      const [, other] = memberAt(1)
      const from = 'h2'
      const cases: readonly (readonly [Inputs, RegExp])[] = [
        [{ member, to: host }, /is well on .*there is nothing to replace/],
        [{ member, to: other }, /runs .* already/],
        [{ member: 'etcd-77', to: from }, /knows no member.*etcd-77/],
        [{ member, to: from, name: 'etcd-9' }, /There is a member etcd-9 already/],
        [{ member: replaced, to: from }, new RegExp(`knows no member.*${replaced}`)],
      ]
      const before = await hostsFootprint(world)
      for (const [inputs, says] of cases)
        expect((await failureOf(await replace(inputs))).message).toMatch(says)
      expect(await hostsFootprint(world)).toEqual(before)
    }, 120_000)
  })
})

async function hostsFootprintOf(hosts: readonly string[]): Promise<unknown> {
  const files = await Promise.all(
    hosts.map((host) => world.lab.run(host, ['sh', '-c', 'ls -d /var/lib/etcd*; cat /etc/etcd/etcd.env'])),
  )
  return {
    files: files.map(({ stdout }) => stdout),
    listed: await listedNow(world),
    inventory: inventoryText(world),
  }
}

/** A member by its place in the inventory, and its host. */
function memberAt(place: number, but = ''): readonly [member: string, host: string] {
  const all = Object.entries(whoIsWhere(world).hosts).filter(([name]) => name !== but)
  const found = all[place]
  if (!found) throw new Error(`The inventory has ${all.length} members.`)
  return found
}
