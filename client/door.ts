import { Client, Connection, isGrpcDeadlineError, isGrpcServiceError } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { cloudUi } from '../dsl/run-page.ts'
import { Unreachable } from './errors.ts'
import { type UiLinks, uiLinks } from './ui-links.ts'

/** Where every worker of Quorate listens. */
export const taskQueue = 'quorate'

/** The way to Temporal, for everything in this folder. */
export interface Door {
  readonly address: string
  readonly namespace: string
  readonly client: Client
  /** Links into the Temporal UI, where it is known. */
  readonly ui?: UiLinks
  /** Runs a request with a deadline; whatever says that nobody answers becomes `Unreachable`. */
  ask<Answer>(request: () => Promise<Answer>, timeoutMs?: number): Promise<Answer>
  close(): Promise<void>
}

export interface DoorOptions {
  /** Used when neither TEMPORAL_ADDRESS nor a profile says otherwise. */
  readonly fallbackAddress?: string
  readonly fallbackNamespace?: string
  /** Address of the Temporal UI; otherwise it is known for Temporal Cloud only. */
  readonly uiUrl?: string
  readonly environment?: NodeJS.ProcessEnv
  /** What Temporal's history says of who sent something; the process and its machine by default. */
  readonly identity?: string
}

/**
 * Connects as every Temporal tool does: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TLS, profiles
 * (`@temporalio/envconfig`). Throws `Unreachable` when nothing answers there.
 */
export async function openDoor(options: DoorOptions = {}): Promise<Door> {
  const config = readConfig(options.environment ?? process.env)
  const address = config.connectionOptions.address ?? options.fallbackAddress ?? 'localhost:7233'
  const namespace = config.namespace ?? options.fallbackNamespace ?? 'default'
  const { tls, apiKey, metadata } = config.connectionOptions
  const connection = await connect(address, {
    ...(tls === undefined || tls === null ? {} : { tls }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(metadata === undefined ? {} : { metadata }),
  })
  const { identity } = options
  const client = new Client({ connection, namespace, ...(identity === undefined ? {} : { identity }) })
  const uiUrl = options.uiUrl ?? cloudUi(address)
  return {
    address,
    namespace,
    client,
    ...(uiUrl === undefined ? {} : { ui: uiLinks({ base: uiUrl, namespace, taskQueue }) }),
    async ask(request, timeoutMs = ANSWER_TIMEOUT_MS) {
      try {
        return await connection.withDeadline(Date.now() + timeoutMs, request)
      } catch (error) {
        if (isUnreachable(error)) throw unreachable(address, error)
        throw error
      }
    },
    close: () => connection.close(),
  }
}

/** Whether something is polling for runs. Throws `Unreachable` with what to do when not. */
export async function requireWorker(door: Door): Promise<void> {
  const { client, namespace, address } = door
  const { pollers } = await door.ask(() =>
    client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
    }),
  )
  const freshest = Math.max(...(pollers ?? []).map((poller) => Number(poller.lastAccessTime?.seconds ?? 0)))
  // A long poll lasts a minute; one that began earlier belonged to a worker that is gone.
  if (Date.now() / 1000 - freshest < POLLER_FRESH_SECONDS) return
  throw new Unreachable(
    `No worker takes runs from the task queue "${taskQueue}" at ${address}: start one with \`quorate worker\`. Nothing was started.`,
  )
}

/** Whether an error only says that nobody answered, so that asking again may help. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof Unreachable || isGrpcDeadlineError(error)) return true
  return isGrpcServiceError(error) && UNANSWERED.has(error.code)
}

const CONNECT_TIMEOUT_MS = 5_000
const ANSWER_TIMEOUT_MS = 10_000
const POLLER_FRESH_SECONDS = 75
/** gRPC: deadline exceeded, unavailable. */
const UNANSWERED: ReadonlySet<number> = new Set([4, 14])

type ConnectionOptions = NonNullable<Parameters<typeof Connection.connect>[0]>

function readConfig(environment: NodeJS.ProcessEnv): ReturnType<typeof loadClientConnectConfig> {
  const defined = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  try {
    return loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(defined) })
  } catch (error) {
    throw new Unreachable(`Temporal's settings cannot be read: ${messageOf(error)}`)
  }
}

/**
 * `Connection.connect` takes its whole time even where nobody listens, and leaves what it opened behind; a
 * request without retries tells at once.
 */
async function connect(address: string, options: ConnectionOptions): Promise<Connection> {
  const probe = Connection.lazy({ ...options, address, interceptors: [] })
  try {
    await probe.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () => probe.workflowService.getSystemInfo({}))
  } catch (error) {
    throw unreachable(address, error)
  } finally {
    await probe.close()
  }
  return Connection.lazy({ ...options, address })
}

function unreachable(address: string, error: unknown): Unreachable {
  return new Unreachable(
    `Temporal does not answer at ${address} (${messageOf(error)}): start everything here with \`quorate up\`, or set TEMPORAL_ADDRESS.`,
    { cause: error },
  )
}

function messageOf(error: unknown): string {
  if (!isGrpcServiceError(error)) return error instanceof Error ? error.message : String(error)
  const text = error.details === '' ? error.message : error.details
  return /Last error: (?:Error: )?(.*?)\.? Resolution note/.exec(text)?.[1] ?? text
}
