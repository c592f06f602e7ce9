import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client'
import {
  inventoryText,
  membersNow,
  type Started,
  startWorld,
  until,
  whileWriting,
  type World,
} from './world.ts'

/** A move that fails at its worst moment: the old member is stopped, the new one does not come up. */
describe('a member that does not start on its new host', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.close(), 60_000)

  test('before it ever ran there, the move is taken back: the member runs where it was', async () => {
    const before = { members: await membersNow(world), inventory: inventoryText(world) }
    const { result, lost } = await whileWriting(world, async () => {
      const run = await move()
      const mend = await atStep(run, 'allow', () => replaceProgram('etcd', 'echo "no such luck" >&2; exit 7'))
      const waiting = await waitingOf(run)
      expect(waiting).toMatchObject({ failure: { step: 'start', kind: 'failed' } })
      expect(waiting.offers).toEqual(['retry', 'rollback', 'abort'])
      expect(await membersNow(world)).toHaveLength(2)
      await run.handle.executeUpdate('rollback', { args: [{ by: 'ada', reason: 'h4 is broken' }] })
      const failure = await failureOf(run)
      mend()
      return failure
    })
    expect(result.type).toBe('RunRolledBack')
    expect(result.message).toMatch(/ada/)
    expect(lost).toEqual([])
    expect(inventoryText(world)).toBe(before.inventory)
    const after = await membersNow(world)
    expect(after.map(({ endpoint, memberId }) => ({ endpoint, memberId }))).toEqual(
      before.members.map(({ endpoint, memberId }) => ({ endpoint, memberId })),
    )
    expect(new Set(after.map(({ hash }) => hash)).size).toBe(1)
  }, 120_000)

  test('once it has written there, the old data is stale: no rollback, but the way forward stays open', async () => {
    const { result, lost } = await whileWriting(world, async () => {
      const run = await move()
      // It runs, and its host says that it does not.
      const mend = await atStep(run, 'allow', () => replaceProgram('etcd-status', 'exit 3'))
      await waitingOf(run)
      await run.handle.executeUpdate('rollback', { args: [{ by: 'ada' }] })
      await until(
        'the rollback to be withdrawn',
        async () => (await run.status()).view.waiting?.note !== undefined,
      )
      const waiting = await waitingOf(run)
      expect(waiting.note).toMatch(/withdrawn.*already written on h4.*stale/s)
      expect(waiting.failure.step).toBe('start')
      mend()
      await run.handle.executeUpdate('retry', { args: [{ by: 'ada', reason: 'status mended' }] })
      return run.result()
    })
    expect(result.outputs).toMatchObject({ member: 'etcd-1', to: 'h4', agree: true })
    expect(lost).toEqual([])
    expect(await membersNow(world)).toHaveLength(3)
  }, 120_000)

  const move = (): Promise<Started> =>
    world.start({ cluster: 'demo', member: 'etcd-1', to: 'h4', stable: '500ms' })

  /** Does something as soon as a step has begun; the member is not started before that step is done. */
  async function atStep<Result>(run: Started, step: string, work: () => Result): Promise<Result> {
    const ready =
      (name: string): (() => Promise<boolean>) =>
      async () =>
        (await run.status()).view.steps.some((view) => view.step === name && view.status !== 'pending')
    await until(`the step ${step}`, ready(step))
    return work()
  }

  async function waitingOf(run: Started) {
    await until('the run to wait for a person', async () => (await run.status()).view.waiting !== undefined)
    const { waiting } = (await run.status()).view
    if (waiting === undefined) throw new Error('The run waits no more.')
    return waiting
  }

  /** Puts another script in the place of a program of h4; what it returns puts the old one back. */
  function replaceProgram(name: string, body: string): () => void {
    const program = join(world.lab.host('h4').layout.bin, name)
    renameSync(program, `${program}.kept`)
    writeFileSync(program, `#!/bin/sh\n${body}\n`)
    chmodSync(program, 0o755)
    return () => {
      expect(readFileSync(program, 'utf8')).toContain(body)
      renameSync(`${program}.kept`, program)
    }
  }
})

async function failureOf(run: Started): Promise<ApplicationFailure> {
  const error = await run.handle.result().then(
    () => new Error('The run ended well.'),
    (reason: unknown) => reason,
  )
  if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) return error.cause
  throw error
}
