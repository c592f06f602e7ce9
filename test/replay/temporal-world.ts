import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { activityInfo, Context } from '@temporalio/activity'
import type { WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from "@temporalio/client"
import { ApplicationFailure } from '@temporalio/common'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker'
import type { GuardName } from '../../dsl/guards.ts'
import type { Json, Program } from '../../dsl/program.ts'
import { createBinaryFinder } from '../../lab/binaries.ts'
import type { Channels } from '../../worker/channels.ts'
import { holderOf } from '../../worker/holder.ts'
import { notifyChannels } from '../../worker/notify.ts'
import type { EvidenceRequest, HolderRequest, LoadedRun, LoadRequest, NotifyRequest, RunMemo, RunStatus } from '../../workflows/doors.ts'
import type { ClusterSight, Durations, Preview } from '../../workflows/plan.ts'
import type { ActionRequest, BesideRequest } from '../../workflows/ports.ts'

/** A Temporal server and a worker with our workflows and made-up actions, for one test file. */
export interface TemporalWorld {
  readonly env: TestWorkflowEnvironment
  readonly taskQueue: string
  /** Every call of an action, in order. */
  readonly calls: readonly ActionRequest[]
  /** What runs put on record, in order. */
  readonly written: EvidenceRequest['entries']
  /** What an action does from now on; succeeds with `{}` until it is said. */
  on(action: string, act: Act): void
  /** Every start of what goes on beside the steps, in order. */
  readonly besides: readonly BesideRequest[]
  /** What that does from now on; measures one write each until it is said. */
  onBeside(act: ActBeside): void
  /** What a look at any cluster answers from now on; one member until it is said. */
  onCluster(now: () => ClusterSight): void
  /** Makes a program known by its name. */
  offer(program: Program, inputs?: Readonly<Record<string, Json>>, more?: Partial<LoadedRun>): void
  /** Whether runs set search attributes from now on. */
  attributes: boolean
  start(runbook: string, options?: StartOptions): Promise<WorkflowHandleWithFirstExecutionRunId>
  /** Ends the worker and starts another, as after a crash or an upgrade. */
  restart(): Promise<void>
  close(): Promise<void>
}

export type Act = (request: ActionRequest, context: Context, attempt: number) => Promise<Json> | Json

export type ActBeside = (request: BesideRequest, context: Context) => Promise<Json>

/** As the real one does: until it is cancelled, and one write more than was measured before. */
export async function untilCancelled({ cluster, probe, before }: BesideRequest, context: Context): Promise<Json> {
  const beat = setInterval(() => context.heartbeat(), 100)
  await context.cancelled.catch(() => undefined).finally(() => clearInterval(beat))
  const acknowledged = (before?.writes.acknowledged ?? 0) + 1
  return probe ? measuredOnce(cluster, acknowledged) : null
}

export const oneMember: ClusterSight = {
  model: {
    leader: 'm1',
    members: [{ name: 'm1', id: '1', host: 'h1', learner: false, up: true, version: '3.6.16' }],
  },
  fingerprint: { clusterId: 'c', members: [], alarms: [], downgradeTo: '', inventory: 'i' },
}

function measuredOnce(cluster: string, acknowledged: number): Json {
  const figures = { acknowledged, failed: {}, longestGapMs: 0, unavailableMs: 0 }
  return { cluster, sinceMs: 0, untilMs: 0, notMeasuredMs: 0, writes: figures, reads: figures }
}

export interface StartOptions {
  readonly id?: string
  readonly input?: Json
  readonly memo?: RunMemo
}

/** A failure as the executor of actions throws it. */
export function failing(
  type: 'ActionError' | 'UnknownOutcomeError' | 'RefusedError',
  message: string,
  guard?: GuardName,
): ApplicationFailure {
  const kind = { ActionError: 'failed', UnknownOutcomeError: 'unknown', RefusedError: 'refused' }[type]
  return ApplicationFailure.create({ message, type, nonRetryable: true, details: [{ kind, ...(guard && { guard }) }] })
}

let bundled: Promise<WorkflowBundle> | undefined

/** Bundled once a file: it takes seconds. */
export function workflowBundle(): Promise<WorkflowBundle> {
  bundled ??= bundleWorkflowCode({
    workflowsPath: resolve(__dirname, '../../workflows/index.ts'),
    workflowInterceptorModules: [resolve(__dirname, '../../workflows/sender.ts')],
    logger: new DefaultLogger('ERROR'),
  })
  return bundled
}

/** Hides what the SDK says of activities that fail on purpose. */
export function quiet(): void {
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'ERROR', forward: {} } } })
}

/** A worker that does not remember replays a run's history for every task, as one does that just began. */
export async function startTemporalWorld(
  kind: 'devServer' | 'timeSkipping',
  { remembers = true, channels = {} }: { readonly remembers?: boolean; readonly channels?: Channels } = {},
): Promise<TemporalWorld> {
  quiet()
  const [env, bundle] = await Promise.all([serverOf(kind), workflowBundle()])
  const taskQueue = `test-${randomUUID()}`
  // The time-skipping server (1.40) puts an update's end before commands that came before it, which nobody can replay;
  // the real one keeps the order. Without evidence nothing comes between.
  const onRecord = remembers ? ({ evidence: true } as const) : {}
  const offered = new Map<string, LoadedRun>()
  const acts = new Map<string, Act>()
  let actBeside: ActBeside = untilCancelled
  const cluster = { now: () => oneMember }
  const besides: BesideRequest[] = []
  const calls: ActionRequest[] = []
  const written: EvidenceRequest['entries'][number][] = []
  const world = { attributes: false }
  const load = ({ runbook, by, inputs }: LoadRequest): LoadedRun => {
    const loaded = offered.get(runbook)
    if (!loaded) throw failing('RefusedError', `no ${runbook}`)
    if (inputs !== null && typeof inputs === 'object' && 'bad' in inputs) {
      throw ApplicationFailure.nonRetryable('bad is no input of this runbook', 'InputError')
    }
    return { ...loaded, by: by ?? 'the starter', attributes: world.attributes }
  }
  const perform = (request: ActionRequest): Promise<Json> | Json => {
    calls.push(request)
    const { activityType, attempt } = activityInfo()
    return acts.get(activityType)?.(request, Context.current(), attempt) ?? {}
  }
  const beside = (request: BesideRequest): Promise<Json> => {
    besides.push(request)
    return actBeside(request, Context.current())
  }
  const workerFor = (actions: readonly string[]): Promise<Worker> =>
    Worker.create({
      connection: env.nativeConnection,
      taskQueue,
      workflowBundle: bundle,
      activities: {
        ...Object.fromEntries(actions.map((name) => [name, perform])),
        'quorate.load': load,
        'quorate.evidence': ({ entries }: EvidenceRequest) => void written.push(...entries),
        'quorate.notify': (request: NotifyRequest) => notifyChannels(request, () => Promise.resolve(channels)),
        'quorate.cluster': () => cluster.now(),
        'quorate.durations': (): Durations => ({ runs: 1, byStep: { '': 1000, a: 10 } }),
        'quorate.preview': (): Preview => ({ changes: [], complete: true }),
        'quorate.probe': beside,
        'quorate.watch': beside,
        'quorate.holder': (request: HolderRequest) =>
          holderOf(env.client, request, {
            signal: Context.current().cancellationSignal,
            heartbeat: () => Context.current().heartbeat(),
          }),
      },
      shutdownGraceTime: '100ms',
      ...(remembers ? {} : { maxCachedWorkflows: 0 }),
      maxHeartbeatThrottleInterval: '200ms',
    })
  let worker = await workerFor(actionNames)
  let ended = worker.run()
  const stop = (): Promise<void> => {
    worker.shutdown()
    return ended
  }
  return {
    env,
    taskQueue,
    calls,
    written,
    get attributes() {
      return world.attributes
    },
    set attributes(known) {
      world.attributes = known
    },
    on: (action, act) => void acts.set(action, act),
    besides,
    onBeside: (act) => void (actBeside = act),
    onCluster: (now) => void (cluster.now = now),
    offer: (program, inputs = {}, more = {}) =>
      void offered.set(program.name, { program, inputs, hash: `hash of ${program.name}`, by: '', attributes: false, heartbeatTimeoutMs: 3000, ...onRecord, ...more }),
    start: (runbook, { id = `${runbook}-${randomUUID()}`, input, memo }: StartOptions = {}) =>
      env.client.workflow.start(runbook, {
        taskQueue,
        workflowId: id,
        args: input === undefined ? [] : [input],
        ...(memo ? { memo: { ...memo } } : {}),
      }),
    async restart() {
      await stop()
      worker = await workerFor(actionNames)
      ended = worker.run()
    },
    async close() {
      await stop()
      await env.teardown()
    },
  }
}

/** All that programs of these tests may use. */
export const actionNames = ['quorate.fleet', 'look', 'look.more', 'do', 'do.more', 'undo', 'undo.more', 'cross']

export async function serverOf(kind: 'devServer' | 'timeSkipping'): Promise<TestWorkflowEnvironment> {
  const finder = createBinaryFinder()
  if (kind === 'timeSkipping') {
    const path = await finder.temporalTestServer()
    return TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } })
  }
  const { path } = await finder.temporal()
  return TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'existing-path', path }, log: { format: 'pretty', level: 'error' } },
  })
}

export const statusOf = (handle: WorkflowHandle): Promise<RunStatus> => handle.query<RunStatus>('status')

/** Waits until a run stands as it should; fails after `timeoutMs` saying how it stands instead. */
export async function untilStatus(
  handle: WorkflowHandle,
  what: string,
  holds: (status: RunStatus) => boolean,
  timeoutMs = 15_000,
): Promise<RunStatus> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const status = await statusOf(handle)
    if (holds(status)) return status
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms for ${what}: ${JSON.stringify(status.view)}`)
    await sleep(20)
  }
}

export const untilWaiting = (handle: WorkflowHandle): Promise<RunStatus> =>
  untilStatus(handle, 'the run to wait for a decision', ({ view }) => view.waiting !== undefined)

/** The failure a run ended with. */
export async function endOf(handle: WorkflowHandle): Promise<Error> {
  try {
    await handle.result()
  } catch (error) {
    if (error instanceof Error && error.cause instanceof Error) return error.cause
    throw error
  }
  throw new Error('The run ended well.')
}
