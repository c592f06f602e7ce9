import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Availability } from '../../dsl/availability.ts'
import { type Cluster, clientUrl } from '../../dsl/inventory.ts'
import type { Json } from '../../dsl/program.ts'
import { createBinaryFinder } from '../../lab/binaries.ts'
import { startEtcd, type EtcdProcesses } from '../../test/etcd-processes.ts'
import type { BesideDetails } from '../../workflows/ports.ts'
import { createEnvironment, type Environment } from '../environment.ts'
import { createEtcdPool } from '../etcd/pool.ts'
import { goBeside } from './beside.ts'
import { memoryRecord } from '../../test/memory-record.ts'

jest.setTimeout(120_000)

/** What goes on beside a run, on real members. */

let etcd: EtcdProcesses
const record = memoryRecord()
let environment: Environment
const pool = createEtcdPool()
let inventory: Cluster
beforeAll(async () => {
  etcd = await startEtcd({ size: 3 })
  environment = createEnvironment({
    loadInventory: () =>
      Promise.resolve({ file: 'inventory.yaml', hosts: {}, clusters: { test: inventory } }),
    record,
  })
}, 120_000)
beforeEach(() => {
  inventory = etcd.inventory
})
afterAll(async () => {
  pool.close()
  await environment.close()
  await etcd.end()
})

async function etcdctl(...words: readonly string[]): Promise<void> {
  const programs = await createBinaryFinder().etcd('3.6')
  const through = clientUrl(etcd.inventory.etcd['a'] ?? fail())
  await promisify(execFile)(programs.etcdctl, ['--endpoints', through, ...words])
}

function fail(): never {
  throw new Error('There is no member a.')
}

const run = { id: 'run-1', key: 'k', runbook: 'r', hash: 'h', cluster: 'test' }
const key = Buffer.from('quorate/probe/run-1')
const isThere = async (): Promise<boolean> =>
  (await pool.cluster(etcd.inventory).endpoint('a').key(key)) !== undefined

/** The activity, until `end`. */
function begin(
  options: { readonly probe?: boolean; readonly said?: Json; readonly before?: Availability } = {},
) {
  const { probe = true, said, before } = options
  const over = new AbortController()
  const beats: BesideDetails[] = []
  const ending = { goesOn: false }
  const ended = goBeside({ run, cluster: 'test', probe, ...(before ? { before } : {}) }, environment, {
    signal: over.signal,
    goesOn: () => ending.goesOn,
    said,
    heartbeat: (details) => void beats.push(details as unknown as BesideDetails),
  })
  const last = () => beats.at(-1)
  return {
    last,
    async until(what: string, holds: (details: BesideDetails) => boolean): Promise<BesideDetails> {
      for (const startMs = Date.now(); ; await new Promise((done) => setTimeout(done, 50))) {
        const details = last()
        if (details && holds(details)) return details
        if (Date.now() - startMs > 30_000) throw new Error(`Waited for ${what}: ${JSON.stringify(details)}`)
      }
    },
    end(goesOn = false) {
      ending.goesOn = goesOn
      over.abort(new Error('over'))
      return ended
    },
  }
}

const written = (count: number) => (details: BesideDetails) =>
  (details.availability?.writes.acknowledged ?? 0) >= count &&
  (details.availability?.reads.acknowledged ?? 0) >= count

describe('the probe', () => {
  test('sees for how long a quorum was gone, and leaves nothing behind', async () => {
    const probe = begin()
    await probe.until('the first answers', written(10))
    expect(await isThere()).toBe(true)
    const frozenMs = Date.now()
    for (const name of ['a', 'b']) etcd.signal(name, 'SIGSTOP')
    await new Promise((done) => setTimeout(done, 2500))
    for (const name of ['a', 'b']) etcd.signal(name, 'SIGCONT')
    const lasted = Date.now() - frozenMs
    const before = probe.last()?.availability?.writes.acknowledged ?? 0
    await probe.until('answers afterwards', written(before + 10))
    const measured = await probe.end()
    const { writes, reads } = measured ?? {}
    expect(measured).toMatchObject({ cluster: 'test' })
    for (const { longestGapMs = 0, longestGapAtMs = 0, unavailableMs = 0 } of [{ ...writes }, { ...reads }]) {
      expect(longestGapMs).toBeGreaterThan(lasted - 400 - (measured?.notMeasuredMs ?? 0))
      expect(longestGapMs).toBeLessThan(lasted + 8000)
      expect(Math.abs(longestGapAtMs - frozenMs)).toBeLessThan(1000 + (measured?.notMeasuredMs ?? 0))
      expect(unavailableMs).toBeGreaterThanOrEqual(longestGapMs)
    }
    expect(Object.keys(writes?.failed ?? {})).toContain('noAnswerInTime')
    expect(await isThere()).toBe(false)
    expect(record.named('run.measured')).toMatchObject([
      { run: 'k', workflow: 'run-1', data: { availability: { cluster: 'test' } } },
    ])
  })

  test('a member that is down is counted, and is no gap', async () => {
    const probe = begin()
    await probe.until('the first answers', written(5))
    await etcd.stop('c')
    const { availability } = await probe.until(
      'a member that does not answer',
      (details) => (details.availability?.writes.failed['unreachable'] ?? 0) > 3,
    )
    expect(availability?.writes.unavailableMs).toBe(0)
    const { members } = await probe.until('it to be seen', ({ members: seen = [] }) =>
      seen.some(({ unreachableSinceMs }) => unreachableSinceMs !== undefined),
    )
    expect(members?.map(({ name, reachable, healthy }) => [name, reachable, healthy])).toEqual([
      ['a', true, true],
      ['b', true, true],
      ['c', false, false],
    ])
    etcd.start('c')
    await probe.until('it to be well again', ({ members: seen = [] }) => seen.every(({ healthy }) => healthy))
    await probe.end()
  })

  test('goes on where a worker that ended left it, and says what nobody measured', async () => {
    const first = begin()
    const said = await first.until('the first answers', written(5))
    await expect(first.end(true)).rejects.toThrow('over')
    expect(await isThere()).toBe(true)
    const count = said.availability?.writes.acknowledged ?? 0
    const second = begin({ said: JSON.parse(JSON.stringify(said)) as Json })
    await second.until('more answers', written(count + 5))
    const measured = await second.end()
    expect(measured?.sinceMs).toBe(said.availability?.sinceMs)
    expect(measured?.notMeasuredMs).toBeGreaterThan(0)
    expect(await isThere()).toBe(false)
  })

  test('one that may not write the key says so once and gives up; the members are watched all the same', async () => {
    const asRoot = ['--user', 'root:secret']
    await etcdctl('user', 'add', 'root:secret')
    await etcdctl('user', 'grant-role', 'root', 'root')
    await etcdctl('auth', 'enable')
    try {
      const probe = begin()
      const { availability } = await probe.until(
        'it to give up',
        (said) => said.availability?.stopped !== undefined,
      )
      expect(availability?.stopped).toMatch(/asks for a user and password/)
      expect(availability?.writes.acknowledged).toBe(0)
      await probe.until('the members', ({ members }) => members !== undefined)
      expect((await probe.end())?.stopped).toBe(availability?.stopped)
    } finally {
      await etcdctl(...asRoot, 'auth', 'disable')
    }
  })

  test('who only watches writes nothing', async () => {
    const watching = begin({ probe: false })
    const { members, availability } = await watching.until(
      'the members',
      ({ members: seen }) => seen !== undefined,
    )
    expect(members?.filter(({ isLeader }) => isLeader)).toHaveLength(1)
    expect(availability).toBeUndefined()
    expect(await isThere()).toBe(false)
    expect(await watching.end()).toBeNull()
  })
})
