import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Authority, authorityIn, createAuthority } from '../../lab/hosts/pki.ts'
import { turnsNow, until, whileWriting } from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/** Settings and certificates of every member changed under a client that writes all the time. */
describeOnHosts('a cluster is reconfigured', () => {
  let world: HostsWorld
  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.6', spares: 0 })
  }, 240_000)
  afterAll(() => world?.close(), 60_000)

  const change = (inputs: object) =>
    world.start('etcd-reconfigure', { cluster: 'demo', soak: '500ms', ...inputs })

  const succeed = async (inputs: object, asked: HostsWorld = world) => {
    const { result, lost, acknowledged } = await whileWriting(asked, async () =>
      (await change(inputs)).result(),
    )
    expect(lost).toEqual([])
    expect(acknowledged).toBeGreaterThan(50)
    await untilSound(asked, 3)
    return result
  }

  const metric = async (host: string, name: string) => {
    const curl = ['curl', '-sS', '--cacert', '/etc/etcd/pki/ca.crt', '--cert', '/etc/etcd/pki/server.crt']
    const url = `https://${world.lab.host(host).address}:2379/metrics`
    const { stdout } = await world.lab.run(host, [...curl, '--key', '/etc/etcd/pki/server.key', url])
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(stdout)?.[1])
  }

  test.each([
    ['a flag there is not', ['no-such-flag=1'], /does not take --no-such-flag=1: .*not defined/],
    ['a number that is none', ['quota-backend-bytes=much'], /does not take --quota-backend-bytes=much/],
    [
      'a value that makes no sense',
      ['auto-compaction-mode=sometimes'],
      /does not start with these settings.*sometimes/s,
    ],
    [
      'a file that is not there',
      ['trusted-ca-file=/nowhere.crt'],
      /does not start with these settings.*nowhere/s,
    ],
    ['the identity', ['name=other'], /name is not changed in this way/],
    ['nothing', [], /nothing to change/],
  ])(
    '%s is refused before any member is touched',
    async (_what, settings, why) => {
      const before = await hostsFootprint(world)
      const failure = await failureOf(await change({ settings }))
      expect(failure.message).toMatch(why)
      expect(await hostsFootprint(world)).toEqual(before)
    },
    60_000,
  )

  test('quota and compaction are set on every member, and nothing else is changed', async () => {
    const before = await world.lab.readFile('h1', '/etc/etcd/etcd.env')
    await succeed({
      settings: [
        'quota-backend-bytes=4294967296',
        'auto-compaction-mode=periodic',
        'auto-compaction-retention=8h',
      ],
    })
    for (const { name } of world.lab.hosts)
      expect(await metric(name, 'etcd_server_quota_backend_bytes')).toBe(4_294_967_296)
    const after = await world.lab.readFile('h1', '/etc/etcd/etcd.env')
    expect(after.startsWith(before.trimEnd())).toBe(true)
    expect(after).toMatch(/^ETCD_AUTO_COMPACTION_RETENTION=8h$/m)
  }, 180_000)

  test('a setting is taken out again', async () => {
    await succeed({ settings: ['auto-compaction-mode=', 'auto-compaction-retention='] })
    expect(await world.lab.readFile('h2', '/etc/etcd/etcd.env')).not.toMatch(/COMPACTION/)
  }, 180_000)

  test('a change that a member does not start with is taken back', async () => {
    const taken = ['systemd-run', '--unit=taken', 'systemd-socket-activate', '-l', '0.0.0.0:9379', 'cat']
    for (const { name } of world.lab.hosts) await world.lab.run(name, taken)
    const before = await hostsFootprint(world)
    const { result, lost } = await whileWriting(world, async () => {
      const run = await change({ settings: ['listen-metrics-urls=http://0.0.0.0:9379'] })
      const { failure, offers } = await waitingOf(run)
      expect(failure.step).toMatch(/start$/)
      expect(failure.message).toMatch(/address already in use/)
      expect(offers).toContain('rollback')
      await decide(run, 'rollback', 'the port is taken')
      return failureOf(run)
    })
    for (const { name } of world.lab.hosts) await world.lab.run(name, ['systemctl', 'stop', 'taken'])
    expect(result.type).toBe('RunRolledBack')
    expect(lost).toEqual([])
    await untilSound(world, 3)
    expect(await hostsFootprint(world)).toEqual(before)
  }, 180_000)

  /** An authority is replaced in three runs: both are trusted, the new one is used, the old one goes. */
  test('certificates move to another authority, and are refused where members would not trust each other', async () => {
    const lab = join(world.lab.directory, 'pki')
    const [old, other] = [readFileSync(join(lab, 'ca.crt'), 'utf8'), join(world.directory, 'other')]
    const authority = await createAuthority(other, 'the next one')
    await authority.issue(join(other, 'client'), { commonName: 'quorate', names: [] })
    const both = `${old}${readFileSync(authority.certificate, 'utf8')}`
    const issued = await certificatesFor(world, authority, join(world.directory, 'issued'))

    const untouched = await hostsFootprint(world)
    const refused = await failureOf(await change({ certificates: issued }))
    expect(refused.message).toMatch(/could not talk.*First put authorities in place that hold both/s)
    expect(refused.message).toMatch(/tls\.ca of the cluster in the inventory/)
    expect(await hostsFootprint(world)).toEqual(untouched)

    const asks = (directory: string): HostsWorld => {
      const [cert, key] = ['client.crt', 'client.key'].map((name) => readFileSync(join(directory, name)))
      return {
        ...world,
        tls: { ca: Buffer.from(both), cert: cert ?? Buffer.alloc(0), key: key ?? Buffer.alloc(0) },
      }
    }
    writeFileSync(join(lab, 'ca.crt'), both)
    await succeed({ certificates: filesFor(world, join(world.directory, 'both'), { 'ca.crt': both }) })
    await succeed({ certificates: issued }, asks(lab))
    for (const name of ['client.crt', 'client.key']) copyFileSync(join(other, name), join(lab, name))
    const next = { 'ca.crt': readFileSync(authority.certificate, 'utf8') }
    await succeed({ certificates: filesFor(world, join(world.directory, 'new'), next) }, asks(other))
    for (const { name } of world.lab.hosts) {
      const show = ['openssl', 'x509', '-noout', '-issuer', '-in', '/etc/etcd/pki/peer.crt']
      expect((await world.lab.run(name, show)).stdout).toMatch(/the next one/)
      const { stdout } = await world.lab.run(name, ['stat', '-c', '%U %a', '/etc/etcd/pki/peer.key'])
      expect(stdout.trim()).toBe('etcd 600')
    }
  }, 300_000)
})

/** On another version, and each time something else goes wrong between two members. */
describeOnHosts('while a cluster is reconfigured', () => {
  let world: HostsWorld
  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.7', spares: 0 })
  }, 240_000)
  afterAll(() => world?.close(), 60_000)

  const change = (inputs: object) =>
    world.start('etcd-reconfigure', { cluster: 'demo', soak: '500ms', ...inputs })
  const hostOf = (member: string) => world.lab.members[member] ?? ''

  test('a member does not start with its new certificate: all go back to theirs of before', async () => {
    const authority = authorityIn(join(world.lab.directory, 'pki'))
    const certificates = await certificatesFor(world, authority, join(world.directory, 'issued'))
    const held = () => Promise.all(world.lab.hosts.map(({ name }) => world.lab.run(name, digests)))
    const digests = ['sh', '-c', 'sha256sum /etc/etcd/pki/* /etc/etcd/etcd.env']
    const files = await held()
    const { result, lost } = await whileWriting(world, async () => {
      const [first = '', second = ''] = await turnsNow(world)
      const run = await change({ certificates })
      await begun(run, `members[${first}]/now`)
      const wrong = 'cat /etc/etcd/pki/peer.key >"$(ls /etc/etcd/pki/server.key.quorate-new-*)"'
      expect(await world.lab.run(hostOf(second), ['sh', '-c', wrong])).toMatchObject({ code: 0 })
      const { failure, offers } = await waitingOf(run)
      expect(failure.message).toMatch(/private key does not match public key.*its key is another/s)
      expect(offers).toContain('rollback')
      await decide(run, 'rollback', 'the key of another')
      return failureOf(run)
    })
    expect(result.type).toBe('RunRolledBack')
    expect(lost).toEqual([])
    await untilSound(world, 3)
    expect(await held()).toEqual(files)
  }, 240_000)

  test('another member dies: the run waits with the quorum whole, and goes on once it is back', async () => {
    const { lost } = await whileWriting(world, async (writer) => {
      const [, second = '', third = ''] = await turnsNow(world)
      const run = await change({ settings: ['quota-backend-bytes=4294967296'] })
      await begun(run, `members[${second}]/well`)
      await world.lab.kill(hostOf(third))
      const { failure, offers } = await waitingOf(run)
      expect(failure.message).toMatch(new RegExp(`${third} does not answer`))
      expect(offers).toEqual(expect.arrayContaining(['retry', 'rollback']))
      const written = writer.figures().acknowledged
      await until('writes to go on without it', () => writer.figures().acknowledged > written + 20)
      await world.lab.boot(hostOf(third))
      await decide(run, 'retry', 'it is back')
      return run.result()
    })
    expect(lost).toEqual([])
    await untilSound(world, 3)
    for (const { name } of world.lab.hosts)
      expect(await world.lab.readFile(name, '/etc/etcd/etcd.env')).toMatch(
        /^ETCD_QUOTA_BACKEND_BYTES=4294967296$/m,
      )
  }, 300_000)
})

/** A directory with the same files for every host. */
function filesFor(world: HostsWorld, directory: string, files: Readonly<Record<string, string>>): string {
  for (const { name } of world.lab.hosts) {
    mkdirSync(join(directory, name), { recursive: true })
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, name, file), text)
  }
  return directory
}

async function certificatesFor(world: HostsWorld, authority: Authority, directory: string): Promise<string> {
  for (const { name, address } of world.lab.hosts) {
    mkdirSync(join(directory, name), { recursive: true })
    const names = [address, name, 'localhost', '127.0.0.1']
    for (const use of ['server', 'peer'])
      await authority.issue(join(directory, name, use), { commonName: name, names })
  }
  return directory
}
