import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { approved, soundCluster } from '../membership.ts'
import { type Inputs, leaderNow, whileWriting, whoIsWhere } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld } from './world.ts'

/** etcd-replace-members on real hosts: dead and living ones in one run, with a client writing all the time. */

let world: HostsWorld
const replace = (inputs: Inputs) =>
  world.start('etcd-replace-members', {
    ...{ cluster: 'demo', stable: '1s', patience: '10s', ask: false },
    ...inputs,
  })
const hostOf = (member: string): string => whoIsWhere(world).hosts[member] ?? ''

describeOnHosts('etcd-replace-members', () => {
  describe('etcd 3.5', () => {
    beforeAll(async () => {
      world = await startHostsWorld({ version: '3.5', spares: 2 })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('what makes no sense is refused, and nothing is changed', async () => {
      const before = await hostsFootprint(world)
      const cases: readonly (readonly [Inputs, RegExp])[] = [
        [{ members: ['etcd-1', 'etcd-2'], hosts: ['h4'] }, /2 members and 1 hosts/],
        [{ members: ['etcd-1', 'etcd-1'], hosts: ['h4', 'h5'] }, /etcd-1 is named twice/],
        [{ members: ['etcd-1', 'etcd-9'], hosts: ['h4', 'h5'] }, /demo has no member etcd-9/],
        [{ members: ['etcd-1'], hosts: ['h2'] }, /h2 runs etcd-2 already/],
        [{ members: ['etcd-1'], hosts: ['h1'] }, /etcd-1: well where it is/],
      ]
      for (const [inputs, says] of cases)
        expect((await failureOf(await replace(inputs))).message).toMatch(says)
      expect(await hostsFootprint(world)).toEqual(before)
    }, 60_000)

    test('dead ones that make a quorum are no matter for it', async () => {
      await Promise.all(['h2', 'h3'].map((host) => world.lab.stopEtcd(host)))
      const refused = await failureOf(await replace({ members: ['etcd-2', 'etcd-3'], hosts: ['h4', 'h5'] }))
      expect(refused.message).toMatch(/disaster recovery \(etcd-recover\)/)
      await Promise.all(['h2', 'h3'].map((host) => world.lab.startEtcd(host)))
      await soundCluster(world, ['etcd-1', 'etcd-2', 'etcd-3'])
    }, 60_000)

    test('the dead one goes first, the leader last; the plan says before what each step leaves', async () => {
      const leader = await leaderNow(world)
      const [other = '', dead = ''] = ['etcd-1', 'etcd-2', 'etcd-3'].filter((name) => name !== leader)
      const old = { dead: hostOf(dead), leader: hostOf(leader) }
      await world.lab.stopEtcd(old.dead)
      const { result, lost } = await whileWriting(world, async () => {
        const run = await replace({
          ...{ members: [leader, dead], hosts: ['h4', 'h5'], names: ['etcd-9', ''], ask: true },
        })
        const plan = await approved(run)
        expect(plan).toMatch(/margin now: 0, lowest on the way: 0/)
        expect(plan).toMatch(
          new RegExp(
            `1\\. replace ${dead} \\(dead\\) on ${old.dead} by ${dead} on h5: .*\n2\\. replace ${leader} \\(the leader\\)`,
          ),
        )
        return run.result()
      })
      expect(lost).toEqual([])
      expect(result.outputs).toMatchObject({ margin: 1, members: [dead, other, 'etcd-9'].toSorted() })
      await soundCluster(world, [dead, other, 'etcd-9'])
      for (const host of Object.values(old)) await isFenced(host)
    }, 180_000)
  })

  describe('etcd 3.7, five members, with a fault in the middle', () => {
    beforeAll(async () => {
      world = await startHostsWorld({ version: '3.7', members: 5, spares: 3 })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('two dead and the leader; a third dies while the first new one joins: it waits for that one', async () => {
      const leader = await leaderNow(world)
      const followers = Object.keys(whoIsWhere(world).hosts).filter((name) => name !== leader)
      const [first = '', second = '', third = '', fourth = ''] = followers
      const old = [first, second, leader].map(hostOf)
      for (const member of [first, second]) await world.lab.stopEtcd(hostOf(member))
      const { result, lost, acknowledged } = await whileWriting(world, async () => {
        const run = await replace({
          ...{ members: [leader, second, first], hosts: ['h6', 'h7', 'h8'], names: ['etcd-9'], ask: true },
        })
        expect(await approved(run)).toMatch(/margin now: 0, lowest on the way: 0/)
        await begun(run, `successors[${first}]/call-1/start`)
        await world.lab.stopEtcd(hostOf(third))
        const { failure, offers } = await waitingOf(run)
        expect(failure.message).toMatch(new RegExp(`${first} was not promoted in demo`))
        expect(offers).toEqual(expect.arrayContaining(['retry', 'rollback']))
        await world.lab.startEtcd(hostOf(third))
        await decide(run, 'retry')
        return run.result()
      })
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(100)
      expect(result.outputs).toMatchObject({ lowestMargin: 0, margin: 2 })
      await soundCluster(world, [first, second, third, fourth, 'etcd-9'])
      expect(whoIsWhere(world).hosts).toMatchObject({ [first]: 'h8', [second]: 'h7', 'etcd-9': 'h6' })
      for (const host of old) await isFenced(host)
    }, 300_000)
  })
})

/** Neither a reboot nor a hand starts the old one, and its data has another name. */
async function isFenced(host: string): Promise<void> {
  expect((await world.lab.run(host, ['systemctl', 'start', 'etcd.service'])).code).not.toBe(0)
  const { stdout } = await world.lab.run(host, ['sh', '-c', 'ls -d /var/lib/etcd*'])
  expect(stdout.trim()).toMatch(/^\/var\/lib\/etcd\.quorate-\S+$/)
}
