import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client'
import { createEtcdClient, type ListedMember } from '../lab/etcd-client.ts'
import type { Waiting } from '../workflows/ports.ts'
import { type Asked, liveEndpoints, type MemberNow, membersNow, type Started, until } from './world.ts'

/** For tests of runbooks that change who is a member: what holds afterwards, and how a run that waits goes on. */

export interface Sound {
  readonly listed: readonly ListedMember[]
  readonly members: readonly MemberNow[]
}

/**
 * Waits until exactly these members make a sound cluster: all vote, answer, name one leader and hold the same
 * data, and no alarm is raised.
 */
export async function soundCluster(
  world: Asked,
  names: readonly string[],
  timeoutMs = 30_000,
): Promise<Sound> {
  let now: Sound & { readonly alarms: number } = { listed: [], members: [], alarms: 0 }
  const looked = async () => {
    now = await look(world)
    const { listed, members, alarms } = now
    const leaders = new Set(members.map(({ leader }) => leader))
    return (
      alarms === 0 &&
      same(
        listed.map(({ name }) => name),
        names,
      ) &&
      same(
        listed.map(({ id }) => id),
        members.map(({ memberId }) => memberId),
      ) &&
      listed.every(({ learner }) => !learner) &&
      leaders.size === 1 &&
      !leaders.has('0') &&
      new Set(members.map(({ hash }) => hash)).size === 1
    )
  }
  await until(`a sound cluster of ${names.join(', ')}`, looked, timeoutMs, 200).catch((error: Error) => {
    throw new Error(`${error.message} It was: ${JSON.stringify(now)}`)
  })
  return now
}

async function look(world: Asked) {
  const members = await membersNow(world)
  const [endpoint = ''] = members.map((member) => member.endpoint)
  const client = createEtcdClient(endpoint, world.tls)
  try {
    return { members, listed: await client.members(), alarms: (await client.alarms()).length }
  } finally {
    client.close()
  }
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.toSorted().join() === other.toSorted().join()
}

/** The membership as a member that serves has it, whoever answers. */
export async function listedNow(world: Asked): Promise<readonly ListedMember[]> {
  const [endpoint = ''] = await liveEndpoints(world)
  const client = createEtcdClient(endpoint, world.tls)
  try {
    return await client.members()
  } finally {
    client.close()
  }
}

/** Waits until a run waits for a person; what it says then. */
export async function waitingOf(run: Started, timeoutMs = 90_000): Promise<Waiting> {
  let waiting: Waiting | undefined
  await until(
    'the run to wait',
    async () => {
      const { view } = await run.status()
      waiting = view.waiting
      return waiting !== undefined
    },
    timeoutMs,
    50,
  )
  if (!waiting) throw new Error('The run waits for nothing.')
  return waiting
}

/** Waits until a step has begun: the last part of its name, as the checklist has it. */
export function untilStep(run: Started, step: string, timeoutMs = 60_000): Promise<void> {
  return until(
    `the step ${step}`,
    async () =>
      (await run.status()).view.steps.some((view) => view.step.endsWith(step) && view.status !== 'pending'),
    timeoutMs,
    20,
  )
}

export function decide(run: Started, kind: 'retry' | 'skip' | 'rollback' | 'abort'): Promise<unknown> {
  return run.handle.executeUpdate(kind, { args: [{ by: 'ada', reason: 'a test' }] })
}

/** What a run ended with that did not succeed. */
export async function failureOf(run: Started): Promise<ApplicationFailure> {
  const error = await run.result().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) return error.cause
  throw error ?? new Error('The run succeeded.')
}
