import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readAnchors } from '../audit/anchor-line.ts'
import { openSqliteStore } from '../audit/sqlite.ts'
import { verify } from '../audit/verify.ts'
import { ofName, recordedEvents, recordOf } from './recorded-events.ts'
import { startRun, startWorld, until, workerProcess, type World } from './world.ts'

/** A worker whose record cannot be written, on a disk that is full and at a place that is none. */

const runbook = `runbook: 1
name: stop-start
title: Stop a member, and start it
inputs:
  cluster: { type: cluster }
  host: { type: host }
cluster: \${{ inputs.cluster }}
steps:
  - uses: service.stop
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
  - uses: service.start
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
`

const directory = mkdtempSync(join(tmpdir(), 'quorate-record-away-'))
const anchors = join(directory, 'anchors.log')
let world: World
beforeAll(async () => {
  writeFileSync(join(directory, 'stop-start.yaml'), runbook)
  world = await startWorld({
    spares: 0,
    settings: { QUORATE_RUNBOOKS: directory, QUORATE_ANCHORS: `file:${anchors}` },
  })
}, 120_000)
afterAll(async () => {
  await world?.close()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

const start = (host: string) =>
  startRun(world.door, 'stop-start', { cluster: 'demo', host }, { by: 'ada', reason: 'to see' })
const runsOn = async (host: string): Promise<boolean> => (await world.lab.run(host, 'etcd-status')).code === 0

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux(
  'on a full disk a run waits with nothing done, says why, and goes on when there is room',
  async () => {
    const room = (bytes: string): void =>
      void execFileSync('prlimit', ['--pid', String(world.worker.pid()), `--fsize=${bytes}:unlimited`])
    room('4096')
    const run = await start('h1')
    await until('the run to wait', async () => (await run.status()).view.waiting !== undefined)
    const { failure } = (await run.status()).view.waiting ?? {}
    expect(failure).toMatchObject({ kind: 'failed' })
    expect(failure?.message).toMatch(
      /^service\.stop was not begun\. The record cannot be written: .*record\.db.*, so nothing was done\. Mend the store of the record, then retry\.$/s,
    )
    expect(await runsOn('h1')).toBe(true)
    room('unlimited')
    await run.handle.executeUpdate('retry', { args: [{ by: 'ada', comment: 'there is room' }] })
    await run.result()
    const named = async () => (await recordedEvents(recordOf(world), run.id)).map(({ name }) => name)
    // What a person was asked and said while there was no room comes by a later try.
    await until('the decision to be on record', async () => (await named()).includes('person.decided'))
    expect(await named()).toEqual(expect.arrayContaining(['person.asked', 'guard.passed', 'command.done']))
    const events = await recordedEvents(recordOf(world), run.id)
    const done = ofName(events, 'action.done').map(({ action }) => action)
    expect(done).toEqual(['service.stop', 'service.start'])
  },
  90_000,
)

test('what has ended is copied, sealed and anchored by its worker, and verifies against both', async () => {
  const run = await startRun(world.door, 'etcd-inspect', { cluster: 'demo' }, { by: 'ada' })
  await run.result()
  const anchored = () => (existsSync(anchors) ? readAnchors(readFileSync(anchors, 'utf8')) : [])
  const events = await recordedEvents(recordOf(world), run.id)
  const key = events[0]?.run ?? ''
  await until('the seal to be anchored', () => Promise.resolve(anchored().some((one) => one.run === key)))
  const store = openSqliteStore(recordOf(world).place, { readOnly: true })
  try {
    const { runs } = await store.runs({ run: key })
    expect(runs).toMatchObject([{ ended: { outcome: 'done' }, sealed: runs[0]?.events }])
    const trusted = [readFileSync(join(dirname(recordOf(world).place), 'seal.pem.pub'), 'utf8')]
    const said = await verify(store, { trusted, anchors: anchored() })
    expect(said).toMatchObject({ ok: true, wrong: [], anchored: anchored().length })
    expect(said.signers).toMatchObject([{ trusted: true }])
  } finally {
    await store.close()
  }
}, 60_000)

test('broken glass: a run goes on without the record, which has it all as soon as it can, through a kill -9', async () => {
  const blocked = join(directory, 'blocked')
  writeFileSync(blocked, 'A file where a directory should be.')
  const place = { QUORATE_AUDIT: join(blocked, 'record.db') }
  const environment = { ...world.environment, ...place }
  const main = resolve(__dirname, '../dist/worker/main.js')
  const refused = spawnSync(process.execPath, [main], {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
  })
  expect([refused.status, refused.stderr.split('\n').length]).toEqual([2, 2])
  expect(refused.stderr).toMatch(/record\.db cannot be /)

  await world.worker.stop()
  const daring = workerProcess({ ...environment, QUORATE_AUDIT_BREAK_GLASS: 'h2 burns' }, directory)
  await daring.start()
  const run = await start('h2')
  await run.result()
  expect(readFileSync(join(directory, 'worker.log'), 'utf8')).toMatch(
    /QUORATE_AUDIT_BREAK_GLASS IS SET \(h2 burns\).*THE RECORD IS BYPASSED: /s,
  )
  const held = join(world.environment['QUORATE_STATE'] ?? '', 'audit')
  const files = (): readonly string[] => readdirSync(held).filter((name) => name.startsWith('held-back.'))
  expect(files().map((name) => statSync(join(held, name)).mode & 0o777)).toEqual([0o600])
  expect(existsSync(place.QUORATE_AUDIT)).toBe(false)

  await daring.kill()
  rmSync(blocked)
  const next = workerProcess(environment, directory)
  await next.start()
  try {
    const events = await recordedEvents({ place: place.QUORATE_AUDIT }, run.id)
    const [first] = events
    expect(first).toMatchObject({
      ...{ name: 'record.bypassed', workflow: run.id },
      data: { reason: 'h2 burns', failure: expect.stringMatching(/record\.db/) },
    })
    expect(events.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['run.began', 'action.begun', 'command.begun', 'command.done', 'action.done']),
    )
    expect(ofName(events, 'run.began')[0]?.data).toMatchObject({
      by: 'ada',
      reason: 'to see',
      runbook: 'stop-start',
    })
    expect(ofName(events, 'record.bypassed')[0]?.data.held).toBe(
      events.filter(({ name }) => name !== 'record.bypassed').length,
    )
    expect(files()).toEqual([])
  } finally {
    await next.stop()
  }
}, 90_000)
