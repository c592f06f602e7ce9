import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { soundCluster } from '../membership.ts'
import { type Inputs, leaderNow, type Started, whileWriting, whoIsWhere } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import { describeOnHosts, type HostsWorld, startHostsWorld } from './world.ts'

/** A second fault while a member is replaced: the run waits, the cluster serves, and its offers lead out. */

let world: HostsWorld
const replace = (inputs: Inputs) =>
  world.start('etcd-replace-member', { cluster: 'demo', stable: '1s', patience: '10s', ...inputs })
const members = () => whoIsWhere(world).hosts
const hostOf = (member: string): string => members()[member] ?? ''

describeOnHosts('a second fault while a member is replaced', () => {
  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.6', spares: 3 })
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  test('another member dies: the new one is not let vote, because one more death would be the end', async () => {
    const { result, lost } = await whileWriting(world, async () => {
      const run = await replace({ member: 'etcd-1', to: 'h4', name: 'etcd-4' })
      await begun(run, 'added/start')
      await world.lab.stopEtcd('h3')
      const { failure, offers } = await waitingOf(run)
      expect(failure.message).toMatch(/etcd-4 was not promoted in demo: .*2 of 4 voters alive.*|the others/)
      expect(offers).toContain('retry')
      expect(offers).toContain('rollback')
      await world.lab.startEtcd('h3')
      await decide(run, 'retry')
      return run.result()
    })
    expect(lost).toEqual([])
    expect(result.outputs).toMatchObject({ member: 'etcd-4', replaced: 'etcd-1', margin: 1 })
    await soundCluster(world, ['etcd-2', 'etcd-3', 'etcd-4'])
  }, 240_000)

  test('the quorum is lost while the new one catches up: nothing goes on, and all does once it is back', async () => {
    await world.lab.stopEtcd(hostOf('etcd-2'))
    const { result, lost } = await whileWriting(world, async () => {
      const run = await replace({ member: 'etcd-2', to: 'h5' })
      await begun(run, 'added/start')
      await world.lab.stopEtcd(hostOf('etcd-3'))
      const { failure, offers } = await waitingOf(run)
      expect(failure.message).toMatch(
        /no leader|timed out|other members have not served|sees a leader|no answer within/,
      )
      expect(offers).toContain('retry')
      await world.lab.startEtcd(hostOf('etcd-3'))
      await decide(run, 'retry')
      return run.result()
    })
    expect(lost).toEqual([])
    expect(result.outputs).toMatchObject({ member: 'etcd-2', to: 'h5', margin: 1 })
    await soundCluster(world, ['etcd-2', 'etcd-3', 'etcd-4'])
  }, 240_000)

  test('the new host dies while it joins, and comes back: the run goes on where it was', async () => {
    await world.lab.stopEtcd(hostOf('etcd-3'))
    const { result, lost } = await whileWriting(world, async () => {
      const run = await replace({ member: 'etcd-3', to: 'h6' })
      await begun(run, 'added/start')
      await world.lab.kill('h6')
      const { offers } = await waitingOf(run)
      expect(offers).toContain('retry')
      await world.lab.boot('h6')
      await decide(run, 'retry')
      return run.result()
    })
    expect(lost).toEqual([])
    expect(result.outputs).toMatchObject({ member: 'etcd-3', to: 'h6', margin: 1 })
    await soundCluster(world, ['etcd-2', 'etcd-3', 'etcd-4'])
  }, 300_000)

  test('the new host dies for good: the learner is taken back, and another host takes its place', async () => {
    const from = hostOf('etcd-3')
    await world.lab.stopEtcd(from)
    const { result, lost } = await whileWriting(world, async () => {
      const run = await replace({ member: 'etcd-3', to: 'h1' })
      await begun(run, 'added/start')
      await world.lab.kill('h1')
      const { offers } = await waitingOf(run)
      expect(offers).toContain('rollback')
      await decide(run, 'rollback')
      await passOver(run)
      const failure = await failureOf(run)
      expect(failure.type).toBe('RunRolledBack')
      await soundCluster(world, ['etcd-2', 'etcd-4'])
      const again = await world.start('etcd-add-member', {
        cluster: 'demo',
        name: 'etcd-3',
        to: 'h3',
        stable: '1s',
      })
      return again.result()
    })
    expect(lost).toEqual([])
    expect(result.outputs).toMatchObject({ member: 'etcd-3', host: 'h3', voters: 3, margin: 1 })
    await soundCluster(world, ['etcd-2', 'etcd-3', 'etcd-4'])
    await world.lab.boot('h1')
  }, 400_000)

  test('the leadership moves about by itself all the time', async () => {
    const moving = new AbortController()
    const { result, lost } = await whileWriting(world, async () => {
      const roaming = roam(moving.signal)
      try {
        const run = await replace({ member: await leaderNow(world), to: 'h2' })
        return await run.result()
      } finally {
        moving.abort()
        await roaming
      }
    })
    expect(lost).toEqual([])
    expect(result.outputs).toMatchObject({ to: 'h2', margin: 1 })
    await soundCluster(world, Object.keys(members()))
  }, 240_000)
})

/** What cannot be done on a dead host is passed over, as often as the run asks; ends with the run. */
async function passOver(run: Started): Promise<void> {
  for (;;) {
    const { view } = await run.status()
    if (view.phase === 'rolledBack') return
    if (view.waiting?.offers.includes('skip') === true) {
      await decide(run, 'skip', 'the host is dead').catch(() => undefined)
    }
    await sleep(300)
  }
}

/** Hands leadership to another voter every two seconds. */
async function roam(signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    const hosts = Object.values(members())
    const { stdout } = await world.lab.etcdctl(
      hosts[turn % hosts.length] ?? '',
      'endpoint',
      'status',
      '--write-out=fields',
    )
    const own = /"MemberID" : (\d+)/.exec(stdout)?.[1] ?? '0'
    const id = BigInt(own).toString(16)
    for (const host of hosts) await world.lab.etcdctl(host, 'move-leader', id)
    await sleep(2000, undefined, { signal }).catch(() => undefined)
  }
}
