import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import type { EtcdMinor } from '../lab/binaries.ts'
import { soundCluster } from './membership.ts'
import {
  type Inputs,
  leaderNow,
  startRun,
  startWorld,
  whileWriting,
  whoIsWhere,
  type World,
} from './world.ts'

/** etcd-replace-member on the process lab, with a client writing all the time. */

let world: World
const replace = (inputs: Inputs) =>
  startRun(world.door, 'etcd-replace-member', { cluster: 'demo', stable: '1s', ...inputs })

describe.each<[EtcdMinor]>([['3.6']])('etcd %s', (version) => {
  beforeAll(async () => {
    world = await startWorld({ version, spares: 2 })
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  test('a member whose etcd has died is fenced, removed and replaced by a learner, which is promoted', async () => {
    await world.lab.kill('h2')
    const { result, lost, acknowledged } = await whileWriting(world, async () => {
      const run = await replace({ member: 'etcd-2', to: 'h4' })
      return run.result()
    })
    expect(lost).toEqual([])
    expect(acknowledged).toBeGreaterThan(50)
    expect(result.outputs).toMatchObject({
      member: 'etcd-2',
      replaced: 'etcd-2',
      from: 'h2',
      to: 'h4',
      margin: 1,
    })
    expect(existsSync(z.string().parse(result.outputs?.['setAside']))).toBe(true)
    const { listed } = await soundCluster(world, ['etcd-1', 'etcd-2', 'etcd-3'])
    expect(listed.find(({ name }) => name === 'etcd-2')?.id).not.toBe(result.outputs?.['replacedId'])
    expect(whoIsWhere(world).hosts).toEqual({ 'etcd-1': 'h1', 'etcd-2': 'h4', 'etcd-3': 'h3' })
    // The fence holds: neither a reboot nor a hand starts the dead one.
    expect((await world.lab.run('h2', 'etcd-start')).code).not.toBe(0)
  }, 180_000)

  test('a healthy leader stays until the new one votes, hands over, and goes', async () => {
    const leader = await leaderNow(world)
    const from = whoIsWhere(world).hosts[leader]
    const { result, lost, figures } = await whileWriting(world, async () => {
      const run = await replace({ member: leader, to: 'h5', name: 'etcd-9' })
      return run.result()
    })
    expect(lost).toEqual([])
    expect(figures.longestGapMs).toBeLessThan(5000)
    expect(result.outputs).toMatchObject({ member: 'etcd-9', replaced: leader, from, to: 'h5', margin: 1 })
    const others = ['etcd-1', 'etcd-2', 'etcd-3'].filter((name) => name !== leader)
    await soundCluster(world, [...others, 'etcd-9'])
    expect(whoIsWhere(world).hosts).toMatchObject({ 'etcd-9': 'h5' })
  }, 180_000)
})
