import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { StateAnswer } from '../workflows/doors.ts'
import { jobsOf, type Started, startWorld, until, whileWriting, whoIsWhere, type World } from './world.ts'

const MiB = 1024 * 1024

/** Links, servers and workers that break in the middle: the run completes, and nothing is done twice. */
describe('cut in the middle', () => {
  let world: World
  /** What the copy of a running member sends when nothing happens to it. */
  let uncut: number
  beforeAll(async () => {
    world = await startWorld({ ballastBytes: 160 * MiB })
    uncut = (await moved(async () => undefined)).warm.bytesSent
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  interface Blow {
    /** The moment, told by what lies on the hosts. */
    readonly when: (move: Move) => () => boolean
    readonly strike: (move: Move) => Promise<unknown>
  }

  interface Move {
    readonly member: string
    readonly from: string
    readonly to: string
    readonly run: Started
    readonly key: string
    /** Bytes the destination had when the blow fell, where that was in the copy. */
    copied: number
  }

  const inCommand = (step: string, on: 'from' | 'to') => (move: Move) => () => {
    const job = join(world.lab.host(move[on]).layout.workDir, 'jobs', `${move.key}.${step}`, '1')
    return existsSync(join(job, 'pid')) && !existsSync(join(job, 'code'))
  }
  const inCopy = (move: Move) => () => {
    const { dataDir } = world.lab.host(move.to).layout
    const staging = readdirSync(dirname(dataDir)).find(
      (name) => name.startsWith(`${basename(dataDir)}.quorate-`) && name.includes(move.key),
    )
    const copied = staging === undefined ? 0 : bytesIn(join(dirname(dataDir), staging))
    move.copied = copied
    return copied > uncut * 0.55 && copied < uncut * 0.9
  }
  const cutSsh = async (move: Move): Promise<void> => {
    world.lab.cutSsh(move.from)
    world.lab.cutSsh(move.to)
  }

  const blows: Readonly<Record<string, Blow>> = {
    'the SSH links, while etcd is being stopped': { when: inCommand('stop', 'from'), strike: cutSsh },
    'the SSH links, while etcd is being started': { when: inCommand('start', 'to'), strike: cutSsh },
    'the SSH links, in the middle of the copy': { when: inCopy, strike: cutSsh },
    'the worker, by kill -9 in the middle of the copy': {
      when: inCopy,
      strike: async () => {
        await world.worker.kill()
        await world.worker.start()
      },
    },
    'the Temporal server, by kill -9 in the middle of the copy': {
      when: inCopy,
      strike: async () => {
        await world.temporal.kill9()
        await world.temporal.restart()
      },
    },
    'the Temporal server, by kill -9 while etcd is being stopped': {
      when: inCommand('stop', 'from'),
      strike: async () => {
        await world.temporal.kill9()
        await world.temporal.restart()
      },
    },
  }

  test.each(Object.entries(blows))(
    '%s',
    async (_what, { when, strike }) => {
      const { move, warm, end, lost } = await moved(async (going) => {
        await until('the moment to strike', when(going), 60_000, 2)
        await strike(going)
      })
      const { member, from, to } = move
      expect(end.outputs).toMatchObject({ member, from, to, agree: true })
      expect(lost).toEqual([])
      const effects = jobsOf(world, move.key).filter(({ job }) => !/\.(warm|copy)/.test(job))
      expect(effects.length).toBeGreaterThan(6)
      expect(effects.filter(({ starts, codes }) => starts !== 1 || codes.join() !== '0')).toEqual([])
      // Begun anew it would have sent all of it, and what the destination had already on top. Some blocks are
      // sent twice rightly: the member runs, and a write touches pages all over its database.
      expect(warm.bytesSent).toBeLessThan(uncut + Math.max(move.copied, 100 * MiB) * 0.8)
    },
    120_000,
  )

  /** One move of etcd-1 to the free host, with a client that writes slowly: few blocks change under the copy. */
  async function moved(blow: (move: Move) => Promise<unknown>) {
    const { hosts, free } = whoIsWhere(world)
    const member = 'etcd-1'
    const { result, lost } = await whileWriting(
      world,
      async () => {
        const run = await world.start({ cluster: 'demo', member, to: free.name, stable: '500ms' })
        const key = (await run.handle.describe()).runId
        const move: Move = { member, from: hosts[member] ?? '', to: free.name, run, key, copied: 0 }
        await blow(move)
        const end = await run.result()
        const state = await run.handle.query<StateAnswer>('state')
        return { move, end, warm: state.results['warm']?.output as { bytesSent: number } }
      },
      { workers: 1, pauseMs: 100 },
    )
    return { ...result, lost }
  }
})

/** What was really written: a file that is being copied has its full length from the beginning. */
function bytesIn(directory: string): number {
  try {
    return readdirSync(directory, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).blocks * 512, 0)
  } catch {
    return 0
  }
}
