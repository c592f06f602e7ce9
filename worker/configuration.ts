import { homedir } from 'node:os'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { z } from 'zod'
import { parseDuration } from '../dsl/duration.ts'
import { cloudUi } from '../dsl/run-page.ts'

/** All a worker has to know; paths are absolute. */
export interface Configuration {
  readonly temporal: TemporalSettings
  readonly taskQueue: string
  readonly inventory: string
  /** Directories with runbooks, beside those of the package. */
  readonly runbooks: readonly string[]
  /** The file that says who may decide; without it everybody may. */
  readonly policy?: string
  readonly stateDirectory: string
  /** Where the record of runs is kept: the path of a SQLite file, or `postgres://…`. */
  readonly audit: string
  /** The file of the key that seals it. */
  readonly auditKey: string
  /** Where seals are handed to, as `QUORATE_ANCHORS` says it; "" for nowhere. */
  readonly anchors: string
  /** Why work is to go on while the record cannot be written; it does not unless given. */
  readonly breakGlass?: string
  /** How long an activity may be silent before its worker is taken for dead. */
  readonly heartbeatTimeoutMs: number
  /** Where notices go, as `QUORATE_NOTIFY` says it. */
  readonly notify?: string
  /** Address of the Temporal UI, for links in notices. */
  readonly uiUrl?: string
}

export interface TemporalSettings {
  readonly address: string
  readonly namespace: string
  readonly tls?: NonNullable<Connect['connectionOptions']['tls']>
  readonly apiKey?: string
  readonly metadata?: NonNullable<Connect['connectionOptions']['metadata']>
}

type Connect = ReturnType<typeof loadClientConnectConfig>

/** One sentence for each setting that is wrong, with what to write instead. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads a worker's settings from the environment:
 * `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE` and all else that Temporal's tools know;
 * `QUORATE_INVENTORY` (default `inventory.yaml` here), `QUORATE_RUNBOOKS` (directories as in PATH),
 * `QUORATE_POLICY` (a file, default none), `QUORATE_STATE` (default `$QUORATE_HOME`, `$XDG_STATE_HOME/quorate` or `~/.quorate`),
 * `QUORATE_AUDIT` (the record: a path, or `postgres://USER@HOST/DATABASE`; default `audit/record.db` in the state's directory),
 * `QUORATE_AUDIT_KEY` (the key that seals it; default `seal.pem` beside the file, or in `audit` of the state's directory),
 * `QUORATE_ANCHORS` (where seals are handed to: `file:/PATH`, `syslog:`, with commas between; default nowhere),
 * `QUORATE_AUDIT_BREAK_GLASS` (a reason: go on while the record cannot be written; never leave it set),
 * `QUORATE_NOTIFY` (addresses, or a file with `channels`; nobody is told unless given),
 * `QUORATE_TEMPORAL_UI` (the UI's address, for links; known of Temporal Cloud),
 * `QUORATE_TASK_QUEUE` (default `quorate`), `QUORATE_HEARTBEAT_TIMEOUT` (default `10s`).
 */
export function readConfiguration(environment: Environment, directory = process.cwd()): Configuration {
  const parsed = settings.safeParse(withoutEmpty(environment))
  if (!parsed.success)
    throw new ConfigurationError(parsed.error.issues.map(({ message }) => message).join('\n'))
  const { data } = parsed
  const temporal = temporalSettings(environment)
  const stateDirectory = resolve(directory, data.QUORATE_STATE ?? defaultState(data))
  const audit = auditPlace(data.QUORATE_AUDIT, directory, stateDirectory)
  const uiUrl = data.QUORATE_TEMPORAL_UI ?? cloudUi(temporal.address)
  return {
    temporal,
    taskQueue: data.QUORATE_TASK_QUEUE,
    inventory: resolve(directory, data.QUORATE_INVENTORY),
    runbooks: data.QUORATE_RUNBOOKS.map((path) => resolve(directory, path)),
    ...(data.QUORATE_POLICY === undefined ? {} : { policy: resolve(directory, data.QUORATE_POLICY) }),
    stateDirectory,
    audit,
    auditKey:
      data.QUORATE_AUDIT_KEY === undefined
        ? keyBeside(audit, stateDirectory)
        : resolve(directory, data.QUORATE_AUDIT_KEY),
    anchors: data.QUORATE_ANCHORS,
    ...(data.QUORATE_AUDIT_BREAK_GLASS === undefined ? {} : { breakGlass: data.QUORATE_AUDIT_BREAK_GLASS }),
    heartbeatTimeoutMs: data.QUORATE_HEARTBEAT_TIMEOUT,
    ...(data.QUORATE_NOTIFY === undefined ? {} : { notify: data.QUORATE_NOTIFY }),
    ...(uiUrl === undefined ? {} : { uiUrl }),
  }
}

const leastHeartbeatMs = 2000
const absolute = (name: string) =>
  z.string().refine(isAbsolute, {
    error: ({ input }) => `${name} is "${String(input)}", but must be an absolute path.`,
  })

const settings = z.object({
  QUORATE_TASK_QUEUE: z.string().default('quorate'),
  QUORATE_INVENTORY: z.string().default('inventory.yaml'),
  QUORATE_RUNBOOKS: z
    .string()
    .default('')
    .transform((text) => text.split(delimiter).filter((path) => path !== '')),
  QUORATE_POLICY: z.string().optional(),
  QUORATE_STATE: z.string().optional(),
  QUORATE_AUDIT: z.string().optional(),
  QUORATE_AUDIT_KEY: z.string().optional(),
  QUORATE_ANCHORS: z.string().default(''),
  QUORATE_AUDIT_BREAK_GLASS: z.string().optional(),
  QUORATE_HOME: absolute('QUORATE_HOME').optional(),
  QUORATE_NOTIFY: z.string().optional(),
  QUORATE_TEMPORAL_UI: z.string().optional(),
  XDG_STATE_HOME: z.string().optional(),
  QUORATE_HEARTBEAT_TIMEOUT: z
    .string()
    .default('10s')
    .transform((text, context) => {
      const ms = parseDuration(text)
      if (ms !== undefined && ms >= leastHeartbeatMs) return ms
      const message = `QUORATE_HEARTBEAT_TIMEOUT is "${text}", but must be a duration of at least 2s, like "10s".`
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    }),
})

function defaultState({ QUORATE_HOME: own, XDG_STATE_HOME: xdg }: z.output<typeof settings>): string {
  if (own !== undefined) return own
  return xdg !== undefined && isAbsolute(xdg) ? join(xdg, 'quorate') : join(homedir(), '.quorate')
}

const keyBeside = (audit: string, state: string): string =>
  join(isAbsolute(audit) ? dirname(audit) : join(state, 'audit'), 'seal.pem')

function auditPlace(given: string | undefined, directory: string, state: string): string {
  if (given === undefined) return join(state, 'audit', 'record.db')
  return /^postgres(?:ql)?:\/\//.test(given) ? given : resolve(directory, given)
}

function temporalSettings(environment: Environment): TemporalSettings {
  const { connectionOptions, namespace } = connectConfig(environment)
  const { address, tls, apiKey, metadata } = connectionOptions
  return {
    address: address ?? 'localhost:7233',
    namespace: namespace ?? 'default',
    ...(tls === undefined || tls === null ? {} : { tls }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(metadata === undefined ? {} : { metadata }),
  }
}

function connectConfig(environment: Environment): Connect {
  try {
    return loadClientConnectConfig({ overrideEnvVars: withoutEmpty(environment) })
  } catch (error) {
    throw new ConfigurationError(
      `Temporal's settings cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
    )
  }
}

const withoutEmpty = (environment: Environment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, value]],
    ),
  )
