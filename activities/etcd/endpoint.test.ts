import { connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openChannel } from './channel.ts'
import type { EtcdEndpoint } from './cluster.ts'
import { EtcdError } from './errors.ts'
import { writeKey } from '../../lab/keys.ts'
import { createEtcdPool, type EtcdPool } from './pool.ts'
import { type EtcdProcesses, eventually, startEtcd } from '../../test/etcd-processes.ts'

let etcd: EtcdProcesses
let pool: EtcdPool
const at = (host: string): EtcdEndpoint => pool.cluster(etcd.inventory).endpoint(host)

beforeAll(async () => {
  etcd = await startEtcd({ size: 3, spares: 1 })
  pool = createEtcdPool()
}, 60_000)

afterAll(async () => {
  pool.close()
  await etcd.end()
})

test('a member tells its status with ids in hex and the fields of 3.6', async () => {
  const status = await at('a').status()
  expect(status).toMatchObject({ version: expect.stringMatching(/^3\.6\./), isLearner: false, errors: [] })
  expect(status.storageVersion).toBe('3.6.0')
  expect(status.dbQuotaBytes).toBe(2 * 1024 ** 3)
  expect(status.memberId).toMatch(/^[0-9a-f]{1,16}$/)
  expect(status.downgradeTo).toBeUndefined()
})

test('every member tells the same membership, and its own id', async () => {
  const lists = await Promise.all(['a', 'b', 'c'].map((host) => at(host).members(true)))
  const [first] = lists
  for (const list of lists) expect(list.members).toEqual(first?.members)
  expect(new Set(lists.map((list) => list.answeredBy)).size).toBe(3)
  expect(first?.members.map((member) => member.name).toSorted()).toEqual(['a', 'b', 'c'])
})

test('a connection that has gone silent, as of a host that lost its power, is not used again', async () => {
  const layout = etcd.inventory.etcd['a']
  if (!layout) throw new Error('no layout')
  const links: Socket[] = []
  const between = createServer((from) => {
    const to = connect(layout.clientPort, layout.address)
    links.push(from, to)
    from.pipe(to).pipe(from)
  })
  await new Promise<void>((done) => between.listen(0, '127.0.0.1', done))
  const listening = between.address()
  if (listening === null || typeof listening === 'string') throw new Error('no port')
  const channel = openChannel({ host: 'a', url: `http://127.0.0.1:${listening.port}` })
  const ask = () => channel.call('Status', {}, { timeoutMs: 2000 })
  try {
    await ask()
    for (const link of links) link.unpipe().pause()
    await expect(ask()).rejects.toMatchObject({ code: 'noAnswerInTime' })
    await ask()
  } finally {
    channel.close()
    for (const link of links) link.destroy()
    between.close()
  }
})

test('hashes at one revision are equal', async () => {
  const { revision } = await at('a').readThroughQuorum()
  const hashes = await Promise.all(['a', 'b', 'c'].map((host) => at(host).hash(revision)))
  expect(new Set(hashes.map((hash) => JSON.stringify(hash))).size).toBe(1)
  await expect(at('a').hash(revision + 1000)).rejects.toMatchObject({ code: 'futureRevision' })
})

test('leadership moves when the leader is asked, and only then', async () => {
  const { leader } = await at('a').status()
  const { members } = await at('a').members(true)
  const other = members.find((member) => member.id !== leader)
  const leading = members.find((member) => member.id === leader)?.name ?? ''
  await expect(at(other?.name ?? '').moveLeader(other?.id ?? '')).rejects.toMatchObject({ code: 'notLeader' })
  await at(leading).moveLeader(other?.id ?? '')
  await eventually(async () => expect((await at('a').status()).leader).toBe(other?.id))
})

test('a peer URL is updated, and an unknown member is told apart', async () => {
  const { members } = await at('a').members(true)
  const moved = members.find((member) => member.name === 'c')
  const before = moved?.peerUrls ?? []
  const after = await at('a').updateMember(moved?.id ?? '', [...before, 'http://127.0.0.1:1'])
  expect(after.find((member) => member.name === 'c')?.peerUrls).toHaveLength(2)
  await at('a').updateMember(moved?.id ?? '', before)
  await expect(at('a').updateMember('abc', ['http://127.0.0.1:1'])).rejects.toMatchObject({
    code: 'memberNotFound',
  })
})

test('a learner is added, cannot be promoted before it is in sync, and is removed', async () => {
  await eventually(async () => {
    const { added } = await at('a').addMember(['http://127.0.0.1:2'], true)
    expect(added).toMatchObject({ name: '', isLearner: true })
  })
  await expect(at('a').addMember(['http://127.0.0.1:2'], true)).rejects.toMatchObject({
    code: expect.stringMatching(/peerUrlExists|memberExists/),
  })
  await expect(at('a').addMember(['http://127.0.0.1:3'], true)).rejects.toMatchObject({
    code: 'tooManyLearners',
  })
  const learner = (await at('a').members(true)).members.find((member) => member.isLearner)
  await expect(at('a').promoteMember(learner?.id ?? '')).rejects.toMatchObject({ code: 'learnerNotInSync' })
  expect(await at('a').removeMember(learner?.id ?? '')).toHaveLength(3)
})

test('a port where nothing listens is unreachable, at once', async () => {
  const started = Date.now()
  await expect(at('d').status()).rejects.toMatchObject({ code: 'unreachable', ambiguous: true })
  expect(Date.now() - started).toBeLessThan(1500)
})

test('a frozen member costs its deadline and no more, and answers again once it thaws', async () => {
  etcd.signal('b', 'SIGSTOP')
  const started = Date.now()
  const failure = await at('b')
    .status({ timeoutMs: 300 })
    .catch((error: unknown) => error)
  const tookMs = Date.now() - started
  etcd.signal('b', 'SIGCONT')
  expect(failure).toBeInstanceOf(EtcdError)
  expect(failure).toMatchObject({ code: 'noAnswerInTime', host: 'b' })
  expect(tookMs).toBeGreaterThanOrEqual(290)
  // Its deadline, not the two seconds a call has by default.
  expect(tookMs).toBeLessThan(1800)
  await eventually(() => at('b').status())
})

test('an aborted call ends at once', async () => {
  etcd.signal('b', 'SIGSTOP')
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 50)
  const failure = await at('b')
    .status({ timeoutMs: 5000, signal: stop.signal })
    .catch((error: unknown) => error)
  etcd.signal('b', 'SIGCONT')
  expect(failure).toMatchObject({ code: 'cancelled' })
})

test('a member that comes back is answered by within a second of serving, without gRPC waiting out a back-off', async () => {
  await etcd.stop('c')
  await expect(at('c').status()).rejects.toMatchObject({ code: 'unreachable' })
  etcd.start('c')
  await eventually(() => at('c').readThroughQuorum())
})

test('changes are told to the observer before and after, reads are not', async () => {
  const seen: string[] = []
  const cluster = pool.cluster(etcd.inventory, async ({ call }) => {
    seen.push(`before ${call}`)
    return ({ error }) => void seen.push(`after ${call}: ${error === undefined ? 'ok' : 'failed'}`)
  })
  await cluster.endpoint('a').status()
  await cluster
    .endpoint('a')
    .removeMember('abc')
    .catch(() => undefined)
  expect(seen).toEqual(['before MemberRemove', 'after MemberRemove: failed'])
})

test('a full backend raises NOSPACE, which the quorum names, and which can be disarmed', async () => {
  const full = await startEtcd({ size: 1, flags: ['--quota-backend-bytes', '1'] })
  try {
    const own = createEtcdPool()
    const endpoint = own.cluster(full.inventory).endpoint('a')

    await expect(writeKey(endpoint.url, 'k', 'v')).rejects.toThrow('database space exceeded')
    const { memberId } = await endpoint.status()
    expect(await endpoint.alarms()).toEqual([{ memberId, kind: 'NOSPACE' }])
    await endpoint.disarm({ memberId, kind: 'NOSPACE' })
    expect(await endpoint.alarms()).toEqual([])
    own.close()
  } finally {
    await full.end()
  }
}, 30_000)
