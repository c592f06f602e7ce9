import { createEtcdClient, type ListedMember } from '../lab/etcd-client.ts'
import { waitingOf } from './hosts/decisions.ts'
import {
  type Asked,
  liveEndpoints,
  type MemberNow,
  membersNow,
  onceAnswered,
  type Started,
  until,
} from './world.ts'

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
  timeoutMs = 60_000,
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
    return await onceAnswered('the membership', async () => ({
      ...{ members, listed: await client.members() },
      alarms: (await client.alarms()).length,
    }))
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
    return await onceAnswered('the membership', () => client.members())
  } finally {
    client.close()
  }
}

/** Says yes to what a run asks next; what it asked. */
export async function approved(run: Started): Promise<string> {
  const { approval } = await waitingOf(run)
  if (approval === undefined) throw new Error('The run waits for something else than an approval.')
  await run.handle.executeUpdate('approve', { args: [{ by: 'ada', comment: 'go on' }] })
  return approval.message
}
