import { type Cluster, peerUrl } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { ActionError, InputError } from '../failure.ts'
import { layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { naming, readConfig, settingsIn, withSettings } from './config-file.ts'
import { quorumMembership } from './membership.ts'
import { initialClusterText, memberSettings } from './member-settings.ts'
import { tlsSettingsOn } from './certificates.ts'
import { carriedOver, type Named, readdressed } from './model-settings.ts'
import type { SettingChanges } from './settings-text.ts'

/** What `etcd.config.write` is asked for. */
export interface ConfigAsked {
  readonly member: string
  readonly host: string
  readonly from?: string | undefined
  readonly initialCluster?: string | undefined
  readonly state: 'new' | 'existing'
  readonly token?: string | undefined
  /** By flag; "" takes a setting out. */
  readonly settings: Readonly<Record<string, string>>
}

/** The text a member's file gets, and what it was (`undefined`: there was none). Reads only. */
export async function plannedConfig(cluster: Cluster, asked: ConfigAsked, context: ActionContext) {
  const to = { name: asked.host, layout: layoutOn(cluster, asked.host) }
  const from = asked.from ? { name: asked.from, layout: layoutOn(cluster, asked.from) } : undefined
  const [before, model] = await Promise.all([
    readConfig(context.host(to.name), to.layout),
    from && modelOn(context.host(from.name), from),
  ])
  const start = startingText(before, to, model)
  const { format } = to.layout.config
  const here = context.host(to.name)
  const own = naming(here, to.layout, () => settingsIn(format, start.text))
  const lacking =
    model && from ? await fromModel({ own, model, from, to, here, whole: before === undefined }) : {}
  const settings = asChanges(asked.settings)
  const discovers = Object.entries(settings).some(
    ([flag, value]) => flag.startsWith('discovery') && value !== null,
  )
  const initialCluster =
    asked.initialCluster || (discovers ? undefined : await membershipText(cluster, asked, context))
  const owned = memberSettings({
    member: asked.member,
    layout: to.layout,
    base: (start.of ?? to).layout,
    current: before === undefined && model ? model.settings : own,
    state: asked.state,
    ...(initialCluster !== undefined && { initialCluster }),
    ...tokenFrom(asked, model),
  })
  const changes = { ...lacking, ...owned, ...settings }
  return { text: naming(here, to.layout, () => withSettings(format, start.text, changes)), before }
}

/** Settings as an action is given them: "" takes one out. */
export function asChanges(settings: Readonly<Record<string, string>>): SettingChanges {
  return Object.fromEntries(
    Object.entries(settings).map(([flag, value]) => [flag, value === '' ? null : value]),
  )
}

interface Model {
  readonly text: string
  readonly settings: ReadonlyMap<string, string>
  readonly of: Named
}

async function modelOn(host: RemoteHost, of: Named): Promise<Model> {
  const { config } = of.layout
  const text = await readConfig(host, of.layout)
  if (text === undefined)
    throw new ActionError(`There is no configuration ${config.path} on ${of.name} to start from.`)
  return { text, of, settings: naming(host, of.layout, () => settingsIn(config.format, text)) }
}

interface Start {
  readonly text: string
  /** Whose text it is, when not the host's own. */
  readonly of?: Named
}

/** The host's own file; else the model's, when it is of the same kind; else an empty one, where that can be. */
function startingText(own: string | undefined, { name, layout }: Named, model: Model | undefined): Start {
  const { format, path } = layout.config
  if (own !== undefined) return { text: own }
  if (model && model.of.layout.config.format === format) return { text: model.text, of: model.of }
  if (format === 'environment' || format === 'yaml') return { text: '', ...(model && { of: model.of }) }
  const kind = format === 'unit' ? 'systemd unit' : 'start script'
  throw new InputError(
    `There is no ${kind} ${path} on ${name}, and none on ${model?.of.name ?? 'another host'} to start from: put one there that starts etcd.`,
  )
}

interface Lacking {
  readonly own: ReadonlyMap<string, string>
  readonly model: Model
  readonly from: Named
  readonly to: Named
  readonly here: RemoteHost
  /** The host has no file of its own, so everything comes from the model. */
  readonly whole: boolean
}

/** What the host's settings lack of the model's, with paths and addresses as they are on that host. */
async function fromModel({ own, model, from, to, here, whole }: Lacking): Promise<SettingChanges> {
  const taken = [...(whole ? model.settings : carriedOver(own, model.settings, to.layout))]
  const sources = { own: whole ? undefined : own, model: model.settings, from, to }
  const tls = to.layout.scheme === 'https' ? await tlsSettingsOn(here, sources) : new Map<string, string>()
  return Object.fromEntries(
    taken.map(([flag, value]) => {
      const path = tls.get(flag)
      if (path !== undefined) return [flag, path]
      return [flag, flag.endsWith('-urls') ? readdressed(value, from, to) : value]
    }),
  )
}

function tokenFrom({ token }: ConfigAsked, model: Model | undefined): { readonly token?: string } {
  const known = token || model?.settings.get('initial-cluster-token')
  return known ? { token: known } : {}
}

/** As the membership will be: what the others say now, with this member at its host. */
async function membershipText(
  cluster: Cluster,
  { member, host, state }: ConfigAsked,
  context: ActionContext,
): Promise<string> {
  if (state === 'new') {
    throw new InputError(
      `etcd.config.write was asked for a new cluster on ${host} without its members: give initialCluster, or a discovery service in settings.`,
    )
  }
  const own = peerUrl(layoutOn(cluster, host))
  const others = Object.entries(cluster.members).filter(([name]) => name !== member)
  if (others.length === 0) return initialClusterText({ [member]: own })
  const { members } = await quorumMembership(
    context.cluster(cluster.name),
    others.map(([, on]) => on),
    { signal: context.signal },
  )
  const peers = members
    .filter(({ name }) => name !== '' && name !== member)
    .map(({ name, peerUrls }) => [name, peerUrls.join(`,${name}=`)])
  return initialClusterText({ ...Object.fromEntries(peers), [member]: own })
}
