import { z } from 'zod'
import { memberStarted, memberStopped } from '../../dsl/cluster-model.ts'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { noteLastRan } from '../dir/last-ran-here.ts'
import type { Identity } from '../dir/wal-head.ts'
import { EtcdError } from '../etcd/errors.ts'
import { ActionError, UnknownOutcomeError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { acknowledgeUnreachable } from '../recover/acknowledge.ts'
import { forgetJob } from '../ssh/forget-job.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { isFenced, serviceManager } from './manager.ts'
import { type Leaving, leavingFrom, whyNoQuorumLeft } from './left-behind.ts'
import { refuseSecondInstance } from './never-on-both.ts'
import { serviceFacts, whyNotStopped } from './proof.ts'
import { withRecentLog } from './recent-log.ts'
import { stopScript } from './scripts.ts'

const input = z.strictObject({
  cluster: z.string().describe('The cluster the etcd belongs to'),
  host: z.string().describe('The host it runs on'),
})
const example = { cluster: 'demo', host: 'host-1' }
const subject = ['host', 'cluster']
const state = z.enum(['running', 'restarting', 'stopped'])
const port = z.enum(['open', 'closed', 'unknown'])

type Input = z.output<typeof input>

export const serviceStatus = defineAction({
  name: 'service.status',
  title: 'see whether etcd runs',
  doc: 'Asks a host whether its etcd runs: the service manager, both ports and the lock on the database, because each can be wrong alone.',
  effect: 'read',
  ...{ subject, input, example },
  output: z.strictObject({
    state: state.describe('What the service manager says'),
    fence: z
      .enum(['up', 'down', 'unknown'])
      .describe('Whether etcd is kept from being started there; scripts cannot tell'),
    stopped: z.boolean().describe('Service manager, ports and data directory all say that nothing runs'),
    clientPort: port.describe('Whether something takes connections on the client port, tried from the host'),
    peerPort: port.describe('Whether something takes connections on the peer port, tried from the host'),
    dataDir: z
      .enum(['open', 'closed', 'absent', 'unknown'])
      .describe('Whether the data directory is there and a process has its database open'),
  }),
  run: async (asked, context) => {
    const { host, layout } = placeOf(asked, context)
    const [{ service, ...facts }, fenced] = await Promise.all([
      serviceFacts(host, layout),
      isFenced(host, layout.service),
    ])
    const fence = fenced === undefined ? ('unknown' as const) : fenced ? ('up' as const) : ('down' as const)
    return { state: service, fence, stopped: whyNotStopped({ service, ...facts }) === '', ...facts }
  },
})

const stopped = z.strictObject({
  state: z.string().describe('Always "stopped": process gone, both ports closed, database free'),
})

export const serviceStop = defineAction({
  name: 'service.stop',
  title: 'stop etcd',
  doc: 'Stops etcd on a host and waits until its ports are closed and no process has its database open, proven on the host itself. The engine lets it only when the members that are left make a healthy quorum.',
  effect: 'disrupt',
  ...{ subject, example },
  input: input.extend({
    alone: z
      .boolean()
      .default(false)
      .describe('Let it be stopped though it is the only voter: the cluster is down meanwhile'),
  }),
  output: stopped,
  timeoutMs: 120_000,
  disrupts: ({ cluster, host, alone }) => ({ cluster, host, alone }),
  foresees: ({ host }, model) => memberStopped(model, host),
  probe: async (asked, context) =>
    (await whyRunning(asked, context)) === '' ? { state: 'stopped' } : undefined,
  run: async (asked, context) => {
    const { host, layout } = placeOf(asked, context)
    const { address, clientPort, dataDir, peerPort, service } = layout
    const memberId = await servesOn(asked, context)
    const leaving = guardsStop(asked, context)
      ? await leavingFrom(context, asked.cluster, asked.host)
      : undefined
    const words = [address, String(clientPort), String(peerPort), ...serviceManager(service).stop]
    await host.job(
      jobKey(context),
      { argv: ['sh', '-c', stopScript, 'stop', ...words] },
      { signal: context.signal },
    )
    const running = await whyRunning(asked, context)
    if (running !== '') {
      throw new ActionError(
        `etcd on ${asked.host} was stopped, and yet ${running}. Look what runs there and end it, then retry.`,
      )
    }
    if (memberId !== undefined) await noteLastRan(context, host, { dataDir, memberId })
    if (leaving) await startAgainWithoutQuorum(asked, context, leaving)
    return { state: 'stopped' }
  },
})

type Stop = Input & { readonly alone: boolean }

/** Where the quorum is meant to hold: it is lost already, or goes with the only voter, or a person lets it go. */
function guardsStop({ alone }: Stop, { quorum, overrides = [] }: ActionContext): boolean {
  return quorum === 'kept' && !alone && overrides.length === 0
}

/** Between the guard's look and the stop another member may have died: then this one is what the cluster needs. */
async function startAgainWithoutQuorum(asked: Stop, context: ActionContext, leaving: Leaving): Promise<void> {
  const why = await whyNoQuorumLeft(context, asked.cluster, leaving)
  if (why === undefined) return
  const stopped = `etcd on ${asked.host} was stopped, and ${why}.`
  const { host } = placeOf(asked, context)
  try {
    await forgetJob(host, jobKey(context))
    await startOn({ ...asked, acknowledgeUnreachable: [] }, context, 'again')
    await forgetJob(host, jobKey(context, 'again'))
  } catch (error) {
    throw new ActionError(
      `${stopped} It was to be started again at once, and was not: ${error instanceof Error ? error.message : String(error)} Start it, or bring the others back: the cluster answers nothing.`,
      { cause: error },
    )
  }
  throw new ActionError(
    `${stopped} So it was started again at once. Bring the others back first, then retry.`,
  )
}

const started = {
  memberId: z.string().describe('ID of the member whose data it was started with, lower-case hex'),
  clusterId: z.string().describe('ID of the cluster that data belongs to, lower-case hex'),
}

export const serviceStart = defineAction({
  name: 'service.start',
  title: 'start etcd',
  doc: "Starts etcd on a host with the data directory that lies there. Refuses when that could make a second instance of a member or bring back stale data: when any other host of the cluster has the same member's data in place or cannot be asked (unless this very run stopped the member there while it served, and its data lies there as it was left), when a newer copy of it exists anywhere, or when the cluster expects the member elsewhere.",
  effect: 'change',
  ...{ subject, example },
  input: z.strictObject({ ...input.shape, acknowledgeUnreachable }),
  output: z.strictObject({ state: z.string().describe('Always "running"'), ...started }),
  timeoutMs: 180_000,
  foresees: ({ host }, model) => memberStarted(model, host),
  run: async (asked, context) => ({ state: 'running', ...(await startOn(asked, context)) }),
})

export const serviceStartTogether = defineAction({
  name: 'service.startTogether',
  title: 'start etcd on several hosts at once',
  doc: 'Starts etcd on every given host at the same time, each under the rules of service.start: the members of a restored cluster come up only together, because none serves before a quorum of them runs.',
  effect: 'change',
  subject: ['cluster'],
  example: { cluster: 'demo', hosts: ['host-1', 'host-2', 'host-3'] },
  input: z.strictObject({
    cluster: z.string().describe('The cluster the members belong to'),
    hosts: z.array(z.string()).min(1).describe('The hosts to start etcd on'),
    acknowledgeUnreachable,
  }),
  output: z.strictObject({
    started: z
      .array(z.strictObject({ host: z.string().describe('The host'), ...started }))
      .describe('What runs now'),
  }),
  timeoutMs: 180_000,
  foresees: ({ hosts }, model) => hosts.reduce(memberStarted, model),
  run: async ({ cluster, hosts, acknowledgeUnreachable: acknowledged }, context) => {
    const starts = hosts.map((host) =>
      startOn({ cluster, host, acknowledgeUnreachable: acknowledged }, context),
    )
    const ends = await Promise.allSettled(starts)
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    if (failures.length > 0) throw severest(failures)
    const identities = await Promise.all(starts)
    return { started: identities.map((identity, at) => ({ host: hosts[at] ?? '', ...identity })) }
  },
})

async function startOn(
  asked: Input & { readonly acknowledgeUnreachable: readonly string[] },
  context: ActionContext,
  job?: string,
): Promise<Identity> {
  const { host, layout } = placeOf(asked, context)
  const identity = await refuseSecondInstance(context, {
    ...{ cluster: asked.cluster, host: asked.host, acknowledged: asked.acknowledgeUnreachable },
  })
  try {
    const { start } = serviceManager(layout.service)
    await host.job(jobKey(context, job), { argv: start }, { signal: context.signal })
  } catch (error) {
    throw await withRecentLog(error, host, layout.service)
  }
  return identity
}

/** One error for several hosts: unknown when any is, and all their messages. */
function severest(failures: readonly unknown[]): unknown {
  const [first] = failures
  if (failures.length === 1) return first
  const known = failures.filter((failure) => failure instanceof Error)
  const text = known.map(({ message }) => message).join(' ')
  const unknown = known.some(({ name }) => name === 'UnknownOutcomeError')
  const options = { cause: first }
  return unknown ? new UnknownOutcomeError(text, options) : new ActionError(text, options)
}

export const serviceDisable = defineAction({
  name: 'service.disable',
  title: 'fence etcd',
  doc: 'Keeps etcd on a host from being started, by hand or by a reboot, until it is enabled again: the fence around data that must stay dead. Does not stop what runs.',
  effect: 'change',
  ...{ subject, input, example },
  output: z.strictObject({ enabled: z.boolean().describe('Always false') }),
  run: async (asked, context) => {
    await switchService(asked, context, 'disable')
    return { enabled: false }
  },
})

export const serviceEnable = defineAction({
  name: 'service.enable',
  title: 'lift the fence around etcd',
  doc: 'Lets etcd on a host be started again; the opposite of service.disable. Starts nothing.',
  effect: 'change',
  ...{ subject, input, example },
  output: z.strictObject({ enabled: z.boolean().describe('Always true') }),
  run: async (asked, context) => {
    await switchService(asked, context, 'enable')
    return { enabled: true }
  },
})

function placeOf(
  { cluster, host }: Input,
  context: ActionContext,
): { readonly host: RemoteHost; readonly layout: EtcdLayout } {
  return { host: context.host(host), layout: layoutOn(clusterNamed(context.inventory, cluster), host) }
}

/** The member that serves there, by its own word; undefined when none does. */
async function servesOn({ cluster, host }: Input, context: ActionContext): Promise<string | undefined> {
  try {
    const { memberId, leader } = await context
      .cluster(cluster)
      .endpoint(host)
      .status({ signal: context.signal })
    return leader === '' ? undefined : memberId
  } catch (error) {
    if (error instanceof EtcdError) return undefined
    throw error
  }
}

async function whyRunning(asked: Input, context: ActionContext): Promise<string> {
  const { host, layout } = placeOf(asked, context)
  return whyNotStopped(await serviceFacts(host, layout))
}

async function switchService(asked: Input, context: ActionContext, to: 'enable' | 'disable'): Promise<void> {
  const { host, layout } = placeOf(asked, context)
  await host.job(jobKey(context), { argv: serviceManager(layout.service)[to] }, { signal: context.signal })
}
