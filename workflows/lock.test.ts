import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import { forEach, program, template, uses } from '../test/replay/build.ts'
import {
  endOf,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilStatus,
} from '../test/replay/temporal-world.ts'

jest.setTimeout(60_000)

/** One mutating run a cluster, on a real server. */

let world: TemporalWorld
let cluster: string
let go: () => void
beforeAll(async () => {
  world = await startTemporalWorld('devServer')
}, 120_000)
afterAll(() => world.close())
beforeEach(() => {
  cluster = `cluster-${randomUUID().slice(0, 8)}`
  const held = { cluster: template('${{ inputs.cluster }}') }
  world.offer(program('holds', [uses('a', 'do'), uses('b', 'do.more')], held), { cluster })
  world.offer(program('reads', [uses('a', 'look')], held), { cluster })
  const door = { open: false }
  go = () => void (door.open = true)
  world.on('do', async (_request, context) => {
    for (; !door.open; context.heartbeat()) await context.sleep(50)
    return {}
  })
})

const lockOf = (name: string) => world.env.client.workflow.getHandle(`quorate-lock/${name}`)
const isFree = async (name: string): Promise<boolean> => {
  const found = await lockOf(name)
    .describe()
    .catch(() => undefined)
  return found?.status.name !== 'RUNNING'
}
const untilHeld = (handle: WorkflowHandle) =>
  untilStatus(handle, 'the run to hold the lock', ({ view }) => view.steps[0]?.status === 'running')

async function untilFree(name: string, timeoutMs = 10_000): Promise<number> {
  const startMs = Date.now()
  while (!(await isFree(name))) {
    if (Date.now() - startMs > timeoutMs)
      throw new Error(`Waited ${timeoutMs} ms for the lock of ${name} to be free.`)
    await sleep(20)
  }
  return Date.now() - startMs
}

describe('two starts on one cluster', () => {
  test('the second is told which run holds it, who started that and since when', async () => {
    const first = await world.start('holds', { memo: { by: 'ada' } })
    const { startedMs } = await untilHeld(first)
    const end = await endOf(await world.start('holds'))
    expect(end).toMatchObject({
      type: 'ClusterLocked',
      nonRetryable: true,
      details: [
        {
          holder: {
            run: first.workflowId,
            runbook: 'holds',
            by: 'ada',
            sinceMs: startedMs,
            cluster,
            running: true,
          },
        },
      ],
    })
    expect(end.message).toBe(
      `${cluster} is locked by the run ${first.workflowId} (holds), started by ada at ${new Date(startedMs).toISOString()}. ` +
        'Nothing was touched. Wait for its end, or queue for the lock: `quorate run --wait`, elsewhere the memo "wait": true.',
    )
    go()
    await first.result()
    expect(await isFree(cluster)).toBe(true)
  })

  test('a run that only reads needs no lock', async () => {
    const first = await world.start('holds')
    await untilHeld(first)
    await expect((await world.start('reads')).result()).resolves.toMatchObject({ steps: { done: 1 } })
    go()
    await first.result()
  })

  test('one that waits takes over when the lock is free', async () => {
    const first = await world.start('holds')
    await untilHeld(first)
    const second = await world.start('holds', { memo: { wait: true } })
    const { queuedBehind } = await untilStatus(
      second,
      'the second to queue',
      ({ view }) => view.phase === 'queued',
    )
    expect(queuedBehind).toMatchObject({ run: first.workflowId, running: true })
    const { currentDetails } = await second.query<{ currentDetails: string }>('__temporal_workflow_metadata')
    expect(currentDetails).toContain(`is locked by the run ${first.workflowId}`)
    go()
    await Promise.all([first.result(), second.result()])
    expect(await isFree(cluster)).toBe(true)
  })

  test('of several that wait, all come to run, one at a time', async () => {
    let running = 0
    let most = 0
    world.on('do', async () => {
      most = Math.max(most, ++running)
      await sleep(100)
      running--
      return {}
    })
    const runs = await Promise.all([1, 2, 3].map(() => world.start('holds', { memo: { wait: true } })))
    await Promise.all(runs.map((run) => run.result()))
    expect(most).toBe(1)
  })

  test('a run that queues can be cancelled', async () => {
    const first = await world.start('holds')
    await untilHeld(first)
    const second = await world.start('holds', { memo: { wait: true } })
    await untilStatus(second, 'the second to queue', ({ view }) => view.phase === 'queued')
    await second.cancel()
    expect((await endOf(second)).name).toBe('CancelledFailure')
    expect((await statusOf(first)).view.phase).toBe('running')
    go()
    await first.result()
  })
})

describe('the lock is released', () => {
  test.each([
    ['terminated', (run: WorkflowHandle) => run.terminate('in the UI')],
    ['cancelled', (run: WorkflowHandle) => run.cancel()],
  ])('when its run is %s', async (_how, end) => {
    const run = await world.start('holds')
    await untilHeld(run)
    await end(run)
    go()
    await untilFree(cluster)
    await expect((await world.start('holds')).result()).resolves.toMatchObject({ cluster })
  })

  test('when the run is terminated right after it continued as new', async () => {
    world.offer(
      program('long', [forEach('e', 'inputs.list', [uses('a', 'do')])], {
        cluster: template('${{ inputs.cluster }}'),
      }),
      { cluster, list: Array.from({ length: 200 }, (_, index) => index) },
    )
    go()
    const run = await world.start('long', { memo: { continueAfterEvents: 1 } })
    await untilStatus(
      run,
      'some executions',
      () => world.calls.filter(({ run: { id } }) => id === run.workflowId).length > 2,
    )
    await run.terminate()
    expect(await untilFree(cluster, 15_000)).toBeLessThan(15_000)
  })

  test('somebody who starts right after a termination does not have to try twice', async () => {
    const run = await world.start('holds')
    await untilHeld(run)
    go()
    await run.terminate()
    await expect((await world.start('holds')).result()).resolves.toMatchObject({ cluster })
  })
})

test('the lock is never free while its run continues as new, again and again', async () => {
  world.offer(
    program('many', [forEach('e', 'inputs.list', [uses('a', 'do')])], {
      cluster: template('${{ inputs.cluster }}'),
    }),
    { cluster, list: [1, 2, 3, 4, 5, 6] },
  )
  const seen = { atLast: false, over: false }
  world.on('do', async ({ step }, context) => {
    if (step !== 'e[6]/a') return {}
    for (seen.atLast = true; !seen.over; context.heartbeat()) await context.sleep(50)
    return {}
  })
  const run = await world.start('many', { memo: { continueAfterEvents: 1 } })
  await untilStatus(run, 'the first step', () => world.calls.some(({ run: { id } }) => id === run.workflowId))
  let [tries, thefts] = [0, 0]
  for (; !seen.atLast && thefts === 0; tries++) thefts += await theft()
  seen.over = true
  expect(thefts).toBe(0)
  await run.result()
  expect(tries).toBeGreaterThan(20)
  const locks = await executions()
  expect(locks.length).toBeGreaterThanOrEqual(6)
  for (const [index, { closeTime }] of locks.slice(0, -1).entries()) {
    // One transaction of the server takes both times, a moment apart; a lock that was free was so for a second.
    const apartMs = (locks[index + 1]?.startTime.getTime() ?? 0) - (closeTime?.getTime() ?? Infinity)
    expect(Math.abs(apartMs)).toBeLessThan(20)
  }
})

/** Tries to take the lock as another run would: 1 when it got it. */
async function theft(): Promise<number> {
  try {
    await world.env.client.workflow.start('quorateLock', {
      taskQueue: 'nobody',
      workflowId: `quorate-lock/${cluster}`,
      args: [cluster],
    })
    return 1
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 0
    throw error
  }
}

async function executions() {
  const found = []
  const query = `WorkflowId="quorate-lock/${cluster}" AND TaskQueue="${world.taskQueue}"`
  for await (const info of world.env.client.workflow.list({ query })) found.push(info)
  return found.toSorted((a, b) => a.startTime.getTime() - b.startTime.getTime())
}
