import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { readCommandLine } from '../cli/command-line.ts'
import { commands } from '../cli/commands/all.ts'
import { explain } from '../cli/errors.ts'
import { renderPlan } from '../cli/plan-view.ts'
import type { Terminal } from '../cli/terminal.ts'
import { planRun } from '../client/plan-run.ts'
import type { Plan, PlannedStep } from '../workflows/plan.ts'
import { footprint, inventoryText, leaderNow, membersNow, startWorld, until, type World } from './world.ts'
import { ofName, recordedEvents, recordOf } from './recorded-events.ts'

jest.setTimeout(120_000)

/** Plans of real runbooks on a real cluster, which is afterwards as it was before; then runs of plans. */

let world: World
beforeAll(async () => {
  world = await startWorld()
}, 120_000)
afterAll(() => world?.close())

/** What a change would leave: data, configuration, members, the inventory, and a record of each job. */
async function everything(): Promise<unknown> {
  const jobs = world.lab.hosts.map(({ name, layout }) => {
    const directory = join(layout.workDir, 'jobs')
    return { name, jobs: existsSync(directory) ? readdirSync(directory) : [] }
  })
  return { footprint: await footprint(world), jobs, inventory: inventoryText(world) }
}

const plan = (runbook: string, inputs: Readonly<Record<string, string>> = {}): Promise<Plan> =>
  planRun(world.door, { runbook, inputs: { cluster: 'demo', ...inputs }, cluster: 'demo', by: 'test' })

function shown(made: Plan): string {
  const text = renderPlan(made, { columns: 110, colour: false }).join('\n')
  if (process.env['SHOW_PLANS'] !== undefined) process.stderr.write(`\n${text}\n`)
  return text
}

const stepOf = ({ steps }: Plan, summary: RegExp): PlannedStep => {
  const found = steps.find((step) => summary.test(step.summary))
  if (found === undefined) throw new Error(`no ${summary} in ${steps.map((step) => step.summary).join('; ')}`)
  return found
}

/** The command as a person types it, in this process: a new one takes seconds to load. */
async function quorate(...words: readonly string[]): Promise<Said> {
  return quorateWith({}, ...words)
}

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** With other settings. */
async function quorateWith(settings: NodeJS.ProcessEnv, ...words: readonly string[]): Promise<Said> {
  const said = { out: '', err: '' }
  const terminal: Terminal = {
    out: (text) => void (said.out += `${text}\n`),
    err: (text) => void (said.err += `${text}\n`),
    write: (text) => void (said.out += text),
    ...{ live: false, colour: false, size: () => ({ columns: 100, rows: 40 }) },
  }
  const home = { QUORATE_HOME: join(world.directory, 'home') }
  const environment = { ...process.env, ...world.environment, ...home, ...settings }
  try {
    const { command, positionals, flags } = readCommandLine(words, commands)
    const code = await command.run({ positionals, flags, terminal, environment })
    return { code, ...said }
  } catch (error) {
    const { text, code } = explain(error, environment)
    return { code, out: said.out, err: `${said.err}${text}` }
  }
}

describe('a plan changes nothing', () => {
  let before: unknown
  beforeAll(async () => {
    before = await everything()
  })
  afterAll(async () => expect(await everything()).toEqual(before))

  test('of a move: what it would run, what becomes of the members, and where the way back ends', async () => {
    const made = await plan('etcd-migrate-node', { member: 'etcd-2', to: 'h4' })
    const text = shown(made)
    expect(made.verdict).toEqual({ kind: 'ready' })
    expect(made.membership).toMatchObject({
      differences: [{ kind: 'changed', member: 'etcd-2', what: ['host h2 → h4'] }],
      standing: { margin: 1 },
      lowest: { margin: 0, summary: 'etcd-2: stop etcd on h2' },
    })
    expect(stepOf(made, /stop etcd on h2/).preview).toMatchObject({
      guard: { passes: true },
      changes: [{ kind: 'command', host: 'h2' }],
    })
    expect(stepOf(made, /new peer address/).preview?.changes).toEqual([
      expect.objectContaining({ kind: 'call', call: 'Cluster.MemberUpdate' }),
    ])
    expect(made.noReturn).toEqual([expect.objectContaining({ step: 'joined' })])
    expect(text).toContain('~ etcd-2 host h2 → h4')
    expect(text.split('\n').filter((line) => line.length > 110)).toEqual([])
  })

  test('of a restart of all: the leader last, one at a time', async () => {
    const made = await plan('etcd-rolling-restart')
    shown(made)
    expect(made.verdict).toEqual({ kind: 'ready' })
    const stops = made.steps.filter(({ action }) => action === 'service.stop')
    expect(stops.map(({ standing }) => standing?.margin)).toEqual([0, 0, 0])
    expect(stops.at(-1)?.summary).toContain(made.membership?.before.leader ?? '?')
    expect(made.membership).toMatchObject({ differences: [], lowest: { margin: 0 } })
  })

  test('of a removal: refused by default, and planned with the margin it is willing to take', async () => {
    const refused = await plan('etcd-remove-member', { member: 'etcd-2' })
    expect(refused.verdict).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('2 voters would be left'),
    })
    const made = await plan('etcd-remove-member', { member: 'etcd-2', margin: '0' })
    shown(made)
    expect(made.verdict).toEqual({ kind: 'ready' })
    expect(made.membership?.differences).toEqual([{ kind: 'removed', member: 'etcd-2', what: ['on h2'] }])
  })

  test('of a restore: refused while the cluster lives', async () => {
    const made = await plan('etcd-restore-snapshot')
    expect(made.verdict).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('has not lost its quorum'),
    })
  })

  test('with a member down: it says so, and what would not be done', async () => {
    await world.lab.stopHost('h3')
    try {
      // If it led, nobody does for a moment, and that is another refusal.
      await leaderNow(world)
      const made = await plan('etcd-rolling-restart')
      expect(made.membership?.standing).toEqual({ voters: 3, up: 2, margin: 0 })
      expect(made.verdict).toMatchObject({ kind: 'refused', why: expect.stringContaining('etcd-3') })
    } finally {
      await world.lab.startHost('h3')
      await until('all members to answer', async () => (await membersNow(world)).length === 3)
    }
  })

  test('from the Temporal UI: its input as a person types it, and what the UI shows of it', async () => {
    const asked = (id: string, input: unknown) =>
      world.door.client.workflow.start('quoratePlan', {
        ...{ workflowId: `typed-${id}`, taskQueue: 'quorate' },
        args: [input],
      })
    const move = { cluster: 'demo', member: 'etcd-2', to: 'h4' }
    const handle = await asked('move', { runbook: 'etcd-migrate-node', inputs: move })
    const made = (await handle.result()) as Plan
    // What the UI shows under "User Metadata".
    const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')
    if (process.env['SHOW_PLANS'] !== undefined) process.stderr.write(`\n${currentDetails}\n`)
    const lines = currentDetails.split('\n')
    expect(lines).toContain('It could run now.')
    expect(lines).toContain('- ▸ etcd-2: stop etcd on h2 (*disrupts, margin 0, 2 of 3 serve*)')
    expect(lines).toContainEqual(
      expect.stringMatching(/^- \u2003\u2003h2\$ sh -c \(script, \d+ lines\) stop/),
    )
    expect(lines).toContainEqual(expect.stringMatching(/^- after etcd-2 is healthy on h4/))
    expect(made.verdict).toEqual({ kind: 'ready' })
    expect(made.by).toBe(world.door.client.options.identity)
    for (const [id, input, says] of [
      ['nothing', 'etcd-backup', /asked for with \{"runbook": "NAME", "inputs": \{…\}\}\. /],
      ['flat', { runbook: 'etcd-migrate-node', ...move }, /"cluster" is none of these/],
      ['wrong', { runbook: 'etcd-migrate-node', inputs: { ...move, member: 'etcd-9' } }, /etcd-9.*etcd-1/s],
    ] as const) {
      const wrong = await asked(id, input)
      await expect(wrong.result()).rejects.toMatchObject({
        cause: { type: 'InputError', message: expect.stringMatching(says) },
      })
    }
  })

  test('the command: 0 for one that could run, 1 for one that would be refused, 2 for wrong inputs, 4 where nobody answers', async () => {
    const file = join(world.directory, 'move.json')
    const move = ['etcd-migrate-node', '-c', 'demo', '-i', 'member=etcd-2', '-i', 'to=h4']
    const could = await quorate('plan', ...move, '--out', file, '--json')
    expect(could).toMatchObject({ code: 0 })
    expect(JSON.parse(could.out)).toEqual(JSON.parse(readFileSync(file, 'utf8')))
    expect(await quorate('plan', 'etcd-remove-member', '-c', 'demo', '-i', 'member=etcd-2')).toMatchObject({
      code: 1,
      out: expect.stringContaining('It would be refused at “the others can do without it”'),
    })
    expect(
      await quorate('plan', 'etcd-migrate-node', '-c', 'demo', '-i', 'member=etcd-9', '-i', 'to=h4'),
    ).toMatchObject({
      code: 2,
      err: expect.stringContaining('etcd-9'),
    })
    const nowhere = await quorateWith({ TEMPORAL_ADDRESS: '127.0.0.1:1' }, 'plan', ...move)
    expect(nowhere).toMatchObject({
      code: 4,
      out: '',
      err: expect.stringContaining('does not answer at 127.0.0.1:1'),
    })
    writeFileSync(file, readFileSync(file, 'utf8').replace('"to": "h4"', '"to": "h1"'))
    expect(await quorate('run', '--plan', file)).toMatchObject({
      code: 2,
      err: expect.stringContaining('was changed after the plan was made'),
    })
  })
})

describe('a run of a plan', () => {
  const backup = ['plan', 'etcd-backup', '-c', 'demo', '--out']
  const planned = (name: string): string => join(world.directory, name)

  test('carries it out while nothing has changed, and its record names the plan', async () => {
    const file = planned('good.json')
    expect(await quorate(...backup, file)).toMatchObject({ code: 0 })
    const ran = await quorate('run', '--plan', file, '--json')
    expect(ran).toMatchObject({ code: 0 })
    const { id } = JSON.parse(ran.out.trim().split('\n').at(-1) ?? '')
    const { sha256 } = JSON.parse(readFileSync(file, 'utf8'))
    const [carried] = ofName(await recordedEvents(recordOf(world), id), 'run.planned')
    expect(carried?.data).toMatchObject({ plan: sha256, fingerprint: { members: expect.any(Array) } })
    expect(await world.door.client.workflow.getHandle(id).query('status')).toMatchObject({ plan: sha256 })
    const again = await plan('etcd-backup')
    expect(again.durations.runs).toBe(1)
    expect(again.steps.some(({ expectedMs }) => expectedMs !== undefined)).toBe(true)
  })

  test('is refused once a member was added, and touches nothing', async () => {
    const file = planned('grown.json')
    expect(await quorate(...backup, file)).toMatchObject({ code: 0 })
    const etcdctl = (...words: readonly string[]) =>
      world.lab.run('h1', 'etcdctl', ['--endpoints', `http://${world.endpoints[0]}`, 'member', ...words])
    const { output } = await etcdctl('add', 'etcd-x', '--learner', '--peer-urls=http://127.0.0.1:1')
    const [added = ''] = /[0-9a-f]{15,16}/.exec(output) ?? []
    try {
      const before = await everything()
      const ran = await quorate('run', '--plan', file)
      expect(ran).toMatchObject({ code: 2 })
      expect(`${ran.out}${ran.err}`).toMatch(/demo is not as it was planned: .* was added/)
      expect(await everything()).toEqual(before)
    } finally {
      await etcdctl('remove', added)
    }
    expect(
      await world.door.client.workflow.count('WorkflowType = "quorateLock" AND ExecutionStatus = "Running"'),
    ).toMatchObject({ count: 0 })
  })

  test('is refused once the runbook was edited', async () => {
    const file = planned('edited.json')
    const made = await plan('etcd-backup')
    const { planText } = await import('../client/plan-file.ts')
    // As if the file had said something else when the plan was made.
    writeFileSync(file, planText({ ...made, hash: made.hash.replaceAll(/./g, '0') }))
    const ran = await quorate('run', '--plan', file)
    expect(ran).toMatchObject({ code: 2 })
    expect(`${ran.out}${ran.err}`).toContain('has changed since this run was asked for')
  })

  test('of a locked cluster: the plan is there, and says who holds the lock', async () => {
    const holder = await world.start({ cluster: 'demo', member: 'etcd-2', to: 'h4', stable: '1m' })
    await until('the run to hold the lock', async () => {
      const { view } = await holder.status()
      return view.steps.some(({ status }) => status === 'done')
    })
    const { code, out } = await quorate('plan', 'etcd-backup', '-c', 'demo')
    await holder.handle.terminate('the test has seen enough')
    expect(out).toContain(`demo is locked now by the run ${holder.id}`)
    expect(code).toBe(5)
  })
})
