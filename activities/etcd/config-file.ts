import type { EtcdConfig, EtcdLayout } from '../../dsl/inventory.ts'
import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { scriptSettings, unitSettings } from './command-settings.ts'
import { environmentSettings } from './environment-file.ts'
import { changed, type SettingChanges, settingsOf, type SettingsText } from './settings-text.ts'
import { withYamlSettings, yamlSettings } from './yaml-settings.ts'

/**
 * etcd's configuration on a host, whatever format it is kept in. Settings are called by etcd's flags without
 * dashes (`initial-cluster`, `quota-backend-bytes`), booleans are `true` and `false`, durations as in Go.
 */

/** The settings in a host's file; `undefined` when there is none. Throws `ActionError` when it cannot be read. */
export async function readSettings(
  host: RemoteHost,
  layout: EtcdLayout,
): Promise<ReadonlyMap<string, string> | undefined> {
  const text = await readConfig(host, layout)
  return text === undefined ? undefined : naming(host, layout, () => settingsIn(layout.config.format, text))
}

/** The text of a host's file; `undefined` when there is none. */
export async function readConfig(
  host: RemoteHost,
  { config }: Pick<EtcdLayout, 'config'>,
): Promise<string | undefined> {
  const argv = ['sh', '-c', '[ -e "$1" ] || exit 44; cat -- "$1"', 'sh', config.path]
  const { code, stdout, stderr } = await host.exec({ reads: true, argv, privileged: true })
  if (code === 44) return undefined
  if (code !== 0) throw new ActionError(`${config.path} on ${host.name} could not be read: ${stderr.trim()}.`)
  return stdout
}

/** The settings in a text. Throws `ActionError` when it is not of that format, or has no place for settings. */
export function settingsIn(format: EtcdConfig['format'], text: string): ReadonlyMap<string, string> {
  return format === 'yaml' ? yamlSettings(text) : settingsOf(readers[format](text))
}

/**
 * A text with settings changed, or taken out (null). What it says of other things stays byte for byte, and a
 * setting that has its value already stays as it is written.
 */
export function withSettings(format: EtcdConfig['format'], text: string, changes: SettingChanges): string {
  return format === 'yaml' ? withYamlSettings(text, changes) : changed(text, readers[format](text), changes)
}

const readers: Readonly<Record<Exclude<EtcdConfig['format'], 'yaml'>, (text: string) => SettingsText>> = {
  environment: environmentSettings,
  unit: unitSettings,
  script: scriptSettings,
}

/** Says of which file an error is, which the formats do not know. */
export function naming<Value>(
  { name }: RemoteHost,
  { config }: Pick<EtcdLayout, 'config'>,
  read: () => Value,
): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ActionError)) throw error
    throw new ActionError(`${config.path} on ${name}: ${error.message}`, { cause: error })
  }
}
