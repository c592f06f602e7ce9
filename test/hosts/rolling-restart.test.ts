import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { soundCluster } from '../membership.ts'
import { leaderNow, membersNow, until, whileWriting, whoIsWhere } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld } from './world.ts'

/** etcd-rolling-restart on real hosts, with a client writing all the time. */

let world: HostsWorld
const names = ['etcd-1', 'etcd-2', 'etcd-3']
const restart = () => world.start('etcd-rolling-restart', { cluster: 'demo', soak: '1s' })
const hostOf = (member: string): string => whoIsWhere(world).hosts[member] ?? ''
const ids = async () => (await membersNow(world)).map(({ memberId }) => memberId).toSorted()

describeOnHosts('etcd-rolling-restart', () => {
  describe('etcd 3.4', () => {
    beforeAll(async () => {
      world = await startHostsWorld({ version: '3.4', spares: 0 })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('every member is restarted with what it has, the leader last, and clients hardly notice', async () => {
      const before = { ids: await ids(), starts: await starts() }
      const leader = await leaderNow(world)
      const { result, lost, acknowledged, figures } = await whileWriting(world, async () =>
        (await restart()).result(),
      )
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(50)
      expect(figures.longestGapMs).toBeLessThan(5000)
      expect(result.outputs).toMatchObject({ members: names, agree: true })
      await soundCluster(world, names)
      expect(await ids()).toEqual(before.ids)
      const after = await starts()
      for (const [name, at] of after) expect(at).toBeGreaterThan(before.starts.get(name) ?? Infinity)
      expect(inOrder(after)).toEqual([...names.filter((name) => name !== leader), leader])
    }, 180_000)
  })

  describe('etcd 3.7, with faults', () => {
    beforeAll(async () => {
      world = await startHostsWorld({ version: '3.7', spares: 0 })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('a setting with which one would not come back is found before any is stopped', async () => {
      const mended = await breakSettings('h2')
      const before = { footprint: await hostsFootprint(world), starts: await starts() }
      try {
        const { message } = await failureOf(await restart())
        expect(message).toMatch(/etcd on h2 does not start with these settings.*quota-backend-bytes/s)
        expect({ footprint: await hostsFootprint(world), starts: await starts() }).toEqual(before)
      } finally {
        await mended()
      }
    }, 60_000)

    test('one does not come back: nobody else is stopped, and once it is mended the run goes on', async () => {
      const [first = ''] = await inTurn()
      const before = await starts()
      const { lost } = await whileWriting(world, async () => {
        const run = await restart()
        await begun(run, `members[${first}]/stop`)
        const mended = await breakSettings(hostOf(first))
        const { failure, offers } = await waitingOf(run)
        expect(failure.step).toBe(`members[${first}]/start`)
        expect(failure.message).toMatch(/ETCD_QUOTA_BACKEND_BYTES/)
        expect(offers).toEqual(expect.arrayContaining(['retry', 'rollback']))
        for (const name of names.filter((each) => each !== first))
          expect((await starts()).get(name)).toBe(before.get(name))
        await mended()
        await decide(run, 'retry')
        expect((await run.result()).outputs).toMatchObject({ members: names, agree: true })
      })
      expect(lost).toEqual([])
      await soundCluster(world, names)
    }, 180_000)

    test('the host of another dies while one is stopped: it is started all the same, so that the quorum is back', async () => {
      const [first = '', second = ''] = await inTurn()
      const { lost } = await whileWriting(world, async () => {
        const run = await restart()
        await stopped(hostOf(first))
        await world.lab.kill(hostOf(second))
        const { failure, offers } = await waitingOf(run)
        // Whether it died before or after the stop was seen to leave a quorum.
        expect(failure.message).toMatch(
          /not all members are healthy, so none is stopped|stopped answering meanwhile.*started again at once/,
        )
        expect(offers).toContain('retry')
        // What was started again at once may still be on its way.
        await until('the two others to serve', async () => (await membersNow(world)).length === 2)
        const two = await membersNow(world)
        expect(two.map(({ endpoint }) => whoIsWhere(world).members.get(endpoint) ?? '').toSorted()).toEqual(
          names.filter((name) => name !== second),
        )
        await world.lab.boot(hostOf(second))
        await soundCluster(world, names)
        await decide(run, 'retry')
        expect((await run.result()).outputs).toMatchObject({ members: names, agree: true })
      })
      expect(lost).toEqual([])
      await soundCluster(world, names)
    }, 240_000)
  })
})

/** When etcd of each member was started, by its host; all hosts here have one clock. */
async function starts(): Promise<ReadonlyMap<string, number>> {
  const show = ['systemctl', 'show', '--property=ExecMainStartTimestampMonotonic', '--value', 'etcd.service']
  const told = await Promise.all(
    names.map(async (name) => [name, Number((await world.lab.run(hostOf(name), show)).stdout)] as const),
  )
  return new Map(told)
}

const inOrder = (times: ReadonlyMap<string, number>): readonly string[] =>
  [...times].toSorted(([, a], [, b]) => a - b).map(([name]) => name)

const stopped = (host: string): Promise<void> =>
  until(
    `etcd on ${host} to be stopped`,
    async () => (await world.lab.run(host, ['pidof', 'etcd'])).code === 1,
    60_000,
    20,
  )

/** Followers by name, the leader last. */
async function inTurn(): Promise<readonly string[]> {
  const leader = await leaderNow(world)
  return [...names.filter((name) => name !== leader), leader]
}

/** Writes what etcd does not start with; what it returns takes it out again. */
async function breakSettings(host: string): Promise<() => Promise<void>> {
  const file = '/etc/etcd/etcd.env'
  const text = await world.lab.readFile(host, file)
  await world.lab.writeFile(host, file, `${text}ETCD_QUOTA_BACKEND_BYTES=much\n`)
  return () => world.lab.writeFile(host, file, text)
}
