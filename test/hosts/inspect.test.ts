import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { EtcdMinor } from '../../lab/binaries.ts'
import { until, whileWriting } from '../world.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/** etcd-inspect on real hosts with TLS, a client writing all the time: in order, and with all sorts of faults. */

let world: HostsWorld

/** Texts of an output that is a list, one below the other. */
type Told = Readonly<
  Record<'summary' | 'members' | 'hosts' | 'network' | 'problems' | 'unknown' | 'advice', string>
>

async function inspect(): Promise<Told> {
  const { outputs } = await (await world.start('etcd-inspect', { cluster: 'demo' })).result()
  const text = (name: string): string => {
    const value = outputs[name]
    if (Array.isArray(value)) return value.join('\n')
    return typeof value === 'string' ? value : JSON.stringify(value)
  }
  const lists = { problems: text('problems'), unknown: text('unknown'), advice: text('advice') }
  return {
    ...lists,
    summary: text('summary'),
    members: text('members'),
    hosts: text('hosts'),
    network: text('network'),
  }
}

describeOnHosts('inspecting', () => {
  describe.each<[EtcdMinor, string]>([
    ['3.4', 'in order and with faults'],
    ['3.7', 'in order'],
  ])('etcd %s, %s', (version, how) => {
    beforeAll(async () => {
      world = await startHostsWorld({ version, spares: 1 })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('everything fine: it says so, in words that are read without knowing Quorate, and changes nothing', async () => {
      const before = await hostsFootprint(world)
      const { result, lost, figures } = await whileWriting(world, inspect)
      expect(lost).toEqual([])
      expect(figures.longestGapMs).toBeLessThan(2000)
      expect(result.advice).toBe('demo is as it should be: there is nothing to do.')
      expect([result.problems, result.unknown]).toEqual(['', ''])
      expect(result.summary).toMatch(
        new RegExp(
          `^demo: 3 of 3 members healthy, etcd-[123] leads \\(term \\d+\\), 1 more may fail, etcd ${version}\\.`,
        ),
      )
      expect(result.summary).toMatch(/data equal \(hash [0-9a-f]{8}\)$/)
      expect(result.members).toMatch(/^etcd-1 +h1 +(leader|follower) +3\.\d+\.\d+ +\d+ +\d.* of 2 GiB$/m)
      expect(result.hosts).toMatch(
        /^h3 +etcd-3 +yes +running +3\.\d+\.\d+ +[\d.]+ GiB of [\d.]+ GiB +.+ +36[45] days$/m,
      )
      expect(result.hosts).toMatch(/^h4 +spare +yes +stopped /m)
      expect(result.network).toBe('h1, h2, h3, h4: each reaches the peer port of h1, h2, h3.')
      expect(await hostsFootprint(world)).toEqual(before)
    }, 120_000)

    if (how.endsWith('faults')) withFaults()
  })
})

/** Registers what else is tried. */
function withFaults(): void {
  test('the command line prints it to be read', async () => {
    const environment = { ...process.env, ...world.environment }
    const main = join(resolve(__dirname, '../..'), 'dist/cli/main.js')
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(main, '../../../cli/bootstrap.mjs'), 'run', 'etcd-inspect', '--cluster', 'demo'],
      { env: environment, timeout: 60_000 },
    )
    expect(stdout).toMatch(/^ {2}members\n {4}member +host +state .*\n {4}etcd-1 +h1 /m)
    expect(stdout).toMatch(/^ {2}problems +none$/m)
    expect(stdout).toMatch(/^ {2}advice\n {4}demo is as it should be: there is nothing to do\.$/m)
  }, 120_000)

  test('etcd was stopped on a host: start it; the host is gone: replace the member', async () => {
    await world.lab.stopEtcd('h2')
    const { result: stopped, lost } = await whileWriting(world, inspect)
    expect(lost).toEqual([])
    expect(stopped.summary).toMatch(/^demo: 2 of 3 members healthy, .* 0 more may fail/)
    expect(stopped.members).toMatch(/^etcd-2 +h2 +DOWN /m)
    expect(stopped.hosts).toMatch(/^h2 +etcd-2 +yes +STOPPED /m)
    expect(stopped.advice).toMatch(
      /^etcd-2 is down: etcd is stopped on h2\. Start it there; .* etcd-replace-member \(to: h4\)/,
    )
    expect(stopped.advice).not.toMatch(/peer port/)

    await world.lab.kill('h2')
    const gone = await inspect()
    expect(gone.hosts).toMatch(/^h2 +etcd-2 +NO +\? .*\n(.*\n)*h2 by SSH: .*h2/m)
    expect(gone.advice).toMatch(
      /^etcd-2 is down, and h2 does not answer over SSH\. .*etcd-replace-member \(to: h4\)/,
    )
    expect(gone.network).toMatch(/^h1 +yes +NO +yes$/m)

    await world.lab.boot('h2')
    await untilSound(world, 3)
  }, 240_000)

  test('a host hangs: that is told from one that is gone', async () => {
    world.lab.freeze('h2')
    try {
      const hung = await inspect()
      expect(hung.hosts).toMatch(/^h2 +etcd-2 +NO /m)
      expect(hung.advice).toMatch(
        /^Neither etcd-2 nor h2 answers the worker, but h1, h3, h4 reach its peer port: .* or the host hangs/,
      )
    } finally {
      world.lab.thaw('h2')
    }
    await untilSound(world, 3)
  }, 240_000)

  test('one way between two hosts is closed: the table shows it, whoever is healthy', async () => {
    const { address } = world.lab.host('h2')
    const rule = `nft add table inet cut && nft 'add chain inet cut in { type filter hook input priority 0 ; }' &&
      nft add rule inet cut in ip saddr ${address} tcp dport 2380 ct state new drop`
    expect((await world.lab.run('h1', ['sh', '-c', rule])).stderr).toBe('')
    const { result, lost } = await whileWriting(world, inspect)
    expect(lost).toEqual([])
    expect(result.network).toMatch(/^from \\ to +h1 +h2 +h3$/m)
    expect(result.network).toMatch(/^h1 +yes +yes +yes$/m)
    expect(result.network).toMatch(/^h2 +NO +yes +yes$/m)
    expect(result.network).toMatch(/^h3 +yes +yes +yes$/m)
    expect(result.advice).toBe(
      'h2 does not reach the peer port of h1, which h3, h4 reach: look at firewalls and routes between them.',
    )
    await world.lab.run('h1', ['nft', 'delete', 'table', 'inet', 'cut'])
    await untilSound(world, 3)
  }, 240_000)

  test('the worker is cut off from a host, and the others are not: nothing is to be replaced', async () => {
    await world.lab.cutOff('h3', { from: ['worker'] })
    try {
      const cut = await inspect()
      expect(cut.advice).toMatch(
        /^Neither etcd-3 nor h3 answers the worker, but h1, h2, h4 reach its peer port: the worker may be cut off/,
      )
      expect(cut.advice).not.toMatch(/etcd-replace-member/)
    } finally {
      await world.lab.heal()
    }
    await untilSound(world, 3)
  }, 240_000)

  test('the quorum is lost: stopped members are to be started, lost ones recovered', async () => {
    await world.lab.stopEtcd('h2')
    await world.lab.stopEtcd('h3')
    await until(
      'the quorum to be lost',
      async () => (await inspect()).summary.includes('nobody leads'),
      60_000,
      100,
    )
    const stopped = await inspect()
    expect(stopped.summary).toMatch(/^demo: 0 of 3 members healthy, nobody leads, the quorum is lost/)
    expect(stopped.advice).toMatch(
      /^The quorum of demo is lost .* does not run on h2, h3, which can be reached: start it there/,
    )

    await world.lab.kill('h2')
    await world.lab.kill('h3')
    const lost = await inspect()
    expect(lost.advice).toMatch(
      /^The quorum of demo is lost \(2 of 3 voters are needed\): .* etcd-recover looks at all that is left/,
    )
    expect(lost.hosts).toMatch(/^h3 +etcd-3 +NO /m)

    await Promise.all(['h2', 'h3'].map((host) => world.lab.boot(host)))
    await untilSound(world, 3, 60_000)
  }, 300_000)
}
