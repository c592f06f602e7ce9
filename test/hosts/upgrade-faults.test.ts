import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type Started, until, whileWriting, whoIsWhere } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import {
  clusterNow,
  describeOnHosts,
  hostsFootprint,
  type HostsWorld,
  startHostsWorld,
  untilSound,
} from './world.ts'

const soak = '500ms'

describeOnHosts('a cluster that holds keys of the v2 store', () => {
  let world: HostsWorld
  beforeAll(async () => {
    const environment = { ETCD_ENABLE_V2: 'true' }
    world = await startHostsWorld({ version: '3.5', versions: ['3.6', '3.7'], spares: 0, environment })
    const tls = ['--cacert', '/etc/etcd/pki/ca.crt', '--cert', '/etc/etcd/pki/server.crt']
    const url = `https://${world.lab.host('h1').address}:2379/v2/keys/old`
    const put = ['curl', '-fsS', ...tls, '--key', '/etc/etcd/pki/server.key', url, '-XPUT', '-d', 'value=x']
    expect(await world.lab.run('h1', put)).toMatchObject({ code: 0 })
  }, 240_000)
  afterAll(() => world?.close(), 60_000)

  test.each([
    [
      'skipping a minor version',
      '3.7',
      /one minor version at a time: demo runs 3\.5, so 3\.7\.3 comes after 3\.6/,
    ],
    [
      'the flag and the keys that 3.6 dies of',
      '3.6',
      /does not take --enable-v2=true: .*not defined.*keys of the v2 store in its log.*--snapshot-count=1/s,
    ],
  ])(
    '%s is refused before anything is changed',
    async (_what, minor, why) => {
      const before = await hostsFootprint(world)
      const run = await world.start('etcd-rolling-upgrade', {
        cluster: 'demo',
        version: versionOf(world, minor),
        soak,
      })
      expect((await failureOf(run)).message).toMatch(why)
      expect(await hostsFootprint(world)).toEqual(before)
    },
    60_000,
  )
})

/** A second thing goes wrong while members go up and down, one after the other on the same cluster. */
describeOnHosts('while a cluster goes to another version', () => {
  let world: HostsWorld
  beforeAll(async () => {
    const environment = { ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK: 'true' }
    world = await startHostsWorld({ version: '3.6', versions: ['3.5', '3.7'], spares: 0, environment })
  }, 240_000)
  afterAll(() => world?.close(), 60_000)
  afterEach(() => untilSound(world, 3, 60_000), 70_000)

  const go = (runbook: string, minor: string) =>
    world.start(runbook, { cluster: 'demo', version: versionOf(world, minor), soak })

  const running = async () => {
    const links = await Promise.all(
      world.lab.hosts.map(({ name }) => world.lab.run(name, ['readlink', '/opt/etcd/current'])),
    )
    return links.map(({ stdout }) => stdout.trim().split('/').at(-1))
  }

  test.each([
    ['going down without a downgrade', '3.5', /runs 3\.6\.16.*Use etcd-downgrade/],
    [
      'a flag that the new version does not know',
      '3.7',
      /does not take --experimental-initial-corrupt-check=true.*Write --feature-gates=InitialCorruptCheck=true instead/s,
    ],
  ])(
    '%s is refused before anything is changed',
    async (_what, minor, why) => {
      const before = await hostsFootprint(world)
      expect((await failureOf(await go('etcd-rolling-upgrade', minor))).message).toMatch(why)
      expect(await hostsFootprint(world)).toEqual(before)
    },
    60_000,
  )

  test('the flag is replaced as the refusal says', async () => {
    const settings = ['experimental-initial-corrupt-check=', 'feature-gates=InitialCorruptCheck=true']
    const run = await world.start('etcd-reconfigure', { cluster: 'demo', settings, soak })
    await run.result()
  }, 120_000)

  test('a new program that does not start is taken back: every member runs the old one', async () => {
    const flag = '--experimental-enable-lease-checkpoint=true'
    const drop = '/etc/systemd/system/etcd.service.d'
    const everywhere = async (script: string) => {
      for (const { name } of world.lab.hosts)
        expect(await world.lab.run(name, ['sh', '-c', `${script} && systemctl daemon-reload`])).toMatchObject(
          { code: 0 },
        )
    }
    const { result, lost } = await whileWriting(world, async () => {
      const run = await go('etcd-rolling-upgrade', '3.7')
      await begun(run, '/now')
      // 3.6 takes it, 3.7 does not, and it comes after the checks.
      const text = `[Service]\\nExecStart=\\nExecStart=/opt/etcd/current/etcd ${flag}\\n`
      await everywhere(`mkdir -p ${drop} && printf '${text}' >${drop}/flag.conf`)
      const { failure, offers } = await waitingOf(run)
      expect(failure.step).toMatch(/start$/)
      expect(failure.message).toMatch(/experimental-enable-lease-checkpoint/)
      expect(offers).toEqual(['retry', 'rollback', 'abort'])
      await decide(run, 'rollback', 'a flag was forgotten')
      return failureOf(run)
    })
    await everywhere(`rm -r ${drop}`)
    expect(result.type).toBe('RunRolledBack')
    expect(lost).toEqual([])
    expect(new Set(await running())).toEqual(new Set([versionOf(world, '3.6')]))
  }, 240_000)

  test('another member dies: the run waits with the quorum whole, and goes on once it is back', async () => {
    const { lost, acknowledged } = await whileWriting(world, async (writer) => {
      const run = await go('etcd-rolling-upgrade', '3.7')
      const [second = '', third = ''] = await orderOf(run)
      await begun(run, `${second}/now`)
      await world.lab.kill(hostOf(third))
      const waiting = await waitingOf(run)
      expect(waiting.failure.message).toMatch(new RegExp(`${memberOf(third)} does not answer`))
      expect(waiting.offers).toContain('rollback')
      const written = writer.figures().acknowledged
      await until('writes to go on without it', () => writer.figures().acknowledged > written + 20)
      await world.lab.boot(hostOf(third))
      await decide(run, 'retry', 'it is back')
      return run.result()
    })
    expect(lost).toEqual([])
    expect(acknowledged).toBeGreaterThan(100)
    expect(new Set(await running())).toEqual(new Set([versionOf(world, '3.7')]))
  }, 300_000)

  test('the leader moves by itself, and a disk is full: a downgrade goes on', async () => {
    const { lost } = await whileWriting(world, async () => {
      const run = await go('etcd-downgrade', '3.6')
      const [second = '', third = ''] = await orderOf(run)
      await begun(run, `${second}/now`)
      await moveLeaderTo(memberOf(second))
      await begun(run, `${third}/now`)
      await world.lab.fillDisk(hostOf(third))
      const { failure } = await waitingOf(run)
      expect(failure.message).toMatch(/no space left|does not answer|NOSPACE|disk/i)
      await world.lab.freeDisk(hostOf(third))
      await world.lab.run(hostOf(third), ['systemctl', 'reset-failed', 'etcd.service'])
      await world.lab.startEtcd(hostOf(third))
      await untilSound(world, 3, 60_000)
      await decide(run, 'retry', 'there is room again')
      return run.result()
    })
    expect(lost).toEqual([])
    expect(new Set(await running())).toEqual(new Set([versionOf(world, '3.6')]))
  }, 300_000)

  /** Paths of the second and the third member's turn, once the order is known. */
  async function orderOf(run: Started): Promise<readonly string[]> {
    await begun(run, '/now')
    const turns = (await run.status()).view.steps.filter(({ step }) => /^members\[[^/]*\]\/now$/.test(step))
    console.log(JSON.stringify((await run.status()).view.steps.map(({ step }) => step)), world.lab.members)
    return turns.slice(1).map(({ step }) => step.replace(/\/now$/, ''))
  }

  const memberOf = (turn: string) => /\[(.*)\]/.exec(turn)?.[1] ?? ''
  const hostOf = (turn: string) => whoIsWhere(world).hosts[memberOf(turn)] ?? ''

  async function moveLeaderTo(member: string): Promise<void> {
    const { listed, leaders } = await clusterNow(world)
    const to = listed.find(({ name }) => name === member)
    const from = listed.find(({ id }) => id === leaders[0])
    if (!to || !from || to === from) return
    const on = whoIsWhere(world).hosts[from.name] ?? ''
    expect(await world.lab.etcdctl(on, 'move-leader', to.id)).toMatchObject({ code: 0 })
  }
})

function versionOf(world: HostsWorld, minor: string): string {
  return world.lab.versions.find((each) => each.startsWith(`${minor}.`)) ?? ''
}
