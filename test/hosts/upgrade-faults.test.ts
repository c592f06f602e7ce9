import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type Inputs, leaderNow, turnsNow, until, whileWriting } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import {
  clusterNow,
  describeOnHosts,
  hostsFootprint,
  type HostsWorld,
  startHostsWorld,
  untilSound,
} from './world.ts'

/** What stands in the way of another version, and a second thing that goes wrong while members go up and down. */
describeOnHosts('while a cluster goes to another version', () => {
  let world: HostsWorld
  beforeAll(async () => {
    const environment = { ETCD_ENABLE_V2: 'true' }
    world = await startHostsWorld({ version: '3.5', versions: ['3.6', '3.7'], spares: 0, environment })
  }, 240_000)
  afterAll(() => world?.close(), 60_000)
  afterEach(() => untilSound(world, 3, 60_000), 70_000)

  const versionOf = (minor: string) => {
    const version = world.lab.versions.find((each) => each.startsWith(`${minor}.`))
    if (version === undefined) throw new Error(`The lab has no etcd ${minor}.`)
    return version
  }
  const start = (runbook: string, minor: string, inputs: Inputs = {}) =>
    world.start(runbook, { cluster: 'demo', version: versionOf(minor), soak: '500ms', ...inputs })
  const upgrade = (minor: string) => start('etcd-rolling-upgrade', minor, { ask: false })
  const hostOf = (member: string) => world.lab.members[member] ?? ''
  const shell = async (host: string, script: string) =>
    expect(await world.lab.run(host, ['sh', '-c', script])).toMatchObject({ code: 0 })

  /** What the hosts' link to the programs says. */
  const linked = async () => {
    const links = await Promise.all(
      world.lab.hosts.map(({ name }) => world.lab.run(name, ['readlink', '/opt/etcd/current'])),
    )
    return [...new Set(links.map(({ stdout }) => stdout.trim().split('/').at(-1)))]
  }

  test.each([
    ['skipping a minor version', '3.7', /one minor version at a time: demo runs 3\.5/],
    ['a flag that 3.6 does not know', '3.6', /does not take --enable-v2=true: .*not defined/],
    ['keys of the v2 store', '3.6', /keys of the v2 store in its log, and etcd 3\.6 dies of them/],
  ])(
    '%s is refused before anything is changed',
    async (what, minor, why) => {
      if (what.startsWith('keys')) await writeOldKey()
      const before = await hostsFootprint(world)
      expect((await failureOf(await upgrade(minor))).message).toMatch(why)
      expect(await hostsFootprint(world)).toEqual(before)
    },
    60_000,
  )

  test('what was in the way is taken out of it as the refusals say', async () => {
    const skip = 'v2-deprecation=write-only-skip-check'
    const { lost } = await whileWriting(world, async () => {
      const settings = ['enable-v2=', 'snapshot-count=100', skip]
      const run = await world.start('etcd-reconfigure', { cluster: 'demo', settings, soak: '500ms' })
      return run.result()
    })
    expect(lost).toEqual([])
  }, 120_000)

  test('a new program that does not start is taken back: every member runs the old one', async () => {
    const { result, lost } = await whileWriting(world, async () => {
      const [, second = ''] = await turnsNow(world)
      const run = await upgrade('3.6')
      await begun(run, `members[${second}]/now`)
      // 3.5 takes it, 3.6 does not, and it comes after the checks.
      const drop = '/etc/systemd/system/etcd.service.d'
      const host = hostOf(second)
      const start = '/opt/etcd/current/etcd --enable-v2=false'
      const text = `[Service]\\nExecStart=\\nExecStart=${start}\\n`
      await shell(host, `mkdir ${drop} && printf '${text}' >${drop}/flag.conf && systemctl daemon-reload`)
      const { failure, offers } = await waitingOf(run)
      expect(failure.step).toMatch(/start$/)
      expect(failure.message).toMatch(/enable-v2/)
      expect(offers).toEqual(['retry', 'rollback', 'abort'])
      await decide(run, 'rollback', 'a flag was forgotten')
      const failed = await failureOf(run)
      await shell(host, `rm -r ${drop} && systemctl daemon-reload && systemctl restart etcd.service`)
      return failed
    })
    expect(result.type).toBe('RunRolledBack')
    expect(lost).toEqual([])
    expect(await linked()).toEqual([versionOf('3.5')])
  }, 240_000)

  test('another member dies: the run waits with the quorum whole, and goes on once it is back', async () => {
    const { lost } = await whileWriting(world, async (writer) => {
      const [, second = '', third = ''] = await turnsNow(world)
      const run = await upgrade('3.6')
      await begun(run, `members[${second}]/well`)
      await world.lab.kill(hostOf(third))
      const { failure, offers } = await waitingOf(run)
      expect(failure.message).toMatch(new RegExp(`${third} does not answer`))
      expect(offers).toContain('rollback')
      const written = writer.figures().acknowledged
      await until('writes to go on without it', () => writer.figures().acknowledged > written + 20)
      await world.lab.boot(hostOf(third))
      await decide(run, 'retry', 'it is back')
      return run.result()
    })
    expect(lost).toEqual([])
    expect(await linked()).toEqual([versionOf('3.6')])
  }, 300_000)

  test('the leader moves by itself, and a disk is full: a downgrade goes on', async () => {
    const { lost } = await whileWriting(world, async () => {
      const [first = '', second = ''] = await turnsNow(world)
      const run = await start('etcd-downgrade', '3.5')
      await begun(run, `members[${first}]/start`)
      await moveLeaderTo(second)
      await begun(run, `members[${second}]/stop`)
      const host = hostOf(second)
      await world.lab.fillDisk(host)
      const { failure, offers } = await waitingOf(run)
      expect(failure.message).toMatch(/no space left on device/i)
      expect(offers).toEqual(expect.arrayContaining(['retry', 'rollback']))
      await world.lab.freeDisk(host)
      await decide(run, 'retry', 'there is room again')
      return run.result()
    })
    expect(lost).toEqual([])
    expect(await linked()).toEqual([versionOf('3.5')])
  }, 300_000)

  async function writeOldKey(): Promise<void> {
    const pki = ['--cacert', '/etc/etcd/pki/ca.crt', '--cert', '/etc/etcd/pki/server.crt']
    const url = `https://${world.lab.host('h1').address}:2379/v2/keys/old`
    const put = ['curl', '-fsS', ...pki, '--key', '/etc/etcd/pki/server.key', url, '-XPUT', '-d', 'value=x']
    expect(await world.lab.run('h1', put)).toMatchObject({ code: 0 })
  }

  async function moveLeaderTo(member: string): Promise<void> {
    const { listed } = await clusterNow(world)
    const id = listed.find(({ name }) => name === member)?.id ?? ''
    expect(await world.lab.etcdctl(hostOf(await leaderNow(world)), 'move-leader', id)).toMatchObject({
      code: 0,
    })
  }
})
