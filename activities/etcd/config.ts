import { z } from 'zod'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { InputError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { naming, readConfig, settingsIn, withSettings } from './config-file.ts'
import { asChanges, plannedConfig } from './config-plan.ts'

const written = z.strictObject({
  path: z.string().describe('The file'),
  changed: z.boolean().describe('Whether the file is another than before'),
})
const settings = z
  .record(z.string(), z.string())
  .describe('Settings by flag without dashes, such as quota-backend-bytes; "" takes one out')

export const configWrite = defineAction({
  name: 'etcd.config.write',
  title: "write etcd's configuration",
  doc: "Writes the configuration of a member on a host, in whatever format the inventory says: an environment file, etcd's YAML, flags in a systemd unit or in a start script. It is made from the file there, or from that of `from`. Sets name, data directory, URLs and the initial cluster (as the membership is now unless given), keeps certificates and the token, takes over from `from` what must not differ between members, keeps all other settings and comments, and keeps the former file beside it for etcd.config.restore.",
  effect: 'change',
  subject: ['host', 'member'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member that will run there'),
    host: z.string().describe('The host to write on'),
    from: z
      .string()
      .optional()
      .describe('A host whose file is the model, such as the one the member ran on; none unless said'),
    initialCluster: z
      .string()
      .optional()
      .describe('NAME=PEER-URL of every member, by commas; the membership of now unless said'),
    state: z
      .enum(['new', 'existing'])
      .default('existing')
      .describe('Whether etcd forms a cluster or joins one'),
    token: z.string().optional().describe('Token of the initial cluster; that of the model unless said'),
    settings: settings.default({}),
  }),
  output: written,
  example: { cluster: 'demo', member: 'etcd-1', from: 'host-1', host: 'host-4' },
  run: async (asked, context) => {
    const cluster = clusterNamed(context.inventory, asked.cluster)
    const { text, before } = await plannedConfig(cluster, asked, context)
    return write(context, asked.host, layoutOn(cluster, asked.host), text, before)
  },
})

export const configSet = defineAction({
  name: 'etcd.config.set',
  title: "change settings in etcd's configuration",
  doc: 'Changes some settings in the configuration of etcd on a host and keeps all others, whatever the format. The former file is kept beside it for etcd.config.restore. etcd reads it at its next start.',
  effect: 'change',
  subject: ['host', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    host: z.string().describe('The host to write on'),
    settings,
  }),
  output: written.extend({
    before: z
      .record(z.string(), z.string())
      .describe('What those settings were; left out where they were not set'),
  }),
  example: { cluster: 'demo', host: 'host-1', settings: { 'quota-backend-bytes': '8589934592' } },
  run: async (asked, context) => {
    const layout = layoutOn(clusterNamed(context.inventory, asked.cluster), asked.host)
    const { format, path } = layout.config
    const host = context.host(asked.host)
    const former = await readConfig(host, layout)
    if (former === undefined)
      throw new InputError(
        `There is no configuration ${path} on ${asked.host}: correct config.path in the inventory.`,
      )
    const { text, known } = naming(host, layout, () => ({
      text: withSettings(format, former, asChanges(asked.settings)),
      known: settingsIn(format, former),
    }))
    const before = [...known].filter(([flag]) => flag in asked.settings)
    return { ...(await write(context, asked.host, layout, text, former)), before: Object.fromEntries(before) }
  },
})

export const configRestore = defineAction({
  name: 'etcd.config.restore',
  title: "put etcd's former configuration back",
  doc: 'Puts the configuration back as it was before this run wrote it on that host, or removes it when there was none. Does nothing when this run wrote none.',
  effect: 'change',
  subject: ['host', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    host: z.string().describe('The host this run wrote the file on'),
  }),
  output: z.strictObject({ path: z.string().describe('The file') }),
  example: { cluster: 'demo', host: 'host-4' },
  run: async ({ cluster, host }, context) => {
    const layout = layoutOn(clusterNamed(context.inventory, cluster), host)
    const { path } = layout.config
    const words = [path, keptPath(path, context), ...reloading(layout)]
    await context
      .host(host)
      .job(
        jobKey(context),
        { argv: ['sh', '-c', restoreScript, 'config', ...words] },
        { signal: context.signal },
      )
    return { path }
  },
})

async function write(
  context: ActionContext,
  host: string,
  layout: EtcdLayout,
  text: string,
  before: string | undefined,
) {
  const { path } = layout.config
  const words = [path, keptPath(path, context), ...reloading(layout)]
  await context
    .host(host)
    .job(
      jobKey(context),
      { argv: ['sh', '-c', writeScript, 'config', ...words], stdin: text },
      { signal: context.signal },
    )
  return { path, changed: text !== before }
}

/** What makes the host see a changed file: systemd keeps its own picture of units. */
function reloading({ config }: EtcdLayout): readonly string[] {
  return config.format === 'unit' ? ['systemctl', 'daemon-reload'] : []
}

function keptPath(path: string, { run }: ActionContext): string {
  return `${path}.quorate-${run.key}`
}

/** The first write of a run keeps what was there; the new file has its owner and mode, and comes by a rename. */
const writeScript = String.raw`
path=$1; kept=$2; new=$path.quorate-new; shift 2
mkdir -p "$(dirname "$path")" || exit 1
if [ ! -e "$kept" ] && [ ! -e "$kept.none" ]; then
  if [ -e "$path" ]; then cp -p "$path" "$kept.half" && mv "$kept.half" "$kept" || exit 1
  else : >"$kept.none" || exit 1; fi
fi
rm -f "$new"
if [ -e "$path" ]; then cp -p "$path" "$new" || exit 1; fi
cat >"$new" && mv "$new" "$path" || exit 1
"$@"
`

const restoreScript = String.raw`
path=$1; kept=$2; shift 2
if [ -e "$kept" ]; then mv "$kept" "$path" || exit 1
elif [ -e "$kept.none" ]; then rm -f "$path" && rm -f "$kept.none" || exit 1; fi
"$@"
`
