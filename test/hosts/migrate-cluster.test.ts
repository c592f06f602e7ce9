import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { soundCluster } from '../membership.ts'
import { type Inputs, inventoryText, leaderNow, membersNow, whileWriting, whoIsWhere } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld } from './world.ts'

/** etcd-migrate-cluster on real hosts: all members to new ones, with a client writing all the time. */

let world: HostsWorld
const names = ['etcd-1', 'etcd-2', 'etcd-3']
const move = (inputs: Inputs) =>
  world.start('etcd-migrate-cluster', { cluster: 'demo', stable: '1s', ask: false, ...inputs })
const hostOf = (member: string): string => whoIsWhere(world).hosts[member] ?? ''
const ids = async () => (await membersNow(world)).map(({ memberId }) => memberId).toSorted()

describeOnHosts('etcd-migrate-cluster', () => {
  describe('etcd 3.5', () => {
    beforeAll(async () => {
      world = await startHostsWorld({ version: '3.5', spares: 3 })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('what makes no sense is refused, and nothing is changed', async () => {
      const before = await hostsFootprint(world)
      const cases: readonly (readonly [Inputs, RegExp])[] = [
        [{ hosts: ['h4', 'h5'] }, /3 members and 2 hosts/],
        [{ hosts: ['h4', 'h5', 'h3'] }, /h3 runs etcd-3 already/],
        [{ members: ['etcd-1', 'etcd-1'], hosts: ['h4', 'h5'] }, /etcd-1 is named twice/],
      ]
      for (const [inputs, says] of cases) expect((await failureOf(await move(inputs))).message).toMatch(says)
      expect(await hostsFootprint(world)).toEqual(before)
    }, 60_000)

    test('every member moves to a new host and keeps its identity; the old data cannot be started', async () => {
      const before = await ids()
      const { result, lost, acknowledged, figures } = await whileWriting(world, async () => {
        const run = await move({ hosts: ['h4', 'h5', 'h6'] })
        return run.result()
      })
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(100)
      expect(figures.longestGapMs).toBeLessThan(5000)
      expect(result.outputs).toMatchObject({ healthy: true, agree: true })
      expect(whoIsWhere(world).hosts).toEqual({ 'etcd-1': 'h4', 'etcd-2': 'h5', 'etcd-3': 'h6' })
      await soundCluster(world, names)
      expect(await ids()).toEqual(before)
      for (const host of ['h1', 'h2', 'h3']) await isEmptied(host)
    }, 240_000)
  })

  describe('etcd 3.7, with faults in the middle', () => {
    beforeAll(async () => {
      world = await startHostsWorld({ version: '3.7', spares: 4 })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('the leader dies between two moves, then the host of the second dies for good', async () => {
      const last = await leaderNow(world)
      const [first = '', second = ''] = names.filter((name) => name !== last)
      const targets: Readonly<Record<string, string>> = { [first]: 'h4', [second]: 'h5', [last]: 'h6' }
      const leadersHost = hostOf(last)
      const { lost, acknowledged } = await whileWriting(world, async () => {
        const run = await move({ hosts: names.map((name) => targets[name]) })
        await begun(run, `move[${first}]/call-1/told`)
        await world.lab.kill(leadersHost)
        const died = await waitingOf(run)
        expect(died.failure.message).toMatch(new RegExp(`${last}|${leadersHost}`))
        expect(died.offers).toContain('retry')
        await world.lab.boot(leadersHost)
        await soundCluster(world, names)
        await decide(run, 'retry')

        await begun(run, `move[${second}]/call-1/start`)
        await world.lab.kill('h5')
        const gone = await waitingOf(run)
        expect(gone.failure.message).toMatch(/h5/)
        expect(gone.offers).toContain('abort')
        await decide(run, 'abort', 'h5 will not come back')
        expect((await failureOf(run)).type).toBe('RunAborted')
      })
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(100)
      expect(whoIsWhere(world).hosts).toMatchObject({ [first]: 'h4', [last]: leadersHost })

      // What the member wrote last is on a host that is gone: another takes its place, and the rest moves.
      const replaced = await whileWriting(world, async () => {
        const run = await world.start('etcd-replace-member', {
          ...{ cluster: 'demo', member: second, to: 'h7', stable: '1s' },
        })
        await run.result()
        // A dead host may hold anybody's data, as far as can be told.
        const refused = await failureOf(await move({ members: [last], hosts: ['h6'] }))
        expect(refused.message).toMatch(/h5 cannot be asked .*take it out of the inventory/)
        expect(refused.message).not.toMatch(/Done and left as it is/)
        writeFileSync(world.lab.inventory, inventoryText(world).replace(/(spares: \[.*)\bh5\b,? ?/, '$1'))
        const rest = await move({ members: [last], hosts: ['h6'] })
        return rest.result()
      })
      expect(replaced.lost).toEqual([])
      expect(whoIsWhere(world).hosts).toEqual({ [first]: 'h4', [second]: 'h7', [last]: 'h6' })
      await soundCluster(world, names)

      // Should it come back all the same, it is nobody's member any more.
      await world.lab.boot('h5')
      await soundCluster(world, names)
    }, 400_000)
  })
})

/** Nothing of etcd can be started there: its data has another name, and its unit refuses. */
async function isEmptied(host: string): Promise<void> {
  const { stdout } = await world.lab.run(host, ['sh', '-c', 'ls -d /var/lib/etcd*'])
  expect(stdout.trim()).toMatch(/^\/var\/lib\/etcd\.quorate-\S+$/)
  expect((await world.lab.run(host, ['systemctl', 'start', 'etcd.service'])).code).not.toBe(0)
}
