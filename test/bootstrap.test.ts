import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { EtcdMinor } from '../lab/binaries.ts'
import { jobsOf, membersNow, type Started, startRun, startWorld, until, type World } from './world.ts'

jest.setTimeout(180_000)

/** etcd-bootstrap where start and stop scripts run etcd: on hosts of the process lab that were emptied before. */
describe.each<[EtcdMinor]>([['3.5'], ['3.7']])('a new cluster of etcd %s', (version) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ version })
  })
  afterAll(() => world?.close(), 60_000)
  beforeEach(async () => {
    for (const { name, layout } of world.lab.hosts) {
      await world.lab.run(name, 'etcd-stop')
      rmSync(layout.environment, { force: true })
      for (const path of aside(name)) rmSync(path, { recursive: true })
      rmSync(layout.dataDir, { recursive: true, force: true })
    }
  })

  const bootstrap = (): Promise<Started> =>
    startRun(world.door, 'etcd-bootstrap', { cluster: 'demo', stable: '1s' })

  function aside(host: string): readonly string[] {
    const { dataDir } = world.lab.host(host).layout
    return readdirSync(dirname(dataDir))
      .map((name) => `${dirname(dataDir)}/${name}`)
      .filter((path) => path.startsWith(`${dataDir}.quorate-`))
  }

  async function expectMade(run: Started): Promise<unknown> {
    const { outputs } = await run.result()
    expect(outputs).toMatchObject({ voters: 3, agree: true })
    const members = await membersNow(world)
    expect(members).toHaveLength(3)
    expect(new Set(members.map(({ leader }) => leader)).size).toBe(1)
    for (const host of ['h1', 'h2', 'h3'])
      expect(readFileSync(world.lab.host(host).layout.environment, 'utf8')).toContain('STATE=existing')
    expect(existsSync(world.lab.host('h4').layout.environment)).toBe(false)
    return outputs
  }

  test('is made where none is', async () => {
    const run = await bootstrap()
    expect(await expectMade(run)).toMatchObject({ voters: 3 })
  })

  // The steps that change something on several hosts at once.
  test.each(['hosts', 'start'])(
    'is made though the worker is killed at %s, and every command took effect once',
    async (step) => {
      const run = await bootstrap()
      const begun = async (): Promise<boolean> => {
        const { steps } = (await run.status()).view
        return steps.some((view) => view.step === step && view.status !== 'pending')
      }
      await until(`the step ${step}`, begun, 60_000, 20)
      await world.worker.kill()
      await world.worker.start()
      await expectMade(run)
      const jobs = jobsOf(world, (await run.status()).run.key)
      expect(jobs.length).toBeGreaterThanOrEqual(6)
      expect(jobs.filter(({ starts, codes }) => starts !== 1 || codes.join() !== '0')).toEqual([])
    },
  )

  test('is not made a second time', async () => {
    await expectMade(await bootstrap())
    const before = await membersNow(world)
    const second = await bootstrap()
    await expect(second.handle.result()).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/answers on h1: there is a cluster already/) },
    })
    expect((await membersNow(world)).map(({ memberId }) => memberId)).toEqual(
      before.map(({ memberId }) => memberId),
    )
  })
})
