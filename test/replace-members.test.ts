import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { soundCluster } from './membership.ts'
import { leaderNow, startRun, startWorld, whileWriting, whoIsWhere, type World } from './world.ts'

/** Two dead of five, and one that lives, in one run on the process lab. */

let world: World
beforeAll(async () => {
  world = await startWorld({ members: 5, spares: 3 })
}, 180_000)
afterAll(() => world?.close(), 60_000)

test('both dead ones go before the first new one comes, because etcd adds nobody beside a dead voter', async () => {
  const leader = await leaderNow(world)
  const { hosts } = whoIsWhere(world)
  const [first = '', second = ''] = Object.keys(hosts).filter((name) => name !== leader)
  for (const member of [first, second]) await world.lab.kill(hosts[member] ?? '')
  const { result, lost } = await whileWriting(world, async () => {
    const run = await startRun(world.door, 'etcd-replace-members', {
      ...{ cluster: 'demo', members: [leader, second, first], hosts: ['h6', 'h7', 'h8'] },
      ...{ names: ['etcd-9'], stable: '500ms', ask: false },
    })
    return run.result()
  })
  expect(lost).toEqual([])
  expect(result.outputs).toMatchObject({ lowestMargin: 0, margin: 2 })
  const names = [...Object.keys(hosts).filter((name) => name !== leader), 'etcd-9']
  await soundCluster(world, names)
  expect(whoIsWhere(world).hosts).toMatchObject({ [first]: 'h8', [second]: 'h7', 'etcd-9': 'h6' })
}, 600_000)
