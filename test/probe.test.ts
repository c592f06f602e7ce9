import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createEtcdClient } from '../lab/etcd-client.ts'
import type { Writer } from '../lab/writer.ts'
import { liveEndpoints, startRun, startWorld, until, whileWriting, whoIsWhere, type World } from './world.ts'

/** A run measures how available its cluster is; a client of the tests, which knows nothing of it, measures too. */

let world: World
beforeAll(async () => {
  world = await startWorld()
}, 180_000)
afterAll(() => world?.close(), 60_000)

const measuring = { by: 'test', probe: true, watch: true }

const keysOfProbes = async (): Promise<readonly string[]> => {
  const [endpoint = ''] = await liveEndpoints(world)
  const client = createEtcdClient(endpoint)
  try {
    const { keys } = await client.keys('quorate/', 10)
    return keys.map(({ key }) => key).filter((key) => key.startsWith('quorate/'))
  } finally {
    client.close()
  }
}

const follower = 'etcd-2'

test('a migration says of the cluster what a client saw of it', async () => {
  const to = whoIsWhere(world).free.name
  const { result, figures, lost } = await whileWriting(world, async () => {
    const run = await world.start({ cluster: 'demo', member: follower, to, stable: '1s' }, measuring)
    return run.result()
  })
  expect(lost).toEqual([])
  const { writes, reads, notMeasuredMs, sinceMs, untilMs } = result.availability ?? {}
  expect(writes?.acknowledged).toBeGreaterThan(50)
  expect(reads?.acknowledged).toBeGreaterThan(50)
  // The member that moves is asked all the time: it was away, and that is no gap.
  expect(Object.keys(writes?.failed ?? {}).length).toBeGreaterThan(0)
  expect(Math.abs((writes?.longestGapMs ?? Infinity) - figures.longestGapMs)).toBeLessThan(
    1000 + (notMeasuredMs ?? 0),
  )
  expect((untilMs ?? 0) - (sinceMs ?? 0)).toBeGreaterThan((result.endedMs - result.startedMs) / 2)
  expect(await keysOfProbes()).toEqual([])
}, 180_000)

test('a run that only looks measures as well', async () => {
  const run = await startRun(world.door, 'etcd-inspect', { cluster: 'demo' }, measuring)
  const { availability } = await run.result()
  expect(availability).toMatchObject({ cluster: 'demo' })
  expect(availability?.writes.acknowledged).toBeGreaterThan(0)
  expect(await keysOfProbes()).toEqual([])
}, 60_000)

test('a quorum that was gone for seconds and a worker that was killed are both told', async () => {
  const to = whoIsWhere(world).free.name
  const { result, figures } = await whileWriting(world, async (writer) => {
    const run = await world.start({ cluster: 'demo', member: follower, to, stable: '1s' }, measuring)
    await until('the run to begin', async () => (await run.status()).view.steps.length > 0)
    await run.handle.executeUpdate('pause', { args: [{ by: 'test' }] })
    await until('the run to stop', async () => (await run.status()).view.phase === 'paused')
    await until('the probe to write', async () => (await keysOfProbes()).length === 1)
    await quorumGone(writer, 3000)
    await world.worker.kill()
    await world.worker.start()
    await run.handle.executeUpdate('resume')
    return run.result()
  })
  const { writes, notMeasuredMs = 0 } = result.availability ?? {}
  expect(figures.longestGapMs).toBeGreaterThan(2500)
  // Each sees the end of it only with its next request, and one that is under way then takes a second to time out.
  expect(Math.abs((writes?.longestGapMs ?? 0) - figures.longestGapMs)).toBeLessThan(1500)
  expect(writes?.unavailableMs).toBeGreaterThan(2000)
  // The worker was away for longer than its heartbeat may be: the two seconds of this world.
  expect(notMeasuredMs).toBeGreaterThan(1000)
  expect(await keysOfProbes()).toEqual([])
}, 180_000)

/** Two of three members stand still for so long; returns once a client is served again. */
async function quorumGone(writer: Writer, ms: number): Promise<void> {
  const hosts = Object.values(whoIsWhere(world).hosts).slice(0, 2)
  await Promise.all(hosts.map((host) => world.lab.freeze(host)))
  const frozenMs = Date.now()
  await until('the time to pass', () => Date.now() - frozenMs >= ms)
  await Promise.all(hosts.map((host) => world.lab.thaw(host)))
  const { acknowledged } = writer.figures()
  await until('the cluster to serve again', () => writer.figures().acknowledged > acknowledged + 10)
}
