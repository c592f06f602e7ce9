import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { EtcdMinor } from '../lab/binaries.ts'
import { type MemberNow, membersNow, startWorld, whileWriting, whoIsWhere, type World } from './world.ts'

/** etcd-migrate-node on the process lab, with a client writing all the time. */
describe.each<[EtcdMinor]>([['3.5'], ['3.6'], ['3.7']])('etcd %s', (version) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ version })
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  // The first frees a host for the second.
  test.each([
    ['a follower', (member: MemberNow) => member.memberId !== member.leader],
    ['the leader', (member: MemberNow) => member.memberId === member.leader],
  ])(
    '%s moves: same identity, same data, no acknowledged write lost',
    async (_which, chosen) => {
      const before = await membersNow(world)
      const { members, free } = whoIsWhere(world)
      const moving = before.find((member) => chosen(member) && members.has(member.endpoint))
      const name = members.get(moving?.endpoint ?? '') ?? ''
      const { result, acknowledged, lost, figures } = await whileWriting(world, async () => {
        const run = await world.start({ cluster: 'demo', member: name, to: free.name, stable: '2s' })
        return run.result()
      })

      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(100)
      expect(figures.longestGapMs).toBeLessThan(5_000)
      expect(result.outputs).toMatchObject({ member: name, to: free.name, id: moving?.memberId, agree: true })

      const after = await membersNow(world)
      expect(after.map(({ memberId }) => memberId).toSorted()).toEqual(
        before.map(({ memberId }) => memberId).toSorted(),
      )
      expect(after.find(({ memberId }) => memberId === moving?.memberId)?.endpoint).toBe(free.endpoint)
      expect(new Set(after.map(({ hash }) => hash)).size).toBe(1)
    },
    180_000,
  )
})
