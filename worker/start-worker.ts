import { Client } from '@temporalio/client'
import { type Logger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { catalogue } from '../activities/catalogue.ts'
import { createEnvironment } from '../activities/environment.ts'
import { createActivities } from './activities.ts'
import { workflowBundle } from './bundle.ts'
import { type Channels, readChannels } from './channels.ts'
import { startCollecting } from './collecting.ts'
import type { Configuration, TemporalSettings } from './configuration.ts'
import { loadInventory } from './inventory.ts'
import { learnChannels, learnInventory } from './known-secrets.ts'
import { type OpenRecord, openRecord } from './open-record.ts'
import { loadPolicy } from './policy.ts'
import { ownRunbooks } from './runbooks.ts'
import { searchAttributes } from './search-attributes.ts'

/** Temporal cannot be reached; the message says where it was looked for and what to do. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
}

export interface RunningWorker {
  /** What a person should know, and can go on without: that search attributes are missing. */
  readonly advice?: string
  /** Resolves once the worker has ended; rejects when it broke down. */
  readonly ended: Promise<void>
  /** Takes no new work, lets what runs come to an end for a few seconds, closes all connections. Safe to repeat. */
  stop(): Promise<void>
}

/**
 * Starts a worker and returns when it takes work. Throws `UnreachableError`, `InputError` for an inventory, a policy
 * or channels that cannot be used, and `StoreError` for a record that cannot be written. `say` is told what a person
 * should know of the record meanwhile. The process' signals are the caller's.
 */
export async function startWorker(
  configuration: Configuration,
  logger: Logger,
  say: (line: string) => void = () => undefined,
): Promise<RunningWorker> {
  await loadInventory(configuration.inventory)
  await loadPolicy(configuration.policy)
  await channelsOf(configuration)
  installRuntime(logger)
  const connection = await connect(configuration.temporal)
  try {
    const record = await openRecord(configuration, say)
    return await serve(configuration, { connection, record, say }).catch(async (error: unknown) => {
      await record.close()
      throw error
    })
  } catch (error) {
    await connection.close()
    throw error
  }
}

interface Serving {
  readonly connection: NativeConnection
  readonly record: OpenRecord
  readonly say: (line: string) => void
}

async function serve(
  configuration: Configuration,
  { connection, record, say }: Serving,
): Promise<RunningWorker> {
  const { temporal, taskQueue, inventory, runbooks, heartbeatTimeoutMs, uiUrl } = configuration
  const { namespace } = temporal
  const environment = createEnvironment({
    loadInventory: async () => learnInventory(await loadInventory(inventory)),
    record: record.port,
  })
  const client = new Client({ connection, namespace })
  const attributes = searchAttributes(connection, namespace)
  const [advice, codePath] = await Promise.all([attributes.register(), workflowBundle()])
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowBundle: { codePath },
    activities: createActivities({
      catalogue,
      environment,
      client,
      runbooks: [ownRunbooks(), ...runbooks],
      policy: () => loadPolicy(configuration.policy),
      heartbeatTimeoutMs,
      attributes: () => attributes.known(),
      channels: () => channelsOf(configuration),
      ...(uiUrl === undefined ? {} : { ui: { base: uiUrl, namespace } }),
    }),
    // A worker that was killed is not waited for: its runs go to whoever is there.
    stickyQueueScheduleToStartTimeout: '2s',
    shutdownGraceTime: '2s',
    // Whoever watches a run sees how far it is, and what is to end does so, within a second.
    maxHeartbeatThrottleInterval: '1s',
    shutdownForceTime: '15s',
  })
  const collecting = startCollecting(configuration, client, () => record.archive(), say)
  const ended = runThenClose(worker, [environment, collecting, record, connection])
  return { ...(advice === undefined ? {} : { advice }), ended, stop: () => stopped(worker, ended) }
}

const channelsOf = async ({ notify }: Configuration): Promise<Channels> =>
  learnChannels(await readChannels(notify, process.cwd()))

async function runThenClose(worker: Worker, resources: readonly { close(): Promise<void> }[]): Promise<void> {
  try {
    await worker.run()
  } finally {
    for (const resource of resources) await resource.close()
  }
}

async function stopped(worker: Worker, ended: Promise<void>): Promise<void> {
  if (worker.getState() === 'RUNNING') worker.shutdown()
  await ended
}

let installed = false

/** Once a process: the first logger stays. */
function installRuntime(logger: Logger): void {
  if (installed) return
  Runtime.install({
    logger,
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: 'ERROR', forward: {} } },
  })
  installed = true
}

async function connect({ address, tls, apiKey, metadata }: TemporalSettings): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect({
      address,
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(metadata === undefined ? {} : { metadata }),
    })
  } catch (error) {
    throw new UnreachableError(
      `Temporal does not answer at ${address} (${reasonOf(error)}): start everything here with \`quorate up\`, or set TEMPORAL_ADDRESS.`,
      { cause: error },
    )
  }
}

/** The core wraps the system's reason several times, as its debugger would print it. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return /message: "([^"]+)"/.exec(text)?.[1] ?? text.slice(0, 200)
}
