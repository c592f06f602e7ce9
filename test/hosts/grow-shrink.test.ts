import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { approved, soundCluster } from '../membership.ts'
import { type Inputs, inventoryText, leaderNow, whileWriting, whoIsWhere } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld } from './world.ts'

/** etcd-expand and etcd-shrink on real hosts: one member that only knows localhost, to three, five and back. */

let world: HostsWorld
const start = (runbook: string, inputs: Inputs) =>
  world.start(runbook, { cluster: 'demo', stable: '1s', ask: false, ...inputs })

const localhost = {
  ETCD_LISTEN_PEER_URLS: 'https://127.0.0.1:2380',
  ETCD_INITIAL_ADVERTISE_PEER_URLS: 'https://localhost:2380',
  ETCD_INITIAL_CLUSTER: 'etcd-1=https://localhost:2380',
}

describeOnHosts('growing and shrinking', () => {
  describe.each([
    ['3.5', 3],
    ['3.7', 5],
  ])('etcd %s, up to %i members', (version, most) => {
    beforeAll(async () => {
      world = await startHostsWorld({ version, members: 1, spares: most - 1, environment: localhost })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('one that knows itself by localhost gets its real address, and two more', async () => {
      const { result, lost } = await whileWriting(world, async () => {
        const run = await start('etcd-expand', { hosts: ['h2', 'h3'], ask: true })
        const plan = await approved(run)
        expect(plan).toMatch(/from 1 to 3 voters/)
        expect(plan).toMatch(
          /1\. add etcd-2 on h2: 1 to 2 of 2 voters alive, quorum 2, no failure is tolerated/,
        )
        expect(await approved(run)).toMatch(/only member of demo.*has to be restarted/)
        return run.result()
      })
      expect(lost).toEqual([])
      expect(result.outputs).toMatchObject({ members: ['etcd-1', 'etcd-2', 'etcd-3'], voters: 3, margin: 1 })
      const { listed } = await soundCluster(world, ['etcd-1', 'etcd-2', 'etcd-3'])
      expect(listed.flatMap(({ peerUrls }) => peerUrls).join()).not.toContain('localhost')
      expect(whoIsWhere(world).hosts).toEqual({ 'etcd-1': 'h1', 'etcd-2': 'h2', 'etcd-3': 'h3' })
    }, 240_000)

    if (most > 3) beyondThree()

    test('three shrink to one; of two both must live: while the other is dead none is removed', async () => {
      const leader = await leaderNow(world)
      const [, second = ''] = ['etcd-1', 'etcd-2', 'etcd-3'].filter((name) => name !== leader)
      const survivor = whoIsWhere(world).hosts[leader] ?? ''
      const { result, lost } = await whileWriting(world, async () => {
        const run = await start('etcd-shrink', { size: 1, ask: true })
        const message = await approved(run)
        expect(message).toMatch(/from 3 to 1 voters/)
        await begun(run, `shrink[${second}]/call-1/old`)
        await world.lab.stopEtcd(survivor)
        const { offers } = await waitingOf(run)
        expect(offers).toContain('retry')
        await world.lab.startEtcd(survivor)
        await soundCluster(world, [leader, second])
        await decide(run, 'retry')
        return run.result()
      })
      expect(lost).toEqual([])
      const members = Object.keys(whoIsWhere(world).hosts)
      expect(members).toEqual([leader])
      expect(result.outputs).toMatchObject({ members, voters: 1, margin: 0 })
      await soundCluster(world, members)
      const last = await failureOf(
        await world.start('etcd-remove-member', { cluster: 'demo', member: members[0], margin: 0 }),
      )
      expect(last.message).toMatch(/only voter.*nothing would be left/)
    }, 240_000)
  })
})

/** Registers what is tried beyond three members, and what is refused. */
function beyondThree(): void {
  test('what makes no sense is refused, and nothing is changed', async () => {
    await world.lab.run('h4', ['sh', '-c', 'mkdir -p /var/lib/etcd/member && touch /var/lib/etcd/member/x'])
    const cases: readonly (readonly [string, Inputs, RegExp])[] = [
      ['etcd-expand', { hosts: ['h4', 'h5'] }, /h4 has a data directory.*set it aside/],
      ['etcd-expand', { hosts: ['h5'] }, /4 voters tolerate no more failures than 3/],
      ['etcd-expand', { hosts: ['h5', 'h3'] }, /h3 runs etcd-3 already/],
      ['etcd-expand', { hosts: ['h5', 'h9'] }, /demo has no host h9/],
      ['etcd-shrink', { size: 2 }, /2 voters tolerate no more failures than 1/],
      ['etcd-shrink', { size: 1, members: ['etcd-2'] }, /not both/],
      ['etcd-shrink', { members: ['etcd-1', 'etcd-2', 'etcd-3'] }, /Nothing would be left/],
      ['etcd-remove-member', { member: 'etcd-3', ask: undefined }, /0 of them could fail: less than 1/],
    ]
    const before = { footprint: await hostsFootprint(world), inventory: inventoryText(world) }
    for (const [runbook, inputs, says] of cases) {
      const { ask, ...others } = { ask: false, ...inputs }
      const run = await world.start(runbook, {
        ...{ cluster: 'demo', stable: '1s', ...others },
        ...(ask === undefined ? {} : { ask }),
      })
      expect((await failureOf(run)).message).toMatch(says)
    }
    expect({ footprint: await hostsFootprint(world), inventory: inventoryText(world) }).toEqual(before)
    await world.lab.run('h4', ['rm', '-r', '/var/lib/etcd'])
  }, 240_000)

  test('three grow to five', async () => {
    const { result, lost } = await whileWriting(world, async () => {
      const run = await start('etcd-expand', { hosts: ['h4', 'h5'] })
      return run.result()
    })
    expect(lost).toEqual([])
    expect(result.outputs).toMatchObject({ voters: 5, margin: 2 })
    await soundCluster(world, ['etcd-1', 'etcd-2', 'etcd-3', 'etcd-4', 'etcd-5'])
  }, 240_000)

  test('below a quorum nobody is removed', async () => {
    await world.lab.stopEtcd('h4')
    await world.lab.stopEtcd('h5')
    const refused = await failureOf(await start('etcd-shrink', { members: ['etcd-2'] }))
    expect(refused.message).toMatch(/etcd-4 does not answer.*mend that first/)
    await soundClusterOfLiving()
  }, 120_000)

  test('five shrink to three: the dead first', async () => {
    const { result, lost } = await whileWriting(world, async () => {
      const run = await start('etcd-shrink', { size: 3 })
      return run.result()
    })
    expect(lost).toEqual([])
    expect(result.outputs).toMatchObject({ removed: ['etcd-4', 'etcd-5'], voters: 3, margin: 1 })
    await soundCluster(world, ['etcd-1', 'etcd-2', 'etcd-3'])
  }, 240_000)
}

async function soundClusterOfLiving(): Promise<void> {
  const run = await world.start('etcd-remove-member', { cluster: 'demo', member: 'etcd-2', margin: 0 })
  expect((await failureOf(run)).message).toMatch(/2 of 4 voters would be left alive, which is no quorum/)
}
