import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Cluster, clientUrl, type EtcdAuth, peerUrl } from '../../dsl/inventory.ts'
import { createBinaryFinder } from '../../lab/binaries.ts'
import { type EtcdProcesses, eventually, startEtcd } from '../../test/etcd-processes.ts'
import { layoutOn } from '../inventory/look-up.ts'
import type { EtcdEndpoint } from './cluster.ts'
import { openChannel } from './channel.ts'
import { createEtcdPool } from './pool.ts'
import { tokenKeeper } from './token.ts'

let etcd: EtcdProcesses
let directory: string
const auth: EtcdAuth = { user: 'root', password: 'env:QUORATE_TEST_PASSWORD' }

beforeAll(async () => {
  process.env['QUORATE_TEST_PASSWORD'] = 'secret'
  directory = mkdtempSync(join(tmpdir(), 'quorate-token-'))
  etcd = await startEtcd({ size: 3, spares: 1 })
  await etcdctl('user', 'add', 'root:secret')
  await etcdctl('user', 'grant-role', 'root', 'root')
  await etcdctl('auth', 'enable')
}, 60_000)

afterAll(async () => {
  delete process.env['QUORATE_TEST_PASSWORD']
  await etcd?.end()
  rmSync(directory, { recursive: true, force: true })
})

async function etcdctl(...words: readonly string[]): Promise<void> {
  const { etcdctl: program } = await createBinaryFinder().etcd('3.6')
  const { status, stderr } = spawnSync(
    program,
    [`--endpoints=${clientUrl(layoutOn(etcd.inventory, 'a'))}`, ...words],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
}

async function withPool<Value>(
  given: EtcdAuth | undefined,
  use: (at: (host: string) => EtcdEndpoint) => Promise<Value>,
): Promise<Value> {
  const pool = createEtcdPool()
  const cluster: Cluster = { ...etcd.inventory, ...(given && { auth: given }) }
  const seen = pool.cluster(cluster)
  try {
    return await use((host) => seen.endpoint(host))
  } finally {
    pool.close()
  }
}

test('without a user the cluster says what it wants', async () => {
  const failed = withPool(undefined, (at) => at('a').readThroughQuorum())
  await expect(failed).rejects.toMatchObject({ code: 'notAuthenticated' })
  await expect(failed).rejects.toThrow('name them under `auth`')
})

test('with a user every member answers, for reads, alarms, hashes and changes', async () => {
  await withPool(auth, async (at) => {
    for (const host of ['a', 'b', 'c']) {
      const { revision } = await at(host).readThroughQuorum()
      await at(host).alarms()
      await at(host).hash(revision)
      expect((await at(host).members(true)).members).toHaveLength(3)
    }
    await at('a').compact((await at('a').readThroughQuorum()).revision)
  })
})

test('tokens that the members no longer know are renewed, and for many calls at once only once', async () => {
  await withPool(auth, async (at) => {
    await at('a').readThroughQuorum()
    const before = await logEndOf(at('a'))
    await etcdctl('--user=root:secret', 'auth', 'disable')
    await etcdctl('auth', 'enable')
    await Promise.all(Array.from({ length: 20 }, () => at('a').readThroughQuorum()))
    // Reads go through the quorum without the log: only logins and the two switches add to it.
    expect((await logEndOf(at('a'))) - before).toBeLessThan(10)
  })
})

test('a wrong password is wrong at once, and said so', async () => {
  process.env['QUORATE_TEST_WRONG'] = 'guess'
  const failed = withPool({ ...auth, password: 'env:QUORATE_TEST_WRONG' }, (at) =>
    at('a').readThroughQuorum(),
  )
  await expect(failed).rejects.toMatchObject({ code: 'wrongPassword' })
  await expect(failed).rejects.toThrow('correct `auth`')
  delete process.env['QUORATE_TEST_WRONG']
})

test('the password may lie in a file', async () => {
  const file = join(directory, 'password')
  writeFileSync(file, 'secret\n')
  const read = withPool({ ...auth, password: `file:${file}` }, (at) => at('a').readThroughQuorum())
  expect((await read).revision).toBeGreaterThan(0)
})

test.each([
  ['env:QUORATE_TEST_NOT_SET', /QUORATE_TEST_NOT_SET \(clusters\.test\.auth\.password .*is not set/],
  ['file:/nowhere/password', /\/nowhere\/password \(clusters\.test\.auth\.password .*ENOENT/],
])('a password that is not where %s says is refused, naming its place', async (password, message) => {
  await expect(withPool({ ...auth, password }, (at) => at('a').readThroughQuorum())).rejects.toMatchObject({
    name: 'InputError',
    message: expect.stringMatching(message),
  })
})

test('a learner, which takes no logins itself, is asked with the token of a voter', async () => {
  await withPool(auth, async (at) => {
    await at('a').readThroughQuorum()
    const layout = layoutOn(etcd.inventory, 'd')
    await eventually(() => at('a').addMember([peerUrl(layout)], true))
    etcd.start('d')
    await eventually(async () => expect((await at('d').status()).isLearner).toBe(true))
    await expect(at('d').alarms()).rejects.toMatchObject({ code: 'askedALearner' })
  })
}, 30_000)

test('and a voter that is down does not keep it from getting one', async () => {
  const open = (host: string) => openChannel({ host, url: clientUrl(layoutOn(etcd.inventory, host)) })
  const [down, voter, learner] = [open('b'), open('a'), open('d')]
  await etcd.stop('b')
  try {
    const keeper = tokenKeeper('test', auth, () => [down, learner, voter])
    await eventually(async () => expect(await keeper.renew(learner, undefined, 5000)).toMatch(/\S/))
  } finally {
    for (const channel of [down, voter, learner]) channel.close()
    etcd.start('b')
  }
}, 30_000)

test('a member without a quorum still says how it is to who has a token already', async () => {
  await withPool(auth, async (at) => {
    await at('a').readThroughQuorum()
    await Promise.all(['b', 'c'].map((name) => etcd.stop(name)))
    expect((await at('a').status()).memberId).toMatch(/^[0-9a-f]+$/)
    await expect(at('a').readThroughQuorum()).rejects.toMatchObject({ ambiguous: true })
  })
})

/** Grows with every login, each of which goes through the cluster's log. */
const logEndOf = async (endpoint: EtcdEndpoint): Promise<number> => (await endpoint.status()).raftIndex
