import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Cluster } from '../../dsl/inventory.ts'
import type { EtcdMinor } from '../../lab/binaries.ts'
import { type EtcdProcesses, eventually, startEtcd } from '../../test/etcd-processes.ts'
import { inspectCluster } from './inspect.ts'
import { countKeys, writeKey } from '../../lab/keys.ts'
import { createEtcdPool, type EtcdPool } from './pool.ts'

let etcd: EtcdProcesses
let pool: EtcdPool

const look = (asked = {}, cluster: Cluster = etcd.inventory) =>
  inspectCluster(cluster, pool.cluster(cluster), asked)
const url = (host: string) => pool.cluster(etcd.inventory).endpoint(host).url

beforeAll(async () => {
  etcd = await startEtcd({ size: 3, spares: 1 })
  pool = createEtcdPool()
  for (let key = 0; key < 20; key++) await writeKey(url('a'), `key-${key}`, 'value')
}, 60_000)

afterEach(async () => {
  await eventually(async () => expect((await look()).problems).toEqual([]))
}, 30_000)

afterAll(async () => {
  pool.close()
  await etcd.end()
})

test('a healthy cluster has no problem, one leader, equal hashes and a margin', async () => {
  const seen = await look()
  expect(seen).toMatchObject({
    healthy: true,
    agree: true,
    comparable: true,
    voters: 3,
    quorum: 2,
    margin: 1,
  })
  expect(seen).toMatchObject({
    problems: [],
    alarms: [],
    learners: 0,
    skew: 0,
    revision: 21,
    hashedRevision: 21,
  })
  expect(seen.leader).toMatch(/^[abc]$/)
  expect(seen.byName[seen.leader]).toMatchObject({
    isLeader: true,
    healthy: true,
    why: '',
    host: seen.leader,
  })
  expect(seen.members.map((member) => member.hash)).toEqual([seen.hash, seen.hash, seen.hash])
  expect(seen.hash).toMatch(/^[0-9a-f]{8}$/)
  expect(await countKeys(url('b'))).toEqual({ keys: 20, revision: 21 })
})

test('a stopped member is named with what it costs, and the others still agree', async () => {
  await etcd.stop('c')
  await eventually(async () => expect((await look()).leader).not.toBe(''))
  const seen = await look()
  etcd.start('c')
  expect(seen).toMatchObject({ healthy: false, voters: 3, margin: 0, agree: true })
  expect(seen.byName['c']).toMatchObject({ reachable: false, healthy: false, lag: 2147483647 })
  expect(seen.byName['c']?.id).toMatch(/^[0-9a-f]+$/)
  expect(seen.problems).toEqual([
    expect.stringMatching(/^c does not answer: .* on c \(http.*: look whether etcd runs/),
  ])
})

test('one that answers late does not make the others look behind', async () => {
  const { leader } = await look()
  const late = leader === 'b' ? 'c' : 'b'
  etcd.signal(late, 'SIGSTOP')
  const looking = look({ timeoutMs: 20_000, hash: false })
  for (let key = 0; key < 150; key++) await writeKey(url('a'), `late-${key}`, 'value')
  etcd.signal(late, 'SIGCONT')
  const seen = await looking
  expect(seen.problems).toEqual([])
  expect(seen.maxLag).toBeLessThan(100)
}, 60_000)

test('a frozen member is unhealthy within the deadline', async () => {
  etcd.signal('b', 'SIGSTOP')
  const started = Date.now()
  const seen = await look({ timeoutMs: 500 })
  etcd.signal('b', 'SIGCONT')
  expect(Date.now() - started).toBeLessThan(4000)
  expect(seen.byName['b']).toMatchObject({ reachable: false })
  expect(seen.healthy).toBe(false)
})

test('an inventory with two members swapped is told apart from the membership, both sides shown', async () => {
  const swapped = { ...etcd.inventory, members: { a: 'b', b: 'a', c: 'c' } }
  const { problems, healthy } = await look({}, swapped)
  expect(healthy).toBe(false)
  expect(problems).toContainEqual(
    expect.stringMatching(/^On b \(http:.*\) answers the member with ID .*, and a has ID/),
  )
  expect(problems).toContainEqual(
    expect.stringMatching(
      /^a is expected on b with the peer URL http.*, and the membership has http.*, which is a\.$/,
    ),
  )
})

test('a member of the inventory that the cluster does not have is named', async () => {
  const extended = { ...etcd.inventory, members: { ...etcd.inventory.members, e: 'd' } }
  const { problems } = await look({}, extended)
  expect(problems).toContainEqual(
    expect.stringMatching(/^The inventory names e, and the membership does not \(a=http/),
  )
})

test('during a move a member may be expected elsewhere', async () => {
  const seen = await look({ at: { a: 'd' } })
  expect(seen.byName['a']).toMatchObject({ host: 'd', peerHost: 'a', reachable: false })
  await expect(look({ at: { nobody: 'd' } })).rejects.toThrow(
    'Cluster test has no member nobody: it has a, b, c.',
  )
  await expect(look({ at: { a: 'nowhere' } })).rejects.toThrow('Cluster test has no host nowhere')
})

test('a member of another cluster behind a port of this one is told by its cluster ID', async () => {
  const other = await startEtcd({ size: 1, token: 'other' })
  try {
    const foreign = other.inventory.etcd['a']
    const layout = etcd.inventory.etcd['c']
    if (!foreign || !layout) throw new Error('no layout')
    const mixed = {
      ...etcd.inventory,
      etcd: { ...etcd.inventory.etcd, c: { ...layout, clientPort: foreign.clientPort } },
    }
    const seen = await look({}, mixed)
    expect(seen).toMatchObject({ healthy: false, clusterId: '' })
    expect(seen.problems).toContainEqual(
      expect.stringMatching(
        /^Members belong to different clusters: a, b say cluster \w+; c says cluster \w+\.$/,
      ),
    )
  } finally {
    await other.end()
  }
}, 30_000)

test('a learner that never started is counted and named', async () => {
  const endpoint = pool.cluster(etcd.inventory).endpoint('a')
  const { added } = await eventually(() => endpoint.addMember(['http://127.0.0.1:2'], true))
  const seen = await look()
  await endpoint.removeMember(added.id)
  expect(seen).toMatchObject({ healthy: false, voters: 3, learners: 1 })
  expect(seen.problems).toEqual([`(not started ${added.id}) is in the membership, but not in the inventory.`])
})

test.each<[EtcdMinor]>([['3.5'], ['3.6'], ['3.7']])(
  'etcd %s: an alarm makes its member unhealthy, but where it is tolerated',
  async (minor) => {
    const full = await startEtcd({ size: 1, minor, flags: ['--quota-backend-bytes', '1'] })
    try {
      await writeKey(pool.cluster(full.inventory).endpoint('a').url, 'k', 'v').catch(() => undefined)
      const seen = await look({}, full.inventory)
      expect(seen).toMatchObject({ healthy: false, alarms: ['NOSPACE on a'] })
      expect(seen.byName['a']?.why).toMatch(/NOSPACE/)
      const tolerant = await look({ tolerate: ['NOSPACE'] }, full.inventory)
      expect(tolerant).toMatchObject({ healthy: true, problems: [], alarms: ['NOSPACE on a'] })
      const other = await look({ tolerate: ['CORRUPT'] }, full.inventory)
      expect(other).toMatchObject({ healthy: false, alarms: ['NOSPACE on a'] })
    } finally {
      await full.end()
    }
  },
  30_000,
)

test.each<[EtcdMinor, string, string]>([
  ['3.5', '3.5.0', ''],
  ['3.6', '3.6.0', '3.6.0'],
])(
  'etcd %s tells the version of the cluster, of its data, and how full its database is',
  async (minor, clusterVersion, storageVersion) => {
    const one = await startEtcd({ size: 1, minor, flags: ['--quota-backend-bytes', '1000000'] })
    try {
      const seen = await eventually(async () => {
        const now = await look({}, one.inventory)
        expect(now.clusterVersion).toBe(clusterVersion)
        expect(now.storageVersion).toBe(storageVersion)
        return now
      })
      const member = seen.byName['a']
      expect(member).toMatchObject({ clusterVersion, storageVersion, downgradeTo: '' })
      expect(member?.dbSizeInUseBytes).toBeGreaterThan(0)
      expect(member?.dbSizeBytes).toBeGreaterThanOrEqual(member?.dbSizeInUseBytes ?? 0)
      expect(member?.quotaBytes).toBe(minor === '3.5' ? 0 : 1_000_000)
    } finally {
      await one.end()
    }
  },
  30_000,
)
