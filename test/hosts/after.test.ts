import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createEtcdClient } from '../../lab/etcd-client.ts'
import { type Started, until, whileWriting } from '../world.ts'
import { editInventory } from './bare.ts'
import { clusterNow, describeOnHosts, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

jest.setTimeout(240_000)

/**
 * What depends on the membership, on real hosts: HAProxy with clients behind it, nftables, systemd. h4 is a spare,
 * h5 has API servers, h6 has nothing to do with the cluster. No kube-apiserver can be had here: what stands in for
 * it is as strict about its flags, and starts only where etcd takes connections.
 */
describeOnHosts('what depends on the membership', () => {
  let world: HostsWorld
  const rules = '/etc/nftables.d/etcd.nft'
  const manifest = '/etc/kubernetes/manifests/kube-apiserver.yaml'
  const unit = '/etc/systemd/system/kube-apiserver.service'
  const addressOf = (host: string): string => world.lab.host(host).address
  const urlsOf = (...hosts: string[]): string =>
    hosts.map((host) => `https://${addressOf(host)}:2379`).join(',')
  const run = (host: string, ...argv: string[]) => world.lab.run(host, argv)

  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.6', spares: 3, extras: ['haproxy'] })
    describeAfter()
    await bringApiServers('h5')
  }, 300_000)
  afterAll(() => world?.close(), 60_000)

  function describeAfter(more: object = {}): void {
    const clients = [...['lb', 'h5'].map(addressOf), addressOf('h1').replace(/\d+$/, '1')]
    editInventory(world, ({ clusters }) => {
      const demo = clusters['demo'] ?? {}
      const { haproxy } = Object(demo['after']) as { haproxy: object }
      demo['spares'] = (demo['spares'] as string[]).filter((host) => !['h5', 'h6'].includes(host))
      demo['after'] = {
        haproxy,
        firewall: { path: rules, reload: ['nft', '-f', rules], clients },
        kubeApiserver: [
          { host: 'h5', kind: 'manifest', path: manifest },
          {
            host: 'h5',
            kind: 'unit',
            path: unit,
            restart: ['systemctl', 'restart', 'kube-apiserver.service'],
          },
        ],
        hostsFile: [{ host: 'lb', path: '/etc/hosts' }],
        prometheus: [{ host: 'lb', path: '/etc/prometheus/etcd.json' }],
        ...more,
      }
    })
  }

  async function bringApiServers(host: string): Promise<void> {
    const standIn = (name: string) => readFileSync(join(resolve(__dirname, '../stand-ins'), name), 'utf8')
    await run(host, 'mkdir', '-p', '/opt/kubernetes', '/etc/kubernetes/manifests')
    for (const name of ['kubelet', 'kube-apiserver']) {
      await world.lab.writeFile(host, `/opt/kubernetes/${name}`, standIn(name))
      await run(host, 'chmod', '0755', `/opt/kubernetes/${name}`)
    }
    const servers = urlsOf('h1', 'h2', 'h3')
    const words = ['kube-apiserver', `--etcd-servers=${servers}`, '--secure-port=6443']
    const command = words.map((word) => `    - ${word}\n`).join('')
    await world.lab.writeFile(
      host,
      manifest,
      `kind: Pod # static\nspec:\n  containers:\n  - name: api\n    command:\n${command}`,
    )
    await world.lab.writeFile(
      host,
      unit,
      `[Service]\nExecStart=/opt/kubernetes/kube-apiserver \\\n  --etcd-servers=${servers} \\\n  --secure-port=7443\nRestart=on-failure\n`,
    )
    await run(host, 'systemctl', 'daemon-reload')
    await run(host, 'systemctl', 'start', 'kube-apiserver.service')
    const kubelet = [
      '/opt/kubernetes/kubelet',
      '/etc/kubernetes/manifests',
      '/opt/kubernetes',
      '/var/log/kubelet',
    ]
    await run(host, 'systemd-run', '--unit=kubelet.service', ...kubelet)
    await until('the API servers to serve', async () => (await served()).length === 2, 30_000, 200)
  }

  /** What the API servers that run now were started with, that of the manifest first. */
  async function served(): Promise<readonly string[]> {
    const look = `for port in 6443 7443; do
      pid=$(pgrep -f -- "^/usr/bin/perl .*--secure-port=$port$") || continue
      timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null || continue
      tr '\\0' '\\n' <"/proc/$pid/cmdline" | sed -n 's/^--etcd-servers=//p'
    done`
    return (await run('h5', 'sh', '-c', look)).stdout.split('\n').filter(Boolean)
  }

  const tell = (): Promise<Started> => world.start('etcd-after-change', { cluster: 'demo' })

  async function waiting(started: Started) {
    await until(
      'the run to wait',
      async () => (await started.status()).view.waiting !== undefined,
      120_000,
      200,
    )
    const { waiting: found } = (await started.status()).view
    if (found === undefined) throw new Error('The run does not wait.')
    return found
  }

  const decide = (started: Started, decision: string) =>
    started.handle.executeUpdate(decision, { args: [{ by: 'ada', reason: 'a test' }] })

  /** Files that were written, and when the programs that read them were started or told. */
  async function footprint(): Promise<readonly string[]> {
    const look = `stat -c '%n %y' ${rules} ${manifest} ${unit} /etc/hosts /etc/haproxy/haproxy.cfg /etc/prometheus/* 2>/dev/null
      systemctl show --property=MainPID haproxy.service kube-apiserver.service; pgrep -f [s]ecure-port; pgrep haproxy`
    const hosts = ['h1', 'h2', 'h3', 'h4', 'h5', 'lb']
    return Promise.all(hosts.map(async (host) => (await run(host, 'sh', '-c', look)).stdout))
  }

  /** Whether a new connection from one host to another's port is taken. */
  async function reaches(from: string, to: string, port: number): Promise<boolean> {
    const { code } = await run(
      from,
      'timeout',
      '3',
      'bash',
      '-c',
      'exec 3<>/dev/tcp/$0/$1',
      addressOf(to),
      String(port),
    )
    return code === 0
  }

  test('told for the first time, all know the members, and strangers are shut out', async () => {
    expect(await reaches('h6', 'h1', 2379)).toBe(true)
    await (await tell()).result()
    expect(await reaches('h6', 'h1', 2379)).toBe(false)
    expect(await reaches('h6', 'h1', 2380)).toBe(false)
    expect(await reaches('lb', 'h1', 2379)).toBe(true)
    expect(await reaches('lb', 'h1', 2380)).toBe(false)
    expect(await reaches('h4', 'h1', 2380)).toBe(true)
    expect((await run('h4', 'test', '-e', rules)).code).toBe(1)
    expect(await world.lab.readFile('lb', '/etc/hosts')).toContain(`${addressOf('h2')}\tetcd-2\n`)
    expect(JSON.parse(await world.lab.readFile('lb', '/etc/prometheus/etcd.json'))).toMatchObject([
      { targets: ['h1', 'h2', 'h3'].map((host) => `${addressOf(host)}:2379`) },
    ])
    expect(await served()).toEqual([urlsOf('h1', 'h2', 'h3'), urlsOf('h1', 'h2', 'h3')])
    await untilSound(world, 3)
  })

  test('told again, nothing is written and nothing restarted', async () => {
    const before = await footprint()
    await (await tell()).result()
    expect(await footprint()).toEqual(before)
  })

  test('a member moves while clients write through HAProxy: all follow it, and nothing is lost', async () => {
    const { tls } = world
    const through = { endpoints: [`${addressOf('lb')}:2379`], ...(tls && { tls }) }
    const { acknowledged, lost, figures } = await whileWriting(through, async () => {
      const moving = await world.start('etcd-migrate-node', {
        ...{ cluster: 'demo', member: 'etcd-2', to: 'h4', stable: '2s' },
      })
      await moving.result()
    })
    expect(lost).toEqual([])
    expect(acknowledged).toBeGreaterThan(100)
    expect(figures.longestGapMs).toBeLessThan(5_000)
    expect((await clusterNow(world)).listed.find(({ name }) => name === 'etcd-2')?.peerUrls).toEqual([
      `https://${addressOf('h4')}:2380`,
    ])

    // HAProxy sends clients to the new host: cut off from the others it still serves.
    expect(await world.lab.readFile('lb', '/etc/haproxy/haproxy.cfg')).toContain(
      `  server etcd-2 ${addressOf('h4')}:2379 check\n`,
    )
    await world.lab.cutOff('lb', { from: ['h1', 'h3'], ports: [2379] })
    const writes = async () => {
      const client = createEtcdClient(`${addressOf('lb')}:2379`, tls)
      const { kind } = await client.put('through', 'h4', 2000).finally(() => client.close())
      return kind === 'acknowledged'
    }
    await until('a write through HAProxy to h4', writes, 30_000, 200)
    await world.lab.heal()

    expect(await served()).toEqual([urlsOf('h1', 'h3', 'h4'), urlsOf('h1', 'h3', 'h4')])
    expect((await run('h5', 'sh', '-c', 'ls /etc/kubernetes/manifests')).stdout).toBe('kube-apiserver.yaml\n')
    expect(await world.lab.readFile('lb', '/etc/hosts')).toContain(`${addressOf('h4')}\tetcd-2\n`)
    expect(await world.lab.readFile('lb', '/etc/prometheus/etcd.json')).toContain(`${addressOf('h4')}:2379`)
    expect(await reaches('h6', 'h4', 2379)).toBe(false)
    expect(await reaches('lb', 'h4', 2379)).toBe(true)
    // No client reaches the host it left any more, whatever is started there.
    await run(
      'h2',
      'systemd-run',
      '--unit=zombie.service',
      'socat',
      'TCP-LISTEN:2379,fork,reuseaddr',
      'EXEC:true',
    )
    expect(await reaches('lb', 'h2', 2379)).toBe(false)
    await run('h2', 'systemctl', 'stop', 'zombie.service')
  })

  test('rules that would shut the worker out are taken back, and it is said what to do', async () => {
    const before = await world.lab.readFile('h1', rules)
    describeAfter({ firewall: { path: rules, reload: ['nft', '-f', rules], clients: [addressOf('lb')] } })
    const telling = await tell()
    const { failure } = await waiting(telling)
    expect(failure.message).toMatch(/this worker no longer reached the client port 2379 of h1.*taken back/)
    expect(await world.lab.readFile('h1', rules)).toBe(before)
    await untilSound(world, 3)
    describeAfter()
    await decide(telling, 'retry')
    await telling.result()
  })

  test('a configuration that HAProxy would not take is not given to it; the rest is told all the same', async () => {
    const path = '/etc/haproxy/haproxy.cfg'
    const right = await world.lab.readFile('lb', path)
    const wrong = right.replace(addressOf('h4'), addressOf('h2')).replace('maxconn 2000', 'maxcon 2000')
    await world.lab.writeFile('lb', path, wrong)
    await world.lab.writeFile('lb', '/etc/prometheus/etcd.json', '[]')
    const telling = await tell()
    const { failure, offers } = await waiting(telling)
    expect(failure).toMatchObject({
      step: 'balancer',
      message: expect.stringMatching(/maxcon.*nothing was changed/s),
    })
    expect(await world.lab.readFile('lb', path)).toBe(wrong)
    expect((await run('lb', 'systemctl', 'is-active', 'haproxy.service')).stdout).toBe('active\n')
    expect(offers).toContain('skip')
    await decide(telling, 'skip')
    await telling.result()
    expect(await world.lab.readFile('lb', '/etc/prometheus/etcd.json')).toContain(`${addressOf('h4')}:2379`)
    await world.lab.writeFile('lb', path, right)
  })
})
