import { z } from 'zod'
import { type Cluster, type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { readVariables, setVariables } from './environment-file.ts'
import { quorumMembership } from './membership.ts'
import { memberSettings } from './member-settings.ts'

export const configWrite = defineAction({
  name: 'etcd.config.write',
  title: "write etcd's configuration",
  doc: "Writes the environment file of a member on a host, made from the one there, or from the old host's when there is none. Sets name, data directory, URLs and the initial cluster (as the membership is now), keeps the token, all other variables and comments, and keeps the former file beside it for etcd.config.restore.",
  effect: 'change',
  subject: ['host', 'member'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member that will run there'),
    from: z.string().describe('The host it ran on, whose file is the model'),
    host: z.string().describe('The host to write on'),
  }),
  output: z.strictObject({
    path: z.string().describe('The file'),
    changed: z.boolean().describe('Whether the file is another than before'),
  }),
  example: { cluster: 'demo', member: 'etcd-1', from: 'host-1', host: 'host-4' },
  run: async (asked, context) => {
    const cluster = clusterNamed(context.inventory, asked.cluster)
    const layout = layoutOn(cluster, asked.host)
    const { text, before } = await planned(cluster, asked, context)
    const { path } = layout.config
    await context
      .host(asked.host)
      .job(
        jobKey(context),
        { argv: ['sh', '-c', writeScript, 'config', path, keptPath(path, context)], stdin: text },
        { signal: context.signal },
      )
    return { path, changed: text !== before }
  },
})

export const configRestore = defineAction({
  name: 'etcd.config.restore',
  title: "put etcd's former configuration back",
  doc: 'Puts the environment file back as it was before this run wrote it on that host, or removes it when there was none. Does nothing when this run wrote none.',
  effect: 'change',
  subject: ['host', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    host: z.string().describe('The host this run wrote the file on'),
  }),
  output: z.strictObject({ path: z.string().describe('The file') }),
  example: { cluster: 'demo', host: 'host-4' },
  run: async ({ cluster, host }, context) => {
    const { path } = layoutOn(clusterNamed(context.inventory, cluster), host).config
    const argv = ['sh', '-c', restoreScript, 'config', path, keptPath(path, context)]
    await context.host(host).job(jobKey(context), { argv }, { signal: context.signal })
    return { path }
  },
})

interface Asked {
  readonly member: string
  readonly from: string
  readonly host: string
}

async function planned(cluster: Cluster, { member, from, host }: Asked, context: ActionContext) {
  const [layout, source] = [layoutOn(cluster, host), layoutOn(cluster, from)]
  const [there, model] = await Promise.all([
    readConfig(context.host(host), layout),
    readConfig(context.host(from), source),
  ])
  if (model === undefined)
    throw new ActionError(`There is no configuration ${source.config.path} on ${from} to start from.`)
  const values = memberSettings({
    member,
    layout,
    base: there === undefined ? source : layout,
    current: readVariables(there ?? model),
    membership: await peersNow(cluster, member, layout, context),
    token: readVariables(model).get('ETCD_INITIAL_CLUSTER_TOKEN'),
  })
  return { text: setVariables(there ?? model, values), before: there }
}

/** The text of a host's environment file; `undefined` when there is none. */
export async function readConfig(host: RemoteHost, { config }: EtcdLayout): Promise<string | undefined> {
  const argv = ['sh', '-c', '[ -e "$1" ] || exit 44; cat -- "$1"', 'sh', config.path]
  const { code, stdout, stderr } = await host.exec({ argv, privileged: true })
  if (code === 44) return undefined
  if (code !== 0) throw new ActionError(`${config.path} on ${host.name} could not be read: ${stderr.trim()}.`)
  return stdout
}

async function peersNow(cluster: Cluster, moved: string, layout: EtcdLayout, context: ActionContext) {
  const others = Object.entries(cluster.members).filter(([name]) => name !== moved)
  const { members } = await quorumMembership(
    context.cluster(cluster.name),
    others.map(([, host]) => host),
    { signal: context.signal },
  )
  const peers = members
    .filter(({ name }) => name !== '')
    .map(({ name, peerUrls }) => [name, peerUrls.join(`,${name}=`)])
  return { ...Object.fromEntries(peers), [moved]: peerUrl(layout) }
}

function keptPath(path: string, { run }: ActionContext): string {
  return `${path}.quorate-${run.key}`
}

/** The first write of a run keeps what was there; the new file has its owner and mode, and comes by a rename. */
const writeScript = String.raw`
path=$1; kept=$2; new=$path.quorate-new
mkdir -p "$(dirname "$path")" || exit 1
if [ ! -e "$kept" ] && [ ! -e "$kept.none" ]; then
  if [ -e "$path" ]; then cp -p "$path" "$kept.half" && mv "$kept.half" "$kept" || exit 1
  else : >"$kept.none" || exit 1; fi
fi
rm -f "$new"
if [ -e "$path" ]; then cp -p "$path" "$new" || exit 1; fi
cat >"$new" && mv "$new" "$path"
`

const restoreScript = String.raw`
path=$1; kept=$2
if [ -e "$kept" ]; then mv "$kept" "$path"
elif [ -e "$kept.none" ]; then rm -f "$path" && rm -f "$kept.none"; fi
`
