import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { approved } from '../membership.ts'
import { type Inputs, membersNow, whileWriting } from '../world.ts'
import { describeOnHosts, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/** Every hop up and down that etcd knows, through the real programs, with a client writing all the time. */
describeOnHosts('a cluster goes up and down through the versions', () => {
  let world: HostsWorld
  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.4', versions: ['3.5', '3.6', '3.7'], spares: 0 })
  }, 240_000)
  afterAll(() => world?.close(), 60_000)

  const soak = '1s'

  test.each<[string, string, string, Inputs]>([
    ['etcd-rolling-upgrade', '3.4', '3.5', { ask: true }],
    ['etcd-rolling-upgrade', '3.5', '3.6', { ask: false }],
    ['etcd-rolling-upgrade', '3.6', '3.7', { ask: false }],
    ['etcd-downgrade', '3.7', '3.6', {}],
    ['etcd-downgrade', '3.6', '3.5', {}],
  ])(
    '%s %s to %s',
    async (runbook, from, to, inputs) => {
      const version = versionOf(world, to)
      const before = await membersNow(world)
      const { result, lost, acknowledged, figures } = await whileWriting(world, async () => {
        const run = await world.start(runbook, { cluster: 'demo', version, soak, ...inputs })
        if (inputs['ask'] === true)
          expect(await approved(run)).toMatch(/the last member of demo that runs 3\.4.*etcd-downgrade/s)
        return run.result()
      })
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(100)
      expect(figures.longestGapMs).toBeLessThan(5_000)
      expect(result.outputs).toMatchObject({
        ...{ from: versionOf(world, from), to: version, clusterVersion: `${to}.0`, agree: true },
        storageVersion: ['3.4', '3.5'].includes(to) ? '' : `${to}.0`,
      })
      const after = await untilSound(world, 3)
      expect(after.members.map(({ memberId }) => memberId)).toEqual(before.map(({ memberId }) => memberId))
      for (const { name } of world.lab.hosts)
        expect((await world.lab.run(name, ['readlink', '/opt/etcd/current'])).stdout.trim()).toMatch(
          new RegExp(`(^|/)${version}$`),
        )
    },
    300_000,
  )
})

/** A version in full, of those that lie in the lab. */
function versionOf(world: HostsWorld, minor: string): string {
  const version = world.lab.versions.find((each) => each.startsWith(`${minor}.`))
  if (version === undefined)
    throw new Error(`The lab has no etcd ${minor}; it has ${world.lab.versions.join(', ')}.`)
  return version
}
