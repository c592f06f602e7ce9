import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { Cluster, Inventory } from '../dsl/inventory.ts'
import { readInventory } from '../dsl/inventory-file.ts'
import type { Json } from '../dsl/program.ts'
import { createBinaryFinder } from '../lab/binaries.ts'
import { type Lab, startProcessLab } from '../lab/process.ts'
import { eventually } from '../test/etcd-processes.ts'
import { catalogue } from './catalogue.ts'
import { createEnvironment, type Environment } from './environment.ts'
import { settingsIn } from './etcd/config-file.ts'
import { type Inspection, inspection } from './etcd/inspection.ts'
import { writeKey } from '../lab/keys.ts'
import { executeAction } from './execute.ts'
import { checkInventory } from './inventory/check.ts'
import { clusterNamed } from './inventory/look-up.ts'
import { memoryRecord } from '../test/memory-record.ts'

jest.setTimeout(30_000)

let lab: Lab
let environment: Environment
let root: string
const cluster = 'demo'

const record = memoryRecord()

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'quorate-actions-'))
  const { etcd, etcdctl, etcdutl } = await createBinaryFinder().etcd('3.6')
  lab = await startProcessLab({
    directory: join(root, 'a lab'),
    programs: { etcd, etcdctl, etcdutl },
    spares: 2,
  })
  environment = createEnvironment({
    loadInventory: async () => inventory(lab.inventory),
    record,
    ssh: { reconnectMs: 3000 },
  })
}, 120_000)

afterAll(async () => {
  await environment.close()
  await lab.stop()
  rmSync(root, { recursive: true, force: true })
}, 60_000)

function inventory(file: string): Inventory {
  const text = readFileSync(file, 'utf8')
  const read = readInventory({ file, text, baseDirectory: dirname(file), home: homedir() })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.value
}

function demo(): Cluster {
  return clusterNamed(inventory(lab.inventory), cluster)
}

let steps = 0

/** Performs an action as a worker would, each time as another step of one run. */
async function act(action: string, input: Readonly<Record<string, Json>> = {}, run = 'run'): Promise<Json> {
  const found = catalogue.get(action)
  if (!found) throw new Error(`no action ${action}`)
  const step = `step-${(steps += 1)}`
  return executeAction(
    found,
    {
      run: { id: run, key: run, runbook: 'test', hash: '', cluster: 'demo' },
      step,
      with: { cluster, ...input },
      undo: false,
    },
    environment,
    { id: step, number: 1, signal: new AbortController().signal, heartbeat: () => undefined },
  )
}

const healthy = (at = {}): Promise<Inspection> =>
  eventually(async () => {
    const seen = inspection.parse(await act('etcd.inspect', { at }))
    expect(seen.problems).toEqual([])
    expect(seen).toMatchObject({ healthy: true, agree: true })
    return seen
  }, 30_000)

const text = (output: Json, name: string): string => String(field(output, name))

function field(output: Json, name: string): unknown {
  if (typeof output !== 'object' || output === null || !(name in output)) throw new Error(`no ${name}`)
  return (output as Readonly<Record<string, Json>>)[name]
}

function hostOf(seen: Inspection, member: string): string {
  const view = seen.byName[member]
  if (!view) throw new Error(`no ${member}`)
  return view.host
}

const failure = (kind: string, message: RegExp) => ({
  nonRetryable: true,
  details: [{ kind }],
  message: expect.stringMatching(message),
})

describe('looking', () => {
  test('an inventory that is right has no differences', async () => {
    expect(await checkInventory(environment, cluster)).toEqual([])
  })

  test('an inventory that is wrong is told so, side by side', async () => {
    const right = inventory(lab.inventory)
    const wrong = { ...demo(), members: { 'etcd-1': 'h2', 'etcd-2': 'h1', 'etcd-3': 'h4' }, spares: ['h3'] }
    const differences = await checkInventory(
      { ...environment, inventory: async () => ({ ...right, clusters: { [cluster]: wrong } }) },
      cluster,
    )
    expect(differences).toContainEqual(
      expect.objectContaining({ where: 'h3', expected: 'no etcd', seen: 'etcd runs' }),
    )
    expect(differences).toContainEqual(
      expect.objectContaining({ where: 'h4', expected: 'etcd-3 running', hint: 'Start etcd on h4.' }),
    )
    expect(differences).toContainEqual(
      expect.objectContaining({
        where: 'h1',
        expected: expect.stringMatching(/^name etcd-2 in /),
        seen: 'etcd-1',
      }),
    )
    expect(differences).toContainEqual(
      expect.objectContaining({ where: 'h1', expected: expect.stringMatching(/^data of etcd-2 \(/) }),
    )
    expect(differences.filter(({ where }) => where === cluster).length).toBeGreaterThan(0)
  })

  test('a spare can take a member', async () => {
    const seen = await act('etcd.destination.check', { member: 'etcd-1', host: 'h4' })
    expect(seen).toMatchObject({
      ok: true,
      problems: [],
      version: expect.stringMatching(/^3\.6\./),
      leftovers: [],
    })
    expect(field(seen, 'dataBytes')).toBeGreaterThan(1_000_000)
    expect(field(seen, 'freeBytes')).toBeGreaterThan(1_000_000)
    expect(Math.abs(Number(field(seen, 'clockSkewMs')))).toBeLessThan(1000)
  })

  test('a host that has a member cannot take another', async () => {
    const seen = await act('etcd.destination.check', { member: 'etcd-1', host: 'h2' })
    expect(seen).toMatchObject({
      ok: false,
      problems: [expect.stringMatching(/h2 runs etcd-2 of demo already/)],
    })
  })

  test('a configuration is made without a model, for a new cluster, and changed setting by setting', async () => {
    const host = 'h5'
    const file = clusterNamed(inventory(lab.inventory), cluster).etcd[host]?.config.path ?? ''
    const asked = { member: 'etcd-9', host, state: 'new', token: 'fresh' }
    await expect(act('etcd.config.write', asked, 'made')).rejects.toMatchObject(
      failure('refused', /without its members: give initialCluster/),
    )
    const initialCluster = 'etcd-9=http://10.0.0.9:2380'
    const more = { initialCluster, settings: { 'quota-backend-bytes': '4294967296', discovery: '' } }
    expect(await act('etcd.config.write', { ...asked, ...more }, 'made')).toEqual({
      path: file,
      changed: true,
    })
    const settings = settingsIn('environment', readFileSync(file, 'utf8'))
    expect(Object.fromEntries(settings)).toMatchObject({
      ...{ name: 'etcd-9', 'initial-cluster': initialCluster, 'initial-cluster-state': 'new' },
      ...{ 'initial-cluster-token': 'fresh', 'quota-backend-bytes': '4294967296' },
    })
    const set = { host, settings: { 'quota-backend-bytes': '', 'snapshot-count': '5000' } }
    expect(await act('etcd.config.set', set, 'made')).toEqual({
      ...{ path: file, changed: true, before: { 'quota-backend-bytes': '4294967296' } },
    })
    expect(readFileSync(file, 'utf8')).toMatch(/ETCD_SNAPSHOT_COUNT=5000\n$/)
    expect(readFileSync(file, 'utf8')).not.toContain('QUOTA')
    await act('etcd.config.restore', { host }, 'made')
    await expect(act('etcd.config.set', set, 'made')).rejects.toMatchObject(
      failure('refused', /There is no configuration .* on h5/),
    )
  })

  test('a service is told by manager, ports and data', async () => {
    const running = {
      fence: 'unknown',
      state: 'running',
      stopped: false,
      clientPort: 'open',
      peerPort: 'open',
      dataDir: 'open',
    }
    const stopped = {
      fence: 'unknown',
      state: 'stopped',
      stopped: true,
      clientPort: 'closed',
      peerPort: 'closed',
      dataDir: 'absent',
    }
    expect(await act('service.status', { host: 'h1' })).toEqual(running)
    expect(await act('service.status', { host: 'h4' })).toEqual(stopped)
  })

  test('a backup is taken from a follower, verified, and not from the host to avoid', async () => {
    const { endpoint } = environment.etcd.cluster(demo())
    for (let key = 0; key < 50; key++) await writeKey(endpoint('h1').url, `key-${key}`, 'value')
    const before = await healthy()
    const taken = await act('etcd.backup', { avoid: hostOf(before, 'etcd-1') })
    expect(text(taken, 'host')).not.toBe(hostOf(before, 'etcd-1'))
    expect(text(taken, 'host')).not.toBe(hostOf(before, before.leader))
    expect(taken).toMatchObject({ revision: before.revision, hash: expect.stringMatching(/^[0-9a-f]{8}$/) })
    expect(readFileSync(text(taken, 'path'))).toHaveLength(Number(field(taken, 'sizeBytes')))
  })
})

describe('refusing', () => {
  test('to stop a second member, whatever the runbook says', async () => {
    await act('service.stop', { host: 'h2' })
    await expect(act('service.stop', { host: 'h3' })).rejects.toMatchObject(
      failure(
        'refused',
        /etcd-3 on h3 was not taken out of service: the others must all be well, and etcd-2 does not answer/,
      ),
    )
    expect(await act('service.stop', { host: 'h2' })).toEqual({ state: 'stopped' })
    await act('service.start', { host: 'h2' })
    await healthy()
  }, 60_000)

  test('to set a data directory aside that is in use', async () => {
    await expect(act('dir.setAside', { host: 'h1' })).rejects.toMatchObject(failure('refused', /is in use/))
  })

  test('to copy a running member exactly', async () => {
    await expect(act('dir.copy', { from: 'h1', to: 'h4', exact: true })).rejects.toMatchObject(
      failure('refused', /a copy of a running member is never exact/),
    )
  })

  test('to start without data', async () => {
    await expect(act('service.start', { host: 'h4' })).rejects.toMatchObject(
      failure('refused', /etcd was not started on h4: there is no data directory/),
    )
  })
})

describe('moving', () => {
  test('a leader moves to a spare and keeps its identity; at no point can it be started twice', async () => {
    const before = await healthy()
    const member = before.leader
    const from = hostOf(before, member)
    const id = before.byName[member]?.id ?? ''
    const to = 'h4'
    const handed = await act('etcd.leader.move', { from: member })
    expect(handed).toMatchObject({ moved: true })
    const leader = text(handed, 'leader')
    expect((await healthy()).leader).toBe(leader)
    expect(await act('etcd.leader.move', { from: member })).toEqual({ leader, moved: false })

    await act('dir.copy', { from, to, exact: false })
    await act('service.stop', { host: from })
    await act('service.disable', { host: from })
    await act('dir.copy', { from, to, exact: true })
    await act('service.enable', { host: from })

    const path = text(await act('dir.setAside', { host: from }), 'path')
    expect(path).toMatch(/\.quorate-run-\d{8}T\d{6}Z$/)
    expect(await act('dir.setAside', { host: from })).toEqual({ path })
    await act('dir.activate', { host: to })
    expect(await act('dir.same', { from, to })).toMatchObject({ identical: true, differing: [] })

    await expect(act('service.start', { host: from })).rejects.toMatchObject(
      failure('refused', /there is no data directory/),
    )
    await expect(act('service.start', { host: to })).rejects.toMatchObject(
      failure('refused', new RegExp(`the cluster expects ${member} at http.*, not at http.* \\(h4\\)`)),
    )
    await act('dir.restore', { host: from })
    const both = /the same member's data lies in .* on h\d and could be started there/
    await expect(act('service.start', { host: to })).rejects.toMatchObject(failure('refused', both))
    await expect(act('service.start', { host: from })).rejects.toMatchObject(failure('refused', both))
    await act('dir.setAside', { host: from })

    const updated = await act('etcd.member.update', { member, host: to })
    expect(updated).toMatchObject({ id, peerUrls: [expect.stringMatching(/^http/)] })
    const peerUrls = field(updated, 'peerUrls')
    expect(field(updated, 'before')).not.toEqual(peerUrls)
    expect(await act('etcd.member.update', { member, host: to })).toMatchObject({ before: peerUrls })
    expect(await act('etcd.config.write', { member, from, host: to })).toMatchObject({ changed: true })
    expect(await act('service.start', { host: to })).toMatchObject({
      memberId: id,
      clusterId: before.clusterId,
    })

    const moved = await healthy({ [member]: to })
    expect(moved.byName[member]).toMatchObject({ id, host: to, peerHost: to })
    expect(await act('dir.same', { from, to })).toMatchObject({ identical: false })

    // The guard follows the membership, not the inventory, which learns of the move last.
    const other = moved.members.find((view) => view.name !== member)?.host ?? ''
    await act('service.stop', { host: to })
    await expect(act('service.stop', { host: other })).rejects.toMatchObject(
      failure('refused', /others must all be well/),
    )

    // The way back over the old data is barred once the new member has run.
    await act('dir.deactivate', { host: to })
    await act('dir.restore', { host: from })
    await act('etcd.member.update', { member, host: from })
    await expect(act('service.start', { host: from })).rejects.toMatchObject(
      failure('refused', /its data is stale: h4:.* holds a later state of member/),
    )
    await act('dir.setAside', { host: from })
    await act('dir.activate', { host: to })
    await act('etcd.member.update', { member, host: to })
    await act('service.start', { host: to })
    await healthy({ [member]: to })

    expect(await act('inventory.move', { member, host: to })).toMatchObject({ changed: true })
    expect(await act('inventory.move', { member, host: to })).toMatchObject({ changed: false })
    await healthy()
  }, 120_000)

  test('a move is taken back before the new member ran', async () => {
    const before = await healthy()
    const member = before.members.find((view) => !view.isLeader)
    const { name = '', host: from = '' } = member ?? {}
    const to = 'h5'
    const file = inventory(lab.inventory).clusters[cluster]?.etcd[to]?.config.path ?? ''
    await act('service.stop', { host: from }, 'back')
    await act('dir.copy', { from, to, exact: true }, 'back')
    await act('dir.setAside', { host: from }, 'back')
    await act('dir.activate', { host: to }, 'back')
    await act('etcd.member.update', { member: name, host: to }, 'back')
    await act('etcd.config.write', { member: name, from, host: to }, 'back')
    expect(readFileSync(file, 'utf8')).toContain(`ETCD_NAME=${name}\n`)

    expect(await act('dir.same', { from, to }, 'back')).toMatchObject({ identical: true })
    await act('etcd.config.restore', { host: to }, 'back')
    expect(readdirSync(dirname(file)).filter((entry) => entry.startsWith('etcd.env'))).toEqual([])
    await act('etcd.member.update', { member: name, host: from }, 'back')
    await act('dir.deactivate', { host: to }, 'back')
    await act('dir.restore', { host: from }, 'back')
    await act('service.start', { host: from }, 'back')
    const after = await healthy()
    expect(after.byName[name]).toMatchObject({ id: member?.id, host: from })
  }, 60_000)
})

test('every command and call that changed something is on record, before and after', () => {
  const pairs = (kind: 'command' | 'etcd'): readonly string[] =>
    record.events.flatMap(({ id, name }) =>
      name.startsWith(`${kind}.`) ? [`${id.slice(0, -name.length)} ${name}`] : [],
    )
  const begun = record.events.filter(({ name }) => name === 'etcd.begun' || name === 'command.begun')
  expect(begun.length).toBeGreaterThan(20)
  for (const { id, name } of begun) {
    const [kind] = name.split('.')
    const after = pairs(kind === 'etcd' ? 'etcd' : 'command').filter((one) =>
      one.startsWith(`${id.slice(0, -name.length)} `),
    )
    expect(after).toEqual([expect.stringMatching(/begun$/), expect.stringMatching(/done$|failed$|unknown$/)])
  }
  const updates = record.named('etcd.begun').filter(({ data }) => data.call === 'MemberUpdate')
  expect(updates.length).toBeGreaterThan(0)
  expect(updates[0]?.data.request).toMatchObject({ peerURLs: [expect.stringMatching(/^http/)] })
  const job = record.named('command.done').find(({ data }) => data.kind === 'job')
  expect(job?.data).toMatchObject({
    ...{ code: 0, key: expect.any(String), ms: expect.any(Number) },
    stdout: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: expect.any(Number) },
  })
})
