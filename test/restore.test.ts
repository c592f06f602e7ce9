import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { WorkflowFailedError } from '@temporalio/client'
import type { EtcdMinor } from '../lab/binaries.ts'
import { createEtcdClient } from '../lab/etcd-client.ts'
import { fill, startWriter, type Writer } from '../lab/writer.ts'
import { liveEndpoints, membersNow, type Started, startRun, startWorld, until, type World } from './world.ts'

const runOf = (world: World, runbook: string, inputs: object): Promise<Started> =>
  startRun(world.door, runbook, { cluster: 'demo', ...inputs })

async function whyEnded(run: Started): Promise<string> {
  const error: unknown = await run.result().then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (error instanceof WorkflowFailedError) return error.cause?.message ?? ''
  throw error instanceof Error ? error : new Error('The run was expected to fail, and did not.')
}

/** Waits for the approval, answers it, and returns what was asked. */
async function approve(run: Started): Promise<string> {
  let message = ''
  const failed = run.handle.result().catch((error: unknown) => {
    throw error instanceof WorkflowFailedError ? (error.cause ?? error) : error
  })
  const asked = until('the approval to be asked for', async () => {
    const { view } = await run.status()
    const { approval, failure } = view.waiting ?? {}
    message = approval?.message ?? ''
    if (view.waiting && !approval) throw new Error(`The run waits: ${failure?.message}`)
    return approval !== undefined
  })
  await Promise.race([asked, failed])
  await run.handle.executeUpdate('approve', { args: [{ by: 'test', comment: 'lose it' }] })
  return message
}

/** A member notices only after its election timeout that nobody follows it any more. */
const untilLeaderless = (world: World): Promise<void> =>
  until('no member to have a leader', async () => {
    const told = await Promise.all(
      (await liveEndpoints(world)).map(async (endpoint) => {
        const client = createEtcdClient(endpoint)
        try {
          return (await client.status()).leader
        } finally {
          client.close()
        }
      }),
    )
    return told.every((leader) => leader === '0')
  })

/** Keys that were acknowledged and are gone, with their revisions. */
async function lostOf(world: World, writer: Writer): Promise<readonly number[]> {
  const [endpoint = ''] = await liveEndpoints(world)
  const { lost } = await writer.verify(endpoint)
  return lost.map((key) => writer.acknowledged().get(key) ?? 0)
}

/** etcd-restore-snapshot on the process lab, with a client that writes until the disaster and after it. */
describe.each<[EtcdMinor]>([['3.5'], ['3.6'], ['3.7']])('etcd %s', (version) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ version, spares: 1 })
    await fill(world.endpoints.slice(0, 3), 300)
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  test('while the quorum lives nothing is done', async () => {
    const run = await runOf(world, 'etcd-restore-snapshot', {})
    expect(await whyEnded(run)).toMatch(/demo has not lost its quorum: .*(leads|is led by|serves reads)/)
  }, 60_000)

  test('a cluster that lost two of three comes back, and exactly what came after the snapshot is lost', async () => {
    const { outputs: backup } = await (await runOf(world, 'etcd-backup', {})).result()
    const writer = startWriter({ endpoints: world.endpoints, prefix: 'later/', workers: 2, pauseMs: 20 })
    await until('some writes after the backup', () => writer.figures().acknowledged > 50)
    await world.lab.kill('h2')
    await world.lab.kill('h3')
    const before = writer.figures().acknowledged
    await untilLeaderless(world)
    const run = await runOf(world, 'etcd-restore-snapshot', { stable: '1s' })
    const asked = await approve(run)
    expect(asked).toContain(`revision ${String(backup?.['revision'])}`)
    const { outputs } = await run.result()
    await until('writes to go on', () => writer.figures().acknowledged > before + 20)
    await writer.stop()

    const lost = await lostOf(world, writer)
    const revision = Number(backup?.['revision'])
    const expected = [...writer.acknowledged().values()].filter((at) => at > revision && at < revision + 1e8)
    expect(lost.toSorted()).toEqual(expected.toSorted())
    expect(outputs).toMatchObject({
      lostAfterRevision: revision,
      snapshotTakenAt: backup?.['takenAt'],
      agree: true,
      left: [],
    })
    expect(Number(outputs?.['revision'])).toBeGreaterThan(1e9)
    expect(Number(outputs?.['knownRevision'])).toBeGreaterThanOrEqual(Math.max(...expected) - 2000)

    const members = await membersNow(world)
    expect(members).toHaveLength(3)
    expect(new Set(members.map(({ hash }) => hash)).size).toBe(1)
    expect(outputs?.['clusterId']).not.toBe(outputs?.['clusterIdBefore'])
    for (const host of ['h1', 'h2', 'h3']) {
      const { dataDir, workDir } = world.lab.host(host).layout
      const aside = readdirSync(dirname(dataDir)).filter((name) =>
        name.startsWith(`${basename(dataDir)}.quorate-`),
      )
      expect(aside).toHaveLength(1)
      expect(existsSync(`${workDir}/restore`) ? readdirSync(`${workDir}/restore`) : []).toEqual([])
    }
  }, 180_000)
})
