import { activityInfo, Context } from '@temporalio/activity'
import type { Client } from '@temporalio/client'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import type { Action } from '../activities/action.ts'
import type { Environment } from '../activities/environment.ts'
import { sightOf } from '../activities/etcd/fingerprint.ts'
import { type Attempt, executeAction } from '../activities/execute.ts'
import { InputError } from '../activities/failure.ts'
import { goBeside } from '../activities/probe/beside.ts'
import type { Availability } from '../dsl/availability.ts'
import { render } from '../dsl/expression.ts'
import type { Inventory } from '../dsl/inventory.ts'
import type { Policy } from '../dsl/policy.ts'
import { unanswerable } from '../dsl/policy-fits.ts'
import { previewAction } from '../activities/preview.ts'
import { leaving, withoutSecrets } from '../activities/redact/leaving.ts'
import { secrets } from '../activities/redact/secrets.ts'
import type { Json } from '../dsl/program.ts'
import type { UiNamespace } from '../dsl/run-page.ts'
import type {
  EvidenceRequest,
  FleetLoaded,
  FleetLoadRequest,
  HolderRequest,
  LoadedRun,
  LoadRequest,
  LockHolder,
  NotifyRequest,
} from '../workflows/doors.ts'
import type { ActionRequest, BesideRequest, Told } from '../workflows/ports.ts'
import type { Channels } from './channels.ts'
import { fleetOf } from './fleet.ts'
import type {
  ClusterRequest,
  ClusterSight,
  Durations,
  DurationsRequest,
  Preview,
  PreviewRequest,
} from '../workflows/plan.ts'
import { pastDurations } from './durations.ts'
import { holderOf, whyUnlocked } from './holder.ts'
import { type Loaded, loadRunbook } from './load.ts'
import { notifyChannels } from './notify.ts'
import { keepBegan, keepSaid } from './put-on-record.ts'

export interface ActivityOptions {
  readonly catalogue: ReadonlyMap<string, Action>
  readonly environment: Environment
  readonly client: Client
  readonly runbooks: readonly string[]
  /** Who may decide, as it is now; none when everybody may. */
  readonly policy: () => Promise<Policy | undefined>
  readonly heartbeatTimeoutMs: number
  /** Whether the server knows the search attributes of runs. */
  readonly attributes: () => Promise<boolean>
  /** Where notices go, read anew. */
  readonly channels: () => Promise<Channels>
  /** Where people see runs, where that is known. */
  readonly ui?: UiNamespace
}

type ActionActivity = (request: ActionRequest) => Promise<Json>

export interface OwnActivities {
  readonly 'quorate.load': (request: LoadRequest) => Promise<LoadedRun>
  readonly 'quorate.notify': (request: NotifyRequest) => Promise<Told>
  readonly 'quorate.fleet': (request: FleetLoadRequest) => Promise<FleetLoaded>
  readonly 'quorate.holder': (request: HolderRequest) => Promise<LockHolder | null>
  readonly 'quorate.evidence': (request: EvidenceRequest) => Promise<void>
  readonly 'quorate.probe': (request: BesideRequest) => Promise<Availability | null>
  readonly 'quorate.watch': (request: BesideRequest) => Promise<Availability | null>
  readonly 'quorate.preview': (request: PreviewRequest) => Promise<Preview>
  readonly 'quorate.cluster': (request: ClusterRequest) => Promise<ClusterSight>
  readonly 'quorate.durations': (request: DurationsRequest) => Promise<Durations>
}

/** All that a worker can do: an activity for each action of the catalogue, by its name, and the engine's own. */
export function createActivities(
  options: ActivityOptions,
): OwnActivities & Readonly<Record<string, unknown>> {
  const actions = [...options.catalogue].map(([name, action]) => [name, performing(action, options)] as const)
  return {
    ...Object.fromEntries(actions),
    // What is loaded is what its hash says, to the letter: it holds no secret, or is refused.
    'quorate.load': (request) => asInputFailure(() => load(request, options)),
    'quorate.fleet': (request) => asInputFailure(() => loadFleet(request, options)),
    'quorate.notify': (request) => leaving(() => notifyChannels(request, options.channels, options.ui)),
    'quorate.holder': (request) => leaving(() => holderOf(options.client, request, waiting())),
    'quorate.evidence': (request) => leaving(() => keepSaid(request, options.environment)),
    'quorate.probe': (request) => leaving(() => beside(request, options.environment, Context.current())),
    'quorate.watch': (request) => leaving(() => beside(request, options.environment, Context.current())),
    'quorate.preview': (request) => leaving(() => asInputFailure(() => preview(request, options))),
    'quorate.cluster': (request) =>
      leaving(() =>
        asInputFailure(() => sightOf(options.environment, request, Context.current().cancellationSignal)),
      ),
    'quorate.durations': ({ runbook }) => leaving(() => pastDurations(options.client, runbook)),
  }
}

function performing(action: Action, { environment, client }: ActivityOptions): ActionActivity {
  return async (request) => {
    const attempt = attemptOf(request, client, Context.current())
    try {
      return await leaving(() => executeAction(action, request, environment, attempt))
    } catch (error) {
      throw afterShutdown(error)
    }
  }
}

function attemptOf({ timeoutMs }: ActionRequest, client: Client, context: Context): Attempt {
  const { workflowExecution, activityId, attempt } = context.info
  return {
    id: `${workflowExecution?.runId ?? ''}.${activityId}`,
    number: attempt,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    signal: context.cancellationSignal,
    heartbeat: (progress) => context.heartbeat(secrets.json({ progress }).progress),
    whyUnlocked: (cluster, signal) =>
      whyUnlocked(client, { cluster, run: workflowExecution?.workflowId ?? '' }, signal),
  }
}

/** An attempt that ends because its worker does is no cancelled one: the next worker repeats it. */
function afterShutdown(error: unknown): unknown {
  if (!isShutdown(error)) return error
  return ApplicationFailure.retryable('The worker was shut down; another goes on.', 'WorkerShutdown')
}

async function beside(
  request: BesideRequest,
  environment: Environment,
  context: Context,
): Promise<Availability | null> {
  const { cancellationSignal: signal, info } = context
  const attempt = {
    signal,
    said: info.heartbeatDetails,
    goesOn: () => isShutdown(signal.reason),
    heartbeat: (details: Json) => context.heartbeat(secrets.json({ details }).details),
  }
  try {
    return await goBeside(request, environment, attempt)
  } catch (error) {
    throw afterShutdown(error)
  }
}

const isShutdown = (error: unknown): error is CancelledFailure =>
  error instanceof CancelledFailure && error.message === 'WORKER_SHUTDOWN'

async function preview(
  request: PreviewRequest,
  { catalogue, environment }: ActivityOptions,
): Promise<Preview> {
  const action = catalogue.get(request.action)
  if (action === undefined) throw new InputError(`This worker has no action ${request.action}.`)
  return previewAction(action, request, environment, Context.current().cancellationSignal)
}

function waiting() {
  const context = Context.current()
  return { signal: context.cancellationSignal, heartbeat: () => context.heartbeat() }
}

async function load(request: LoadRequest, options: ActivityOptions): Promise<LoadedRun> {
  const { catalogue, environment, runbooks: directories } = options
  const { runbook, inputs } = request
  const inventory = await environment.inventory()
  const loaded = await loadRunbook({ runbook, inputs, directories, catalogue, inventory })
  const probe = wantsProbe(loaded, inventory) ? { probe: true } : {}
  return keepBegan({ ...(await asked(loaded, request, options)), ...probe }, request, environment)
}

async function loadFleet(request: FleetLoadRequest, options: ActivityOptions): Promise<FleetLoaded> {
  const { catalogue, environment, runbooks: directories } = options
  const inventory = await environment.inventory()
  const { loaded, ...fleet } = await fleetOf({ input: request.input, directories, catalogue, inventory })
  const begun = await keepBegan(await asked(loaded, request, options), request, environment)
  return { ...fleet, loaded: begun }
}

/** With who asked, and what the workflow must know of this worker and its server. */
async function asked(
  loaded: Loaded,
  { by, run }: Pick<LoadRequest, 'by' | 'run'>,
  { client, attributes, heartbeatTimeoutMs, policy: policyNow }: ActivityOptions,
): Promise<LoadedRun> {
  refuseSecrets(loaded)
  const [who, policy] = await Promise.all([by ?? starterOf(client, run), policyNow()])
  const unmet = unanswerable(loaded.program, policy, who)
  if (unmet.length > 0) throw new InputError(`${unmet.join('\n')}\nNothing was touched.`)
  return {
    ...loaded,
    ...(policy === undefined ? {} : { policy }),
    by: who,
    attributes: await attributes(),
    heartbeatTimeoutMs,
    evidence: true,
  }
}

/** They would stand in Temporal's history for everybody to read, and on record for years. */
function refuseSecrets({ program, inputs }: Loaded): void {
  const found = (what: object): string => secrets.named(JSON.stringify(what)).join(', ')
  const [inProgram, inInputs] = [found(program), found(inputs)]
  if (inProgram !== '')
    throw new InputError(
      `The runbook holds a secret (${inProgram}): name where it lies, env:NAME or file:PATH, instead of what it is. Nothing was touched.`,
    )
  if (inInputs !== '')
    throw new InputError(
      `An input holds a secret (${inInputs}), which now stands in Temporal's history of this run: change that secret, and give env:NAME or file:PATH instead. Nothing was touched.`,
    )
}

/** What the inventory says of the cluster counts for runs that change it. */
function wantsProbe({ program, inputs }: Loaded, { clusters }: Inventory): boolean {
  if (program.cluster === undefined || program.effect === 'read') return false
  const cluster = render(program.cluster, { inputs, vars: {}, steps: {} })
  return typeof cluster === 'string' && clusters[cluster]?.probe === true
}

/** The identity of the client that started the run, from the first event of its history. */
async function starterOf(client: Client, run: LoadRequest['run']): Promise<string> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: activityInfo().workflowNamespace ?? 'default',
    execution: { workflowId: run.id, runId: run.key },
    maximumPageSize: 1,
  })
  return history?.events?.[0]?.workflowExecutionStartedEventAttributes?.identity || 'someone'
}

async function asInputFailure<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof InputError)) throw withoutSecrets(error)
    throw ApplicationFailure.create({
      message: secrets.text(error.message),
      type: 'InputError',
      nonRetryable: true,
      details: [{ kind: 'refused' }],
    })
  }
}
