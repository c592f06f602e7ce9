import { z } from 'zod'
import { memberStarted } from '../../dsl/cluster-model.ts'
import type { Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import { EtcdError } from '../etcd/errors.ts'
import { ActionError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { serviceManager } from '../service/manager.ts'
import { withRecentLog } from '../service/recent-log.ts'

const input = z.strictObject({ cluster: z.string().describe('The cluster that is to be made') })

export const bootstrapStart = defineAction({
  name: 'etcd.bootstrap.start',
  title: 'start all members of a new cluster at once',
  doc: "Starts etcd on every member's host at the same time, without data: the members of a new cluster come up only together. Refuses when any host of the cluster, spares included, has data or runs a member that answers, or cannot be asked; what this run itself has begun does not count, so it may be repeated.",
  effect: 'change',
  subject: ['cluster'],
  input,
  output: z.strictObject({ started: z.array(z.string()).describe('The hosts') }),
  example: { cluster: 'demo' },
  timeoutMs: 240_000,
  foresees: (_asked, model) => model.members.reduce((next, { host }) => memberStarted(next, host), model),
  run: async ({ cluster: name }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const begun = await Promise.all(Object.keys(cluster.etcd).map((host) => facts(cluster, host, context)))
    const refusals = begun.flatMap((each) => whyNotStart(each) ?? [])
    if (refusals.length > 0) throw new RefusedError(`The new cluster was not started: ${refusals.join(' ')}`)
    const hosts = Object.values(cluster.members)
    const ends = await Promise.allSettled(hosts.map((host) => startOn(cluster, host, context)))
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    if (failures.length > 0) throw together(failures)
    return { started: hosts }
  },
})

export interface StartFacts {
  readonly host: string
  /** Left out when it could not be asked. */
  readonly data?: 'none' | 'some'
  readonly whyUnknown?: string
  /** This run has begun to start etcd there. */
  readonly begun: boolean
  /** Member that answers there. */
  readonly answersAs?: string
}

/** Why no new cluster may be started while a host is like that; `undefined` when it may. Pure. */
export function whyNotStart({ host, data, whyUnknown, begun, answersAs }: StartFacts): string | undefined {
  if (data === undefined)
    return `${host} cannot be asked whether it has data (${whyUnknown ?? 'no answer'}). Bring it back, or take it out of the inventory.`
  if (begun) return undefined
  if (answersAs !== undefined) return `Member ${answersAs} answers on ${host} already.`
  return data === 'some' ? `${host} has data. Set it aside if it is certain that nobody needs it.` : undefined
}

/** Made on a host just before etcd is started there for the first time. */
export function begunMark(
  { workDir }: { readonly workDir: string },
  cluster: string,
  { run }: ActionContext,
): string {
  return `${workDir}/new-${cluster}-${run.key}`
}

/** Whether this run has begun to start etcd on a host. */
export async function hasBegun(context: ActionContext, cluster: string, name: string): Promise<boolean> {
  const host = context.host(name)
  const { code } = await host.exec({
    reads: true,
    argv: ['test', '-e', begunMark(host, cluster, context)],
    privileged: true,
  })
  return code === 0
}

async function facts(cluster: Cluster, host: string, context: ActionContext): Promise<StartFacts> {
  try {
    const [begun, { inPlace }, answersAs] = await Promise.all([
      hasBegun(context, cluster.name, host),
      dataDirectories(context.host(host), layoutOn(cluster, host).dataDir),
      memberAnswering(cluster, host, context),
    ])
    const data = inPlace && !inPlace.empty ? 'some' : 'none'
    return { host, begun, data, ...(answersAs !== undefined && { answersAs }) }
  } catch (error) {
    if (error instanceof ActionError || error instanceof RefusedError || error instanceof UnknownOutcomeError)
      return { host, begun: false, whyUnknown: error.message }
    throw error
  }
}

async function memberAnswering(cluster: Cluster, host: string, { cluster: etcd, signal }: ActionContext) {
  try {
    return (await etcd(cluster.name).endpoint(host).status({ signal })).memberId
  } catch (error) {
    if (error instanceof EtcdError) return undefined
    throw error
  }
}

async function startOn(cluster: Cluster, name: string, context: ActionContext): Promise<void> {
  const host = context.host(name)
  const { service, dataDir } = layoutOn(cluster, name)
  const words = [begunMark(host, cluster.name, context), dataDir, ...serviceManager(service).start]
  try {
    const argv = ['sh', '-c', firstStartScript, 'start', ...words]
    await host.job(jobKey(context), { argv }, { signal: context.signal })
  } catch (error) {
    throw await withRecentLog(error, host, service)
  }
}

/** One error for several hosts: unknown when any is, and all their messages. */
function together(failures: readonly unknown[]): unknown {
  const [first] = failures
  const known = failures.filter((failure) => failure instanceof Error)
  if (failures.length === 1 || known.length < failures.length) return first
  const text = [...new Set(known.map(({ message }) => message))].join(' ')
  const unknown = known.some(({ name }) => name === 'UnknownOutcomeError')
  return unknown ? new UnknownOutcomeError(text, { cause: first }) : new ActionError(text, { cause: first })
}

/** Arguments: mark, data directory, the start command. Looks once more, on the host itself. */
const firstStartScript = String.raw`
mark=$1; data=$2; shift 2
if [ ! -e "$mark" ]; then
  if [ -e "$data" ] && [ -n "$(ls -A "$data")" ]; then echo "$data is not empty" >&2; exit 80; fi
  mkdir -p "$(dirname "$mark")" && : >"$mark" || exit 1
fi
exec "$@"
`
