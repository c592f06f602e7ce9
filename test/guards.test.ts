import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client'
import { parseDocument } from 'yaml'
import { catalogue } from '../activities/catalogue.ts'
import { createEnvironment, type Environment } from '../activities/environment.ts'
import { executeAction } from '../activities/execute.ts'
import { clusterNamed } from '../activities/inventory/look-up.ts'
import type { Cluster, Inventory } from '../dsl/inventory.ts'
import { readInventory } from '../dsl/inventory-file.ts'
import type { Json } from '../dsl/program.ts'
import type { RunMemo, RunResult } from '../workflows/doors.ts'
import type { ActionRequest } from '../workflows/ports.ts'
import {
  type Inputs,
  leaderNow,
  liveEndpoints,
  membersNow,
  type Started,
  startRun,
  startWorld,
  until,
  type World,
} from './world.ts'
import type { NewEvent } from '../audit/event.ts'
import { ofName, recordedEvents, recordOf } from './recorded-events.ts'

/** What goes around the guards, or tries to. In each of them a healthy majority is at stake. */

const runbook = (name: string, body: string, head = ''): string => `runbook: 1
name: ${name}
title: A runbook that harms
${head}
inputs:
  cluster: { type: cluster, description: C }
  other: { type: string, default: demo, description: Another }
  host: { type: string, default: h1, description: H }
cluster: \${{ inputs.cluster }}
steps:
${body}`

const stop = (host: string, more = '') =>
  `uses: service.stop\n    with: { cluster: '\${{ inputs.cluster }}', host: ${host}${more} }`

const runbooks = {
  'stop-all': runbook(
    'stop-all',
    `  - id: all
    forEach: '["h1", "h2", "h3"]'
    as: host
    steps:
      - uses: service.stop
        with: { cluster: '\${{ inputs.cluster }}', host: '\${{ host }}' }
        retry: { attempts: 3, interval: 100ms }
        onFailure: continue`,
  ),
  'calls-stop-all': runbook(
    'calls-stop-all',
    `  - call: stop-all
    with: { cluster: '\${{ inputs.cluster }}' }`,
  ),
  'stop-as-undo': runbook(
    'stop-as-undo',
    `  - id: first
    uses: service.enable
    with: { cluster: '\${{ inputs.cluster }}', host: h1 }
    undo:
      - ${stop('h1').replaceAll('\n', '\n    ')}
      - ${stop('h2').replaceAll('\n', '\n    ')}
  - assert:
      - that: 1 == 2
        else: go back
    onFailure: rollback`,
  ),
  'stop-alone': runbook(
    'stop-alone',
    `  - ${stop('h1')}\n  - ${stop('h2', ', alone: true')}\n    onFailure: fail`,
  ),
  'stop-lost': runbook('stop-lost', `  - ${stop('h1')}`, 'quorum: lost'),
  'stop-other': runbook(
    'stop-other',
    `  - uses: service.stop
    with: { cluster: '\${{ inputs.other }}', host: '\${{ inputs.host }}' }`,
  ),
  'stop-consented': runbook(
    'stop-consented',
    `  - id: consent
    approve: { message: Stop it? }
  - ${stop("'${{ inputs.host }}'")}`,
  ),
}

const hosts = ['h1', 'h2', 'h3'] as const
type Host = (typeof hosts)[number]

const own = mkdtempSync(join(tmpdir(), 'quorate-guards-'))
let world: World
let environment: Environment
/** What the next direct call of an action takes for the inventory, and does once its guard has let it. */
let inventory: () => Inventory
let onceGuarded: () => Promise<unknown> = async () => undefined
const recorded: { readonly event: NewEvent; readonly atMs: number }[] = []

beforeAll(async () => {
  for (const [name, text] of Object.entries(runbooks)) writeFileSync(join(own, `${name}.yaml`), text)
  world = await startWorld({ settings: { QUORATE_RUNBOOKS: own } })
  const document = parseDocument(readFileSync(world.lab.inventory, 'utf8'))
  // Before `demo`: a second name for its hosts, which as spares may be anybody's.
  const demo = { members: { 'etcd-1': 'h1', 'etcd-2': 'h2', 'etcd-3': 'h3' } }
  document.set('clusters', { other: { members: { 'other-1': 'h4' }, spares: [...hosts] }, demo })
  writeFileSync(world.lab.inventory, document.toString())
  inventory = asWritten
  const made = createEnvironment({
    loadInventory: async () => inventory(),
    record: {
      async append(events) {
        for (const event of events) recorded.push({ event, atMs: performance.now() })
        if (events.some(({ name }) => name.startsWith('guard.'))) await onceGuarded()
      },
      putBlob: async () => '',
    },
  })
  environment = made
}, 120_000)
afterEach(async () => {
  inventory = asWritten
  onceGuarded = async () => undefined
  recorded.length = 0
  for (const host of hosts) {
    await world.lab.thaw(host).catch(() => undefined)
    await world.lab.run(host, 'etcd-start')
  }
  await until('all members to be of one mind', async () => {
    const members = await membersNow(world).catch(() => [])
    return members.length === 3 && new Set(members.map(({ hash }) => hash)).size === 1
  })
}, 60_000)
afterAll(async () => {
  await environment?.close()
  await world?.close()
  rmSync(own, { recursive: true, force: true })
}, 60_000)

function asWritten(): Inventory {
  const file = world.lab.inventory
  const text = readFileSync(file, 'utf8')
  const read = readInventory({ file, text, baseDirectory: dirname(file), home: homedir() })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.value
}

/** Performs an action as a worker would that was asked for it by hand. */
async function act(action: string, given: Inputs, forged: Partial<ActionRequest> = {}): Promise<Json> {
  const found = catalogue.get(action)
  if (!found) throw new Error(`no ${action}`)
  const step = `step-${Math.random()}`
  const run = { id: step, key: step, runbook: 'by-hand', hash: '', cluster: 'demo' }
  const input = { cluster: 'demo', ...given } as Record<string, Json>
  const request = { run, step, with: input, undo: false, ...forged }
  const attempt = { id: step, number: 1, signal: new AbortController().signal, heartbeat: () => undefined }
  return executeAction(found, request, environment, attempt)
}

const refusal = (guard: string) => ({ details: [{ kind: 'refused', guard }] })

const begin = (
  name: keyof typeof runbooks,
  inputs: Inputs = {},
  memo: RunMemo = { by: 'bob' },
): Promise<Started> => startRun(world.door, name, { cluster: 'demo', ...inputs }, memo)

async function endOf(run: Started): Promise<string> {
  try {
    await run.handle.result()
  } catch (error) {
    if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure)
      return error.cause.message
    throw error
  }
  return 'done'
}

const living = async (): Promise<number> => (await liveEndpoints(world)).length

describe('from YAML', () => {
  test('all members stopped in a loop, in a called runbook, with retries, failures passed over: one is', async () => {
    const run = await begin('calls-stop-all')
    expect(await endOf(run)).toBe('done')
    expect(await living()).toBe(2)
    const { view } = await run.status()
    const stops = view.steps.filter(({ summary }) => /stop etcd/.test(summary))
    expect(stops.map(({ status }) => status)).toEqual(['done', 'failed', 'failed'])
    expect(stops[1]?.note).toMatch(
      /etcd-2 on h2 was not taken out of service: the others must all be well, and etcd-1/,
    )
  })

  test('a rollback that stops members is guarded as any step is', async () => {
    const run = await begin('stop-as-undo')
    await until('the rollback to be refused', async () => (await run.status()).view.waiting !== undefined)
    const { waiting } = (await run.status()).view
    expect(waiting).toMatchObject({ rollingBack: true, failure: { guard: 'health', kind: 'refused' } })
    expect(await living()).toBe(2)
    await run.handle.executeUpdate('abort', { args: [{ by: 'ada' }] })
    await endOf(run)
  })

  test('"alone" said of one of three counts for nothing', async () => {
    expect(await endOf(await begin('stop-alone'))).toMatch(/etcd-2 on h2 was not taken out of service/)
    expect(await living()).toBe(2)
  })

  test('a quorum that is said to be lost, and lives', async () => {
    const run = await begin('stop-lost')
    await until('it to be refused', async () => (await run.status()).view.waiting !== undefined)
    expect((await run.status()).view.waiting?.failure).toMatchObject({ guard: 'living' })
    await run.handle.executeUpdate('abort', { args: [{ by: 'ada' }] })
    await endOf(run)
    expect(await living()).toBe(3)
  })

  test.each<[string, Inputs, string, RegExp]>([
    [
      "the step names another cluster than the run's",
      { cluster: 'demo', other: 'other' },
      'lock',
      /holds the lock of demo/,
    ],
    ['the same, the other way round', { cluster: 'other', other: 'demo' }, 'lock', /holds the lock of other/],
    [
      'another name for the hosts of a cluster',
      { cluster: 'other', other: 'other' },
      'identity',
      /the inventory has etcd-1 of demo under the same service or data directory/,
    ],
  ])('%s', async (_what, inputs, guard, says) => {
    const run = await begin('stop-other', inputs)
    await until('it to be refused', async () => (await run.status()).view.waiting !== undefined)
    const { failure } = (await run.status()).view.waiting ?? {}
    expect(failure).toMatchObject({ guard, message: expect.stringMatching(says) })
    await run.handle.executeUpdate('abort', { args: [{ by: 'ada' }] })
    await endOf(run)
    expect(await living()).toBe(3)
  })
})

describe('by hand, and beside the inventory', () => {
  test('a cluster that is only a name for hosts of another is told by who answers there', async () => {
    const { clusters, ...rest } = asWritten()
    const wrong: Cluster = {
      ...clusterNamed({ ...rest, clusters }, 'other'),
      name: 'wrong',
      members: { x: 'h4' },
    }
    inventory = () => ({ ...rest, clusters: { wrong } })
    const run = { id: 'r', key: 'r', runbook: 'b', hash: '', cluster: 'wrong' }
    await expect(act('service.stop', { cluster: 'wrong', host: 'h1' }, { run })).rejects.toMatchObject(
      refusal('identity'),
    )
    expect(await living()).toBe(3)
  })

  test('members that stand at the wrong hosts in the inventory are judged by where they are', async () => {
    await world.lab.kill('h3')
    await leaderNow(world)
    const { clusters, ...rest } = asWritten()
    const demo: Cluster = {
      ...clusterNamed({ ...rest, clusters }, 'demo'),
      members: { 'etcd-1': 'h3', 'etcd-2': 'h2', 'etcd-3': 'h1' },
    }
    inventory = () => ({ ...rest, clusters: { demo } })
    await expect(act('service.stop', { host: 'h1' })).rejects.toMatchObject({
      ...refusal('health'),
      message: expect.stringMatching(/^etcd-1 on h1 was not taken out of service/),
    })
  })

  test.each<[string, Partial<ActionRequest>, string]>([
    ['without the lock of any cluster', { run: { id: 'r', key: 'r', runbook: 'b', hash: '' } }, 'lock'],
    ['as if the quorum were lost', { quorum: 'lost' }, 'living'],
  ])('an activity that is asked for %s', async (_what, forged, guard) => {
    await expect(act('service.stop', { host: 'h1' }, forged)).rejects.toMatchObject(refusal(guard))
    expect(await living()).toBe(3)
  })

  test('a lock that was ended by hand is no lock', async () => {
    const run = await begin('stop-consented')
    await until('it to ask', async () => (await run.status()).view.waiting?.approval !== undefined)
    await world.door.client.workflow.getHandle('quorate-lock/demo').terminate('by hand')
    await run.handle.executeUpdate('approve', { args: [{ by: 'ada' }] })
    await until('it to be refused', async () => (await run.status()).view.waiting?.ask === 2)
    expect((await run.status()).view.waiting?.failure).toMatchObject({
      guard: 'lock',
      message: expect.stringMatching(/nobody holds it: it was ended by hand/),
    })
    await run.handle.executeUpdate('abort', { args: [{ by: 'ada' }] })
    await endOf(run)
    expect(await living()).toBe(3)
  })
})

describe('between the look and the stop', () => {
  test('two stops at once: one is done', async () => {
    const ends = await Promise.allSettled(hosts.map((host) => act('service.stop', { host })))
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await living()).toBe(2)
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject(refusal('busy'))
  })

  const deaths: readonly [string, (host: Host) => Promise<void>][] = [
    ['dies', (host) => world.lab.kill(host)],
    ['freezes', (host) => world.lab.freeze(host)],
  ]
  test.each(deaths)(
    'a member that %s in that moment: the stopped one is started again',
    async (_what, harm) => {
      onceGuarded = () => harm('h2')
      const stopping = act('service.stop', { host: 'h1' }, { step: 'stop' })
      await expect(stopping).rejects.toMatchObject({
        details: [{ kind: 'failed' }],
        message: expect.stringMatching(
          /^etcd on h1 was stopped, and etcd-2 stopped answering meanwhile: of 3 voters 1 were left, and the quorum is 2\. So it was started again at once/,
        ),
      })
      await until('h1 and h3 to serve', async () => (await membersNow(world).catch(() => [])).length >= 2)
      onceGuarded = async () => undefined
      // Where the stop is tried once more, it is one: nothing of the first is taken for it.
      await world.lab.thaw('h2').catch(() => undefined)
      await world.lab.run('h2', 'etcd-start')
      await until('all to serve', async () => (await membersNow(world).catch(() => [])).length === 3)
      await act('service.stop', { host: 'h1' }, { step: 'stop' })
      expect(await living()).toBe(2)
    },
  )
})

describe('overridden by a person', () => {
  test('asked twice, approved twice, done once, and on record everywhere', async () => {
    await world.lab.kill('h3')
    await leaderNow(world)
    const memo: RunMemo = { by: 'bob', override: ['health', 'quorum'], reason: 'h2 is on fire' }
    const run = await begin('stop-consented', { host: 'h2' }, memo)
    const approve = async (ask: number): Promise<string> => {
      await until(`asking ${ask}`, async () => (await run.status()).view.waiting?.ask === ask)
      const { approval } = (await run.status()).view.waiting ?? {}
      await run.handle.executeUpdate('approve', { args: [{ by: 'ada', comment: `yes ${ask}`, ask }] })
      return approval?.message ?? ''
    }
    await approve(1)
    expect(await approve(2)).toMatch(
      /^Override the guard "health"\? It refused: etcd-2 on h2 was not taken out/,
    )
    expect(await approve(3)).toMatch(/^Override the guard "quorum"\? .*of 3 voters 1 would be left/s)
    const result = (await run.handle.result()) as RunResult
    expect(await living()).toBe(1)
    expect(result.overrides).toMatchObject([
      { guard: 'health', by: 'ada', comment: 'yes 2', reason: 'h2 is on fire' },
      { guard: 'quorum', by: 'ada', comment: 'yes 3' },
    ])
    const overridden = ofName(await recordedEvents(recordOf(world), run.id), 'guard.overridden')
    expect(overridden).toMatchObject([
      {
        action: 'service.stop',
        data: { guard: 'health', by: 'ada', comment: 'yes 2', reason: 'h2 is on fire' },
      },
      {
        data: {
          ...{ guard: 'quorum', comment: 'yes 3' },
          refusal: expect.stringMatching(/of 3 voters 1 would be left/),
        },
      },
    ])
  })

  test('a guard that is never overridden stays shut, by whatever hand', async () => {
    const overrides = ['living', 'identity', 'lock', 'instance'].map((guard) => ({
      ...{ guard, by: 'mallory', comment: '', reason: 'x' },
    }))
    await expect(act('service.stop', { host: 'h1' }, { quorum: 'lost', overrides })).rejects.toMatchObject(
      refusal('living'),
    )
    expect(await living()).toBe(3)
  })
})
