import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createBinaryFinder } from './binaries.ts'
import { measureDowntime } from './downtime.ts'
import { createEtcdClient, type EtcdClient } from './etcd-client.ts'
import { type Lab, startProcessLab } from './process.ts'
import { createGapMeter, fill, startWriter } from './writer.ts'

describe('the gap meter', () => {
  const rows = [
    { why: 'counts the wait for the first', seen: [70, 80], end: 90, longest: 70, at: 0 },
    { why: 'finds the longest between two', seen: [10, 60, 75], end: 80, longest: 50, at: 10 },
    { why: 'counts the silence at the end', seen: [10, 20], end: 120, longest: 100, at: 20 },
    { why: 'takes the whole time when nothing was seen', seen: [], end: 30, longest: 30, at: 0 },
  ]
  test.each(rows)('$why', ({ seen, end, longest, at }) => {
    const meter = createGapMeter(0)
    seen.forEach((ms) => meter.seen(ms))
    expect(meter.figures(end)).toEqual({ longestGapMs: longest, longestGapAtMs: at, durationMs: end })
  })
})

describe('on a real cluster', () => {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-writer-'))
  let lab: Lab
  const endpointOf = (host: string) => `127.0.0.1:${lab.host(host).clientPort}`
  const endpoints = () => lab.hosts.map(({ name }) => endpointOf(name))

  beforeAll(async () => {
    const { etcd, etcdctl, etcdutl } = await createBinaryFinder().etcd('3.6')
    lab = await startProcessLab({ directory, programs: { etcd, etcdctl, etcdutl } })
  }, 300_000)
  afterAll(async () => {
    await lab.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  test('fill writes just so many keys, and all members hash them alike', async () => {
    const members = Object.values(lab.members).map((host) => createEtcdClient(endpointOf(host)))
    const before = await members[0]?.count()
    await fill(
      members.map(({ endpoint }) => endpoint),
      20_000,
    )
    expect(await members[0]?.count()).toBe((before ?? 0) + 20_000)
    const { revision } = (await members[0]?.status()) ?? { revision: 0 }
    for (const member of members) await untilAt(member, revision)
    const hashes = await Promise.all(members.map((member) => member.hash(revision)))
    expect(new Set(hashes.map((hash) => JSON.stringify(hash))).size).toBe(1)
    members.forEach((member) => member.close())
  }, 60_000)

  test('an acknowledged write that is gone, or was written over, is found to be lost', async () => {
    const writer = startWriter({ endpoints: endpoints(), prefix: 'honest/' })
    await until(() => writer.figures().acknowledged > 60)
    await writer.stop()
    expect(await writer.verify(endpointOf('h2'))).toMatchObject({ lost: [] })

    const through = ['--endpoints', endpointOf('h1')]
    await lab.run('h1', 'etcdctl', [...through, 'del', 'honest/0/000000003'])
    await lab.run('h1', 'etcdctl', [...through, 'put', 'honest/1/000000004', 'somebody else'])
    const { acknowledged, lost } = await writer.verify(endpointOf('h3'))
    expect(acknowledged).toBe(writer.figures().acknowledged)
    expect(lost.toSorted()).toEqual(['honest/0/000000003', 'honest/1/000000004'])
  }, 60_000)

  test('the writer goes on when a member dies, counts what failed and loses nothing', async () => {
    const writer = startWriter({ endpoints: endpoints(), prefix: 'death/' })
    const meter = measureDowntime([endpointOf('h2')])
    await until(() => writer.figures().acknowledged > 100)
    await lab.kill('h2')
    const atDeath = writer.figures().acknowledged
    await until(() => writer.figures().acknowledged > atDeath + 100)
    await lab.run('h2', 'etcd-start')
    await until(
      () => meter.figures().answering !== undefined && writer.figures().acknowledged > atDeath + 200,
    )
    const figures = await writer.stop()
    expect(figures.failed).toBeGreaterThan(0)
    expect(await writer.verify(endpointOf('h1'))).toEqual({ acknowledged: figures.acknowledged, lost: [] })
    meter.stop()
  }, 60_000)

  test('the longest gap and the downtime are as long as the whole cluster stood still', async () => {
    const writer = startWriter({ endpoints: endpoints(), prefix: 'still/' })
    const meter = measureDowntime([endpointOf('h1'), endpointOf('h4')])
    await until(() => writer.figures().acknowledged > 50 && meter.figures().answering !== undefined)
    const hosts = Object.values(lab.members)
    await Promise.all(hosts.map((host) => lab.freeze(host)))
    const frozenMs = Date.now()
    await until(() => Date.now() - frozenMs >= 1500)
    const thawedMs = Date.now()
    await Promise.all(hosts.map((host) => lab.thaw(host)))
    const atThaw = writer.figures().acknowledged
    await until(() => writer.figures().acknowledged > atThaw + 20)
    const { longestGapMs, longestGapAtMs } = await writer.stop()
    // This process may be held up for a moment itself before it asks again.
    expect(longestGapAtMs).toBeLessThanOrEqual(frozenMs + 500)
    expect(longestGapAtMs + longestGapMs).toBeGreaterThanOrEqual(thawedMs)
    expect(meter.stop().downMs).toBeGreaterThanOrEqual(1000)
  }, 60_000)
})

/** A follower hears of a write a moment after it was acknowledged. */
async function untilAt(member: EtcdClient, revision: number, withinMs = 30_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while ((await member.status()).revision < revision) {
    if (Date.now() > deadline)
      throw new Error(`${member.endpoint} is not at ${revision} after ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function until(condition: () => boolean, withinMs = 30_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Not within ${withinMs} ms: ${condition.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
