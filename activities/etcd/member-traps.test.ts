import { spawnSync } from 'node:child_process'
import { afterAll, afterEach, expect, test } from '@jest/globals'
import { createBinaryFinder } from '../../lab/binaries.ts'
import { type EtcdProcesses, eventually, startEtcd } from '../../test/etcd-processes.ts'
import { explainEtcd } from './errors.ts'
import { inspectCluster } from './inspect.ts'
import { planMembers } from './plan-members.ts'
import { createEtcdPool } from './pool.ts'

/** What goes wrong with memberships by hand: each reproduced, and told in a sentence that says the way out. */

const pool = createEtcdPool()
let etcd: EtcdProcesses | undefined
afterEach(async () => {
  await etcd?.end()
  etcd = undefined
})
afterAll(() => pool.close())

async function started(size: number, spares = 1) {
  const running = await startEtcd({ size, spares })
  etcd = running
  const cluster = pool.cluster(running.inventory)
  const peer = (name: string) => `http://127.0.0.1:${running.inventory.etcd[name]?.peerPort}`
  return { running, cluster, peer }
}

/** What we say of a member's log, once it says anything that means so. */
function untilSaid(running: EtcdProcesses, name: string, meaning: RegExp): Promise<string> {
  return eventually(async () => {
    const told = running.log(name).split('\n').map(explainEtcd)
    const said = told.find((sentence) => meaning.test(sentence))
    if (said !== undefined) return said
    throw new Error(`${name} does not say so: ${running.log(name).slice(-1000)}`)
  })
}

test('a member that was added as a voter to a cluster of one stalls it; it is told, with the way out', async () => {
  const { running, cluster, peer } = await started(1)
  await cluster.endpoint('a').addMember([peer('b')], false)
  await eventually(async () => {
    const stalled = cluster.endpoint('a').readThroughQuorum({ timeoutMs: 500 })
    await expect(stalled).rejects.toThrow(/no leader|no answer|timed out/)
  })
  const seen = await eventually(async () => {
    const now = await inspectCluster(running.inventory, cluster, { hash: false })
    expect(now.voters).toBe(2)
    expect(now.margin).toBeLessThan(0)
    return now
  })
  const { problems } = planMembers(running.inventory, seen, {
    ...{ change: 'expand', members: [], hosts: ['b'], names: [], size: 0, even: true },
  })
  expect(problems.join(' ')).toMatch(
    /added as a voter and has never started.*stands still until it runs.*a=http:\/\/127.0.0.1:\d+.*initial-cluster-state existing/,
  )
  // The way out that the sentence names.
  const names = `a=${peer('a')},b=${peer('b')}`
  running.start('b', ['--initial-cluster', names, '--initial-cluster-state', 'existing'])
  await eventually(() => cluster.endpoint('a').readThroughQuorum())
}, 60_000)

test('another initial cluster than the membership: the new member ends, and is told what to be started with', async () => {
  const { running, cluster, peer } = await started(3)
  await eventually(() => cluster.endpoint('a').addMember([peer('d')], true), 30_000)
  running.start('d', ['--initial-cluster', `a=${peer('a')},d=${peer('d')}`])
  expect(running.log('d')).not.toContain('"msg":"ready to serve client requests"')
  expect(await untilSaid(running, 'd', /initial cluster/)).toMatch(
    /not the membership of now: take it from what `member add` answered/,
  )
}, 60_000)

test('the data of a removed member, started again: it ends, often with exit code 0, and is told to be set aside', async () => {
  const { running, cluster } = await started(3)
  const member = (await cluster.endpoint('a').members(true)).members.find(({ name }) => name === 'c')
  await running.stop('c')
  await eventually(() => cluster.endpoint('a').removeMember(member?.id ?? ''), 30_000)
  const { etcd: program } = await createBinaryFinder().etcd('3.6')
  const layout = running.inventory.etcd['c']
  const urls = [layout?.clientPort, layout?.peerPort].map((port) => `http://127.0.0.1:${port}`)
  const [client = '', peer = ''] = urls
  const ended = spawnSync(
    program,
    [
      ...['--name', 'c', '--data-dir', layout?.dataDir ?? '', '--initial-cluster', `c=${peer}`],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ],
    { encoding: 'utf8', timeout: 30_000 },
  )
  expect(ended.stderr).toMatch(/data-dir used by this member must be removed/)
  // Whether its listener or itself ends first is chance: 0 is no success, and 1 no crash.
  expect([0, 1]).toContain(ended.status)
  expect(explainEtcd(ended.stderr)).toMatch(
    /Its data belongs to a member that was removed: set the directory aside/,
  )
}, 60_000)

// A leader remembers how far its followers were; one that is elected meanwhile does not, and then nobody notices.
test('without its data a follower comes back with less than it acknowledged, and falls over: replace it', async () => {
  const { running, cluster } = await started(3)
  const { leader } = await cluster.endpoint('a').status()
  const { members } = await cluster.endpoint('a').members(true)
  const follower = members.find(({ id }) => id !== leader)?.name ?? ''
  await running.stop(follower)
  const dataDir = `${running.inventory.etcd[follower]?.dataDir}-empty`
  running.start(follower, ['--data-dir', dataDir, '--initial-cluster-state', 'existing'])
  expect(await untilSaid(running, follower, /acknowledged/)).toMatch(
    /older data than it had acknowledged.*replace the member/,
  )
}, 60_000)
