import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { ExtraHost } from '../../lab/hosts/lab.ts'
import { until, whileWriting } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import {
  clusterNow,
  describeOnHosts,
  hostsFootprint,
  type HostsWorld,
  startHostsWorld,
  untilSound,
} from './world.ts'

jest.setTimeout(240_000)

/** etcd-migrate-node on real hosts with TLS: onto every service manager and back, with a client writing all the time. */
describeOnHosts('etcd-migrate-node on real hosts', () => {
  // Each way once; what a service manager does is tried with every one of them in services.test.ts.
  describe.each<[string, readonly ExtraHost[], readonly (readonly [string, string, string, string])[]]>([
    [
      '3.5',
      ['docker'],
      [
        ['from systemd to systemd', 'etcd-1', 'h1', 'h4'],
        ['from systemd to Docker', 'etcd-2', 'h2', 'dk'],
      ],
    ],
    [
      '3.7',
      ['supervise', 'script'],
      [
        ['from systemd to systemd', 'etcd-1', 'h1', 'h4'],
        ['from systemd to daemontools', 'etcd-3', 'h3', 'sv'],
        ['from daemontools to scripts', 'etcd-3', 'sv', 'sc'],
        ['from scripts back to where it came from', 'etcd-3', 'sc', 'h3'],
      ],
    ],
  ])('etcd %s', (version, extras, ways) => {
    let world: HostsWorld
    beforeAll(async () => {
      world = await startHostsWorld({ version, spares: 1, extras })
    }, 300_000)
    afterAll(() => world?.close(), 60_000)

    test.each(ways)('a member moves %s', async (_way, member, from, to) => {
      const before = await clusterNow(world)
      const id = before.listed.find(({ name }) => name === member)?.id
      const { result, acknowledged, lost, figures } = await whileWriting(world, async () => {
        const run = await world.start('etcd-migrate-node', { cluster: 'demo', member, to, stable: '2s' })
        return run.result()
      })
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(50)
      expect(figures.longestGapMs).toBeLessThan(10_000)
      expect(result.outputs).toMatchObject({ member, id, from, to, agree: true })
      const after = await untilSound(world, 3)
      expect(after.listed.map((each) => each.id).toSorted()).toEqual(
        before.listed.map((each) => each.id).toSorted(),
      )
      const { address } = world.lab.host(to)
      expect(after.listed.find(({ name }) => name === member)).toMatchObject({
        peerUrls: [`https://${address}:2380`],
        clientUrls: [`https://${address}:2379`],
      })
      expect((await world.lab.run(from, ['pidof', 'etcd'])).code).toBe(1)
    })
  })

  describe('what can go wrong', () => {
    let world: HostsWorld
    beforeAll(async () => {
      world = await startHostsWorld({ spares: 1, unitDirectory: '/etc/systemd/system' })
    }, 300_000)
    afterAll(() => world?.close(), 60_000)

    const move = (member: string, to: string) =>
      world.start('etcd-migrate-node', { cluster: 'demo', member, to, stable: '1s' })
    const shell = (host: string, script: string) => world.lab.run(host, ['sh', '-c', script])
    const pki = '/etc/etcd/pki'

    test.each([
      [
        "another host's certificate",
        async () =>
          void (await shell('h4', `cp -a ${pki}/peer.crt ${pki}/mine; cat ${pki}/ca.crt >${pki}/peer.crt`)),
        async () => void (await shell('h4', `mv ${pki}/mine ${pki}/peer.crt`)),
        /peer\.crt on h4 does not name 10\.87\.\d+\.14 .*peer\.key on h4 is not the key of/s,
      ],
      [
        'no key',
        async () => void (await shell('h4', `mv ${pki}/server.key ${pki}/mine`)),
        async () => void (await shell('h4', `mv ${pki}/mine ${pki}/server.key`)),
        /h4 has no \/etc\/etcd\/pki\/server\.key, which etcd there is to read \(key-file\)/,
      ],
      [
        'data of something else',
        async () => void (await shell('h4', 'touch /var/lib/etcd/stale')),
        async () => void (await shell('h4', 'rm /var/lib/etcd/stale')),
        /h4 has a data directory at \/var\/lib\/etcd already/,
      ],
      [
        'a firewall before its peer port',
        () => world.lab.cutOff('h4', { from: ['h2'], direction: 'in', ports: [2380] }),
        () => world.lab.heal('h4'),
        /h2 does not reach the peer port 2380 of h4/,
      ],
      [
        'a full disk',
        () => world.lab.fillDisk('h4'),
        () => world.lab.freeDisk('h4'),
        /h4 has 0 MiB free|No space left/,
      ],
    ])('a host with %s is refused, and nothing is changed', async (_what, harm, mend, message) => {
      await harm()
      const before = await hostsFootprint(world)
      try {
        const failure = await failureOf(await move('etcd-1', 'h4'))
        expect(failure.message).toMatch(message)
        expect(await hostsFootprint(world)).toEqual(before)
      } finally {
        await mend()
      }
      await untilSound(world, 3)
    })

    test('the new host dies for good during the copy: the member goes on where it was', async () => {
      const before = await clusterNow(world)
      const { lost } = await whileWriting(world, async () => {
        const run = await move('etcd-1', 'h4')
        await begun(run, 'copy')
        await world.lab.kill('h4')
        const { offers } = await waitingOf(run)
        expect(offers).toContain('rollback')
        await decide(run, 'rollback', 'h4 will not come back')
        expect((await failureOf(run)).type).toBe('RunRolledBack')
      })
      expect(lost).toEqual([])
      const after = await untilSound(world, 3)
      expect(after.listed).toEqual(before.listed)
      await world.lab.boot('h4')
    })

    test('the new host dies while the member joins: the run waits, and goes on once it is back', async () => {
      const { lost } = await whileWriting(world, async () => {
        const run = await move('etcd-1', 'h4')
        await begun(run, 'start')
        await world.lab.kill('h4')
        await waitingOf(run)
        await untilTwoServe(world)
        await world.lab.boot('h4')
        await decide(run, 'retry')
        expect((await run.result()).outputs).toMatchObject({ to: 'h4', agree: true })
      })
      expect(lost).toEqual([])
      await untilSound(world, 3)
    })

    test('the old data cannot be brought back: by hand, by its name, by a reboot', async () => {
      const starts = () => shell('h1', 'systemctl start etcd.service')
      expect((await starts()).code).not.toBe(0)
      expect((await shell('h1', 'mv /var/lib/etcd.quorate-* /var/lib/etcd')).code).toBe(0)
      expect((await starts()).stderr).toMatch(/Assertion failed/)
      await world.lab.kill('h1')
      await world.lab.boot('h1')
      expect((await starts()).code).not.toBe(0)
      expect((await shell('h1', 'pidof etcd')).code).toBe(1)
      await untilSound(world, 3)
      expect((await shell('h1', 'mv /var/lib/etcd /var/lib/etcd.old')).code).toBe(0)
    })

    test('another member dies before the stop: the run does not stop a second one, and goes on after', async () => {
      const { lost } = await whileWriting(world, async () => {
        const run = await move('etcd-2', 'h1')
        await begun(run, 'backup')
        await world.lab.stopEtcd('h3')
        const waiting = await waitingOf(run)
        expect(waiting.failure.message).toMatch(/etcd-3|healthy|h3/)
        await world.lab.startEtcd('h3')
        await untilSound(world, 3)
        await decide(run, 'retry')
        expect((await run.result()).outputs).toMatchObject({ to: 'h1', agree: true })
      })
      expect(lost).toEqual([])
      await untilSound(world, 3)
    })
  })
})

/** Two of three members serve on. */
async function untilTwoServe(world: HostsWorld): Promise<void> {
  await until('two members that agree on a leader', async () => {
    const { members, leaders } = await clusterNow(world)
    return members.length === 2 && leaders.length === 1 && leaders[0] !== '0'
  })
}
