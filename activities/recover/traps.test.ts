import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from '@jest/globals'
import { createBinaryFinder, type EtcdBinaries, type EtcdMinor } from '../../lab/binaries.ts'
import { createEtcdClient } from '../../lab/etcd-client.ts'
import { type EtcdProcesses, eventually, startEtcd } from '../../test/etcd-processes.ts'
import { type Identity, readIdentity } from '../dir/wal-head.ts'
import { explainEtcd } from '../etcd/errors.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import { createEtcdPool } from '../etcd/pool.ts'
import { restoreToken } from './restore.ts'

/** What goes wrong when data is restored or forced by hand: each reproduced with real etcd, avoided or recognised. */

const pool = createEtcdPool()
let etcd: EtcdProcesses | undefined
let programs: EtcdBinaries
afterEach(async () => {
  await etcd?.end()
  etcd = undefined
})
afterAll(() => pool.close())

async function started(size: number, minor: EtcdMinor = '3.6', spares = 0) {
  programs = await createBinaryFinder().etcd(minor)
  const running = await startEtcd({ size, minor, spares })
  etcd = running
  const names = Object.keys(running.inventory.members)
  const cluster = pool.cluster(running.inventory)
  const dataDir = (name: string): string => running.inventory.etcd[name]?.dataDir ?? ''
  const peer = (name: string): string => `http://127.0.0.1:${running.inventory.etcd[name]?.peerPort}`
  const client = (name: string) => createEtcdClient(`127.0.0.1:${running.inventory.etcd[name]?.clientPort}`)
  const put = async (name: string, key: string) => {
    const asked = client(name)
    try {
      return await asked.put(key, 'x', 2000)
    } finally {
      asked.close()
    }
  }
  const stopAll = async () => {
    for (const name of names) await running.stop(name)
  }
  /** As by hand: one member's new data, from a snapshot, with a token. */
  const restore = (name: string, snapshot: string, token: string): string => {
    const to = `${dataDir(name)}-${token.replace(/\W/g, '')}`
    const all = names.map((each) => `${each}=${peer(each)}`).join(',')
    run(programs.etcdutl ?? '', [
      ...['snapshot', 'restore', snapshot, '--data-dir', to, '--name', name, '--initial-cluster', all],
      ...['--initial-cluster-token', token, '--initial-advertise-peer-urls', peer(name)],
    ])
    return to
  }
  const snapshotOf = (name: string): string => {
    const file = `${dataDir(name)}.snapshot.db`
    run(programs.etcdctl, [
      `--endpoints=127.0.0.1:${running.inventory.etcd[name]?.clientPort}`,
      'snapshot',
      'save',
      file,
    ])
    return file
  }
  return { running, cluster, names, dataDir, peer, put, stopAll, restore, snapshotOf }
}

function run(program: string, argv: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, [...argv], { encoding: 'utf8', timeout: 30_000 })
  if (status !== 0) throw new Error(`${program} ${argv.join(' ')}: ${stderr}`)
  return stdout
}

/** What we say of each line of a log. */
const told = (log: string): readonly string[] => log.split('\n').map(explainEtcd)

function identityIn(dataDir: string): Identity {
  const wal = join(dataDir, 'member/wal')
  const segment = readdirSync(wal).find((name) => name.endsWith('.wal')) ?? ''
  const identity = readIdentity(readFileSync(join(wal, segment)).subarray(0, 1024))
  if (!identity) throw new Error(`${dataDir} does not say whose it is.`)
  return identity
}

test('a token of the run makes a restored cluster another one; with the old token nobody could tell them apart', async () => {
  const { running, cluster, names, dataDir, put, stopAll, restore, snapshotOf } = await started(3)
  await put('a', 'before')
  const snapshot = snapshotOf('a')
  for (let more = 0; more < 20; more++) await put('a', `after-${more}`)
  await stopAll()
  const old = identityIn(dataDir('a'))

  // By hand, with the token it always had.
  const same = new Map(names.map((name) => [name, restore(name, snapshot, 'test')]))
  expect(identityIn(same.get('a') ?? '')).toEqual(old)
  for (const name of ['a', 'b']) running.start(name, ['--data-dir', same.get(name) ?? ''])
  await eventually(() => cluster.endpoint('a').readThroughQuorum())
  const heard = running.log('c').length
  running.start('c')
  // A member that was forgotten is taken for one of them, with data that they never had, and makes a quorum with one.
  await eventually(async () =>
    expect(running.log('c').slice(heard)).toMatch(/established TCP streaming|peer became active/),
  )
  await running.stop('b')
  await eventually(async () =>
    expect(await put('a', 'witnessed by the dead')).toMatchObject({ kind: 'acknowledged' }),
  )
  expect(running.log('c').slice(heard)).not.toContain('cluster ID mismatch')
  await stopAll()

  // As etcd.restore does it.
  const token = restoreToken({ run: { id: 'r', key: 'r', runbook: 'test', hash: '', cluster: 'test' } })
  const own = new Map(names.map((name) => [name, restore(name, snapshot, token)]))
  const made = identityIn(own.get('a') ?? '')
  expect(made.clusterId).not.toBe(old.clusterId)
  expect(made.memberId).not.toBe(old.memberId)
  for (const name of ['a', 'b']) running.start(name, ['--data-dir', own.get(name) ?? ''])
  await eventually(() => cluster.endpoint('a').readThroughQuorum())
  const since = running.log('c').length
  running.start('c')
  await eventually(async () =>
    expect(told(running.log('c').slice(since)).join(' ')).toMatch(
      /member of another cluster answers.*set that data directory aside and join again/,
    ),
  )
  const { byName } = await inspectCluster(running.inventory, cluster, { hash: false })
  expect(byName).toMatchObject({ a: { healthy: true }, b: { healthy: true }, c: { healthy: false } })
  await running.stop('b')
  expect(await put('a', 'not with that one')).not.toMatchObject({ kind: 'acknowledged' })

  // The way out that is told.
  await running.stop('c')
  running.start('b', ['--data-dir', own.get('b') ?? ''])
  running.start('c', ['--data-dir', own.get('c') ?? ''])
  await eventually(async () =>
    expect(await inspectCluster(running.inventory, cluster, {})).toMatchObject({
      healthy: true,
      agree: true,
    }),
  )
}, 120_000)

// Both call themselves b: what is meant for one comes to the other, until one of them falls over.
test('data of another member: it says whose messages come to it, and is told to be set aside', async () => {
  const { running, cluster, dataDir, put } = await started(3)
  await put('a', 'k')
  for (const name of ['b', 'c']) await running.stop(name)
  const copy = `${dataDir('c')}-of-b`
  cpSync(dataDir('b'), copy, { recursive: true })
  running.start('b')
  await eventually(() => cluster.endpoint('b').readThroughQuorum())
  running.start('c', ['--data-dir', copy])
  await eventually(async () =>
    expect(told(running.log('c')).join(' ')).toMatch(
      /runs on the data of another member: stop it, set that data directory aside/,
    ),
  )
  await running.stop('c')
  running.start('c')
  await eventually(async () =>
    expect(await inspectCluster(running.inventory, cluster, {})).toMatchObject({
      healthy: true,
      agree: true,
    }),
  )
}, 60_000)

test.each<[EtcdMinor]>([['3.5'], ['3.7']])(
  'etcd %s, new data beside an old log: mixed in silence, or the end; so a log that lies apart is refused',
  async (minor) => {
    const { running, cluster, dataDir, put, stopAll, restore, snapshotOf } = await started(1, minor)
    for (let more = 0; more < 5; more++) await put('a', `before-${more}`)
    const snapshot = snapshotOf('a')
    const { revision } = await cluster.endpoint('a').status()
    await stopAll()
    const to = restore('a', snapshot, 'fresh')
    const since = running.log('a').length
    running.start('a', ['--data-dir', to, '--wal-dir', join(dataDir('a'), 'member/wal')])
    const outcome = await eventually(async () => {
      const said = told(running.log('a').slice(since)).find((each) =>
        each.includes('restored beside the other'),
      )
      if (said !== undefined) return said
      const status = await cluster.endpoint('a').status()
      await cluster.endpoint('a').readThroughQuorum()
      return status
    })
    if (minor === '3.7') {
      expect(outcome).toMatch(/Set aside the data directory and, where there is one, the wal-dir/)
      return
    }
    // Of the cluster that was to be left behind; and every write of its log was done once more.
    expect(outcome).toMatchObject({ clusterId: identityIn(dataDir('a')).clusterId })
    expect(outcome).not.toMatchObject({ clusterId: identityIn(to).clusterId })
    expect((await cluster.endpoint('a').status()).revision).toBeGreaterThan(revision)
  },
  60_000,
)

test('forced on the data of a learner etcd falls over, and it is told whose data to take', async () => {
  const { running, cluster, peer } = await started(1, '3.7', 1)
  await cluster.endpoint('a').addMember([peer('b')], true)
  running.start('b')
  await eventually(async () =>
    expect(await cluster.endpoint('b').status()).toMatchObject({ isLearner: true }),
  )
  for (const name of ['a', 'b']) await running.stop(name)
  const since = running.log('b').length
  running.start('b', ['--force-new-cluster'])
  await eventually(async () =>
    expect(told(running.log('b').slice(since)).join(' ')).toMatch(/Take the data of a voter, or a snapshot/),
  )
}, 60_000)

test('forced, a member has the peer URL that its data says, whatever its flags say: it has to be mended', async () => {
  const { running, cluster, peer, put } = await started(1)
  await put('a', 'k')
  const local = peer('a').replace('127.0.0.1', 'localhost')
  const { memberId } = await cluster.endpoint('a').status()
  const endpoints = `--endpoints=127.0.0.1:${running.inventory.etcd['a']?.clientPort}`
  run(programs.etcdctl, [endpoints, 'member', 'update', memberId, `--peer-urls=${local}`])
  // What was written last is in the log, and not yet known to be committed: forcing drops it.
  for (const key of ['one', 'two']) await put('a', key)
  await running.stop('a')
  running.start('a', ['--force-new-cluster', '--initial-advertise-peer-urls', peer('a')])
  await eventually(() => cluster.endpoint('a').readThroughQuorum())
  const { members } = await cluster.endpoint('a').members(true)
  expect(members).toMatchObject([{ id: memberId, peerUrls: [local] }])
}, 60_000)
