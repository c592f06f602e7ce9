import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import type { Json } from '../../dsl/program.ts'
import type { EtcdMinor } from '../../lab/binaries.ts'
import { type EtcdProcesses, eventually, startEtcd } from '../../test/etcd-processes.ts'
import { catalogue } from '../catalogue.ts'
import type { Environment } from '../environment.ts'
import { executeAction } from '../execute.ts'
import type { ChangeObserver, EtcdCluster } from './cluster.ts'
import { initialClusterText } from './member-change.ts'
import { createEtcdPool } from './pool.ts'
import { unrecorded } from '../record.ts'

/** Changes of a membership, on real members. */

const pool = createEtcdPool()
let running: EtcdProcesses | undefined
afterEach(async () => {
  await running?.end()
  running = undefined
})
afterAll(() => pool.close())

async function started(size: number, minor: EtcdMinor = '3.6'): Promise<EtcdProcesses> {
  running = await startEtcd({ size, spares: 2, minor })
  return running
}

function seen(etcd: EtcdProcesses, observe?: ChangeObserver): EtcdCluster {
  return pool.cluster(etcd.inventory, observe)
}

/** Performs an action as the worker does, guards and all; `observe` is told of each call to etcd before it is sent. */
async function act(
  etcd: EtcdProcesses,
  action: string,
  input: Readonly<Record<string, Json>>,
  observe?: ChangeObserver,
): Promise<Readonly<Record<string, unknown>>> {
  const found = catalogue.get(action)
  if (!found) throw new Error(`no action ${action}`)
  const inventory = { file: 'inventory.yaml', hosts: {}, clusters: { test: etcd.inventory } }
  const environment: Environment = {
    inventory: async () => inventory,
    record: unrecorded,
    hosts: () => ({
      host: (name) => {
        throw new Error(`nothing is to be done on ${name}`)
      },
      close: async () => undefined,
    }),
    etcd: { cluster: (cluster) => pool.cluster(cluster, observe), close: () => undefined },
    close: async () => undefined,
  }
  const run = { id: 'run', key: 'run', runbook: 'test', hash: '', cluster: 'test' }
  const output = await executeAction(
    found,
    { run, step: 'step', with: { cluster: 'test', ...input }, undo: false },
    environment,
    { id: 'step', number: 1, signal: new AbortController().signal, heartbeat: () => undefined },
  )
  return z.record(z.string(), z.unknown()).parse(output)
}

const failure = (kind: string, message: RegExp) => ({
  details: [{ kind }],
  message: expect.stringMatching(message),
})

const members = async (etcd: EtcdProcesses, by = 'a') => (await seen(etcd).endpoint(by).members(true)).members

/** Starts an added member as a host would: with an empty directory and the initial cluster of the answer. */
function join(etcd: EtcdProcesses, name: string, added: Readonly<Record<string, unknown>>): void {
  etcd.start(name, [
    ...['--initial-cluster', String(added['initialCluster'])],
    ...['--initial-cluster-state', 'existing'],
  ])
}

describe.each<[EtcdMinor]>([['3.5'], ['3.7']])('etcd %s', (minor) => {
  test('a learner is added, started from the answer, promoted, and removed again', async () => {
    const etcd = await started(3, minor)
    const added = await act(etcd, 'etcd.member.add', { member: 'd', host: 'd' })
    expect(added).toMatchObject({ member: 'd', adopted: false, members: ['a', 'b', 'c', 'd'] })
    expect(String(added['initialCluster']).split(',')).toHaveLength(4)
    expect(added['initialCluster']).toContain(`d=${String(added['peerUrl'])}`)

    const again = await act(etcd, 'etcd.member.add', { member: 'd', host: 'd' })
    expect(again).toEqual({ ...added, adopted: true })
    expect(await members(etcd)).toHaveLength(4)
    await expect(act(etcd, 'etcd.member.add', { member: 'e', host: 'e' })).rejects.toMatchObject(
      failure('refused', /e was not added to test: .*learner already/),
    )

    join(etcd, 'd', added)
    const { id = '' } = added
    const promoted = await act(etcd, 'etcd.member.promote', { member: 'd', id: String(id) })
    expect(promoted).toMatchObject({ id, promoted: true })
    expect((await members(etcd)).filter(({ isLearner }) => !isLearner)).toHaveLength(4)
    expect(await act(etcd, 'etcd.member.promote', { member: 'd' })).toMatchObject({ promoted: false })
    await expect(act(etcd, 'etcd.member.withdraw', { id: String(id) })).rejects.toMatchObject(
      failure('refused', /d .* votes by now/),
    )
    await expect(act(etcd, 'etcd.member.add', { member: 'd', host: 'd' })).rejects.toMatchObject(
      failure('refused', /is the peer URL of d already/),
    )

    // The engine sees the new member where the membership has it, though the inventory does not name it.
    const removed = await act(etcd, 'etcd.member.remove', { member: 'a' })
    expect(removed).toMatchObject({ removed: true, members: ['b', 'c', 'd'] })
    expect(await act(etcd, 'etcd.member.remove', { member: 'a' })).toMatchObject({ removed: false })
    await etcd.stop('a')
  }, 120_000)

  test('a learner beside a single member costs nothing; a voter would stall it and is refused', async () => {
    const etcd = await started(1, minor)
    await expect(
      act(etcd, 'etcd.member.add', { member: 'b', host: 'b', learner: false }),
    ).rejects.toMatchObject(failure('refused', /the cluster would stand still. Add it as a learner/))
    const added = await act(etcd, 'etcd.member.add', { member: 'b', host: 'b' })
    await seen(etcd).endpoint('a').readThroughQuorum()
    join(etcd, 'b', added)
    await act(etcd, 'etcd.member.promote', { member: 'b' })
    await expect(act(etcd, 'etcd.member.remove', { member: 'b' })).rejects.toMatchObject(
      failure('refused', /b was not removed from test: 1 of 1 voter alive, .* tolerates no failure/),
    )
    expect(await act(etcd, 'etcd.member.remove', { member: 'b', margin: 0 })).toMatchObject({
      members: ['a'],
    })
    await expect(act(etcd, 'etcd.member.remove', { member: 'a', margin: 0 })).rejects.toMatchObject(
      failure('refused', /only voter/),
    )
    await seen(etcd).endpoint('a').readThroughQuorum()
  }, 120_000)

  test('a dead voter: nobody is added, no living one removed; the dead one is, and then etcd adds again', async () => {
    const etcd = await started(3, minor)
    await etcd.stop('c')
    await expect(act(etcd, 'etcd.member.add', { member: 'd', host: 'd' })).rejects.toMatchObject(
      failure('refused', /only 2 of 3 voters are well, .* c does not answer/),
    )
    await expect(act(etcd, 'etcd.member.remove', { member: 'b', margin: 0 })).rejects.toMatchObject(
      failure('refused', /others would have lost their quorum: 1 of 2 voters alive/),
    )
    expect(await act(etcd, 'etcd.member.remove', { member: 'c' })).toMatchObject({ removed: true })
    expect(await act(etcd, 'etcd.member.add', { member: 'd', host: 'd' })).toMatchObject({ adopted: false })
  }, 120_000)
})

test('the leader hands over before it is removed', async () => {
  const etcd = await started(4)
  const { leader } = await seen(etcd).endpoint('a').status()
  const name = (await members(etcd)).find(({ id }) => id === leader)?.name ?? ''
  const calls: string[] = []
  const observe: ChangeObserver = async ({ host, call }) => {
    calls.push(`${call} on ${host}`)
    return () => undefined
  }
  await act(etcd, 'etcd.member.remove', { member: name }, observe)
  expect(calls[0]).toBe(`MoveLeader on ${name}`)
  expect(calls[1]).toMatch(/^MemberRemove on /)
  expect(calls[1]).not.toContain(`on ${name}`)
}, 60_000)

/** Two followers of four stop in their tracks: what the leader is asked for then is carried out when they wake. */
async function halfOf(etcd: EtcdProcesses) {
  await takesChanges(etcd)
  const { leader } = await seen(etcd).endpoint('a').status()
  const followers = (await members(etcd)).filter(({ id }) => id !== leader).map(({ name }) => name)
  const [target = '', ...others] = followers.toSorted()
  return { target, halve: (signal: NodeJS.Signals) => others.forEach((name) => etcd.signal(name, signal)) }
}

/** For 5 s after the peers have connected etcd calls the cluster unhealthy; then it looks at what it is asked for. */
async function takesChanges(etcd: EtcdProcesses): Promise<void> {
  const [first] = await members(etcd)
  await eventually(async () => {
    const added = seen(etcd)
      .endpoint('a')
      .addMember(first?.peerUrls ?? [], true)
    await expect(added).rejects.toMatchObject({ code: 'peerUrlExists' })
  })
}

test("an addition that was not answered is looked for, never sent twice, and taken as one's own", async () => {
  const etcd = await started(4)
  const { halve } = await halfOf(etcd)
  const sent: string[] = []
  const observe: ChangeObserver = async ({ call }) => {
    if (call !== 'MemberAdd') return () => undefined
    sent.push(call)
    halve('SIGSTOP')
    return () => halve('SIGCONT')
  }
  const added = await act(etcd, 'etcd.member.add', { member: 'e', host: 'e' }, observe)
  expect(sent).toEqual(['MemberAdd'])
  expect((await members(etcd)).filter(({ name }) => name === '')).toEqual([
    expect.objectContaining({ id: added['id'], isLearner: true }),
  ])
}, 60_000)

test('a removal that stays unanswered is told as unknown, and found done by the next try', async () => {
  const etcd = await started(4)
  const { halve, target } = await halfOf(etcd)
  const observe: ChangeObserver = async ({ call }) => {
    if (call === 'MemberRemove') halve('SIGSTOP')
    return () => undefined
  }
  await expect(act(etcd, 'etcd.member.remove', { member: target }, observe)).rejects.toMatchObject(
    failure('unknown', new RegExp(`Whether the removal of ${target} went through is not known`)),
  )
  halve('SIGCONT')
  const other = ['a', 'b'].find((name) => name !== target)
  await eventually(async () => expect(await members(etcd, other)).toHaveLength(3))
  expect(await act(etcd, 'etcd.member.remove', { member: target })).toMatchObject({ removed: false })
}, 90_000)

test('a learner that is frozen is not promoted, which etcd would do', async () => {
  const etcd = await started(3)
  const added = await act(etcd, 'etcd.member.add', { member: 'd', host: 'd' })
  join(etcd, 'd', added)
  await eventually(async () => {
    const { appliedIndex } = await seen(etcd).endpoint('d').status()
    expect(appliedIndex).toBeGreaterThan(5)
  })
  await eventually(async () => expect((await members(etcd)).some(({ name }) => name === 'd')).toBe(true))
  etcd.signal('d', 'SIGSTOP')
  const promoting = act(etcd, 'etcd.member.promote', { member: 'd' })
  const first = await Promise.race([promoting, new Promise((resolve) => setTimeout(resolve, 4000, 'waits'))])
  expect(first).toBe('waits')
  expect((await members(etcd)).find(({ name }) => name === 'd')).toMatchObject({ isLearner: true })
  etcd.signal('d', 'SIGCONT')
  expect(await promoting).toMatchObject({ promoted: true })
}, 60_000)

test('a learner is withdrawn by its ID, and only once', async () => {
  const etcd = await started(3)
  const { id = '' } = await act(etcd, 'etcd.member.add', { member: 'd', host: 'd' })
  expect(await act(etcd, 'etcd.member.withdraw', { id: String(id) })).toEqual({ removed: true })
  expect(await act(etcd, 'etcd.member.withdraw', { id: String(id) })).toEqual({ removed: false })
  expect(await members(etcd)).toHaveLength(3)
}, 60_000)

test('the initial cluster names every URL, and the new member by its name-to-be', () => {
  expect(
    initialClusterText(
      [
        { id: '2', name: '', peerUrls: ['http://d:2380'] },
        { id: '1', name: 'a', peerUrls: ['http://a:2380', 'http://a2:2380'] },
      ],
      { 2: 'd' },
    ),
  ).toBe('a=http://a2:2380,a=http://a:2380,d=http://d:2380')
})
