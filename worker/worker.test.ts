import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { noAfterSteps } from '../dsl/inventory.ts'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { Worker } from '@temporalio/worker'
import { z } from 'zod'
import { type ActionContext, defineAction } from '../activities/action.ts'
import { createEnvironment } from '../activities/environment.ts'
import { endOf, quiet, serverOf, workflowBundle } from '../test/replay/temporal-world.ts'
import type { RunResult, RunStatus } from '../workflows/doors.ts'
import { createActivities } from './activities.ts'
import { unrecorded } from '../activities/record.ts'

jest.setTimeout(60_000)

const root = resolve(__dirname, '..')
const inventory = `inventory: 1
defaults:
  ssh: { user: q, identity: id, knownHosts: known }
  etcd:
    dataDir: /var/lib/etcd
    binDir: /usr/bin
    config: { format: environment, path: /etc/etcd.env }
    service: { manager: script, start: [a], stop: [b], status: [c], enable: [d], disable: [e] }
hosts:
  h1: { address: 127.0.0.1 }
clusters:
  demo: { members: { m1: h1 } }
`
const runbook = `runbook: 1
name: linger
title: Linger
inputs:
  cluster: { type: cluster, description: Which }
cluster: \${{ inputs.cluster }}
steps:
  - id: a
    uses: test.linger
outputs:
  tries: \${{ steps.a.tries }}
`

let env: TestWorkflowEnvironment
let directory: string
let address: string
beforeAll(async () => {
  quiet()
  env = await serverOf('devServer')
  address = `127.0.0.1:${env.address.slice(env.address.lastIndexOf(':') + 1)}`
  directory = mkdtempSync(join(tmpdir(), 'quorate-worker-'))
  writeFileSync(join(directory, 'inventory.yaml'), inventory)
  writeFileSync(join(directory, 'linger.yaml'), runbook)
}, 120_000)
afterAll(async () => {
  await env.teardown()
  rmSync(directory, { recursive: true })
})

/** Lingers until its worker goes; the next try ends at once. */
const linger = { tries: 0 }
const lingering = defineAction({
  name: 'test.linger',
  title: 'linger',
  doc: 'For this test.',
  effect: 'change',
  subject: [],
  example: {},
  input: z.strictObject({}),
  output: z.strictObject({ tries: z.int() }),
  run: async (_input, { signal }: ActionContext) => {
    if (++linger.tries === 1) await sleep(60_000, undefined, { signal })
    return { tries: linger.tries }
  },
})

function workerOf(taskQueue: string): Promise<Worker> {
  return workflowBundle().then((bundle) =>
    Worker.create({
      connection: env.nativeConnection,
      taskQueue,
      workflowBundle: bundle,
      activities: createActivities({
        catalogue: new Map([[lingering.name, lingering]]),
        environment: createEnvironment({
          loadInventory: () =>
            Promise.resolve({
              file: '',
              hosts: {},
              clusters: { demo: { name: 'demo', members: {}, spares: [], etcd: {}, after: noAfterSteps } },
            }),
          record: unrecorded,
        }),
        client: env.client,
        policy: () => Promise.resolve(undefined),
        runbooks: [directory],
        heartbeatTimeoutMs: 5000,
        channels: () => Promise.resolve({}),
        attributes: () => Promise.resolve(false),
      }),
      shutdownGraceTime: '100ms',
    }),
  )
}

describe('the activities of a worker', () => {
  test('a step whose worker is shut down is repeated by the next one, and nobody has to decide', async () => {
    const first = await workerOf('linger')
    const handle = await env.client.workflow.start('linger', {
      taskQueue: 'linger',
      workflowId: 'linger-1',
      args: [{ cluster: 'demo' }],
    })
    const running = first.run()
    for (let waited = 0; linger.tries === 0; waited += 20) {
      if (waited > 15_000) throw new Error('Waited 15 s for the step to begin.')
      await sleep(20)
    }
    first.shutdown()
    await running
    const result: RunResult = await (await workerOf('linger')).runUntil(handle.result())
    expect(result.outputs).toEqual({ tries: 2 })
  })

  test('who started a run is its client’s identity, unless the memo says who', async () => {
    linger.tries = 1
    const worker = await workerOf('who')
    const by = async (memo: Record<string, unknown>): Promise<string> => {
      const handle = await env.client.workflow.start('linger', {
        taskQueue: 'who',
        workflowId: `who-${Object.keys(memo).length}`,
        args: [{ cluster: 'demo' }],
        memo,
      })
      await handle.result()
      return (await handle.query<RunStatus>('status')).by
    }
    await worker.runUntil(async () => {
      expect(await by({})).toBe(env.client.options.identity)
      expect(await by({ by: 'ada' })).toBe('ada')
    })
  })

  test.each([
    ['an unknown runbook', 'lingr', {}, 'There is no runbook "lingr". Did you mean "linger"?'],
    ['an unknown cluster', 'linger', { cluster: 'dmeo' }, 'nothing was touched'],
    ['no input at all', 'linger', undefined, 'cluster is missing'],
  ])('%s ends the run at once', async (_what, type, input, message) => {
    const worker = await workerOf('wrong')
    const end = await worker.runUntil(async () =>
      endOf(
        await env.client.workflow.start(type, {
          taskQueue: 'wrong',
          workflowId: `wrong-${type}`,
          args: input === undefined ? [] : [input],
        }),
      ),
    )
    expect(end).toMatchObject({ type: 'InputError', nonRetryable: true })
    expect(end.message).toContain(message)
  })
})

describe('the process', () => {
  const started: ChildProcess[] = []
  afterAll(() => {
    for (const child of started) child.kill('SIGKILL')
  })

  interface Ran {
    readonly child: ChildProcess
    readonly said: () => string
    readonly ended: Promise<number | null>
  }

  function run(environment: Readonly<Record<string, string>>): Ran {
    const child = spawn(process.execPath, [join(root, 'dist/worker/main.js')], {
      env: {
        ...process.env,
        QUORATE_HOME: directory,
        QUORATE_INVENTORY: join(directory, 'inventory.yaml'),
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.push(child)
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => void (said += chunk.toString()))
    const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)))
    return { child, said: () => said, ended }
  }

  test.each(['SIGINT', 'SIGTERM'] as const)('says when it is ready, and ends well on %s', async (signal) => {
    const { child, said, ended } = run({ TEMPORAL_ADDRESS: address })
    for (let waited = 0; !said().includes('Ready'); waited += 50) {
      if (waited > 30_000 || child.exitCode !== null) throw new Error(`The worker is not ready: ${said()}`)
      await sleep(50)
    }
    child.kill(signal)
    expect(await ended).toBe(0)
    expect(said()).toBe(
      `Ready: takes runs from the task queue "quorate" of ${address} (default), inventory ${join(directory, 'inventory.yaml')}.\n`,
    )
  })

  test('says in one sentence that Temporal cannot be reached', async () => {
    const nobody = await freePort()
    const { said, ended } = run({ TEMPORAL_ADDRESS: `127.0.0.1:${nobody}` })
    expect(await ended).toBe(4)
    expect(said()).toBe(
      `Temporal does not answer at 127.0.0.1:${nobody} (Connection refused): start everything here with \`quorate up\`, or set TEMPORAL_ADDRESS.\n`,
    )
  })

  test.each([
    [
      'an inventory that is not there',
      { QUORATE_INVENTORY: '/nowhere.yaml' },
      /^The inventory \/nowhere\.yaml does not exist: set QUORATE_INVENTORY/,
    ],
    ['an inventory with errors', { QUORATE_INVENTORY: __filename }, /^The inventory has errors\.\n/],
    ['wrong settings', { QUORATE_HEARTBEAT_TIMEOUT: 'soon' }, /^QUORATE_HEARTBEAT_TIMEOUT is "soon"/],
  ])('%s is wrong usage', async (_what, environment, message) => {
    const { said, ended } = run({ TEMPORAL_ADDRESS: address, ...environment })
    expect(await ended).toBe(2)
    expect(said()).toMatch(message)
    expect(said()).not.toContain('    at ')
  })
})

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const found = server.address()
      server.close(() => (typeof found === 'object' && found ? done(found.port) : fail(new Error('no port'))))
    })
  })
}
