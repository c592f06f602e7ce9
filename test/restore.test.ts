import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { EtcdMinor } from '../lab/binaries.ts'
import { fill, startWriter } from '../lab/writer.ts'
import { above, approve, lostBy, untilLeaderless, whyEnded } from './recovery.ts'
import {
  footprint,
  membersNow,
  type Started,
  startRun,
  startWorld,
  textOf,
  until,
  type World,
} from './world.ts'

const runOf = (world: World, runbook: string, inputs: object = {}): Promise<Started> =>
  startRun(world.door, runbook, { cluster: 'demo', ...inputs })

/** etcd-restore-snapshot on the process lab, with a client that writes until the disaster and after it; 3.7 is on the hosts. */
describe.each<[EtcdMinor]>([['3.5'], ['3.6']])('etcd %s', (version) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ version, spares: 1 })
    await fill(world.endpoints.slice(0, 3), 300)
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  test('while the quorum lives nothing is done', async () => {
    const before = await footprint(world)
    const run = await runOf(world, 'etcd-restore-snapshot')
    expect(await whyEnded(run)).toMatch(/demo has not lost its quorum: .*(leads|is led by|serves reads)/)
    expect(await footprint(world)).toEqual(before)
  }, 60_000)

  test('a cluster that lost two of three comes back, and exactly what came after the snapshot is lost', async () => {
    const { outputs: backup } = await (await runOf(world, 'etcd-backup')).result()
    const revision = Number(backup['revision'])
    const writer = startWriter({ endpoints: world.endpoints, prefix: 'later/', workers: 2, pauseMs: 20 })
    await until('some writes after the backup', () => writer.figures().acknowledged > 50)
    await world.lab.kill('h2')
    await world.lab.kill('h3')
    await untilLeaderless(world)
    const acknowledged = new Map(writer.acknowledged())

    const run = await runOf(world, 'etcd-restore-snapshot', { stable: '1s' })
    const asked = await approve(run)
    expect(asked).toContain(`revision ${revision}, taken at ${textOf(backup['takenAt'])}`)
    expect(asked).toContain('NOTHING HAS TO BE LOST')
    const { outputs } = await run.result()
    await until('writes to go on', () => writer.figures().acknowledged > acknowledged.size + 20)
    await writer.stop()

    expect(await lostBy(world, writer)).toEqual(above(acknowledged, revision))
    expect(outputs).toMatchObject({ lostAfterRevision: revision, snapshotTakenAt: backup['takenAt'] })
    expect(outputs).toMatchObject({ agree: true, left: [] })
    expect(Number(outputs['revision'])).toBeGreaterThan(1e9)
    expect(outputs['clusterId']).not.toBe(outputs['clusterIdBefore'])

    const members = await membersNow(world)
    expect(members).toHaveLength(3)
    expect(new Set(members.map(({ hash }) => hash)).size).toBe(1)
    expect(['h1', 'h2', 'h3'].map((host) => setAsideOn(world, host).length)).toEqual([1, 1, 1])
    expect(['h1', 'h2', 'h3'].flatMap((host) => copiesOn(world, host))).toEqual([])
  }, 180_000)
})

describe('a snapshot that is not what it should be is refused, and nothing of the cluster is touched', () => {
  let world: World
  let snapshot: { readonly host: string; readonly path: string }
  beforeAll(async () => {
    world = await startWorld({ version: '3.6', spares: 1 })
    await fill(world.endpoints.slice(0, 3), 100)
    const { outputs } = await (await runOf(world, 'etcd-backup')).result()
    snapshot = { host: textOf(outputs['host']), path: textOf(outputs['path']) }
    await world.lab.kill('h2')
    await world.lab.kill('h3')
    await untilLeaderless(world)
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  const copied = (change: (path: string) => void): string => {
    const path = join(world.directory, `copy-${Math.random().toString(36).slice(2)}.db`)
    writeFileSync(path, readFileSync(snapshot.path))
    change(path)
    return path
  }
  const flip = (path: string): void => {
    const bytes = readFileSync(path)
    bytes[9000] = (bytes[9000] ?? 0) ^ 1
    writeFileSync(path, bytes)
  }
  const cases: readonly (readonly [string, (path: string) => void, RegExp])[] = [
    ['truncated', (path) => truncateSync(path, 10_000), /10000 bytes long, which no whole snapshot is/],
    ['with a flipped bit', flip, /SHA-256 is [0-9a-f]{64}, and it says [0-9a-f]{64} of itself/],
    ['with more behind it', (path) => appendFileSync(path, 'x'), /which no whole snapshot is/],
    ['that is no snapshot at all', (path) => writeFileSync(path, 'hello'), /which no whole snapshot is/],
  ]
  test.each(cases)(
    '%s',
    async (_what, change, says) => {
      const before = await layOf(world)
      const snapshotPath = copied(change)
      const run = await runOf(world, 'etcd-restore-snapshot', { snapshotHost: snapshot.host, snapshotPath })
      expect(await whyEnded(run)).toMatch(says)
      expect(await layOf(world)).toEqual(before)
    },
    60_000,
  )

  test('sound, and where the log of one member would lie apart from what is restored', async () => {
    const { environment } = world.lab.host('h2').layout
    const configured = readFileSync(environment, 'utf8')
    writeFileSync(environment, `${configured}ETCD_WAL_DIR=/var/lib/etcd-wal\n`)
    try {
      const before = await layOf(world)
      const run = await runOf(world, 'etcd-restore-snapshot')
      expect(await whyEnded(run)).toMatch(
        /h2 keeps its log in .*wal-dir \/var\/lib\/etcd-wal.*Nothing was changed/,
      )
      expect(await layOf(world)).toEqual(before)
    } finally {
      writeFileSync(environment, configured)
    }
  }, 60_000)

  test('of another cluster', async () => {
    const other = await startWorld({ version: '3.6', members: 1, spares: 0 })
    try {
      const inventory = readFileSync(other.lab.inventory, 'utf8')
      expect(inventory).toContain('etcd-1')
      const { outputs } = await (await runOf(other, 'etcd-backup')).result()
      const before = await layOf(world)
      const bytes = readFileSync(textOf(outputs['path'])).toString('latin1').replaceAll('etcd-1', 'abcd-1')
      expect(bytes).toContain('abcd-1')
      const foreign = copied((path) => writeFileSync(path, signed(Buffer.from(bytes, 'latin1'))))
      const run = await runOf(world, 'etcd-restore-snapshot', { snapshotHost: 'h1', snapshotPath: foreign })
      expect(await whyEnded(run)).toMatch(/is of another cluster: it names abcd-1/)
      expect(await layOf(world)).toEqual(before)
    } finally {
      await other.close()
    }
  }, 120_000)
})

/** As `snapshot save` ends a file: with the SHA-256 of what comes before. */
const signed = (bytes: Buffer): Buffer => {
  const body = bytes.subarray(0, bytes.length - 32)
  return Buffer.concat([body, createHash('sha256').update(body).digest()])
}

const setAsideOn = (world: World, host: string): readonly string[] => {
  const { dataDir } = world.lab.host(host).layout
  return readdirSync(dirname(dataDir)).filter((name) => name.startsWith(`${basename(dataDir)}.quorate-`))
}

const copiesOn = (world: World, host: string): readonly string[] => {
  const { workDir } = world.lab.host(host).layout
  return existsSync(`${workDir}/restore`) ? readdirSync(`${workDir}/restore`) : []
}

/** What lies on the hosts, and the configuration of each. */
async function layOf(world: World): Promise<unknown> {
  return world.lab.hosts.map(({ name, layout }) => ({
    name,
    data: existsSync(dirname(layout.dataDir)) ? readdirSync(dirname(layout.dataDir)).toSorted() : [],
    configuration: existsSync(layout.environment) ? readFileSync(layout.environment, 'utf8') : '',
    disabled: existsSync(layout.disabled),
    copies: copiesOn(world, name),
  }))
}
