import type { AfterSteps, Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { until } from '../until.ts'
import {
  chooseServers,
  manifestWithServers,
  securePortIn,
  serversIn,
  unitWithServers,
} from './apiserver-flags.ts'
import { apiServersOn, type ApiServer } from './apiserver-process.ts'
import { editHostFile } from './edit.ts'
import { markLoaded, readHostFile } from './host-file.ts'
import { reachedMembers, type ReachedMember, serving } from './members.ts'
import { afterExample, afterInput, afterOutput, afterSubject, type ChangeOnHost, outcome } from './outcome.ts'

export const kubeApiserver = defineAction({
  name: 'kube.apiserver',
  title: 'tell the API servers which etcd members there are',
  doc: "Sets --etcd-servers to the voting members of now in the static pod manifests, systemd units or environment files that the inventory names under after.kubeApiserver, and restarts the API server by the inventory's command (a kubelet restarts that of a manifest by itself). One after the other: the next is touched only when this one runs with the new servers and takes connections again. An API server that names only its own host's loopback address stays with the member there while there is one. All else in the file stays byte for byte; the former one is kept beside it, under a name that a kubelet does not read. Does nothing where file and process are right, or where the inventory names none.",
  effect: 'change',
  subject: afterSubject,
  input: afterInput,
  output: afterOutput,
  example: afterExample,
  timeoutMs: 30 * 60_000,
  run: async (asked, context) => {
    const cluster = clusterNamed(context.inventory, asked.cluster)
    if (cluster.after.kubeApiserver.length === 0) return outcome([])
    const members = serving(await reachedMembers(cluster, context))
    if (members.length === 0)
      throw new ActionError(`${cluster.name} has no voting member to give to an API server.`)
    const done: ChangeOnHost[] = []
    for (const file of cluster.after.kubeApiserver)
      done.push(await pointApiServer({ cluster, file, members, context }))
    return outcome(done)
  },
})

interface Job {
  readonly cluster: Cluster
  readonly file: AfterSteps['kubeApiserver'][number]
  readonly members: readonly ReachedMember[]
  readonly context: ActionContext
}

async function pointApiServer(job: Job): Promise<ChangeOnHost> {
  const { file, members, context } = job
  const { host, path, kind } = file
  const choose = chooseServers(members, host)
  const place = { host, path, hidden: kind === 'manifest' }
  const former = await readHostFile(context.host(host), place)
  const port = securePortIn(former.text ?? '')
  const there = former.unloaded || (await apiServersAt(context, host, port)).length > 0
  const change = await editHostFile(context, {
    ...place,
    edit: (now) => (kind === 'manifest' ? manifestWithServers(now, choose) : unitWithServers(now, choose)),
    ...(kind === 'unit' && { reload: ['sh', '-c', reloadUnits] }),
    loadsLater: there,
  })
  if (!there) return { ...change, note: 'No API server runs there: it reads the file when it starts.' }
  const { text = '', unloaded } = await readHostFile(context.host(host), place)
  await untilItRuns(job, { port, wanted: serversIn(kind, text), former: serversIn(kind, former.text ?? '') })
  if (unloaded) await markLoaded(context, place)
  return { ...change, note: '' }
}

interface Servers {
  /** The --secure-port of the API server, by which it is told from others on the host. */
  readonly port: string | undefined
  /** Values of --etcd-servers in the file as it is now. */
  readonly wanted: readonly string[]
  /** As they were before this try. */
  readonly former: readonly string[]
}

async function apiServersAt(context: ActionContext, host: string, port: string | undefined) {
  const all = await apiServersOn(context.host(host))
  return all.filter((server) => port === undefined || server.port === port)
}

/** Sees to it that the API server of that file runs with what it says. */
async function untilItRuns({ file, context }: Job, { port, wanted, former }: Servers): Promise<void> {
  const running = await apiServersAt(context, file.host, port)
  const own = running.filter(({ servers }) => wanted.includes(servers) || former.includes(servers))
  const stale = own.filter(({ servers }) => !wanted.includes(servers))
  if (own.length === 0 || stale.length > 0) await restart(file, context, stale.length > 0 ? stale : running)
  await until(
    async () => {
      const now = await apiServersAt(context, file.host, port)
      const good = now.some(({ servers, answers }) => answers && wanted.includes(servers))
      const gone = stale.every(
        ({ pid, servers }) => !now.some((one) => one.pid === pid && one.servers === servers),
      )
      return good && gone ? true : undefined
    },
    {
      ...{ timeoutMs: backWithinMs, everyMs: 500, signal: context.signal },
      overdue: () =>
        new ActionError(
          `The API server on ${file.host} was not back with --etcd-servers=${wanted.join(' ')} within ${backWithinMs / 1000} s. ${file.path} says so already; see why it does not start (crictl logs, journalctl), then retry. None after it was touched.`,
        ),
    },
  )
}

/** A kubelet may take a minute to see a manifest, and the API server half of one to stop and to start. */
const backWithinMs = 180_000

/** Once for each process that is to go, whoever tries how often; anew at each try where none runs. */
async function restart(
  { host, restart: argv }: Job['file'],
  context: ActionContext,
  processes: readonly ApiServer[],
): Promise<void> {
  if (argv === undefined) return
  const which = processes.length > 0 ? processes.map(({ pid }) => pid).join('-') : `none-${Date.now()}`
  const key = jobKey(context, `restart-${which}`)
  await context.host(host).job(key, { argv }, { signal: context.signal })
}

/** systemd reads units anew only when told to; an environment file needs nothing. */
const reloadUnits = `if command -v systemctl >/dev/null 2>&1 && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi`
