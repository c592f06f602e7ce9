import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openChannel } from '../../activities/etcd/channel.ts'
import { tlsSource } from '../../activities/etcd/tls-files.ts'
import { createEtcdClient } from '../../lab/etcd-client.ts'
import type { EtcdMinor } from '../../lab/binaries.ts'
import type { RunResult } from '../../workflows/doors.ts'
import {
  type Inputs,
  leaderNow,
  liveEndpoints,
  type Started,
  turnsNow,
  until,
  whileWriting,
  whoIsWhere,
} from '../world.ts'
import { begun, decide, failureOf, waitingOf } from './decisions.ts'
import {
  clusterNow,
  describeOnHosts,
  hostsFootprint,
  type HostsWorld,
  startHostsWorld,
  untilSound,
} from './world.ts'

/** etcd-maintenance on real hosts with TLS, a client writing all the time: real holes, a real NOSPACE, real faults. */

const MiB = 2 ** 20
const quotaBytes = 96 * MiB

let world: HostsWorld
const hosts = () => whoIsWhere(world).hosts
const hostOf = (member: string): string => hosts()[member] ?? ''
const maintain = (inputs: Inputs = {}) =>
  world.start('etcd-maintenance', { cluster: 'demo', keep: 100, atLeast: '8MiB', soak: '1s', ...inputs })

describeOnHosts('maintenance', () => {
  describe.each<[EtcdMinor]>([['3.5'], ['3.7']])('of etcd %s', (version) => {
    beforeAll(async () => {
      const environment = { ETCD_QUOTA_BACKEND_BYTES: String(quotaBytes) }
      world = await startHostsWorld({ version, spares: 2, environment })
    }, 180_000)
    afterAll(() => world?.close(), 60_000)

    test('a cluster in order: only the worthwhile is done, and that is nothing', async () => {
      const before = await hostsFootprint(world)
      const { outputs } = await (await maintain({ compact: false, backup: false })).result()
      expect(outputs).toMatchObject({ freedBytes: 0, freed: [], wasFull: false, backup: '', advice: [] })
      expect(outputs['left']).toEqual(
        [1, 2, 3].map(() => expect.stringMatching(/^etcd-\d: only .* would be given back$/)),
      )
      expect(await hostsFootprint(world)).toEqual(before)
    }, 120_000)

    test('the holes of overwritten keys are given back, member by member, the leader last', async () => {
      await overwrite(40)
      const leader = await leaderNow(world)
      const { result, lost, acknowledged, figures } = await whileWriting(world, async () =>
        (await maintain()).result(),
      )
      expect(lost).toEqual([])
      expect(acknowledged).toBeGreaterThan(50)
      expect(figures.longestGapMs).toBeLessThan(5000)
      const { outputs } = result
      expect(freedFrom(result)).toEqual([...Object.keys(hosts()).filter((name) => name !== leader), leader])
      expect(outputs['freedBytes']).toBeGreaterThan(3 * 20 * MiB)
      expect(outputs['backup']).toMatch(/\/backups\/demo-r/)
      expect(outputs['databases']).toEqual(
        [1, 2, 3].map(() => expect.stringMatching(/of a quota of 96 MiB$/)),
      )
      for (const host of Object.values(hosts())) expect(await databaseBytes(host)).toBeLessThan(30 * MiB)
      // It handed over before its turn.
      expect(await leaderNow(world)).not.toBe(leader)
      await untilSound(world, 3)
    }, 240_000)

    test('a full database takes writes again', async () => {
      const { result, lost } = await whileWriting(world, async (writer) => {
        await untilFull()
        expect((await clusterNow(world)).alarms.length).toBeGreaterThan(0)
        const { acknowledged } = writer.figures()
        const run = await maintain({ keep: 0 })
        const ended = await run.result()
        expect(writer.figures().acknowledged).toBeGreaterThan(acknowledged)
        return ended
      })
      expect(lost).toEqual([])
      expect(result.outputs).toMatchObject({ wasFull: true })
      expect(freedFrom(result).length).toBe(3)
      expect(result.outputs['backup']).toMatch(/\/backups\/demo-r/)
      await untilSound(world, 3)
      expect(await put('after', 10)).toBe('acknowledged')
    }, 240_000)

    if (version === '3.7') secondFaults()

    test('CORRUPT stops it before anything is done, and names the way out', async () => {
      const before = await hostsFootprint(world)
      const member = await leaderNow(world)
      await raiseCorrupt(member)
      const failure = await failureOf(await maintain())
      expect(failure.message).toMatch(new RegExp(`CORRUPT on ${member}.*etcd-replace-member`))
      expect(await hostsFootprint(world)).toEqual(before)
    }, 120_000)
  })
})

function secondFaults(): void {
  test('another member dies for good between two: the run waits, and is ended for its replacement', async () => {
    await overwrite(30)
    const { result, lost } = await whileWriting(world, isReplaced)
    expect(lost).toEqual([])
    expect(result.outputs['freedBytes']).toBeGreaterThan(0)
    await untilSound(world, 3)
  }, 400_000)

  test('another member dies while one is being defragmented: none else is touched until it is back', async () => {
    await overwrite(30)
    const { result, lost } = await whileWriting(world, async () => {
      const run = await maintain()
      await begun(run, `members[${firstOf(await turnsNow(world))}]/rewritten`)
      const [, second = ''] = await turnsNow(world)
      await world.lab.kill(hostOf(second))
      await world.lab.boot(hostOf(second))
      return toTheEnd(run)
    })
    expect(lost).toEqual([])
    expect(freedFrom(result).length).toBe(3)
    await untilSound(world, 3)
  }, 400_000)
}

/** Whoever died is gone: the run is ended, the member replaced, and the maintenance begun anew. */
async function isReplaced(): Promise<RunResult> {
  const { run, dead } = await diesBetween()
  await decide(run, 'abort')
  await failureOf(run)
  const from = hostOf(dead)
  const to = whoIsWhere(world).free.name
  const replaced = await world.start('etcd-replace-member', {
    ...{ cluster: 'demo', member: dead, to, stable: '1s', acknowledgeUnreachable: from },
  })
  expect((await replaced.result()).outputs).toMatchObject({ replaced: dead, to })
  await world.lab.boot(from)
  return (await maintain({ members: 'all' })).result()
}

/** The host of the member whose turn comes next dies while the first one is watched. */
async function diesBetween(): Promise<{ readonly run: Started; readonly dead: string }> {
  const [first = '', dead = ''] = await turnsNow(world)
  const run = await maintain({ soak: '20s' })
  await until(
    `${first} to be defragmented`,
    async () => {
      const { view } = await run.status()
      return view.steps.some(({ step, status }) => step.endsWith(`[${first}]/rewritten`) && status === 'done')
    },
    120_000,
    50,
  )
  await world.lab.kill(hostOf(dead))
  const { failure, offers } = await waitingOf(run, 200_000)
  expect(failure.message).toMatch(new RegExp(`Bring back the one that is not .*${dead} does not answer`, 's'))
  expect(offers).toEqual(expect.arrayContaining(['retry', 'abort']))
  const { view } = await run.status()
  expect(
    view.steps.filter(({ step, status }) => step.endsWith('/rewritten') && status !== 'pending').length,
  ).toBe(1)
  expect(await put('while it waits', 10)).toBe('acknowledged')
  return { run, dead }
}

/** Lets a run that waits for a member that is back by now try again. */
async function toTheEnd(run: Started): Promise<RunResult> {
  for (;;) {
    const over = await Promise.race([
      run.handle.result() as Promise<RunResult>,
      waitingOf(run, 300_000).catch(() => undefined),
    ])
    if (over && 'outputs' in over) return over
    await decide(run, 'retry').catch(() => undefined)
  }
}

const firstOf = ([first = '']: readonly string[]): string => first

function freedFrom({ outputs }: RunResult): string[] {
  const lines = outputs['freed']
  return Array.isArray(lines) ? lines.map((line) => String(line).split(':')[0] ?? '') : []
}

async function client<Value>(
  use: (client: ReturnType<typeof createEtcdClient>) => Promise<Value>,
): Promise<Value> {
  const [endpoint = ''] = await liveEndpoints(world)
  const one = createEtcdClient(endpoint, world.tls)
  try {
    return await use(one)
  } finally {
    one.close()
  }
}

const put = (key: string, bytes: number) =>
  client(async (one) => {
    const outcome = await one.put(key, 'x'.repeat(bytes), 5000)
    return outcome.kind === 'acknowledged' ? outcome.kind : outcome.reason
  })

/** The same few keys again and again: what they were before is what a compaction takes away. */
async function overwrite(mebibytes: number): Promise<void> {
  for (let at = 0; at < mebibytes; at++) expect(await put(`again/${at % 4}`, MiB)).toBe('acknowledged')
}

async function untilFull(): Promise<void> {
  for (let at = 0; at < 200; at++) {
    const outcome = await put(`again/${at % 4}`, MiB)
    if (outcome === 'acknowledged') continue
    expect(outcome).toContain('database space exceeded')
    return
  }
  throw new Error('200 MiB were taken, and the quota is 96 MiB.')
}

async function databaseBytes(host: string): Promise<number> {
  const { stdout } = await world.lab.run(host, ['stat', '-c', '%s', '/var/lib/etcd/member/snap/db'])
  return Number(stdout)
}

/** As a member does that finds its data to differ. */
async function raiseCorrupt(member: string): Promise<void> {
  const { address, clientPort } = world.lab.host(hostOf(member))
  const pki = (name: string): string => join(world.lab.directory, 'pki', name)
  const channel = openChannel({
    ...{ host: hostOf(member), url: `https://${address}:${clientPort}` },
    tls: tlsSource('demo', { ca: pki('ca.crt'), cert: pki('client.crt'), key: pki('client.key') }),
  })
  const listed = (await clusterNow(world)).listed.find(({ name }) => name === member)
  const memberID = BigInt(`0x${listed?.id ?? '0'}`).toString()
  try {
    await channel.call('Alarm', { action: 1, memberID, alarm: 2 }, { timeoutMs: 5000 })
  } finally {
    channel.close()
  }
}
