import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { WorkflowHandle } from '@temporalio/client'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import { program, uses } from '../test/replay/build.ts'
import {
  endOf,
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilStatus,
  untilWaiting,
} from '../test/replay/temporal-world.ts'
import type { FleetLoaded, RunResult } from './doors.ts'

jest.setTimeout(60_000)

/** Fleets of made-up runs, on the server that skips time. */

let world: TemporalWorld
const job = program('job', [uses('a', 'do', { host: 'h1' })])
beforeAll(async () => {
  world = await startTemporalWorld('timeSkipping')
  world.offer(job)
}, 120_000)
afterAll(() => world.close())

let running: string[]
let most: number
beforeEach(() => {
  running = []
  most = 0
  world.on('look', () => ({}))
  world.on('do', async ({ run }) => {
    running.push(clusterOf(run.id))
    most = Math.max(most, running.length)
    await new Promise((resolve) => setTimeout(resolve, 50))
    running = running.filter((name) => name !== clusterOf(run.id))
    return {}
  })
})

const clusterOf = (id: string): string => id.slice(id.lastIndexOf('-') + 1)

/** The clusters on which the job was done since `from`, in order. */
const doneOn = (from: number): readonly string[] =>
  world.calls.slice(from).flatMap(({ run, step }) => (step === 'a' ? [clusterOf(run.id)] : []))

async function startFleet(
  clusters: readonly string[],
  atOnce = 1,
  hash = 'hash of job',
): Promise<WorkflowHandle> {
  const loaded: FleetLoaded = {
    ...{ runbook: 'job', clusters, inputs: {}, atOnce },
    health: {
      action: 'look',
      gate: {
        until: { source: 'true', at: { line: 1, column: 1 }, roots: [] },
        ...{ scope: {}, everyMs: 1000, stableMs: 0, timeoutMs: 1000 },
      },
    },
    loaded: {
      program: { ...job, title: 'Job, on many' },
      ...{ inputs: {}, hash, by: 'ada', attributes: false, heartbeatTimeoutMs: 3000 },
    },
  }
  world.on('quorate.fleet', () => ({ ...loaded }) as never)
  return world.start('quorateFleet', { input: {}, memo: { by: 'ada' } })
}

const standing = async (fleet: WorkflowHandle): Promise<Record<string, string>> =>
  Object.fromEntries((await statusOf(fleet)).view.steps.map(({ step, status }) => [step, status]))

describe('a fleet', () => {
  test('does the canary first and alone, then so many at a time, and gives the runs', async () => {
    const from = world.calls.length
    const fleet = await startFleet(['c', 'a', 'b', 'd', 'e'], 2)
    const result: RunResult = await fleet.result()
    expect(most).toBe(2)
    const order = world.calls.slice(from).filter(({ gate, step }) => step === 'a' || gate !== undefined)
    expect(order.slice(0, 2)).toMatchObject([
      { run: { id: `${fleet.workflowId}-c` }, step: 'a' },
      { run: { id: fleet.workflowId }, step: 'health/c', with: { cluster: 'c' } },
    ])
    expect(doneOn(from).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(result).toMatchObject({
      runbook: 'job',
      steps: { done: 5, failed: 0 },
      outputs: {
        clusters: ['c', 'a', 'b', 'd', 'e'].map((cluster) => ({
          cluster,
          run: `${fleet.workflowId}-${cluster}`,
        })),
      },
    })
    const child = await world.env.client.workflow.getHandle(`${fleet.workflowId}-a`).describe()
    expect(child.memo).toMatchObject({ by: 'ada', wait: true, fleet: fleet.workflowId })
  })

  test('stops at the first whose run fails: what runs beside it goes on, nothing new begins', async () => {
    const from = world.calls.length
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    world.offer(program('job', [uses('a', 'do', {}, { onFailure: 'fail' })]))
    world.on('do', async ({ run }) => {
      if (clusterOf(run.id) === 'b') throw failing('ActionError', 'no disk left on h7')
      if (clusterOf(run.id) === 'c') await held
      return {}
    })
    const fleet = await startFleet(['a', 'b', 'c', 'd'], 2)
    await untilStatus(fleet, 'b to have failed', ({ view }) => view.steps[1]?.status === 'failed')
    expect(await standing(fleet)).toEqual({ a: 'done', b: 'failed', c: 'running', d: 'pending' })
    release()
    const end = await endOf(fleet)
    world.offer(job)
    expect(end).toBeInstanceOf(ApplicationFailure)
    expect(end).toMatchObject({ type: 'RunFailed', details: [{ step: 'b', done: ['a', 'c'] }] })
    expect(end.message).toMatch(
      /^b did not end well \(run .*-b\): .*no disk left on h7.*\nEnded well: a, c\.\nNot begun: d\. For these: quorate fleet job --clusters d$/s,
    )
    expect(doneOn(from)).not.toContain('d')
  })

  test('stops at a canary whose cluster is not well after its run', async () => {
    const from = world.calls.length
    world.on('look', () => {
      throw failing('ActionError', 'etcd-2 does not answer')
    })
    const end = await endOf(await startFleet(['a', 'b'], 4))
    expect(end.message).toMatch(/^a did not end well .*: etcd-2 does not answer\nNo cluster was finished\./)
    expect(doneOn(from)).toEqual(['a'])
  })

  test('begins nothing new while a run waits for a person, and goes on when that is decided', async () => {
    let broken = true
    world.on('do', ({ run }) => {
      if (broken && clusterOf(run.id) === 'b') throw failing('ActionError', 'not yet')
      return {}
    })
    const fleet = await startFleet(['a', 'b', 'c'])
    const child = world.env.client.workflow.getHandle(`${fleet.workflowId}-b`)
    const note = 'waits for a decision'
    await untilStatus(fleet, 'b to wait', ({ view }) => view.steps[1]?.note?.endsWith(note) === true)
    expect(await standing(fleet)).toEqual({ a: 'done', b: 'running', c: 'pending' })
    await untilWaiting(child)
    broken = false
    await child.executeUpdate('retry', { args: [{ by: 'ada' }] })
    expect(await fleet.result()).toMatchObject({ steps: { done: 3 } })
  })

  test('paused, it begins nothing until it is resumed', async () => {
    const from = world.calls.length
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    world.on('do', async () => {
      await held
      return {}
    })
    const fleet = await startFleet(['a', 'b'])
    await untilStatus(fleet, 'a to run', ({ view }) => view.steps[0]?.status === 'running')
    await fleet.executeUpdate('pause', { args: [{ by: 'ada', reason: 'lunch' }] })
    release()
    await untilStatus(fleet, 'a to be done', ({ view }) => view.steps[0]?.status === 'done')
    expect(doneOn(from)).toEqual(['a'])
    expect((await statusOf(fleet)).view.phase).toBe('paused')
    await fleet.executeUpdate('resume', { args: [{ by: 'ada' }] })
    expect(await fleet.result()).toMatchObject({ steps: { done: 2 } })
  })

  test('cancelled, it lets what runs come to its end, and says what was left', async () => {
    const from = world.calls.length
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    world.on('do', async () => {
      await held
      return {}
    })
    const fleet = await startFleet(['a', 'b'])
    await untilStatus(fleet, 'a to run', ({ view }) => view.steps[0]?.status === 'running')
    await fleet.cancel()
    await untilStatus(fleet, 'the request to be there', ({ cancelRequested }) => cancelRequested)
    release()
    expect(await endOf(fleet)).toBeInstanceOf(CancelledFailure)
    expect((await fleet.describe()).memo?.['outcome']).toMatch(/^Cancelled\.\n.*\nNot begun: b\./s)
    expect(doneOn(from)).toEqual(['a'])
  })

  test('refuses a runbook that changed after the fleet had begun', async () => {
    const from = world.calls.length
    const fleet = await startFleet(['a', 'b'], 1, 'hash of what it was')
    const end = await endOf(fleet)
    expect(end.message).toMatch(/^a did not end well .*: The runbook "job" has changed since/)
    expect(doneOn(from)).toEqual([])
  })
})
