import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import type { EtcdEndpoint } from './cluster.ts'
import { EtcdError } from './errors.ts'
import { inspectCluster } from './inspect.ts'
import { minorOf } from './versions.ts'

export const downgrade = defineAction({
  name: 'etcd.downgrade',
  title: 'prepare the cluster for a lower version',
  doc: "Tells etcd that its members are about to go down one minor version (enable), that they are not after all (cancel), or asks whether they could (validate). Enabling makes every member write its data for the lower version, which takes seconds: gate on each one's storageVersion before a program is changed. A call that was not answered is looked for in what the members say before it is called unknown. Does nothing when it is so already.",
  effect: 'change',
  subject: ['action', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    action: z.enum(['validate', 'enable', 'cancel']).describe('What to do'),
    version: z
      .string()
      .regex(/^(3\.\d+(\.\d+)?)?$/)
      .default('')
      .describe('A version of the minor to go down to, such as 3.5.35; not needed to cancel'),
  }),
  output: z.strictObject({
    downgradeTo: z
      .string()
      .describe('The version that the enabled downgrade goes to, such as 3.5.0; "" without one'),
    changed: z.boolean().describe('Whether this step changed it'),
  }),
  example: { cluster: 'demo', action: 'enable', version: '3.5.35' },
  run: async ({ cluster, action, version }, context) => {
    if (action !== 'cancel' && version === '')
      throw new RefusedError(`To ${action} a downgrade, say which version it goes to.`)
    const target = action === 'cancel' ? '' : `3.${minorOf(`${version}.0`)}.0`
    const { endpoints, downgradeTo: before } = await membersThatKnow(context, cluster)
    if (action === 'validate') {
      if (before !== target) await ask(endpoints, action, target, context.signal)
      return { downgradeTo: before, changed: false }
    }
    if (before === target) return { downgradeTo: before, changed: false }
    if (action === 'enable' && before !== '')
      throw new RefusedError(
        `A downgrade of ${cluster} to ${before} is enabled already: finish or cancel that first.`,
      )
    await carryOut(context, { cluster, action, target, endpoints })
    return { downgradeTo: target, changed: true }
  },
})

interface Knowing {
  /** The leader's first. */
  readonly endpoints: readonly EtcdEndpoint[]
  readonly downgradeTo: string
}

/**
 * Members of 3.6 and later: those of 3.5 take the call and never answer it, and do not tell whether a downgrade is
 * enabled (seen with 3.5.35 in a cluster of 3.6.16).
 */
async function membersThatKnow(context: ActionContext, name: string): Promise<Knowing> {
  const etcd = context.cluster(name)
  const cluster = clusterNamed(context.inventory, name)
  const seen = await inspectCluster(cluster, etcd, { hash: false, signal: context.signal })
  const able = seen.members
    .filter((member) => member.reachable && !member.isLearner && minorOf(member.version) >= 6)
    .toSorted((a, b) => Number(b.isLeader) - Number(a.isLeader))
  if (able.length === 0) {
    throw new RefusedError(
      `No member of ${name} that answers runs 3.6 or later, and earlier ones do not tell of downgrades. ${seen.problems.join(' ')}`.trim(),
    )
  }
  return {
    endpoints: able.map(({ host }) => etcd.endpoint(host)),
    downgradeTo: able.find((member) => member.downgradeTo !== '')?.downgradeTo ?? '',
  }
}

interface Carrying {
  readonly cluster: string
  readonly action: 'enable' | 'cancel'
  readonly target: string
  readonly endpoints: readonly EtcdEndpoint[]
}

async function carryOut(context: ActionContext, carrying: Carrying): Promise<void> {
  const { action, target, endpoints } = carrying
  try {
    await ask(endpoints, action, target, context.signal)
  } catch (error) {
    if (!(error instanceof EtcdError) || !(error.ambiguous || isDone(error, action))) throw error
    await settle(context, carrying, error)
  }
}

function isDone({ words }: EtcdError, action: Carrying['action']): boolean {
  return words.includes(action === 'cancel' ? 'no inflight downgrade' : 'downgrade job in progress')
}

/** Longer than etcd gives itself, so that its own answer comes. */
const answerMs = 15_000
/** Two election timeouts and more: by then a change that was under way has mostly gone through or been dropped. */
const settleMs = 3000

async function settle(context: ActionContext, { cluster, action, target }: Carrying, cause: EtcdError) {
  await sleep(settleMs, undefined, { signal: context.signal })
  const { downgradeTo } = await membersThatKnow(context, cluster)
  if (downgradeTo === target) return
  const now = downgradeTo === '' ? 'none is enabled' : `one to ${downgradeTo} is enabled`
  throw new UnknownOutcomeError(
    `The downgrade of ${cluster} was not answered (${action}: ${cause.words}), and by now ${now}. It may come yet; a retry looks again.`,
    { cause },
  )
}

async function ask(
  endpoints: readonly EtcdEndpoint[],
  action: 'validate' | 'enable' | 'cancel',
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const [endpoint] = endpoints
  if (!endpoint) throw new ActionError('No member can be asked to downgrade.')
  await endpoint.downgrade(action, target, { timeoutMs: answerMs, signal })
}
