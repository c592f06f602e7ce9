import { z } from 'zod'
import { type Cluster, type EtcdLayout } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { readSettings } from '../etcd/config-file.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { commandLineSettings } from './command-line.ts'
import { replacements } from './known-flags.ts'
import { remotePrograms } from './programs.ts'
import { type RefusedSetting, refusedSettings, type Setting } from './refused-settings.ts'
import { versionDirectory } from './stage.ts'

export const binaryCheck = defineAction({
  name: 'etcd.binary.check',
  title: 'see whether a version takes the present settings',
  doc: "Asks the staged etcd of a version, on the host itself, whether it takes every setting that the host's etcd is configured and was started with, and says each one that it does not know or cannot read, with what to write instead where that is known. Starts nothing.",
  effect: 'read',
  subject: ['host', 'version'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    host: z.string().describe('The host'),
    version: z.string().describe('The version, staged on that host'),
  }),
  output: z.strictObject({
    staged: z.boolean().describe('The version lies on the host and runs there'),
    problems: z.array(z.string()).describe('What it would not take, a sentence each'),
  }),
  example: { cluster: 'demo', host: 'host-1', version: '3.7.3' },
  run: async ({ cluster, host, version }, context) => {
    const { staged, problems } = await settingsCheck(
      context,
      clusterNamed(context.inventory, cluster),
      host,
      version,
    )
    return { staged, problems: [...problems] }
  },
})

export interface SettingsCheck {
  readonly staged: boolean
  readonly settings: readonly Setting[]
  readonly problems: readonly string[]
}

/** Whether a staged version takes what a host's etcd is set to. Nothing can be said before it is staged. */
export async function settingsCheck(
  context: ActionContext,
  cluster: Cluster,
  host: string,
  version: string,
): Promise<SettingsCheck> {
  const directory = versionDirectory(cluster, host, version)
  const remote = context.host(host)
  const staged = await remotePrograms(remote, directory)
  const settings = await settingsOf(remote, layoutOn(cluster, host))
  if (staged?.version !== version) return { staged: false, settings, problems: [] }
  const refused = await refusedSettings(remote, `${directory}/etcd`, settings)
  const instead = await insteadOf(remote, `${directory}/etcd`, refused)
  return {
    staged: true,
    settings,
    problems: refused.map(
      (setting) =>
        `On ${host}, etcd ${version} does not take --${setting.flag}=${setting.value}: ${setting.why}. ${instead.get(setting.flag) ?? 'Take it out of the configuration first.'}`,
    ),
  }
}

/** What the inventory's file says, and what the running process was started with. */
export async function settingsOf(host: RemoteHost, layout: EtcdLayout): Promise<readonly Setting[]> {
  const [inFile, started] = await Promise.all([
    readSettings(host, layout),
    commandLineSettings(host, layout.dataDir),
  ])
  const written = [...(inFile ?? [])].map(([flag, value]) => ({ flag, value }))
  const all = [...written, ...started]
  return [...new Map(all.map((setting) => [`${setting.flag}=${setting.value}`, setting])).values()]
}

/** What to write instead, where the program takes that: asked of it, too. */
async function insteadOf(
  host: RemoteHost,
  program: string,
  refused: readonly RefusedSetting[],
): Promise<ReadonlyMap<string, string>> {
  const options = refused.flatMap(({ flag, value }) => {
    const other = replacements(flag, value)
    return other ? [{ for: flag, ...other }] : []
  })
  if (options.length === 0) return new Map()
  const not = await refusedSettings(host, program, options)
  return new Map(
    options
      .filter((option) => !not.some(({ flag, value }) => flag === option.flag && value === option.value))
      .map((option) => [option.for, `Write --${option.flag}=${option.value} instead.`]),
  )
}
