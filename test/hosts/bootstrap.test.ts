import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { WorkflowFailedError } from '@temporalio/client'
import { settingsIn } from '../../activities/etcd/config-file.ts'
import type { EtcdConfig } from '../../dsl/inventory.ts'
import { type Started, until } from '../world.ts'
import {
  bareHosts,
  bareMembers,
  certificatesFor,
  describeCluster,
  editInventory,
  onHosts,
  wipe,
} from './bare.ts'
import { describeOnHosts, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

jest.setTimeout(240_000)

/** etcd-bootstrap on hosts where nothing runs: h1 to h3 are to get the members, h4 is a spare, h5 has DNS and a registry. */
describeOnHosts('a new cluster on bare hosts', () => {
  let world: HostsWorld
  let serverName: string
  beforeAll(async () => {
    const resolver = await namesForTheWorker()
    world = await startHostsWorld({
      ...{ version: '3.6', versions: ['3.5', '3.7'], start: false },
      prepare: (lab) => describeCluster({ lab }),
      workerEnvironment: { NODE_OPTIONS: `--require=${resolver.file}` },
    })
    resolver.learn(Object.fromEntries(bareHosts.map((host) => [host, world.lab.host(host).address])))
    serverName = world.lab.host('h5').address
    await onEveryHost(`printf 'nameserver ${serverName}\\n' >/etc/resolv.conf`)
  }, 300_000)
  afterAll(() => world?.close(), 60_000)
  beforeEach(async () => {
    await wipe(world)
    describeCluster(world)
  })

  const onEveryHost = (script: string) => onHosts(world, script)
  let runs: Started[] = []
  const bootstrap = async (inputs: object = {}): Promise<Started> => {
    const run = await world.start('etcd-bootstrap', { cluster: 'demo', stable: '2s', ...inputs })
    runs.push(run)
    return run
  }
  // A run that still waits holds the cluster, and every test after it would fail for that.
  afterEach(async () => {
    for (const run of runs) {
      if ((await run.handle.describe()).status.name !== 'RUNNING') continue
      await run.handle.executeUpdate('abort', { args: [{ by: 'ada', reason: 'the test is over' }] })
      await run.handle.result().catch(() => undefined)
    }
    runs = []
  })

  /** What a run waits for a person with. */
  async function waiting(run: Started) {
    await until('the run to wait', async () => (await run.status()).view.waiting !== undefined, 120_000, 200)
    const { waiting: found } = (await run.status()).view
    if (found === undefined) throw new Error('The run does not wait.')
    return found
  }

  /** The registry on h5 is a cluster of its own. */
  const sound = () => {
    const endpoints = bareHosts.map((host) => `${world.lab.host(host).address}:2379`)
    return untilSound({ ...world, endpoints }, 3, 60_000)
  }

  async function refusal(run: Started): Promise<string> {
    const failure: unknown = await run.handle.result().catch((error: unknown) => error)
    if (!(failure instanceof WorkflowFailedError)) throw new Error('The run did not fail.')
    return failure.cause?.message ?? ''
  }

  /** Three members that agree, whose files say that the cluster exists. */
  async function expectMade(run: Started) {
    const { outputs } = await run.result()
    const { listed } = await sound()
    expect(listed.map(({ name }) => name).toSorted()).toEqual(Object.keys(bareMembers))
    expect(outputs).toMatchObject({ voters: 3, agree: true, token: expect.stringMatching(/^[0-9a-f]{32}$/) })
    return outputs
  }

  describe.each<[string, EtcdConfig]>([
    ['3.5', { format: 'environment', path: '/etc/etcd/etcd.env' }],
    ['3.6', { format: 'yaml', path: '/etc/etcd/etcd.yaml' }],
    ['3.7', { format: 'unit', path: '/etc/systemd/system/etcd-new.service' }],
  ])('etcd %s', (minor, config) => {
    test('by a list: programs, user, unit, certificates and firewall are brought', async () => {
      const version = world.lab.versions.find((each) => each.startsWith(minor)) ?? ''
      const gateway = world.lab.host('h1').address.replace(/\d+$/, '1')
      const path = '/etc/nftables.d/etcd.nft'
      describeCluster(world, {
        etcd: {
          ...{ dataDir: '/var/lib/etcd-new', binDir: `/opt/etcd-${minor}/now` },
          service: { unit: 'etcd-new.service' },
          config,
        },
        after: { firewall: { path, reload: ['nft', '-f', path], clients: [gateway] } },
      })
      const pkiFrom = certificatesFor(world)
      const run = await bootstrap({
        ...{ version, certificates: '/etc/pki-new', certificatesFrom: pkiFrom, user: 'keeper' },
        settings: ['quota-backend-bytes=3000000000'],
      })
      const { version: running } = (await expectMade(run)) as { version: string }
      expect(running).toBe(version)

      expect(await onEveryHost('stat -c "%U %a" /var/lib/etcd-new /etc/pki-new/peer.key')).toEqual(
        bareHosts.map(() => 'keeper 700\nkeeper 600'),
      )
      const [unit] = await onEveryHost(
        'systemctl cat etcd-new.service; systemctl is-enabled etcd-new.service',
      )
      expect(unit).toMatch(/OOMScoreAdjust=-900[\s\S]*enabled$/)
      const settings = settingsIn(config.format, await world.lab.readFile('h1', config.path))
      expect(settings.get('initial-cluster-state')).toBe('existing')
      expect(settings.get('quota-backend-bytes')).toBe('3000000000')

      // The members are reached by hosts of the cluster and by this machine, and by no one else.
      const tried = await world.lab.run('h4', ['sh', '-c', tryPorts, 'sh', world.lab.host('h1').address])
      expect(tried.stdout.trim()).toBe('2379 open\n2380 open')
      const outside = await world.lab.run('h5', ['sh', '-c', tryPorts, 'sh', world.lab.host('h1').address])
      expect(outside.stdout.trim()).toBe('2379 closed\n2380 closed')

      // All of it outlives a reboot.
      await world.lab.kill('h2')
      await world.lab.boot('h2')
      await sound()
    })
  })

  test('by SRV records', async () => {
    await serveNames(bareHosts)
    nameHosts()
    const outputs = await expectMade(await bootstrap({ discovery: 'dns', domain: 'lab.test' }))
    expect(outputs).toMatchObject({
      initialCluster: 'etcd-1=https://h1:2380,etcd-2=https://h2:2380,etcd-3=https://h3:2380',
    })
    const [settings] = await onEveryHost('cat /etc/etcd/etcd.env')
    expect(settings).not.toContain('DISCOVERY')
    expect(settings).toContain('ETCD_INITIAL_CLUSTER=etcd-1=https://h1:2380')
    await onEveryHost('systemctl restart etcd.service')
    await sound()
  })

  describe.each(['3.6', '3.7'])('etcd %s', (minor) => {
    test('by a discovery service', async () => {
      const version = world.lab.versions.find((each) => each.startsWith(minor)) ?? ''
      await serveRegistry()
      const run = await bootstrap({ discovery: 'service', registry: 'infra', version })
      const { token } = (await expectMade(run)) as { token: string }
      const { stdout } = await world.lab.etcdctl('h5', 'get', '--prefix', `/_etcd/registry/${token}/`)
      expect(stdout).toContain('_config/size\n3\n')
      expect(stdout.match(/=https:/g)).toHaveLength(3)
      const [settings] = await onEveryHost('cat /etc/etcd/etcd.env')
      expect(settings).not.toContain('DISCOVERY')
    })
  })

  describe('one whose second member does not come up', () => {
    const spoilt = 'ETCD_QUOTA_BACKEND_BYTES=nonsense\n'
    beforeEach(() => world.lab.writeFile('h2', '/etc/etcd/etcd.env', spoilt))

    test('is taken back: nothing runs, what was written lies aside, and it can be made again', async () => {
      const run = await bootstrap()
      const { failure, offers } = await waiting(run)
      expect(failure).toMatchObject({ step: 'start', message: expect.stringMatching(/on h2 .*nonsense/s) })
      expect(offers).toContain('rollback')
      await run.handle.executeUpdate('rollback', { args: [{ by: 'ada', reason: 'a wrong setting on h2' }] })
      expect(await refusal(run)).toMatch(/ada/)

      expect(
        await onEveryHost('systemctl is-active etcd.service; ls -d /var/lib/etcd.quorate-*/member'),
      ).toEqual([
        expect.stringMatching(/^inactive\n\S+member$/),
        'inactive',
        expect.stringMatching(/^inactive\n\S+member$/),
      ])
      expect(await world.lab.readFile('h2', '/etc/etcd/etcd.env')).toBe(spoilt)
      await world.lab.run('h2', ['rm', '/etc/etcd/etcd.env'])
      await expectMade(await bootstrap())
    })

    test('is not taken back once something was written', async () => {
      const run = await bootstrap()
      await waiting(run)
      expect(await world.lab.etcdctl('h1', 'put', 'a', 'b')).toMatchObject({ code: 0 })
      await run.handle.executeUpdate('rollback', { args: [{ by: 'ada', reason: 'a wrong setting on h2' }] })
      const note = async (): Promise<string> => (await run.status()).view.waiting?.note ?? ''
      await until('the rollback to be withdrawn', async () => (await note()) !== '', 60_000, 200)
      expect(await note()).toMatch(/withdrawn.*The new cluster demo has been written to \(revision 2\)/)
      await run.handle.executeUpdate('abort', { args: [{ by: 'ada', reason: 'by hand then' }] })
      await refusal(run)
      const { stdout } = await world.lab.etcdctl('h1', 'get', 'a')
      expect(stdout).toBe('a\nb\n')
    })

    test('is made when that is mended and the start tried again', async () => {
      const run = await bootstrap()
      await waiting(run)
      await world.lab.run('h2', ['sed', '-i', '/QUOTA/d', '/etc/etcd/etcd.env'])
      await run.handle.executeUpdate('retry', { args: [{ by: 'ada', reason: 'mended' }] })
      expect(await expectMade(run)).toMatchObject({ voters: 3 })
    })
  })

  describe('nothing is changed, and it is said why, when', () => {
    test.each<[string, () => unknown, RegExp, object?]>([
      [
        'a host has data',
        () => world.lab.run('h2', ['sh', '-c', 'mkdir -p /var/lib/etcd/member/wal']),
        /h2 has something in \/var\/lib\/etcd/,
      ],
      [
        'a spare has data',
        () => world.lab.run('h4', ['sh', '-c', 'mkdir -p /var/lib/etcd/member/wal']),
        /h4 has something in \/var\/lib\/etcd/,
      ],
      ['a port is taken', () => occupy('h3', 2380), /Something listens on port 2380 of h3/],
      [
        'a clock is off',
        () => setClock('h1', '+5 seconds'),
        /The clock of h1 is [45]\d{3} ms ahead of that of h\d, and 1 s is the most/,
      ],
      [
        'a host cannot be reached by its peers',
        () => world.lab.cutOff('h2', { from: ['h1'], ports: [2380] }),
        /h1 does not reach the peer port 2380 of h2/,
      ],
      [
        'a certificate does not name the address',
        () => nameHosts('other.test'),
        /server\.crt does not name other\.test/,
      ],
      [
        'there are no certificates',
        () => undefined,
        /\/etc\/none on h1 lacks ca\.crt, server\.crt/,
        { certificates: '/etc/none' },
      ],
      [
        'the version is nowhere',
        () => undefined,
        /h1 has no etcd 3\.6\.1, and .*binaries\/3\.6\.1 is not on this machine/,
        { version: '3.6.1' },
      ],
      [
        'the SRV records name another',
        async () => {
          await serveNames(['h1', 'h2', 'h4'])
          nameHosts()
        },
        /does not name h3:2380 .*names h4:2380, asked from h1, which is no member/s,
        { discovery: 'dns', domain: 'lab.test' },
      ],
      [
        'the members have no names in DNS',
        () => serveNames(bareHosts),
        /must be the name that the record has/,
        { discovery: 'dns', domain: 'lab.test' },
      ],
      [
        'there are no SRV records',
        () => serveNames([]),
        /_etcd-server-ssl\._tcp\.lab\.test has no SRV records/,
        { discovery: 'dns', domain: 'lab.test' },
      ],
      [
        'the discovery service does not answer',
        async () => {
          describeRegistry()
          await world.lab.run('h5', ['systemctl', 'stop', 'registry.service'])
        },
        /The registry infra does not answer/,
        { discovery: 'service', registry: 'infra' },
      ],
      [
        'etcd is too old for the discovery service',
        () => serveRegistry(),
        /etcd 3\.5\.\d+ has no discovery by the v3 API/,
        { discovery: 'service', registry: 'infra', version: '3.5' },
      ],
    ])('%s', async (_what, spoil, message, inputs: { version?: string } = {}) => {
      await spoil()
      const version =
        world.lab.versions.find((each) => each.startsWith(`${inputs.version}.`)) ?? inputs.version
      const before = await onEveryHost(footprint)
      const text = await refusal(await bootstrap({ ...inputs, ...(version && { version }) }))
      await world.lab.heal()
      expect(text).toMatch(message)
      expect(await onEveryHost(footprint)).toEqual(before)
    })

    test('etcd runs there already', async () => {
      await expectMade(await bootstrap())
      const text = await refusal(await bootstrap())
      expect(text).toMatch(/Member [0-9a-f]+ of cluster [0-9a-f]+ answers on h1: there is a cluster already/)
      expect(text).toMatch(/data of member [0-9a-f]+ of cluster [0-9a-f]+ in \/var\/lib\/etcd/)
      await sound()
    })
  })

  /** etcd's own addresses become names, as DNS discovery wants them. */
  function nameHosts(third = 'h3'): void {
    editInventory(world, (source) => {
      for (const host of bareHosts)
        source.hosts[host] = { ...source.hosts[host], etcd: { address: host === 'h3' ? third : host } }
    })
  }

  async function serveNames(hosts: readonly string[]): Promise<void> {
    await world.lab.run('h5', ['systemctl', 'stop', 'names.service'])
    const records = hosts.map((host) => `--srv-host=_etcd-server-ssl._tcp.lab.test,${host},2380`)
    const words = ['--keep-in-foreground', '--no-resolv', `--listen-address=${serverName}`, ...records]
    const unit = ['systemd-run', '--unit=names.service', '--collect']
    const { code, stderr } = await world.lab.run('h5', [...unit, 'dnsmasq', ...words, '--local=/lab.test/'])
    expect({ code, stderr }).toMatchObject({ code: 0 })
  }

  function describeRegistry(): void {
    editInventory(world, ({ clusters }) => {
      clusters['infra'] = { members: { registry: 'h5' }, tls: { ...Object(clusters['demo']?.['tls']) } }
    })
  }

  async function serveRegistry(): Promise<void> {
    describeRegistry()
    const url = (port: number) => `https://${serverName}:${port}`
    const pki = '/etc/etcd/pki'
    const settings = {
      ...{ name: 'registry', 'data-dir': '/var/lib/registry' },
      ...{ 'listen-client-urls': url(2379), 'advertise-client-urls': url(2379) },
      ...{ 'listen-peer-urls': url(2380), 'initial-advertise-peer-urls': url(2380) },
      ...{ 'initial-cluster': `registry=${url(2380)}`, 'initial-cluster-token': 'registry' },
      ...{
        'cert-file': `${pki}/server.crt`,
        'key-file': `${pki}/server.key`,
        'trusted-ca-file': `${pki}/ca.crt`,
      },
      ...{
        'client-cert-auth': 'true',
        'peer-cert-file': `${pki}/peer.crt`,
        'peer-key-file': `${pki}/peer.key`,
      },
      ...{ 'peer-trusted-ca-file': `${pki}/ca.crt` },
    }
    const flags = Object.entries(settings).map(([flag, value]) => `--${flag}=${value}`)
    const unit = ['systemd-run', '--unit=registry.service', '--collect', '--property=Type=notify']
    await world.lab.run('h5', [...unit, '/opt/etcd/current/etcd', ...flags])
    const { stdout } = await world.lab.etcdctl('h5', 'endpoint', 'health')
    expect(stdout).toContain('is healthy')
  }

  const occupy = (host: string, port: number) =>
    world.lab.run(host, [
      'sh',
      '-c',
      `systemd-run --unit=occupant.service --collect socat TCP-LISTEN:${port},fork,reuseaddr EXEC:true`,
    ])

  /** The hosts share this machine's clock, so the program that tells it lies. */
  const setClock = (host: string, off: string) =>
    world.lab.run(host, [
      'sh',
      '-c',
      `printf '#!/bin/sh\\nexec /usr/bin/date -d "${off}" "$@"\\n' >/usr/local/bin/date && chmod 0755 /usr/local/bin/date`,
    ])

  interface Resolver {
    readonly file: string
    learn(names: Readonly<Record<string, string>>): void
  }

  /** What a hosts file would be for the worker: this machine's own is not to be written to. */
  async function namesForTheWorker(): Promise<Resolver> {
    const file = join(process.cwd(), `dist/test-names-${process.pid}.cjs`)
    const names = `${file}.json`
    writeFileSync(file, resolverText(names))
    writeFileSync(names, '{}')
    process.once('exit', () => [file, names].forEach((path) => rmSync(path, { force: true })))
    return { file, learn: (known) => writeFileSync(names, JSON.stringify(known)) }
  }
})

describeOnHosts('a new cluster where Docker, daemontools and scripts run etcd', () => {
  let world: HostsWorld
  beforeAll(async () => {
    world = await startHostsWorld({
      ...{ version: '3.6', members: 1, spares: 0, extras: ['docker', 'supervise', 'script'], start: false },
      prepare: (lab) =>
        editInventory({ lab }, ({ clusters }) => {
          const members = { 'etcd-1': 'dk', 'etcd-2': 'sv', 'etcd-3': 'sc' }
          clusters['demo'] = { ...clusters['demo'], members, spares: [] }
        }),
    })
  }, 300_000)
  afterAll(() => world?.close(), 60_000)

  test('is made all the same', async () => {
    const run = await world.start('etcd-bootstrap', { cluster: 'demo', stable: '2s' })
    expect((await run.result()).outputs).toMatchObject({ voters: 3, agree: true })
    await untilSound(world, 3)
  })
})

const footprint = `ls -lR /etc/etcd /etc/systemd/system /opt/etcd* /var/lib/etcd* 2>/dev/null; id keeper 2>&1`

const tryPorts = `for port in 2379 2380; do
  if timeout 3 bash -c 'exec 3<>/dev/tcp/$0/$1' "$1" "$port" 2>/dev/null; then echo "$port open"; else echo "$port closed"; fi
done`

const resolverText = (names: string): string => `const dns = require('node:dns')
const { readFileSync } = require('node:fs')
const known = (name) => JSON.parse(readFileSync(${JSON.stringify(names)}, 'utf8'))[name] ?? name
const { lookup } = dns
dns.lookup = (name, ...rest) => lookup(known(name), ...rest)
const { lookup: later } = dns.promises
dns.promises.lookup = (name, ...rest) => later(known(name), ...rest)
`
