import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { RunEvidence, RunStatus } from '../workflows/doors.ts'
import {
  jobsOf,
  leaderNow,
  startWorld,
  turnsNow,
  until,
  whileWriting,
  whoIsWhere,
  type World,
} from './world.ts'
import { ofName, recordedEvents, recordOf } from './recorded-events.ts'

/** Who decides, at the command line, about a cluster that takes writes. */

const runbook = `runbook: 1
name: swap-disk
title: Swap the disk of a member
inputs:
  cluster: { type: cluster }
  member: { type: member }
  host: { type: host }
cluster: \${{ inputs.cluster }}
steps:
  - id: stop
    uses: service.stop
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
    undo:
      - uses: service.enable
        with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
      - id: settle
        wait: 3s
      - uses: service.start
        with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
  - id: consent
    name: leave it down
    approve:
      message: 'Leave **\${{ inputs.member }}** down for an hour?'
      by: operator
      people: 2
      notRequester: true
      expires: 1h
  - id: swap
    name: swap the disk
    manual:
      message: 'Swap the disk of \${{ inputs.host }}.'
      by: operator
      confirm: \${{ inputs.host }}
  - uses: service.start
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
  - gate: etcd.inspect
    with: { cluster: '\${{ inputs.cluster }}', hash: false }
    until: gate.healthy
outputs:
  by: \${{ steps.consent.by }}
  swapped: \${{ steps.swap.by }}
`

const stopOne = `runbook: 1
name: stop-one
title: Stop a member
inputs:
  cluster: { type: cluster }
  host: { type: host }
cluster: \${{ inputs.cluster }}
steps:
  - uses: service.stop
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
`

const policy = `roles: { operator: [ada, grace, linus], lead: [grace] }
decisions: { rollback: operator, abort: lead }
`

const directory = mkdtempSync(join(tmpdir(), 'quorate-decisions-'))
let world: World
beforeAll(async () => {
  writeFileSync(join(directory, 'swap-disk.yaml'), runbook)
  writeFileSync(join(directory, 'policy.txt'), policy)
  mkRunbooks('asks-boss', runbook.replace('swap-disk', 'asks-boss').replace('by: operator', 'by: boss'))
  mkRunbooks('stop-one', stopOne)
  const settings = { QUORATE_RUNBOOKS: directory, QUORATE_POLICY: join(directory, 'policy.txt') }
  world = await startWorld({ spares: 0, settings })
}, 180_000)
afterAll(async () => {
  await world?.close()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

const mkRunbooks = (name: string, text: string): void => writeFileSync(join(directory, `${name}.yaml`), text)

interface Said {
  readonly code: number
  readonly out: string
  readonly said: string
}

/** What a command prints and says to a person, and its exit code. */
function quorate(who: string, ...words: readonly string[]): Promise<Said> {
  const argv = [resolve(__dirname, '..', 'cli', 'bootstrap.mjs'), ...words]
  const env = { ...process.env, ...world.environment, QUORATE_BY: who }
  return new Promise((done) => {
    const child = execFile(process.execPath, argv, { env, timeout: 60_000 }, (_error, out, said) =>
      done({ code: child.exitCode ?? -1, out, said }),
    )
  })
}

async function started(
  who: string,
  name = 'swap-disk',
): Promise<{ readonly id: string; readonly member: string; readonly host: string }> {
  const leader = await leaderNow(world)
  const { hosts } = whoIsWhere(world)
  const [member = '', host = ''] = Object.entries(hosts).find(([one]) => one !== leader) ?? []
  const inputs = ['--cluster', 'demo', '--input', `member=${member}`, '--input', `host=${host}`]
  const { code, out, said } = await quorate(who, 'run', name, ...inputs, '--detach', '--json')
  expect([code, said]).toEqual([0, ''])
  return { id: (JSON.parse(out) as { id: string }).id, member, host }
}

const statusOf = (id: string): Promise<RunStatus> =>
  world.door.client.workflow.getHandle(id).query<RunStatus>('status')

const untilAsked = (id: string, step: string): Promise<void> =>
  until(
    `${step} to be asked`,
    async () => (await statusOf(id)).view.waiting?.failure.step === step,
    30_000,
    100,
  )

test('two people approve, one swaps the disk, and all of it is kept', async () => {
  const { result, lost } = await whileWriting(world, async () => {
    const { id, host, member } = await started('ada@laptop')
    await untilAsked(id, 'consent')
    const refused = async (who: string, words: readonly string[], sentence: RegExp): Promise<void> => {
      const { code, said } = await quorate(who, ...words)
      expect(code).toBe(2)
      expect(said).toMatch(sentence)
    }
    const shown = await quorate('bob', 'show', id)
    expect(shown.out).toMatch(/Leave \*\*etcd-\d\*\* down for an hour\?/)
    expect(shown.out).toContain('Only the role operator (ada, grace, linus) may answer.')
    expect(shown.out).toContain('2 different people have to approve.')
    await refused(
      'bob',
      ['approve', id],
      /"approve" is for the role operator \(ada, grace, linus\), and bob does not have it/,
    )
    await refused('ada', ['approve', id], /ada started this run, so another person has to approve it/)
    await refused('grace', ['approve', id, '--ask', '7'], /What waits now is asking 1/)
    await refused('bob', ['abort', id], /"abort" is for the role lead \(grace\)/)
    await refused('bob', ['resume', id], /The run is not paused/)
    const first = await quorate('grace', 'approve', id, '--comment', 'fine by me')
    expect(first.out).toBe(
      `Accepted: approve "leave it down"; 1 more person has to approve. What was asked: Leave **${member}** down for an hour?\n`,
    )
    await refused(
      'grace@phone',
      ['approve', id],
      /grace has approved this already; it takes 1 more, from another person/,
    )
    return { id, host }
  })
  expect(lost).toEqual([])
  // Who started it may say no; and it is taken back.
  const { id, host } = result
  expect((await quorate('ada', 'reject', id, '-m', 'not today after all')).code).toBe(0)
  await until('the rejection to wait', async () => (await statusOf(id)).view.waiting?.ask === 2, 30_000, 100)
  expect((await quorate('ada', 'retry', id)).code).toBe(0)
  await until('the second asking', async () => (await statusOf(id)).view.waiting?.ask === 3, 30_000, 100)
  expect((await quorate('ada', 'rollback', id, '--reason', 'not today')).out).toMatch(
    /Accepted: rollback "leave it down"/,
  )
  await world.door.client.workflow
    .getHandle(id)
    .result()
    .catch(() => undefined)

  const json = JSON.parse((await quorate('bob', 'show', id, '--json')).out) as {
    evidence: RunEvidence
    phase: string
  }
  expect(json.phase).toBe('rolledBack')
  const { entries } = json.evidence
  const said = entries.map((entry) =>
    entry.kind === 'decision' ? `${entry.by} ${entry.decision} ${entry.outcome}` : entry.kind,
  )
  expect(said).toEqual([
    ...['asked', 'bob approve refused', 'ada approve refused', 'grace approve refused', 'bob abort refused'],
    ...['bob resume refused', 'grace approve accepted', 'grace@phone approve refused', 'ada reject accepted'],
    ...['asked', 'ada retry accepted', 'asked', 'ada rollback accepted'],
  ])
  const { hash } = json.evidence.run
  expect(entries[6]).toMatchObject({
    ...{
      door: 'cli',
      comment: 'fine by me',
      step: 'consent',
      ask: 1,
      named: { step: 'consent', ask: 1, hash },
    },
    identity: `${process.env['SUDO_USER'] ?? userInfo().username}@${hostname()}`,
  })
  const kept = (await recordedEvents(recordOf(world), id)).flatMap((event) =>
    'entry' in event.data ? [event.data.entry] : [],
  )
  expect(kept).toEqual(entries)
  const text = (await quorate('bob', 'show', id)).out
  expect(text).toMatch(/Decisions\n.*refused: approve "leave it down" by bob \(cli, sent by/)
  expect(text.replace(/\s+/g, ' ')).toMatch(
    /rollback "leave it down" by ada \(cli, sent by [^)]+\): not today/,
  )
  expect(host).toMatch(/^h\d$/)
}, 180_000)

test('what is done by hand is confirmed by typing what it is about', async () => {
  const { result, lost } = await whileWriting(world, async () => {
    const { id, host } = await started('eve')
    await untilAsked(id, 'consent')
    for (const who of ['ada', 'grace']) expect((await quorate(who, 'approve', id)).code).toBe(0)
    await untilAsked(id, 'swap')
    expect((await quorate('ada', 'show', id)).out).toMatch(/quorate confirm \w+ .*with --type h\d/)
    expect((await quorate('ada', 'confirm', id)).said).toMatch(/type what it is about/)
    expect((await quorate('eve', 'confirm', id, '--type', host)).said).toMatch(/for the role operator/)
    expect((await quorate('ada', 'confirm', id, '--type', host)).code).toBe(0)
    return world.door.client.workflow.getHandle(id).result() as Promise<{ outputs: unknown }>
  })
  expect(result.outputs).toEqual({ by: 'ada, grace', swapped: 'ada' })
  expect(lost).toEqual([])
}, 120_000)

test('a run that nobody could ever answer is not begun', async () => {
  const { id } = await started('eve', 'asks-boss')
  const error: unknown = await world.door.client.workflow
    .getHandle(id)
    .result()
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ cause: { type: 'InputError' } })
  expect((error as Error & { cause: Error }).cause.message).toMatch(
    /Step "consent" may be answered only by the role boss, which the worker's policy does not know \(it has operator and lead\).*Nothing was touched/s,
  )
}, 60_000)

test('a rollback goes on after a kill -9 of the worker in the middle of it', async () => {
  const { result, lost } = await whileWriting(world, async () => {
    const { id, host } = await started('eve')
    await untilAsked(id, 'consent')
    expect((await quorate('ada', 'rollback', id)).code).toBe(0)
    const settling = async () =>
      (await statusOf(id)).view.steps.some(
        ({ step, status }) => step === 'stop/undo/settle' && status === 'running',
      )
    await until('the middle of the rollback', settling, 30_000, 50)
    await world.worker.kill()
    await world.worker.start()
    const error: unknown = await world.door.client.workflow
      .getHandle(id)
      .result()
      .catch((reason: unknown) => reason)
    return { error, host, key: (await statusOf(id)).run.key }
  })
  expect(result.error).toMatchObject({ cause: { type: 'RunRolledBack' } })
  expect(lost).toEqual([])
  const jobs = jobsOf(world, result.key)
  expect(jobs.map(({ starts, codes }) => [starts, codes.join()])).toEqual(jobs.map(() => [1, '0']))
  expect(jobs.length).toBeGreaterThanOrEqual(2)
  expect(jobs.every((job) => job.host === result.host)).toBe(true)
}, 120_000)

test('a guard is overridden by name, with a reason, by another person, and that is said everywhere', async () => {
  const turns = await turnsNow(world)
  const [host = '', broken = ''] = turns.map((member) => whoIsWhere(world).hosts[member] ?? '')
  await world.lab.kill(broken)
  const run = ['run', 'stop-one', '--cluster', 'demo', '--input', `host=${host}`, '--detach', '--json']
  const asks = [...run, '--override', 'health,quorum']
  expect(await quorate('ada', ...asks)).toMatchObject({
    ...{ code: 2, said: expect.stringMatching(/takes a reason.*Nothing was started/) },
  })
  const { out } = await quorate('ada', ...asks, '--reason', 'h1 burns')
  const { id } = JSON.parse(out) as { id: string }
  await until('to be asked', async () => (await statusOf(id)).view.waiting?.ask === 1, 30_000, 100)
  const asked = await quorate('bob', 'show', id)
  expect(asked.out).toMatch(/OVERRIDE OF THE GUARD "health"/)
  expect(asked.out).toMatch(/ada, who started the run, cannot approve it\./)
  expect((await quorate('ada@phone', 'approve', id)).said).toMatch(
    /started this run, so another person has to approve it/,
  )
  expect((await quorate('grace', 'approve', id, '--comment', 'I see smoke')).code).toBe(0)
  await until('the next guard', async () => (await statusOf(id)).view.waiting?.ask === 2, 30_000, 100)
  expect((await quorate('bob', 'show', id)).out).toMatch(
    /! OVERRIDDEN: the guard "health".*grace \(I\s+see\s+smoke\)/s,
  )
  expect((await quorate('grace', 'approve', id)).code).toBe(0)
  const watched = await quorate('bob', 'watch', id)
  expect(watched.code).toBe(0)
  for (const guard of ['health', 'quorum'])
    expect(watched.out).toContain(`! OVERRIDDEN: the guard "${guard}"`)
  const overridden = ofName(await recordedEvents(recordOf(world), id), 'guard.overridden')
  expect(overridden.map(({ data }) => data)).toMatchObject([
    { guard: 'health', by: 'grace', comment: 'I see smoke', reason: 'h1 burns' },
    { guard: 'quorum', by: 'grace', comment: '', reason: 'h1 burns' },
  ])
  const shown = await quorate('bob', 'show', id)
  expect(shown.out).toMatch(/refused: approve .* by ada@phone .*another\s+person has to approve it/s)
}, 120_000)
