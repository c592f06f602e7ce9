import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { listSchedules } from '../client/schedule.ts'
import type { RunResult } from '../workflows/doors.ts'
import { startWorld, until, type World } from './world.ts'

/** Runs on a Temporal Schedule, by the command line. */

let world: World
beforeAll(async () => {
  world = await startWorld({ spares: 0 })
}, 180_000)
afterAll(() => world?.close(), 60_000)

/** What a command prints and says, and its exit code. */
function quorate(...words: readonly string[]): Promise<Said> {
  const argv = [resolve(__dirname, '..', 'cli', 'bootstrap.mjs'), ...words]
  const env = { ...process.env, ...world.environment, QUORATE_BY: 'ada' }
  return new Promise((done) => {
    const child = execFile(process.execPath, argv, { env, timeout: 60_000 }, (_error, out, said) =>
      done({ code: child.exitCode ?? -1, out, said }),
    )
  })
}

interface Said {
  readonly code: number
  readonly out: string
  readonly said: string
}

test('a schedule takes backups, is listed and ends', async () => {
  const backups = ['etcd-backup', '--cluster', 'demo', '--name', 'nightly', '--every', '6h']
  expect(await quorate('schedule', ...backups, '--cron', '0 3 * * *')).toMatchObject({
    ...{ code: 0, out: 'nightly: etcd-backup every 6h and at "0 3 * * *" UTC\n' },
  })
  expect((await quorate('schedule', ...backups)).said).toMatch(/There is a schedule nightly already/)

  // Sooner than its time, and otherwise as Temporal does it then.
  await world.door.client.schedule.getHandle('quorate/nightly').trigger()
  const last = async () => (await listSchedules(world.door))[0]?.lastRun
  await until('the schedule to start a run', async () => (await last()) !== undefined, 30_000, 200)
  const run = (await last()) ?? ''
  expect(run).toMatch(/^nightly-20\d\d-/)
  const result: RunResult = await world.door.client.workflow.getHandle(run).result()
  expect(result.outputs).toMatchObject({ path: expect.stringMatching(/demo-r\d+.*\.db$/) })

  expect((await quorate('schedules')).out).toMatch(
    /nightly +etcd-backup +every 6h and at "0 3 \* \* \*" UTC +20\d\d-/,
  )
  const listed: unknown = JSON.parse((await quorate('schedules', '--json')).out)
  expect(listed).toMatchObject([{ name: 'nightly', paused: false, lastRun: run, by: 'ada' }])
  expect((await quorate('unschedule', 'nightly')).code).toBe(0)
  expect(JSON.parse((await quorate('schedules', '--json')).out)).toEqual([])
  expect(await quorate('unschedule', 'nightly')).toMatchObject({
    ...{ code: 2, said: expect.stringMatching(/There is no schedule nightly/) },
  })
}, 180_000)

test.each<[string, readonly string[], RegExp]>([
  ['no time', ['etcd-backup', '--cluster', 'demo'], /Say when: --every 6h/],
  [
    'a time that is none',
    ['etcd-backup', '--cluster', 'demo', '--every', 'soon'],
    /--every takes a duration/,
  ],
  [
    'fields that are none',
    ['etcd-backup', '--cluster', 'demo', '--cron', 'at noon'],
    /Temporal does not take "at noon": CronString does not have 5-7 fields\. Five fields are wanted, in UTC/,
  ],
  ['an input that is missing', ['etcd-backup', '--every', '1h'], /cluster/],
  ['a disaster', ['etcd-recover', '--cluster', 'demo', '--every', '1h'], /is not started by a clock/],
])(
  'nothing is scheduled with %s',
  async (_what, words, says) => {
    const before = await listSchedules(world.door)
    const { code, said } = await quorate('schedule', ...words)
    expect(said).toMatch(says)
    expect(code).toBe(2)
    expect(await listSchedules(world.door)).toEqual(before)
  },
  60_000,
)
